"""Other people's numbers: published tables, saved outputs of perf stat."""
