"""Verdicts: which experiments to run, and what they show."""
