"""The border between engines and the rest: refusals, failures, and names of one-time costs."""
