"""Reports of an explanation: terminal, HTML, Markdown, CSV, JSON."""
