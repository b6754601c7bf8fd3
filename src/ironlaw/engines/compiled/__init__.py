"""Inductor, ahead of time."""
