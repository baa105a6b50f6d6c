"""How good the models are that a training left: the same evaluation for every subject, of its stored weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from harness.engine.store import Store
from harness.scenario import models as models_room
from harness.subjects.environments import TENSORFLOW_2
from harness.vocabulary import Case


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
    from harness.reference.accuracy import Evaluation

    TENSORFLOW_2.begin()
    store = Store(store_root)
    problem, outcome = store.get_arrays(data), store.get_arrays(arrays)
    inputs = {name.removeprefix("test/input/"): a for name, a in problem.items() if name.startswith("test/input/")}
    shapes = {name: array.shape[1:] for name, array in inputs.items()}
    dtype = str(outcome["final_weights"].dtype)
    # A softmax at the end changes no prediction, and without it the attack need not take probabilities for logits.
    output = "logits" if "layers" in case.model else None
    low, high = case.attack.get("clip") or (None, None)
    judge = Evaluation(
        models_room.build(case.model, shapes, dtype=dtype, output=output),
        inputs,
        problem["test/labels"],
        norm=case.attack.get("norm", "linf"),
        epsilons=case.training["evaluate"]["epsilons"],
        clip=(low, high),
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
        "arrays": store.put_arrays(
            {
                "predictions": np.stack([predictions for _, predictions in by_seed]),
                "predictions_by_step": np.stack([predictions for _, predictions in by_step]),
            }
        ),
    }


def _columns(accuracies: Sequence[Mapping[str, float]]) -> dict[str, Any]:
    epsilons = [name for name in accuracies[0] if name != "clean"]
    return {
        "clean_accuracy": [one["clean"] for one in accuracies],
        "adversarial_accuracy": {name: [one[name] for one in accuracies] for name in epsilons},
    }
