"""One comparison on its own: what there is to say of it, and the command that makes it again."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from harness.engine.record import CaseRecord
from harness.report.causes import said
from harness.report.differences import differences_text
from harness.report.expectation import expected_text
from harness.report.grade import place_of
from harness.report.text import printable
from harness.vocabulary import YARDSTICK, Case, Comparison, is_own


def explanation(record: CaseRecord, comparison: Comparison) -> list[str]:
    """Why, what was expected, which settings differ, and how to see it again: a line each."""
    lines = [said(comparison)]
    if comparison.expected:
        lines.append(f"expected: {expected_text(record, comparison)}: {comparison.because}")
    sides = [record.outcome(name) for name in (comparison.left, comparison.right)]
    if all(side.status == "ok" for side in sides):
        alike = f"{comparison.left} and {comparison.right} share every setting"
        lines.append(differences_text(*sides) or alike)
    place = f"stated in: {place_of(record, comparison)}" if comparison.expected else f"scenario: {record.case.location}"
    return [*lines, place, f"to reproduce: {reproduction(record, comparison)}"]


def reproduction(record: CaseRecord, comparison: Comparison) -> str:
    """``harness run scenarios/loss/x.yaml -k 'x[norm=l2]' --subjects nsl,cleverhans-v4,reference-float64``."""
    # The yardstick stays: without it nothing is excused, and the verdict may be another.
    others = (YARDSTICK,) if YARDSTICK in record.case.subjects else ()
    return command(record.case, list(dict.fromkeys((comparison.left, comparison.right, *others))))


def command(case: Case, subjects: Sequence[str]) -> str:
    """The command that runs one case on some subjects, for a shell.

    Args:
        case: the case; its file is named as the user named it.
        subjects: their names.
    """
    words = ["harness", "run", case.location.file, "-k", case.id, "--subjects", ",".join(subjects)]
    return printable(shlex.join([*words, *_permissions(case, subjects)]))


def _permissions(case: Case, named: Sequence[str]) -> list[str]:
    """What the scenario was allowed, since it has been run."""
    folder = Path(case.location.file).parent.resolve()
    files = [case.model.get("keras"), case.model.get("weights"), case.data.get("path")]
    outside = any(file and not Path(file).is_relative_to(folder) for file in files)
    code = "factory" in case.model or any(is_own(name) and name not in named for name in case.subjects)
    return [*(["--allow-code"] if code else []), *(["--allow-outside"] if outside else [])]
