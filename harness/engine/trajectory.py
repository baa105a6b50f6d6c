"""Many steps of one subject: the same batches in the same order from the same weights, and what is recorded of them."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from harness.engine import progress
from harness.engine.store import Store
from harness.oracle.gradients import relative_distance
from harness.oracle.noise import nudge
from harness.subjects.protocol import Batch, Models, Subject, Trainer
from harness.vocabulary import Case, Outcome

MOST_RECORDED = 256
"""Steps after which the weights are recorded; of a longer training the first ones, and then evenly spaced ones."""
MOST_NUMBERS = 8_000_000
"""Weights that a trajectory holds: a larger model is recorded at fewer steps."""
_FIRST = 16
_TWIN_SEED = 0


@dataclass(frozen=True)
class Course:
    """The data of a training, in the order in which every subject gets it.

    Attributes:
        examples: all of them, as one batch.
        arrays: with ``order`` and ``sizes`` as ``harness.engine.prepare.draw_order`` returns them.
    """

    examples: Batch
    arrays: Mapping[str, np.ndarray]

    def batches(self, seed: int) -> Iterator[Batch]:
        """The batches of one seed, one for each step."""
        ends = np.cumsum(self.arrays["sizes"])
        whole = self.examples
        for end, size in zip(ends, self.arrays["sizes"], strict=True):
            chosen = self.arrays["order"][seed, end - size : end]
            yield replace(
                whole,
                inputs={name: array[chosen] for name, array in whole.inputs.items()},
                labels=whole.labels[chosen],
                sample_weights=None if whole.sample_weights is None else whole.sample_weights[chosen],
            )


@dataclass
class Trajectory:
    """What is recorded of one training.

    Attributes:
        losses: float64 ``(3, steps)``: clean, adversarial and total of each step, before its update.
        weights: by the number of steps done.
        nonfinite_step: the first step whose total loss is not finite; ``None`` if there is none.
    """

    losses: np.ndarray
    weights: dict[int, np.ndarray]
    nonfinite_step: int | None = None


def training_outcome(
    store: Store,
    subject: str,
    implementation: Subject,
    models: Models,
    course: Course,
    weights: Mapping[str, np.ndarray],
    case: Case,
) -> Outcome:
    """Trains for every seed, and once more the noise twin of the first: nudged by one unit in the last place.

    Args:
        store: for the arrays.
        subject: its name.
        implementation: the subject.
        models: of the problem.
        course: the data.
        weights: initial ones by seed and place, ``000/000``.
        case: of kind training.
    """
    steps, seeds = case.training["steps"], case.training["seeds"]
    started = time.perf_counter()
    trainer = implementation.trainer(models, next(course.batches(0)), case.attack, case.training)
    initial = [_of_seed(weights, seed) for seed in range(seeds)]
    recorded = recorded_steps(steps, sum(array.size for array in initial[0]), case.training["evaluate"]["every"])
    told = progress.Teller(store.root, case.id, subject, total=steps * (seeds + 1))

    def run(seed: int, start: Sequence[np.ndarray], at: Sequence[int]) -> Trajectory:
        return train(trainer, course.batches(seed), start, steps=steps, recorded=at, told=told)

    first = run(0, initial[0], recorded)
    twin = run(0, _nudged(initial[0], course.examples.dtype), recorded)
    others = [run(seed, initial[seed], [steps]) for seed in range(1, seeds)]
    everyone = [first, *others]
    losses = np.stack([one.losses for one in everyone])
    arrays = {
        "clean_loss": losses[:, 0],
        "adversarial_loss": losses[:, 1],
        "total_loss": losses[:, 2],
        "steps": np.asarray(recorded, np.int32),
        "trajectory": np.stack([first.weights[step] for step in recorded]),
        "twin_distance": np.asarray([_distance(first.weights[step], twin.weights[step]) for step in recorded]),
        "final_weights": np.stack([one.weights[steps] for one in everyone]),
    }
    names = ("clean_loss", "adversarial_loss", "total_loss")
    return Outcome(
        subject,
        "ok",
        seconds=time.perf_counter() - started,
        settings=dict(trainer.settings),
        defaulted=trainer.defaulted,
        arrays=store.put_arrays(arrays),
        summary={
            "nonfinite_step": [one.nonfinite_step for one in everyone],
            "final": {name: finite(arrays[name][0, -1]) for name in names},
        },
    )


def train(
    trainer: Trainer,
    batches: Iterator[Batch],
    start: Sequence[np.ndarray],
    *,
    steps: int,
    recorded: Sequence[int],
    told: progress.Teller,
) -> Trajectory:
    """One training from the weights ``start``, recorded at these numbers of steps done."""
    wanted = set(recorded)
    trajectory = Trajectory(np.full((3, steps), np.nan), {})
    trainer.begin(start)
    if 0 in wanted:
        trajectory.weights[0] = _flat(trainer.weights())
    for step, batch in enumerate(batches):
        losses = trainer.step(batch)
        trajectory.losses[:, step] = losses.clean, losses.adversarial, losses.total
        if trajectory.nonfinite_step is None and not math.isfinite(trajectory.losses[2, step]):
            trajectory.nonfinite_step = step + 1
        if step + 1 in wanted:
            trajectory.weights[step + 1] = _flat(trainer.weights())
        told.step()
    return trajectory


def recorded_steps(steps: int, weights: int, evaluated_every: int) -> list[int]:
    """After how many steps the weights are recorded: 0, the first few, those that are evaluated, and the last.

    Args:
        steps: of the training.
        weights: how many numbers the model has.
        evaluated_every: steps from one evaluation to the next; 0: at the end only.
    """
    most = max(2, min(MOST_RECORDED, MOST_NUMBERS // max(weights, 1)))
    if steps < most:
        return list(range(steps + 1))
    evenly = np.linspace(0, steps, max(2, most - _FIRST)).round().astype(int).tolist()
    early = range(min(_FIRST, most - 1))
    evaluated = range(evaluated_every, steps, evaluated_every) if evaluated_every else ()
    return sorted({*evenly, *early, *evaluated, 0, steps})


def finite(value: Any) -> float | None:
    """The number, or ``None`` for one that JSON cannot hold."""
    number = float(value)
    return number if math.isfinite(number) else None


def _of_seed(weights: Mapping[str, np.ndarray], seed: int) -> list[np.ndarray]:
    return [array for name, array in sorted(weights.items()) if name.startswith(f"{seed:03d}/")]


def _nudged(weights: Sequence[np.ndarray], dtype: str) -> list[np.ndarray]:
    """Where a twin begins: moved by one unit in the last place of the precision that the training computes in."""
    generator = np.random.default_rng(_TWIN_SEED)
    # A count has no last place.
    return [nudge(array.astype(dtype), generator) if array.dtype.kind == "f" else array for array in weights]


def _flat(weights: Sequence[np.ndarray]) -> np.ndarray:
    return np.concatenate([np.asarray(array).ravel() for array in weights])


def _distance(left: np.ndarray, right: np.ndarray) -> float:
    distance = relative_distance(left.astype(np.float64), right.astype(np.float64))
    return math.nan if distance is None else distance
