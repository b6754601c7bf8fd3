"""The border between an engine and the rest: what is refused, what failures say, what one-time costs are called."""
