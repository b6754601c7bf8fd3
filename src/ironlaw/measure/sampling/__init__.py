"""Sampling: where the instruction pointers of an arm's threads are while it infers, with or without a PMU."""
