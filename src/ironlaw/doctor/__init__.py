"""The doctor: what limits measuring on this machine, and how to fix it."""
