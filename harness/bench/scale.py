"""What a case costs in a small, a large and a very large set, with one worker and with two, and in a second run."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.bench.grid import PER_MODEL, write_grid
from harness.bench.processes import Measured, measure
from harness.bench.rows import Row, ratios
from harness.bench.watched_run import Watched, read_watched

SECTION = "scale"
SIZES = (100, 1000, 10_000)
"""Cases of the grid."""
THOUSAND = 1000
"""From so many cases on the limits are demanded: a smaller run is mostly start-up."""
TWO_OVER_ONE = 1.7
"""The least by which two workers compute more cases a second than one."""
SECOND_RUN = 2.0
"""Seconds that the second run of an unchanged set of ``THOUSAND`` cases may take."""
RISE = 1.1
"""The most that a case may cost at the end of a run over what one costs at its beginning."""
GROWTH = 1.05
"""The most that a worker's memory may be at the end of a run over that at its beginning."""

_IMPORTED = 70
"""Exit status of a run whose starting process has imported TensorFlow; the harness has no such status of its own."""
_WITHOUT_TENSORFLOW = f"""
import sys
from harness.cli.main import main
try:
    main()
finally:
    if "tensorflow" in sys.modules:
        raise SystemExit({_IMPORTED})
"""


@dataclass(frozen=True)
class Repetition:
    """A grid run once, and once more.

    Attributes:
        first: the first run, seen from outside.
        inside: the same, from inside.
        second: the same command again, everything in the store.
    """

    first: Measured
    inside: Watched
    second: Measured

    @property
    def cases(self) -> int:
        return len(self.inside.judged)

    @property
    def a_case(self) -> float:
        """Seconds, from the first case judged to the last."""
        return self.inside.a_case(0, self.cases - 1)

    @property
    def rise(self) -> float:
        """The last hundred over the second. In the first the workers load the libraries; all have the same settings."""
        return self.inside.a_case(self.cases - PER_MODEL, self.cases - 1) / self.inside.a_case(
            PER_MODEL, 2 * PER_MODEL - 1
        )


def rows(*, sizes: Sequence[int] = SIZES, repetitions: int) -> Iterator[Row]:
    """Measures every size with all cores; up to ``THOUSAND`` cases over and over, and in turn with one worker.

    Args:
        sizes: numbers of cases, in hundreds.
        repetitions: of each size up to ``THOUSAND``; a larger one is run once.

    Raises:
        HarnessError: a run failed, or the second one imported TensorFlow in the starting process.
    """
    for cases in sizes:
        if cases <= THOUSAND:
            pairs = [(repeat(cases, 1), repeat(cases, 2)) for _ in range(repetitions)]
            yield from rows_of_workers(cases, [one for one, _ in pairs], [two for _, two in pairs])
            yield from rows_of_size(cases, 2, [two for _, two in pairs])
        else:
            jobs = os.cpu_count() or 1
            yield from rows_of_size(cases, jobs, [repeat(cases, jobs)])


def rows_of_workers(cases: int, one: Sequence[Repetition], two: Sequence[Repetition]) -> Iterator[Row]:
    """How one worker gets on, and how two do, each repetition of one beside one of the other."""
    rates = [tuple(1.0 / repetition.a_case for repetition in side) for side in (one, two)]
    yield Row(SECTION, f"{cases:,} cases, -j 1: cases a second", rates[0], "/s")
    yield Row(SECTION, f"{cases:,} cases, -j 2: cases a second", rates[1], "/s")
    limit = TWO_OVER_ONE if cases >= THOUSAND else None
    yield Row(SECTION, f"{cases:,} cases: rate of two workers / one", ratios(rates[1], rates[0]), "x", limit, ">=")
    whole = [tuple(repetition.first.seconds for repetition in side) for side in (one, two)]
    yield Row(SECTION, f"{cases:,} cases: whole run, -j 1 / -j 2", ratios(whole[0], whole[1]), "x")


def rows_of_size(cases: int, jobs: int, measured: Sequence[Repetition]) -> Iterator[Row]:
    """What a number of cases takes with a number of workers."""

    def row(name: str, values: Sequence[float], unit: str, limit: float | None = None) -> Row:
        return Row(SECTION, f"{cases:,} cases, -j {jobs}: {name}", tuple(values), unit, limit)

    first = [one.first.seconds for one in measured]
    second = [one.second.seconds for one in measured]
    yield row("first run", first, "s")
    yield row("second run, no TensorFlow imported", second, "s", SECOND_RUN if cases == THOUSAND else None)
    yield row("second run / first run", ratios(second, first), "x")
    yield row("a case, whole run", [1e3 * seconds / cases for seconds in first], "ms")
    yield row("a case, first to last", [1e3 * one.a_case for one in measured], "ms")
    if cases > 2 * PER_MODEL:
        rise, growth = (RISE, GROWTH) if cases >= THOUSAND else (None, None)
        yield row("a case, last hundred / second hundred", [one.rise for one in measured], "x", rise)
        early = [value for one in measured for value in one.inside.workers_at(2 * PER_MODEL)]
        late = [value for one in measured for value in one.inside.workers_at(cases)]
        yield row("largest worker, end / case 200", ratios(late, early), "x", growth)
    yield row("largest worker, most memory", [max(one.inside.worker) for one in measured], "MB")
    yield row("starting process, most memory", [one.first.megabytes for one in measured], "MB")
    yield row("starting process, most memory, second run", [one.second.megabytes for one in measured], "MB")


def repeat(cases: int, jobs: int) -> Repetition:
    """Runs a grid and runs it again, with a store of its own."""
    with tempfile.TemporaryDirectory(prefix="harness-bench-") as name:
        folder = Path(name)
        files = [str(path) for path in write_grid(folder / "scenarios", cases)]
        noted, report, store = folder / "watched.json", str(folder / "report"), {"HARNESS_STORE": str(folder / "store")}
        command = [sys.executable, "-m", "harness.bench.watched_run", str(noted), str(jobs), report, *files]
        first = measure(command, variables=store)
        again = [sys.executable, "-c", _WITHOUT_TENSORFLOW, "run", *files, "--report-dir", report, "-j", str(jobs)]
        second = measure(again, variables=store)
        return Repetition(first, read_watched(noted), second)
