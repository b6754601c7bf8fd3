"""The effect of each layer on the answers, and which layers to leave in float."""
