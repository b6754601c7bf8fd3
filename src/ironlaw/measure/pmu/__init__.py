"""Hardware counters: what exists, how the kernel is asked, and whether they can be believed."""
