"""An explanation as people and programs read it: terminal, HTML, Markdown, CSV, JSON."""
