"""The exact split of a difference into the terms of the iron law."""
