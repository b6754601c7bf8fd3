"""Where: the ledger of layers."""
