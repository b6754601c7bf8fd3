"""The doctor: what is in the way of measuring on this machine, and what removes it."""
