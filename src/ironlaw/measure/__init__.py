"""Measuring: from a Plan to a Recording. This package does not explain, and analysis/ and report/ do not import it."""
