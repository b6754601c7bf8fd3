"""The commands: one file each, from options to calls to text."""
