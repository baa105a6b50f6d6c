"""``harness list``: the cases that a run would have."""

from __future__ import annotations

import json
from collections.abc import Sequence

from harness.cli import options
from harness.report.text import printable
from harness.scenario.select import load_cases
from harness.vocabulary import Case

_WIDEST_ID = 60
"""Longer ids push their summaries to the right instead of pushing all of them."""


def main(arguments: Sequence[str]) -> None:
    """Show the ids of the selected cases, one line each."""
    parser = options.parser("list", "Show the ids of the selected cases, one line each.")
    options.add_files(parser)
    options.add_selection(parser)
    parser.add_argument("--json", action="store_true", help="print a JSON list instead of lines")
    parsed = parser.parse_args(arguments)
    cases = load_cases(
        parsed.paths,
        keyword=parsed.keyword,
        tag=parsed.tag,
        subjects=parsed.subjects,
        allow_outside=parsed.allow_outside,
        allow_code=parsed.allow_code,
    )
    if parsed.json:
        print(json.dumps([_row(case) for case in cases], indent=2, ensure_ascii=False))
    else:
        width = min(_WIDEST_ID, max(len(case.id) for case in cases))
        print("\n".join(f"{case.id:{width}}  {printable(case.summary)}" for case in cases))


def _row(case: Case) -> dict[str, object]:
    return {
        "id": case.id,
        "scenario": case.scenario,
        "summary": case.summary,
        "kind": case.kind,
        "tags": case.tags,
        "point": case.point,
        "subjects": case.subjects,
        "file": case.location.file,
    }
