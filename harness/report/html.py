"""``report.html``: a run as a page that needs no network, and but for the details of many cases no other file."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote, urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from harness.engine.record import Run
from harness.engine.store import write_atomically
from harness.report.curves import Curves, draw_curves
from harness.report.detail import island
from harness.report.details import Details, details_beside, embedded
from harness.report.known import Known
from harness.report.matrix import Cell
from harness.report.page import cell_words, context, index
from harness.report.text import figure, printable
from harness.vocabulary import Verdict

_TEMPLATES = Path(__file__).parent / "templates"
_SCRIPTS = (
    "elements.js", "pictures.js", "kinds.js", "waterfall.js", "detail.js", "filters.js", "loading.js", "main.js"
)  # fmt: skip


def html(run: Run) -> str:
    """The page of a run with everything in it, however large that is, see ``page_with``."""
    found = embedded(run, draw_curves(run))
    assert found is not None
    return page_with(run, found)


def write_html(run: Run, curves: Mapping[int, Curves], path: Path) -> Details:
    """Writes the page of a run and, where there are many cases, their details beside it.

    Args:
        run: with its arrays, for the pictures.
        curves: by the case's position, as ``draw_curves`` returns them.
        path: of the page.

    Returns:
        Where the details are.

    Raises:
        HarnessError: when a file cannot be written.
    """
    details = details_beside(run, curves, path.parent)
    write_atomically(path, page_with(run, details).encode())
    return details


def page_with(run: Run, details: Details) -> str:
    """The page of a run.

    It forbids itself every connection and every script and style but its own, by a content security policy with their
    hashes; whatever comes from scenarios and libraries is text in it and nothing else.

    Args:
        run: the run.
        details: of its cases. Where they lie in files, the page's own script may load scripts, and no other may.
    """
    style = (_TEMPLATES / "report.css").read_text(encoding="utf-8")
    script = _script()
    loading = " 'strict-dynamic'" if details.files else ""
    return (
        _environment()
        .get_template("report.html")
        .render(
            **context(run),
            policy="; ".join(
                (
                    "default-src 'none'",
                    f"script-src '{_digest(script)}'{loading}",
                    f"style-src '{_digest(style)}'",
                    "img-src data:",
                    "base-uri 'none'",
                    "form-action 'none'",
                )
            ),
            style=Markup(style),
            script=Markup(script),
            index=Markup(island({**index(run), "files": details.files, "together": details.together})),
            details=details.embedded,
        )
    )


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        # Every text that the page shows goes through here, so no control character gets into it.
        finalize=lambda value: value if isinstance(value, Markup) else printable(value),
    )
    environment.filters |= {"figure": figure, "in_words": cell_words, "link": _link, "filter_link": _filter_link}
    return environment


def _link(case: str) -> str:
    """The address of a case within the page, whose script knows cases by their printable ids."""
    return f"#case={quote(printable(case), safe='')}"


def _filter_link(known: Known, cell: Cell) -> str:
    """The address within the page of the cases that show a known difference of a pair."""
    chosen = {"text": printable(known.because), "verdict": str(Verdict.DIVERGED), "pair": f"{cell.left}|{cell.right}"}
    return f"#{urlencode(chosen)}"


def _script() -> str:
    parts = [(_TEMPLATES / name).read_text(encoding="utf-8") for name in _SCRIPTS]
    return "\n".join(['(() => {\n"use strict";', *parts, "})();"])


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
