"""The harness on the shipped scenarios of kind perturbation against a plain script that calls the same functions on the
same problems; and how long it takes with the scenarios of the other kinds, and with everything."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.bench.processes import HARNESS, Measured, measure
from harness.bench.rows import Row, ratios
from harness.subjects.environments import TENSORFLOW_1, TENSORFLOW_2
from harness.vocabulary import HarnessError

SECTION = "whole set"
OVER_PLAIN = 1.15
"""The most that the harness at one worker may take, over the plain script."""
MAKE_COMPARE = 120.0
"""Seconds that the shipped scenarios may take as ``make compare`` runs them, set-up aside."""
EVERY_KIND = "every kind"
LOSS_AND_TRAINING = 180.0
"""Seconds that the shipped scenarios of these kinds may take, as ``make compare`` runs them, on two cores."""
EVERYTHING = 120.0
"""Seconds that ``make compare`` may take on two cores, set-up aside."""
STARTING_PROCESS = 300.0
"""Megabytes that the process which the user starts may have."""


@dataclass(frozen=True)
class Repetition:
    """One turn of everything, one after the other.

    Attributes:
        harness: a fresh run at one worker, reports and all, but without causes.
        plain: the plain script's two processes.
        compare: a fresh run with a worker for each core, as ``make compare`` has it.
        warm: that run again, with everything in the store.
    """

    harness: Measured
    plain: tuple[Measured, ...]
    compare: Measured
    warm: Measured

    @property
    def plain_seconds(self) -> float:
        return sum(part.seconds for part in self.plain)


def rows(*, scenarios: Path, repetitions: int, keyword: str = "") -> Iterator[Row]:
    """Measures the harness and the plain script in turn.

    Args:
        scenarios: folder or file.
        repetitions: of everything.
        keyword: selects cases by their ids; empty: all.
    """
    measured = [repeat(scenarios, keyword) for _ in range(repetitions)]
    harness = tuple(one.harness.seconds for one in measured)
    plain = tuple(one.plain_seconds for one in measured)
    compare = tuple(one.compare.seconds for one in measured)
    warm = tuple(one.warm.seconds for one in measured)
    yield Row(SECTION, "harness run --no-explain -j 1", harness, "s")
    yield Row(SECTION, "plain script", plain, "s")
    yield Row(SECTION, "harness run --no-explain -j 1 / plain script", ratios(harness, plain), "x", OVER_PLAIN)
    yield Row(SECTION, f"harness run -j {os.cpu_count()}", compare, "s", MAKE_COMPARE)
    yield Row(SECTION, "second run, all from the store", warm, "s")
    yield Row(SECTION, "second run / first run", ratios(warm, compare), "x")
    most = tuple(max(one.harness.megabytes, one.compare.megabytes) for one in measured)
    yield Row(SECTION, "starting process, most memory", most, "MB", STARTING_PROCESS)


def rows_of_every_kind(*, shipped: Path) -> Iterator[Row]:
    """Measures fresh runs as ``make compare`` has them, once each: they take minutes.

    Where there are no scenarios of a kind yet there are no rows, and standard error says why.

    Args:
        shipped: the folder with a folder for each kind.
    """
    further = [shipped / "loss", shipped / "training"]
    missing = [str(path) for path in further if not any(path.rglob("*.yaml"))]
    if missing:
        print(f"not measured: {EVERY_KIND}: no scenarios in {', '.join(missing)}", file=sys.stderr, flush=True)
        return
    sets = {"loss and training": (further, LOSS_AND_TRAINING), "everything": ([shipped], EVERYTHING)}
    for name, (scenarios, limit) in sets.items():
        with tempfile.TemporaryDirectory(prefix="harness-bench-") as folder:
            run = run_harness(Path(folder), scenarios, "--fresh")
        yield Row(EVERY_KIND, f"{name}: harness run -j {os.cpu_count()}", (run.seconds,), "s", limit)
        yield Row(EVERY_KIND, f"{name}: starting process, most memory", (run.megabytes,), "MB", STARTING_PROCESS)


def repeat(scenarios: Path, keyword: str) -> Repetition:
    """One repetition, in folders of its own."""
    selection = ["-k", keyword] if keyword else []
    with tempfile.TemporaryDirectory(prefix="harness-bench-") as name:
        folder = Path(name)

        def run(kind: str, *arguments: str) -> Measured:
            return run_harness(folder / kind, [scenarios], *arguments, *selection)

        # To say why outcomes differ takes calls of its own, which the plain script does not make.
        harness = run("one", "--fresh", "--no-explain", "-j", "1")
        plain = run_plain(folder / "plain", scenarios, keyword)
        compare = run("all", "--fresh")
        warm = run("all")
        check_same_calls(folder / "one" / "report" / "run.json", folder / "plain")
    return Repetition(harness, plain, compare, warm)


def run_harness(folder: Path, scenarios: Sequence[Path], *arguments: str) -> Measured:
    """Runs ``harness run`` with these arguments, its store and its report in the folder."""
    command = [*HARNESS, "run", *map(str, scenarios), "--report-dir", str(folder / "report"), *arguments]
    # 1: a verdict is not as expected. That is a matter of the report; the work was done.
    return measure(command, variables={"HARNESS_STORE": str(folder / "store")}, accepted=(0, 1))


def run_plain(folder: Path, scenarios: Path, keyword: str) -> tuple[Measured, ...]:
    """Runs the plain script in both environments. It leaves its weights, batches and numbers of calls in the folder."""
    folder.mkdir(parents=True)
    script = [sys.executable, "-m", "harness.bench.plain"]
    return tuple(
        measure(
            [*script, environment.name, str(folder), str(scenarios), *([keyword] if keyword else [])],
            variables=environment.variables,
        )
        for environment in (TENSORFLOW_2, TENSORFLOW_1)
    )


def check_same_calls(run: Path, plain: Path) -> None:
    """Raises ``HarnessError`` unless the plain script called what the harness called: else the ratio says nothing."""
    cases = json.loads(run.read_bytes())["cases"]
    outcomes = [outcome for case in cases for outcome in case["outcomes"] if outcome["status"] != "unsupported"]
    in_harness = Counter(outcome["subject"] for outcome in outcomes)
    in_plain: Counter[str] = Counter()
    for path in plain.glob("calls-*.json"):
        in_plain += Counter(json.loads(path.read_bytes()))
    if in_harness != in_plain:
        raise HarnessError(f"calls of the plain script: {dict(in_plain)}; of the harness: {dict(in_harness)}")
