"""The break-even map of a sweep: on a terminal, as a page, as CSV and as JSON."""
