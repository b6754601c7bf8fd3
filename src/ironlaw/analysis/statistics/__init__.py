"""From readings to differences with intervals."""
