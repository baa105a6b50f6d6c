"""How good the models are that a training left: the same evaluation for every subject, of its stored weights."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from harness.engine.store import Store
from harness.scenario import models as models_room
from harness.subjects.environments import TENSORFLOW_2
from harness.vocabulary import Case, canonical_json

if TYPE_CHECKING:
    from harness.reference.accuracy import Evaluation


class Attack(NamedTuple):
    """The attack under which a model is evaluated. See ``harness.reference.accuracy.Evaluation``."""

    norm: str
    epsilons: tuple[float, ...]
    clip: tuple[float | None, float | None]


def attack_on(case: Case) -> Attack:
    """That of a case of kind training: in its norm, linf where it states none, and within its clip range."""
    low, high = case.attack.get("clip") or (None, None)
    return Attack(case.attack.get("norm", "linf"), tuple(case.training["evaluate"]["epsilons"]), (low, high))


def evaluate_training(store_root: Path, case: Case, data: str, arrays: str) -> dict[str, Any]:
    """Clean accuracy, and accuracy under the fast gradient method of the reimplementation, on the test examples.

    Whatever a library believes of its model does not count here: each is attacked in the same way, with given labels,
    in the norm of the case (linf where it states none) and within its clip range.

    Args:
        store_root: of the store.
        case: of kind training.
        data: hash of its data.
        arrays: hash of the outcome's arrays.

    Returns:
        ``steps``, ``clean_accuracy`` and ``adversarial_accuracy`` (by epsilon) of the first seed at chosen steps;
        ``seeds`` with the same of every seed at the end; ``arrays``, which hold ``predictions`` ``(seeds, examples)``
        at the end and ``predictions_by_step`` ``(steps, examples)`` of the first seed.
    """
    outcome = Store(store_root).get_arrays(arrays)
    judge = _judge(
        store_root,
        data,
        canonical_json(case.model),
        str(outcome["final_weights"].dtype),
        attack_on(case),
    )
    recorded = {int(step): row for row, step in enumerate(outcome["steps"])}
    every, last = case.training["evaluate"]["every"], int(outcome["steps"][-1])
    steps = sorted({0, *range(every, last, every), last} if every else {0, last})
    by_seed = [judge.of(weights) for weights in outcome["final_weights"]]
    # The trajectory is the first seed's, so its end has just been evaluated.
    by_step = [*(judge.of(outcome["trajectory"][recorded[step]]) for step in steps[:-1]), by_seed[0]]
    return {
        "steps": steps,
        **_columns([accuracies for accuracies, _ in by_step]),
        "seeds": _columns([accuracies for accuracies, _ in by_seed]),
        "arrays": Store(store_root).put_arrays(
            {
                "predictions": np.stack([predictions for _, predictions in by_seed]),
                "predictions_by_step": np.stack([predictions for _, predictions in by_step]),
            }
        ),
    }


@functools.lru_cache(maxsize=1)
def _judge(
    store_root: Path,
    data: str,
    section: str,
    dtype: str,
    attack: Attack,
) -> Evaluation:
    """What evaluates the models of a case, kept for the next subject's: to compile it takes longer than to use it."""
    from harness.reference.accuracy import Evaluation

    TENSORFLOW_2.begin()
    problem, model = Store(store_root).get_arrays(data), json.loads(section)
    inputs = {name.removeprefix("test/input/"): a for name, a in problem.items() if name.startswith("test/input/")}
    shapes = {name: array.shape[1:] for name, array in inputs.items()}
    # A softmax at the end changes no prediction, and without it the attack need not take probabilities for logits.
    output = "logits" if "layers" in model else None
    return Evaluation(
        models_room.build(model, shapes, dtype=dtype, output=output),
        inputs,
        problem["test/labels"],
        **attack._asdict(),
    )


def _columns(accuracies: Sequence[Mapping[str, float]]) -> dict[str, Any]:
    epsilons = [name for name in accuracies[0] if name != "clean"]
    return {
        "clean_accuracy": [one["clean"] for one in accuracies],
        "adversarial_accuracy": {name: [one[name] for one in accuracies] for name in epsilons},
    }
