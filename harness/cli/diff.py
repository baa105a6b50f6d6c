"""``harness diff``: whether two runs, made on other machines or with other versions, came to the same."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from harness.cli import options

_SUMMARY = "Compare two runs, of other machines or versions, array by array."


def main(arguments: Sequence[str]) -> None:
    """Compare two runs, of other machines or versions, array by array."""
    parser = options.parser("diff", _SUMMARY)
    parser.add_argument("before", type=Path, metavar="RUN_A", help="a run folder")
    parser.add_argument("after", type=Path, metavar="RUN_B", help="another one")
    known = "known differences: CASE SUBJECT REASON, or CASE LEFT|RIGHT REASON, one a line; * stands for anything"
    parser.add_argument("--known", type=Path, metavar="FILE", help=known)
    other = "let outcomes pass of which the runs had other weights or data; their verdicts are compared all the same"
    parser.add_argument("--allow-other-problems", action="store_true", help=other)
    parser.add_argument("--format", choices=("text", "md", "json"), default="text", help="default: text")
    parser.add_argument("-o", "--output", default="-", metavar="FILE", help="where it goes; - is standard output")
    options.add_limits(parser, "4, 16 and 100")
    parsed = parser.parse_args(arguments)

    from harness.engine.difference import difference
    from harness.engine.known_differences import assess, read_known
    from harness.engine.record import load_run
    from harness.engine.store import write_atomically
    from harness.oracle.verdicts import Tolerance
    from harness.report import diff
    from harness.vocabulary import HarnessError

    entries = read_known(parsed.known) if parsed.known else []
    before, after = load_run(parsed.before), load_run(parsed.after)
    found = difference(before, after, replace(Tolerance(), **options.limits(parsed)))
    if not found.outcomes:
        raise HarnessError(f"{parsed.before} and {parsed.after} have no case with a subject in common.")
    assessment = assess(found, entries, allow_other_problems=parsed.allow_other_problems)
    make = {"text": diff.text, "md": diff.markdown, "json": diff.as_json}[parsed.format]
    if parsed.output == "-":
        sys.stdout.write(make(found, assessment))
    else:
        write_atomically(Path(parsed.output), make(found, assessment).encode())
    sys.exit(1 if assessment.failing else 0)
