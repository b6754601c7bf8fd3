"""TorchScript, traced and frozen."""
