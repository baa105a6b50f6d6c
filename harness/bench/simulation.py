"""How a run of very many cases gets on whose subjects cost nothing; and what a task and its result weigh."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from harness.bench.grid import PER_MODEL, write_grid
from harness.bench.processes import measure
from harness.bench.rows import Row
from harness.bench.simulated import STEP, Stages, read_stages
from harness.engine.describe import describe_subjects
from harness.engine.parcel import Answer, Parcel, pack
from harness.engine.plan import Task, outcome_tasks, preparation_tasks, problems_of
from harness.engine.schedule import Done, run_tasks
from harness.engine.store import Store
from harness.engine.workers import Workers
from harness.scenario.select import load_cases

__all__ = ["CARRIED", "CASES", "SIMULATED", "STEP", "rows", "rows_of_what_travels"]

SIMULATED = "simulated run"
CARRIED = "what travels"
CASES = 100_000
WITHIN = 600.0
"""Seconds that a simulated run of ``CASES`` may take."""
MEMORY = 2000.0
"""Megabytes that its starting process may have."""

_KILOBYTE = 1e3
_HOUR = 3600.0
_ADDRESS = "tcp://127.0.0.1:65535"


def rows(*, cases: int) -> Iterator[Row]:
    """Makes one simulated run in a process of its own. The limits are for ``CASES``, and hold for fewer all the more.

    Args:
        cases: how many, in thousands.

    Raises:
        HarnessError: the run failed.
    """
    with tempfile.TemporaryDirectory(prefix="harness-bench-") as name:
        folder = Path(name)
        file = folder / "stages.json"
        whole = measure([sys.executable, "-m", "harness.bench.simulated", str(folder), str(cases), str(file)])
        yield from rows_of_stages(read_stages(file), whole.seconds)


def rows_of_stages(stages: Stages, seconds: float) -> Iterator[Row]:
    """What each stage took, and the whole process with its start."""
    number = f"{stages.cases:,} cases"
    for stage, took in stages.seconds.items():
        yield Row(SIMULATED, f"{number}: {stage}", (took,), "s")
    yield Row(SIMULATED, f"{number}: a case", (1e3 * seconds / stages.cases,), "ms")
    yield Row(SIMULATED, f"{number}: whole run", (seconds,), "s", WITHIN)
    for stage, megabytes in stages.megabytes.items():
        limit = MEMORY if stage == list(stages.megabytes)[-1] else None
        yield Row(SIMULATED, f"{number}: starting process, most memory after {stage}", (megabytes,), "MB", limit)


def rows_of_what_travels() -> Iterator[Row]:
    """Computes the outcomes of a hundred cases of the grid and weighs what goes to a worker and what comes back.

    The weights and the batch go to each worker once; the rest goes, or comes, for each outcome.

    Raises:
        HarnessError: a problem could not be prepared.
    """
    workers = Workers()
    try:
        with tempfile.TemporaryDirectory(prefix="harness-bench-") as folder:
            yield from _weighed(Path(folder), workers)
    finally:
        workers.close()


def _weighed(folder: Path, workers: Workers) -> Iterator[Row]:
    cases = load_cases(write_grid(folder / "scenarios", PER_MODEL))
    store = Store(folder / "store")

    def done(tasks: list[Task]) -> list[Done]:
        found = run_tasks(tasks, store=store, workers=workers, jobs=1, timeout=_HOUR, fresh=False)
        return [one for one in found if isinstance(one, Done)]

    def size_of(digest: str) -> float:
        return store.path_of(digest).stat().st_size / _KILOBYTE

    records = {(one.task.kind, one.task.key): one.record for one in done(preparation_tasks(cases, store.root))}
    problems = problems_of(cases, records, given={})
    subjects = describe_subjects(dict.fromkeys(name for case in cases for name in case.subjects))
    computed = done(outcome_tasks(cases, problems, subjects, store.root))
    sent = [_parcel(one.task, store).size / _KILOBYTE for one in computed]
    returned = [Answer(_ADDRESS, record=one.record).size / _KILOBYTE for one in computed]
    arrays = [size_of(one.record["arrays"]) for one in computed if one.record.get("arrays")]
    problem = [size_of(one.weights) + size_of(one.batch) for one in problems.values()]
    yield Row(CARRIED, "a task, without its problem", tuple(sent), "kB")
    yield Row(CARRIED, "weights and batch of a problem, once a worker", tuple(problem), "kB")
    yield Row(CARRIED, "a result, without its arrays", tuple(returned), "kB")
    yield Row(CARRIED, "arrays of a result", tuple(arrays), "kB")
    each = sum(sent) + sum(returned) + sum(arrays)
    yield Row(CARRIED, f"{CASES:,} such cases, in all", (each / len(cases) * CASES / _KILOBYTE,), "MB")


def _parcel(task: Task, store: Store) -> Parcel:
    call = task.environment, task.function, task.arguments
    return pack(*call, root=store.root, versions="0" * 64, timeout=_HOUR, own={}, topic="harness")
