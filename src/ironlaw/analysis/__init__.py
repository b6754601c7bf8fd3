"""From a recording, or someone's numbers, to an explanation; pure: no clock, no files, no randomness."""
