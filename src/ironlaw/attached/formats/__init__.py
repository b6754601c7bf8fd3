"""The formats of tools, one file each."""
