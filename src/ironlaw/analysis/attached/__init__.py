"""Explain attached files of other tools in the same form as a recording, as far as they allow."""
