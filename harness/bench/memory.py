"""Whether a worker grows: its resident memory after each of a thousand outcomes in one process."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import psutil
from pebble import ProcessExpired

from harness.bench.processes import MEGABYTE
from harness.bench.rows import Row
from harness.engine.prepare import prepare_batch, prepare_weights
from harness.engine.work import Problem, compute_outcome
from harness.engine.workers import Workers
from harness.subjects.environments import TENSORFLOW_2
from harness.subjects.protocol import Environment
from harness.subjects.registry import load_subject
from harness.vocabulary import NORMS, SUBJECTS, Case, HarnessError, Location

SECTION = "memory"
GROWTH = 1.05
"""The most that late outcomes may need over early ones. Not 1: the allocator works by the megabyte."""
WINDOW = 10
"""Outcomes at either end whose memory counts."""

_CASES_A_MODEL = 20
_HOUR = 3600.0
_LAYERS: tuple[list[dict[str, Any]], ...] = (
    [{"kind": "dense", "units": 64}, {"kind": "relu"}, {"kind": "dense", "units": 10}],
    [{"kind": "dense", "units": 64}, {"kind": "batchnorm"}, {"kind": "tanh"}, {"kind": "dense", "units": 10}],
    [
        {"kind": "conv", "filters": 8, "kernel": 3, "strides": 1, "padding": "same"},
        {"kind": "relu"},
        {"kind": "max_pool", "size": 2},
        {"kind": "dense", "units": 10},
    ],
)


def rows(*, subjects: Sequence[str], outcomes: int, early: int) -> Iterator[Row]:
    """Measures each subject in a worker of its own.

    Args:
        subjects: by name.
        outcomes: how many each computes.
        early: after how many a worker is taken to have all that it needs; at least ``WINDOW``.
    """
    cases = varied_cases(outcomes)
    with tempfile.TemporaryDirectory(prefix="harness-bench-") as folder:
        store = Path(folder)
        problems = _in_new_worker(TENSORFLOW_2, prepare, store, cases)
        for subject in subjects:
            environment = load_subject(subject).ENVIRONMENT
            resident = _in_new_worker(environment, resident_after_each, store, cases, problems, subject)
            first, last = tuple(resident[early - WINDOW : early]), tuple(resident[-WINDOW:])
            yield Row(SECTION, f"{subject}, worker at outcome {early}", first, "MB")
            yield Row(SECTION, f"{subject}, worker at outcome {outcomes}", last, "MB")
            growth = tuple(late / soon for late, soon in zip(last, first, strict=True))
            yield Row(SECTION, f"{subject}, outcome {outcomes} / outcome {early}", growth, "x", GROWTH)


def varied_cases(number: int) -> list[Case]:
    """Cases that every subject can express: models, norms, epsilons, labels and clip ranges in turn."""
    return [_case(index) for index in range(number)]


def _case(index: int) -> Case:
    model = index // _CASES_A_MODEL
    return Case(
        id=f"memory[{index}]",
        scenario="memory",
        kind="perturbation",
        point={},
        model={
            "layers": _LAYERS[model % len(_LAYERS)],
            "output": "logits",
            "init": {"scheme": "glorot_uniform", "seed": model, "scale": 1.0},
        },
        data={"source": "digits", "split": "test", "batch": 32, "seed": 0},
        attack={
            "epsilon": 0.01 * (1 + index % 37),
            "norm": NORMS[index % len(NORMS)],
            "labels": ("given", "predicted")[index // 2 % 2],
            "clip": ([0.0, 1.0], [None, None])[index // 4 % 2],
        },
        subjects=SUBJECTS,
        expectations={},
        location=Location("memory.yaml"),
    )


def prepare(store: Path, cases: list[Case]) -> list[Problem]:
    """The problems of the cases, in their order. Runs in a worker."""
    batch = prepare_batch(store, cases[0])
    weights: dict[int, str] = {}
    for case in cases:
        seed = case.model["init"]["seed"]
        if seed not in weights:
            weights[seed] = prepare_weights(store, case)["arrays"]
    return [Problem(weights[case.model["init"]["seed"]], batch["arrays"], batch["classes"]) for case in cases]


def resident_after_each(store: Path, cases: list[Case], problems: list[Problem], subject: str) -> list[float]:
    """Computes a subject's outcomes one after the other. Runs in a worker.

    Returns:
        Megabytes of resident memory after each.

    Raises:
        HarnessError: for an outcome that is not ``ok``: its memory would say nothing.
    """
    process = psutil.Process()
    resident = []
    for case, problem in zip(cases, problems, strict=True):
        outcome = compute_outcome(store, case, problem, subject)
        if outcome["status"] != "ok":
            raise HarnessError(f"{subject}: {case.id}: {outcome['status']}: {outcome['reason']}")
        resident.append(process.memory_info().rss / MEGABYTE)
    return resident


def _in_new_worker(environment: Environment, function: Callable[..., Any], *arguments: Any) -> Any:
    workers = Workers()
    try:
        return workers.submit(environment, function, *arguments, workers=1, timeout=_HOUR).result()
    except (ProcessExpired, TimeoutError) as error:
        raise HarnessError(f"{function.__name__} in a worker for {environment.name}: {error}") from error
    finally:
        workers.close()
