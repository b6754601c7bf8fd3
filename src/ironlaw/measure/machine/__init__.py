"""What this machine is, what it can do at most, and what stands in the way of measuring on it."""
