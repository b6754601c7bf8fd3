"""Figures about ironlaw itself, measured or simulated; see README.md."""
