"""From a recording, or published numbers, to an explanation. Pure: no clock, no files, no randomness."""
