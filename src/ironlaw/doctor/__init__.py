"""The doctor: what stands in the way of measuring on this machine, and what removes it."""
