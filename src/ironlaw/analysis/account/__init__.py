"""Executed code: samples by category, and the difference of two arms by category."""
