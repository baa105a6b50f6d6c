"""A list of differences between two runs that are known: one a line, with the reason, kept in version control.

``CASE SUBJECT REASON``, or ``CASE LEFT|RIGHT REASON`` for a pair whose verdict differs; ``*`` stands for anything.
Lines that begin with ``#`` are comments, and a ``#`` may stand before the reason.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from harness.engine.difference import Difference, OutcomeDifference, VerdictDifference
from harness.vocabulary import HarnessError

Finding: TypeAlias = OutcomeDifference | VerdictDifference


@dataclass(frozen=True)
class Known:
    """One line of the list."""

    case: str
    subject: str
    reason: str
    line: int

    def fits(self, finding: Finding) -> bool:
        """Whether it speaks of this difference."""
        return _fits(self.case, finding.case) and _fits(self.subject, finding.subject)


@dataclass(frozen=True)
class Assessment:
    """Which differences between two runs make them disagree.

    Attributes:
        failing: those that are not known.
        known: those that are, each with the reason.
        other_problems: outcomes of other problems that were allowed for.
        unused: lines of the list that fit none.
    """

    failing: tuple[Finding, ...] = ()
    known: tuple[tuple[Finding, str], ...] = ()
    other_problems: tuple[Finding, ...] = ()
    unused: tuple[Known, ...] = field(default=())


def assess(found: Difference, known: Sequence[Known] = (), *, allow_other_problems: bool = False) -> Assessment:
    """Sorts the differences between two runs.

    Args:
        found: the differences.
        known: which of them are known.
        allow_other_problems: whether outcomes of other weights or data pass: then only verdicts speak of them.
    """
    failing: list[Finding] = []
    accepted: list[tuple[Finding, str]] = []
    allowed: list[Finding] = []
    used: set[int] = set()
    for one in (*found.outcomes, *found.verdicts):
        if not one.fails:
            continue
        if allow_other_problems and isinstance(one, OutcomeDifference) and one.state == "other problem":
            allowed.append(one)
            continue
        fitting = [entry for entry in known if entry.fits(one)]
        used.update(entry.line for entry in fitting)
        if fitting:
            accepted.append((one, fitting[0].reason))
        else:
            failing.append(one)
    unused = tuple(entry for entry in known if entry.line not in used)
    return Assessment(tuple(failing), tuple(accepted), tuple(allowed), unused)


def read_known(file: Path) -> list[Known]:
    """Reads a list of known differences.

    Raises:
        HarnessError: it cannot be read, or a line lacks its subject or its reason.
    """
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise HarnessError(f"{file} cannot be read: {getattr(error, 'strerror', None) or error}.") from error
    found = []
    for number, line in enumerate(lines, start=1):
        words = line.split(None, 2)
        if not words or words[0].startswith("#"):
            continue
        reason = words[2].lstrip("# ").strip() if len(words) > 2 else ""
        if not reason or words[1].startswith("#"):
            raise HarnessError(
                f"{file}:{number}: expected a case, a subject and the reason, as in "
                f"'tabular[norm=l2] nsl  2.15 sums in another order'; got {line.strip()!r}."
            )
        found.append(Known(words[0], words[1], reason, number))
    return found


def _fits(pattern: str, text: str) -> bool:
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), text) is not None
