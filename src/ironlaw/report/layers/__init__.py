"""A ledger and what is read layer by layer, for every output that shows it."""
