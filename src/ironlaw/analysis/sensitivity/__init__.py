"""What each layer does to the answers, and which to leave in float."""
