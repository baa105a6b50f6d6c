"""The page ``report.html``: a Jinja template, its style and its script, put together by ``harness.report.html``."""
