"""A run as a notebook wants it: started with one call, read as DataFrames."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.engine import record
from harness.engine.events import Event
from harness.engine.record import CaseRecord, Run
from harness.engine.run import Options
from harness.engine.store import must_be_writable, store_folder
from harness.explain.explaining import execute_explained
from harness.report.frames import comparisons_frame, outcomes_frame
from harness.report.headline import headline, totals_line
from harness.report.write import save_with_reports
from harness.scenario.select import load_cases

if TYPE_CHECKING:
    import pandas as pd


class NotebookRun:
    """A finished run.

    Attributes:
        run: everything, as the harness itself sees it.
        folder: where it lies.
    """

    def __init__(self, run: Run, folder: Path):
        self.run = run
        self.folder = folder

    @functools.cached_property
    def comparisons(self) -> pd.DataFrame:
        """One row for each comparison, see ``harness.report.frames.comparisons_frame``."""
        return comparisons_frame(self.run)

    @functools.cached_property
    def outcomes(self) -> pd.DataFrame:
        """One row for each outcome, see ``harness.report.frames.outcomes_frame``."""
        return outcomes_frame(self.run)

    @property
    def cases(self) -> tuple[CaseRecord, ...]:
        """The cases, each with its outcomes and comparisons. ``run.adversarial(outcome)`` has the arrays."""
        return self.run.cases

    @property
    def totals(self) -> dict[str, Any]:
        """Counts over all cases: of outcomes, of comparisons by verdict and by expectation."""
        return self.run.totals

    @property
    def interrupted(self) -> bool:
        """Whether it was stopped before it had finished."""
        return self.run.interrupted

    def __repr__(self) -> str:
        return f"<run in {self.folder}: {headline(self.run).sentence} {totals_line(self.run)}>"


def load_run(folder: str | Path) -> NotebookRun:
    """See ``harness.load_run``."""
    return NotebookRun(record.load_run(Path(folder)), Path(folder))


def run(
    paths: Iterable[str | Path],
    *,
    keyword: str | None,
    tag: str | None,
    subjects: Sequence[str] | None,
    jobs: int,
    timeout: float,
    report_dir: str | Path,
    fresh: bool,
    allow_code: bool,
    allow_outside: bool,
    explain: bool,
    listen: Callable[[Event], None],
) -> NotebookRun:
    """See ``harness.run``."""
    cases = load_cases(
        paths, keyword=keyword, tag=tag, subjects=subjects, allow_outside=allow_outside, allow_code=allow_code
    )
    folder = Path(report_dir)
    options = Options(store=store_folder(folder), jobs=jobs, timeout=timeout, fresh=fresh)
    must_be_writable(folder)
    finished = execute_explained(cases, options, listen, explain=explain)
    return NotebookRun(save_with_reports(finished, folder), folder)
