"""Runs the cases of a test session, each once, on workers that the session keeps."""

from __future__ import annotations

import os
from collections.abc import Collection, Generator, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from harness.engine.baseline import standing
from harness.engine.baseline_file import read_baseline
from harness.engine.events import CaseJudged, Event, Finished
from harness.engine.record import CaseRecord, Run
from harness.engine.run import Options, complete, execute
from harness.engine.store import Store, must_be_writable, store_folder
from harness.engine.workers import Pool
from harness.pytest_plugin.keys import RUNS
from harness.report.grade import Grade, Grader
from harness.scenario.select import load_cases
from harness.vocabulary import YARDSTICK, Case, Comparison, HarnessError

if TYPE_CHECKING:
    from harness.pytest_plugin.items import ComparisonItem


def runs_of(config: pytest.Config) -> Runs:
    """What runs the cases of this session, made when it is first needed."""
    if RUNS not in config.stash:
        config.stash[RUNS] = Runs(config)
    return config.stash[RUNS]


class Runs:
    """The cases of a session and what came of them.

    All cases that are selected run as one, and a test waits for its own. A worker of pytest-xdist does not know which
    tests it will get, so there a test runs its own pair only; what another worker has computed is in the store.
    """

    def __init__(self, config: pytest.Config):
        option = config.getoption
        report_dir = option("harness_report_dir")
        subjects = option("harness_subjects")
        self._folder = Path(config.invocation_params.dir, report_dir) if report_dir else None
        self._subjects = [name.strip() for name in subjects.split(",")] if subjects else None
        self._allow_code = bool(option("harness_allow_code"))
        self._strict = bool(option("harness_strict"))
        file = option("harness_baseline")
        self._baseline = read_baseline(Path(config.invocation_params.dir, file)) if file else None
        shared: Mapping[str, Any] = getattr(config, "workerinput", {})  # pytest-xdist puts it there
        self._worker: str = shared.get("workerid", "")
        jobs = max(1, (os.cpu_count() or 1) // shared.get("workercount", 1))
        store = store_folder(self._folder or config.rootpath / "reports" / "latest")
        self._options = Options(store=store, jobs=jobs)
        self._workers: Pool | None = None
        self._events: Generator[Event, None, None] | None = None
        self._begun = False
        self._pending: set[str] = set()
        self._cases: dict[str, Case] = {}
        self._found: dict[tuple[str, str, str], tuple[CaseRecord, Comparison]] = {}
        self._runs: list[Run] = []
        self._files: dict[str, Path] = {}
        if self._folder and not self._worker:
            from harness.pytest_plugin import reports

            must_be_writable(self._folder)
            reports.forget_parts(self._folder)

    def read(self, path: Path) -> list[Case]:
        """The cases of a scenario file.

        Raises:
            HarnessError: it is wrong, or another of this session has its name.
        """
        shown = Path(os.path.relpath(path))
        cases = load_cases(
            [path if ".." in shown.parts else shown], subjects=self._subjects, allow_code=self._allow_code
        )
        first = self._files.setdefault(path.stem, path)
        if first != path:
            raise HarnessError(
                f"{shown}: two scenarios of one name: '{path.stem}' is also {first}. Rename one of the two."
            )
        return cases

    def select(
        self, paths: Iterable[str | Path], *, subjects: Sequence[str], keyword: str | None, tag: str | None
    ) -> list[Case]:
        """The selected cases, for these subjects and the yardstick.

        Raises:
            HarnessError: a scenario or a name is wrong, or nothing is selected.
        """
        everyone = list(dict.fromkeys((*subjects, YARDSTICK)))
        cases = load_cases(paths, keyword=keyword, tag=tag, subjects=everyone, allow_code=self._allow_code)
        return [case for case in cases if set(subjects) <= set(case.subjects)]

    def run(self, cases: Sequence[Case]) -> Run:
        """Runs cases on the workers of the session.

        Raises:
            HarnessError: a problem cannot be prepared.
            KeyboardInterrupt: the user has had enough.
        """
        run = complete(self._execute(cases), lambda event: None)
        if run.interrupted:
            raise KeyboardInterrupt
        return run

    def graded(self, item: ComparisonItem) -> tuple[CaseRecord, Comparison, Grade]:
        """What came of the comparison of a test item, and what it counts for.

        Raises:
            HarnessError: its problem cannot be prepared.
        """
        if not self._begun and not self._worker:
            self._begin(item.session.items)
        key = (item.case.id, item.left, item.right)
        while key not in self._found and self._events:
            self._advance(self._events)
        if key not in self._found:
            self._cases[item.case.id] = item.case
            run = self.run([_only(item.case, (item.left, item.right))])
            self._runs.append(run)
            for record in run.cases:
                self._keep(record)
        record, comparison = self._found[key]
        held = standing(_run_of(record), self._baseline) if self._baseline else None
        return record, comparison, Grader(held, strict=self._strict).grade(record, comparison)

    def finish(self) -> None:
        """Ends the workers, and writes the run folder if one was asked for.

        Raises:
            HarnessError: it cannot be written.
        """
        try:
            if self._events:
                self._end(self._events)
        finally:
            if self._workers:
                self._workers.close()
        if self._folder is None:
            return
        from harness.pytest_plugin import reports

        if self._worker:
            if self._runs:
                reports.keep_part(self._summed(self._runs), self._folder, self._worker)
            return
        runs = [*self._runs, *reports.parts(self._folder)]
        if runs:
            reports.write(self._summed(runs), self._folder, strict=self._strict)

    def _begin(self, items: Iterable[pytest.Item]) -> None:
        """Starts the run of what is selected."""
        from harness.pytest_plugin.items import ComparisonItem

        self._begun = True
        wanted: dict[str, set[str]] = {}
        for item in items:
            if isinstance(item, ComparisonItem):
                self._cases[item.case.id] = item.case
                wanted.setdefault(item.case.id, set()).update((item.left, item.right))
        self._pending = set(wanted)
        self._events = self._execute([_only(self._cases[name], subjects) for name, subjects in wanted.items()])

    def _advance(self, events: Generator[Event, None, None]) -> None:
        try:
            event = next(events)
        except HarnessError:  # of one case, but it ends the run: from here on each test runs its own
            self._events = None
            return
        if isinstance(event, CaseJudged):
            self._keep(event.record)
        elif isinstance(event, Finished):
            self._events = None
            self._runs.append(event.run)
            if event.run.interrupted:
                raise KeyboardInterrupt

    def _end(self, events: Generator[Event, None, None]) -> None:
        """Ends the run, whether or not all of it was asked for: a session can stop at the first failure."""
        event = events.throw(KeyboardInterrupt()) if self._pending else next(events)
        self._events = None
        if isinstance(event, Finished):
            self._runs.append(event.run)

    def _keep(self, record: CaseRecord) -> None:
        self._pending.discard(record.case.id)
        for comparison in record.comparisons:
            self._found[record.case.id, comparison.left, comparison.right] = (record, comparison)

    def _summed(self, runs: Sequence[Run]) -> Run:
        from harness.pytest_plugin.reports import merged

        run = replace(merged(runs, self._cases), store=Store(self._options.store), folder=None)
        return replace(run, standing=standing(run, self._baseline) if self._baseline else None)

    def _execute(self, cases: Sequence[Case]) -> Generator[Event, None, None]:
        if self._workers is None:
            self._workers = self._options.start_workers()
        return execute(cases, self._options, shared=self._workers)


def _run_of(record: CaseRecord) -> Run:
    """A run of one case, to hold it against a baseline."""
    return Run(environment={}, subjects={}, cases=(record,), started="", seconds=0.0)


def _only(case: Case, subjects: Collection[str]) -> Case:
    """The case with these subjects only, and the yardstick if it takes part: the verdicts are the same."""
    kept = tuple(name for name in case.subjects if name in subjects or name == YARDSTICK)
    expected = {pair: one for pair, one in case.expectations.items() if set(pair.split("|")) <= set(kept)}
    return replace(case, subjects=kept, expectations=expected)
