"""Where a run's minutes go: decided from what the run has shown and what it has cost so far."""
