"""The ledger: where the time is saved, by layer."""
