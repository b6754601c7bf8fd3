"""Why: which experiments to run, and what they say."""
