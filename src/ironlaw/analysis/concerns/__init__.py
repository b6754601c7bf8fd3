"""Concerns that a recording raises about its own results."""
