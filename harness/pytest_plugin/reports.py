"""The run folder of a test session: what came of all its tests, in all of its processes."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path

from harness.engine.record import CaseRecord, Run, load_run, save_run
from harness.engine.store import alone_in
from harness.report.write import write_reports
from harness.vocabulary import Case

_PARTS = ".parts"
"""Where the workers of pytest-xdist leave what came of their tests, in the run folder."""


def keep_part(run: Run, folder: Path, worker: str) -> None:
    """Leaves a worker's part of a session for the starting process."""
    save_run(run, folder / _PARTS / worker)


def forget_parts(folder: Path) -> None:
    """Removes what an earlier session has left."""
    shutil.rmtree(folder / _PARTS, ignore_errors=True)


def parts(folder: Path) -> list[Run]:
    """What the workers have left."""
    return [load_run(part) for part in sorted((folder / _PARTS).glob("*")) if (part / "run.json").exists()]


def write(run: Run, folder: Path, *, strict: bool) -> None:
    """Writes the run folder and all reports. Raises ``HarnessError`` when that cannot be done."""
    with alone_in(folder):
        write_reports(save_run(run, folder), folder, strict=strict)
        forget_parts(folder)


def merged(runs: Sequence[Run], cases: Mapping[str, Case]) -> Run:
    """One run of all cases of several. A case may be in more than one, with outcomes of other subjects in each.

    Args:
        runs: at least one.
        cases: by id, with all subjects of the scenario; of those that are not there, the first record has them.
    """
    records: dict[str, list[CaseRecord]] = {}
    for record in (record for run in runs for record in run.cases):
        records.setdefault(record.case.id, []).append(record)
    return replace(
        runs[0],
        subjects={name: described for run in runs for name, described in run.subjects.items()},
        cases=tuple(_together(cases.get(name, found[0].case), found) for name, found in records.items()),
        started=min(run.started for run in runs),
        seconds=sum(run.seconds for run in runs),
        interrupted=any(run.interrupted for run in runs),
    )


def _together(case: Case, records: Sequence[CaseRecord]) -> CaseRecord:
    """One record of a case out of several, in the order of the scenario."""
    outcomes = {one.subject: one for record in records for one in record.outcomes}
    comparisons = {(one.left, one.right): one for record in records for one in record.comparisons}
    return CaseRecord(
        case,
        records[0].identity,
        tuple(outcomes[name] for name in case.subjects if name in outcomes),
        tuple(comparisons[pair] for pair in combinations(case.subjects, 2) if pair in comparisons),
    )
