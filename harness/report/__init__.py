"""One run, many forms: terminal, JSON, CSV, Markdown, HTML."""
