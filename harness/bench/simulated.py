"""A run of very many cases whose subjects cost nothing: what is left is planning, scheduling, comparing and reporting.

``python -m harness.bench.simulated FOLDER CASES FILE [SCHEDULER]`` makes such a run in its own process, its tasks on
this machine or on the Dask cluster of SCHEDULER, and leaves the ``Stages`` in FILE. Scenario files, matrix,
preparation, workers, store, comparisons, run folder and reports are those of any run. Only the call of the library is
not made: in its place stands ``outcome_at_no_cost``.
"""

from __future__ import annotations

import functools
import json
import re
import resource
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from harness.bench.grid import PER_MODEL, SOURCE
from harness.engine.cluster import Cluster
from harness.engine.events import Event, OutcomeReady
from harness.engine.record import Run, save_run
from harness.engine.run import Options, complete, execute
from harness.engine.store import Store, write_atomically
from harness.engine.work import Problem, compute_outcome
from harness.engine.workers import Pool
from harness.oracle.classification import classification
from harness.oracle.metrics import describe
from harness.report.write import write_reports
from harness.scenario.matrix import MOST_CASES
from harness.scenario.select import load_cases
from harness.subjects.protocol import Environment
from harness.vocabulary import Case, HarnessError, Outcome, plain

SUBJECTS = ("nsl", "cleverhans-v4")
"""Whose places are taken: two, so that every case has a comparison."""

_MODELS = 10
STEP = _MODELS * PER_MODEL
"""A run has a multiple of so many cases."""

_EPSILONS = 5
"""In the grid, for each combination of the other settings."""


@dataclass(frozen=True)
class Stages:
    """What a run took, stage by stage.

    Attributes:
        cases: how many there were.
        seconds: by stage, in order: ``planning`` (scenario files to cases), ``preparing`` (weights and batches; the
            workers start), ``computing`` (first outcome to last, with the comparisons), ``saving`` (the run folder) and
            ``reporting`` (all reports).
        processor: seconds of processor time that the process took in each stage, its workers not included.
        megabytes: the most resident memory that the process had had at the end of each stage.
        verdicts: how many comparisons came to each.
        traffic: of a cluster, see ``harness.engine.cluster.Traffic``; empty where all was done on this machine.
    """

    cases: int
    seconds: Mapping[str, float]
    processor: Mapping[str, float]
    megabytes: Mapping[str, float]
    verdicts: Mapping[str, int]
    traffic: Mapping[str, int]


def read_stages(file: Path) -> Stages:
    """What a run left in its file."""
    return Stages(**json.loads(file.read_bytes()))


def write_scenarios(folder: Path, cases: int) -> list[Path]:
    """Writes the grid with the same few models and ever more epsilons: models would have to be trained.

    Args:
        folder: in which to write the scenario files, of at most ``MOST_CASES`` cases each.
        cases: how many, in thousands.

    Raises:
        ValueError: not in thousands.
    """
    each, rest = divmod(cases, STEP)
    if rest or not each:
        raise ValueError(f"a simulated run has its cases in thousands: {cases}")
    text, most, written = SOURCE.read_text(encoding="utf-8"), MOST_CASES // STEP, []
    text = re.sub(r"(model\.init\.seed: )\[.*\]", rf"\g<1>{list(range(_MODELS))}", text)
    epsilons = [round(0.0001 * (1 + index), 4) for index in range(each * _EPSILONS)]
    for first in range(0, each, most):
        chosen = epsilons[first * _EPSILONS : min(first + most, each) * _EPSILONS]
        written.append(folder / f"simulated-{first // most:03d}.yaml")
        changed = re.sub(r"(attack\.epsilon: )\[.*\]", rf"\g<1>{chosen}", text)
        write_atomically(written[-1], changed.encode())
    return written


class AtNoCost:
    """A ``Pool`` in whose workers no library is called for an outcome; all else is that of another pool."""

    def __init__(self, pool: Pool):
        self._pool = pool
        self.warm_up, self.window, self.limits = pool.warm_up, pool.window, pool.limits
        self.last_words, self.stopped_because, self.close = pool.last_words, pool.stopped_because, pool.close

    def submit(
        self, environment: Environment, function: Callable[..., Any], *arguments: Any, workers: int, timeout: float
    ) -> Future:
        """See ``Pool.submit``."""
        if function is compute_outcome:
            function = outcome_at_no_cost
        return self._pool.submit(environment, function, *arguments, workers=workers, timeout=timeout)


def outcome_at_no_cost(store_root: Path, case: Case, problem: Problem, subject: str) -> dict[str, Any]:
    """An outcome of a case as ``compute_outcome`` returns one, arrays and all, but out of a single addition.

    Under linf both subjects return the same; else they differ in last bits, as the libraries do. Runs in a worker.
    """
    arrays = _batch(store_root, problem.batch)
    x, labels, epsilon, norm = arrays["input/x"], arrays["labels"], case.attack["epsilon"], case.attack["norm"]
    step = np.float32(epsilon) if norm == "linf" else np.float32(epsilon) / np.sqrt(np.float32(x[0].size))
    # Another direction for other weights and another source of labels, as a gradient has.
    random = np.random.default_rng([int(problem.weights[:8], 16), case.attack["labels"] == "given"])
    adversarial = np.where(random.random(x.shape, np.float32) > 0.5, x - step, x + step)
    if norm != "linf" and subject != SUBJECTS[0]:
        adversarial = np.nextafter(adversarial, np.float32(1))
    output = np.eye(problem.classes, dtype=np.float32)[labels]
    figures = classification(output, labels, kind="logits")
    settings = {
        "epsilon": epsilon,
        "norm": norm,
        "labels": case.attack["labels"],
        "clip": case.attack["clip"],
        "loss": "cross-entropy",
        "loss_reduction": "mean",
        "feature_mask": None,
        "dtype": "float32",
    }
    digest = Store(store_root).put_arrays({"adversarial/x": adversarial})
    summary = {**describe({"x": x}, {"x": adversarial}), "clean": figures, "adversarial": figures}
    return plain(Outcome(subject, "ok", settings=settings, defaulted=("loss",), arrays=digest, summary=summary))


@functools.lru_cache(maxsize=16)
def _batch(store_root: Path, digest: str) -> dict[str, np.ndarray]:
    return Store(store_root).get_arrays(digest)


def simulate(folder: Path, cases: int, *, scheduler: str | None = None) -> Stages:
    """Makes the run in this process and returns what it took. Its scenarios, store and run folder lie in the folder.

    Args:
        folder: that holds them.
        cases: how many, in thousands.
        scheduler: address of a Dask scheduler to compute on; ``None``: on this machine.

    Raises:
        HarnessError: the run failed, or an outcome of it did.
    """
    clock = _Clock()
    files = write_scenarios(folder / "scenarios", cases)
    selected = load_cases(files, subjects=SUBJECTS)
    clock.ends("planning")
    run, traffic = _run(selected, Options(folder / "store", scheduler=scheduler), clock)
    clock.ends("computing")
    _check_whole(run, len(selected))
    saved = save_run(run, folder / "run")
    verdicts = run.totals["verdicts"]
    del run
    clock.ends("saving")
    write_reports(saved, folder / "run")
    clock.ends("reporting")
    return Stages(len(selected), clock.seconds, clock.processor, clock.megabytes, verdicts, traffic)


def _check_whole(run: Run, cases: int) -> None:
    """Raises ``HarnessError`` unless every case has all of its outcomes: else the figures are of something else."""
    failed = next((one for record in run.cases for one in record.outcomes if one.status != "ok"), None)
    if failed or len(run.cases) != cases:
        why = f"{failed.subject}: {failed.status}: {failed.reason}" if failed else "it was interrupted"
        raise HarnessError(f"the simulated run of {cases} cases is not whole: {why}")


def _run(cases: Sequence[Case], options: Options, clock: _Clock) -> tuple[Run, dict[str, int]]:
    """The run, and what travelled for it."""
    pool = options.start_workers()

    def listen(event: Event) -> None:
        if isinstance(event, OutcomeReady) and "preparing" not in clock.seconds:
            clock.ends("preparing")

    try:
        run = complete(execute(cases, options, shared=AtNoCost(pool)), listen)
        return run, asdict(pool.traffic) if isinstance(pool, Cluster) else {}
    finally:
        pool.close()


class _Clock:
    """Seconds of one stage after another, by the wall and of the processor, and the memory at its end."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.processor: dict[str, float] = {}
        self.megabytes: dict[str, float] = {}
        self._since = time.perf_counter(), time.process_time()

    def ends(self, stage: str) -> None:
        now = time.perf_counter(), time.process_time()
        self.seconds[stage], self.processor[stage] = (end - start for end, start in zip(now, self._since, strict=True))
        self._since = now
        self.megabytes[stage] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


if __name__ == "__main__":
    where, number, file, *address = sys.argv[1:]
    from harness.bench import simulated  # by the name under which a worker of a cluster finds it

    stages = simulated.simulate(Path(where), int(number), scheduler=address[0] if address else None)
    write_atomically(Path(file), json.dumps(asdict(stages)).encode())
