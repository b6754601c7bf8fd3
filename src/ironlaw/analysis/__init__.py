"""From a recording, or published numbers, to an explanation; pure: no clock, no files, no randomness."""
