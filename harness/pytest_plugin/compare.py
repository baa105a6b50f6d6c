"""The fixture ``harness_compare``: two implementations in one line of a user's own test."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from harness.engine.record import CaseRecord, Run
from harness.pytest_plugin.runs import Runs
from harness.report.reproduce import explanation
from harness.report.text import count, printable
from harness.vocabulary import Comparison, HarnessError, Verdict

_MOST_TOLD = 10


class Compare:
    """Compares implementations on the workers of the session; see ``__call__``."""

    def __init__(self, runs: Runs):
        self._runs = runs

    def __call__(
        self,
        subject: str,
        like: str,
        *,
        scenarios: str | Path | Iterable[str | Path],
        keyword: str | None = None,
        tag: str | None = None,
    ) -> Run:
        """Asserts that a subject does the same as another one in the cases of scenario files.

        Every comparison of the two must be as its scenario expects or, where that says nothing, ``EQUAL`` or ``CLOSE``.
        Cases that ``like`` cannot express or fails in are not asked, unless there are no others.

        Args:
            subject: its name, ``my_package.attacks:fgsm`` for a function of your own.
            like: the name of the subject that it is compared with, e.g. ``cleverhans-v4``.
            scenarios: files, or folders that hold some; from the folder in which pytest was started.
            keyword: only cases whose id matches, e.g. ``"l2 and not clip"``; ``None``: all.
            tag: only scenarios with this tag; ``None``: all.

        Returns:
            The run.

        Raises:
            AssertionError: it does not, with what is different in each case.
            pytest.fail.Exception: a scenario or a name is wrong, nothing is selected, or a problem cannot be prepared.
        """
        __tracebackhide__ = True
        paths = [scenarios] if isinstance(scenarios, (str, Path)) else list(scenarios)
        try:
            run = self._runs.run(self._runs.select(paths, subjects=(subject, like), keyword=keyword, tag=tag))
        except HarnessError as error:
            raise pytest.fail.Exception(str(error), pytrace=False) from None
        found = [(record, _of_pair(record, subject, like)) for record in run.cases]
        asked = [(record, one) for record, one in found if _is_asked(record, one, like)]
        wrong = [(record, one) for record, one in asked if not _is_right(one)]
        if not asked:
            first = f" The first: {found[0][1].sentence}." if found else ""
            raise AssertionError(
                f"nothing was compared: {like} has an outcome in none of {count(len(found), 'case')}.{first}"
            )
        if wrong:
            raise AssertionError(_message(subject, like, len(asked), wrong))
        return run


def _of_pair(record: CaseRecord, subject: str, like: str) -> Comparison:
    return next(one for one in record.comparisons if {one.left, one.right} == {subject, like})


def _is_asked(record: CaseRecord, comparison: Comparison, like: str) -> bool:
    return comparison.status != "unstated" or record.outcome(like).status == "ok"


def _is_right(comparison: Comparison) -> bool:
    if comparison.status != "unstated":
        return comparison.status == "expected"
    return comparison.verdict in (Verdict.EQUAL, Verdict.CLOSE)


def _message(subject: str, like: str, asked: int, wrong: list[tuple[CaseRecord, Comparison]]) -> str:
    blocks = [f"{subject} is not like {like} in {len(wrong):,} of {count(asked, 'case')}:"]
    for record, one in wrong[:_MOST_TOLD]:
        lines = [f"{record.case.id}: {one.verdict}", *explanation(record, one)]
        blocks.append("\n  ".join(map(printable, lines)))
    if len(wrong) > _MOST_TOLD:
        blocks.append(f"and {len(wrong) - _MOST_TOLD:,} more")
    return "\n".join(blocks)
