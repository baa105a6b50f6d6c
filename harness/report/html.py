"""``report.html``: a run as one page that needs nothing but itself, neither a network nor other files."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import quote, urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from harness.engine.record import CaseRecord, Run
from harness.report.curves import NO_CURVES, Curves, draw_curves, file_name
from harness.report.detail import detail, island
from harness.report.known import Known
from harness.report.matrix import Cell
from harness.report.page import cell_words, context, index
from harness.report.pictures import Pictures, pictures_of
from harness.report.text import figure, printable
from harness.vocabulary import Verdict

PICTURES_LIMIT = 4_000_000
"""Bytes of pictures in a page. 150 cases with six subjects on 8 x 8 images take about a tenth of it."""

CURVES_LIMIT = 6_000_000
"""Bytes of curves in a page. Each training has about 30,000."""

_TEMPLATES = Path(__file__).parent / "templates"
_SCRIPTS = ("elements.js", "pictures.js", "kinds.js", "detail.js", "filters.js", "main.js")


def html(run: Run) -> str:
    """The page of a run, see ``html_with``."""
    return html_with(run, draw_curves(run))


def html_with(run: Run, curves: Mapping[int, Curves]) -> str:
    """The page of a run.

    It forbids itself every connection and every script and style but its own, by a content security policy with their
    hashes; whatever comes from scenarios and libraries is text in it and nothing else.

    Args:
        run: with its arrays, for the pictures.
        curves: by the case's position, as ``draw_curves`` returns them.
    """
    style = (_TEMPLATES / "report.css").read_text(encoding="utf-8")
    script = _script()
    details = _details(run, curves)
    return (
        _environment()
        .get_template("report.html")
        .render(
            **context(run),
            policy="; ".join(
                (
                    "default-src 'none'",
                    f"script-src '{_digest(script)}'",
                    f"style-src '{_digest(style)}'",
                    "img-src data:",
                    "base-uri 'none'",
                    "form-action 'none'",
                )
            ),
            style=Markup(style),
            script=Markup(script),
            index=Markup(island(index(run))),
            details=details,
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


def _details(run: Run, curves: Mapping[int, Curves]) -> list[Markup]:
    """The details of each case, in the order of the run."""
    pictures, curves = _pictures(run), _within_limit(run, curves)
    return [
        Markup(island(detail(record, pictures[number], curves.get(number, NO_CURVES))))
        for number, record in enumerate(run.cases)
    ]


def _within_limit(run: Run, curves: Mapping[int, Curves]) -> dict[int, Curves]:
    """Curves of the cases of which the most is to be said first, until the limit is reached."""
    left, kept = CURVES_LIMIT, {}
    for number, record in _by_interest(run):
        one = curves.get(number, NO_CURVES)
        if len(one.svg) > left:
            where = file_name(number, record.case.id)
            one = Curves(missing=f"in {where}: left out here, to keep this page below {CURVES_LIMIT:,} bytes of them")
        left -= len(one.svg)
        kept[number] = one
    return kept


def _pictures(run: Run) -> dict[int, Pictures]:
    """Pictures of the cases, those of which the most is to be said first, until the limit is reached."""
    left, drawn = PICTURES_LIMIT, {}
    for number, record in _by_interest(run):
        pictures = pictures_of(run, record)
        size = sum(len(sheet.image) for sheet in pictures.sheets)
        if size > left:
            pictures = Pictures(missing=f"left out, to keep the pictures of this page below {PICTURES_LIMIT:,} bytes")
            size = 0
        left -= size
        drawn[number] = pictures
    return drawn


def _by_interest(run: Run) -> Iterable[tuple[int, CaseRecord]]:
    def rank(one: tuple[int, CaseRecord]) -> tuple[bool, bool, bool]:
        comparisons = one[1].comparisons
        return (
            all(comparison.status != "unexpected" for comparison in comparisons),
            all(comparison.verdict is not Verdict.DIVERGED for comparison in comparisons),
            all(comparison.verdict is not Verdict.CLOSE for comparison in comparisons),
        )

    return sorted(enumerate(run.cases), key=rank)
