"""Doubts that a recording raises about itself, each beside the number it doubts."""
