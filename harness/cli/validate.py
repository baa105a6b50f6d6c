"""``harness validate``: whether scenario files are right, without running anything."""

from __future__ import annotations

from collections.abc import Sequence

from harness.cli import options
from harness.scenario.complaints import ScenarioError
from harness.scenario.select import load_cases
from harness.vocabulary import HarnessError


def main(arguments: Sequence[str]) -> None:
    """Check scenario files and show all errors at once."""
    parser = options.parser("validate", "Check scenario files and show all errors at once. Nothing is run.")
    options.add_files(parser)
    parsed = parser.parse_args(arguments)
    try:
        cases = load_cases(parsed.paths, allow_outside=parsed.allow_outside, allow_code=parsed.allow_code)
    except ScenarioError as errors:
        files = {complaint.location.file for complaint in errors.complaints}
        total = f"{_count(len(errors.complaints), 'error')} in {_count(len(files), 'file')}."
        raise HarnessError(f"{errors}\n{total}") from errors
    scenarios = {case.scenario for case in cases}
    print(f"{_count(len(scenarios), 'scenario')} with {_count(len(cases), 'case')}: all valid.")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
