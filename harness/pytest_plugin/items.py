"""One comparison as a test item."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.engine.record import CaseRecord
from harness.pytest_plugin.runs import runs_of
from harness.report.grade import Grade
from harness.report.reproduce import explanation
from harness.report.text import printable
from harness.vocabulary import Case, Comparison, HarnessError


class NotAsExpected(Exception):  # noqa: N818  (an answer, not a mistake)
    """A comparison that fails. The first line of the message says what came of it, the others explain."""

    def __init__(self, record: CaseRecord, comparison: Comparison, graded: Grade):
        sentence, *others = explanation(record, comparison)
        told = [graded.reason, *([] if sentence in graded.reason else [sentence]), *others]
        super().__init__("\n".join(map(printable, told)))


class Told:
    """A failure in words, without a traceback: what pytest asks of the representation of an exception."""

    def __init__(self, message: str, path: str, line: int):
        self._message = message
        self.reprcrash = SimpleNamespace(message=message.partition("\n")[0], path=path, lineno=line)

    def __str__(self) -> str:
        return self._message

    def toterminal(self, tw: Any) -> None:
        """Writes it."""
        for line in self._message.splitlines():
            tw.line(line)


class ComparisonItem(pytest.Item):
    """One comparison.

    Attributes:
        case: the case.
        left, right: the subjects.
    """

    case: Case
    left: str
    right: str

    def runtest(self) -> None:
        """Passes as expected, and where nobody said what to expect, if both agree; see ``harness.report.grade``."""
        record, comparison, graded = runs_of(self.config).graded(self)
        self.user_properties.append(("verdict", str(comparison.verdict)))
        if graded.result == "passed":
            return
        if graded.result == "skipped":
            raise pytest.skip.Exception(printable(graded.reason), _use_item_location=True)
        if graded.result == "accepted":
            pytest.xfail(printable(graded.reason))
        raise NotAsExpected(record, comparison, graded)

    def reportinfo(self) -> tuple[Path, int, str]:
        """The scenario file, the line in it from 0, and a title."""
        return self.path, self._line - 1, f"{self.case.id}: {self.left} | {self.right}"

    @property
    def _line(self) -> int:
        expectation = self.case.expectations.get(f"{self.left}|{self.right}")
        return (expectation.location if expectation else self.case.location).line

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """What was expected and what came; a traceback only for what should not happen."""
        if isinstance(excinfo.value, (NotAsExpected, HarnessError)):
            return Told(str(excinfo.value), self.case.location.file, self._line)
        return super().repr_failure(excinfo, style)
