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
    TENSORFLOW_2.begin()
    store = Store(store_root)
    problem, outcome = store.get_arrays(data), store.get_arrays(arrays)
    inputs = {name.removeprefix("test/input/"): a for name, a in problem.items() if name.startswith("test/input/")}
    shapes = {name: array.shape[1:] for name, array in inputs.items()}
    dtype = str(outcome["final_weights"].dtype)
    # A softmax at the end changes no prediction, and without it the attack need not take probabilities for logits.
    output = "logits" if "layers" in case.model else None
    judge = _Judge(models_room.build(case.model, shapes, dtype=dtype, output=output), dtype, case, inputs, problem)
    recorded = {int(step): row for row, step in enumerate(outcome["steps"])}
    every, last = case.training["evaluate"]["every"], int(outcome["steps"][-1])
    steps = sorted({0, *range(every, last, every), last} if every else {0, last})
    at_steps = [judge.accuracies(outcome["trajectory"][recorded[step]]) for step in steps]
    by_seed = [judge.accuracies(weights) for weights in outcome["final_weights"]]
    predictions = {
        "predictions": np.stack([judge.predictions(weights) for weights in outcome["final_weights"]]),
        "predictions_by_step": np.stack([judge.predictions(outcome["trajectory"][recorded[step]]) for step in steps]),
    }
    return {
        "steps": steps,
        **_columns(at_steps),
        "seeds": _columns(by_seed),
        "arrays": store.put_arrays(predictions),
    }


def _columns(accuracies: Sequence[Mapping[str, float]]) -> dict[str, Any]:
    epsilons = [name for name in accuracies[0] if name != "clean"]
    return {
        "clean_accuracy": [one["clean"] for one in accuracies],
        "adversarial_accuracy": {name: [one[name] for one in accuracies] for name in epsilons},
    }


class _Judge:
    """Evaluates weights on the test examples. The attack is compiled once."""

    def __init__(
        self, model: Any, dtype: str, case: Case, inputs: Mapping[str, np.ndarray], problem: Mapping[str, np.ndarray]
    ) -> None:
        import tensorflow as tf

        self._model, self._labels = model, problem["test/labels"]
        self._shapes = [array.shape for array in model.get_weights()]
        self._epsilons = case.training["evaluate"]["epsilons"]
        self._norm = {"linf": np.inf, "l2": 2, "l1": 1}[case.attack.get("norm", "linf")]
        low, high = case.attack.get("clip") or (None, None)
        self._clip = (low, high) if low is not None and high is not None else (None, None)
        # The attack takes one tensor: several named inputs, which are flat, stand in it side by side.
        self._x = tf.concat([tf.cast(array, tf.float32) for array in inputs.values()], axis=1 if len(inputs) > 1 else 0)
        widths = [array.shape[1] for array in inputs.values()]

        def in_float32(x: Any) -> Any:
            x = tf.cast(x, dtype)
            given = dict(zip(inputs, tf.split(x, widths, axis=1), strict=True)) if len(inputs) > 1 else x
            return tf.cast(model(given, training=False), tf.float32)

        self._in_float32 = in_float32

    def accuracies(self, weights: np.ndarray) -> dict[str, float]:
        """``clean``, and by epsilon."""
        from harness.reference import fast_gradient_method

        self._set(weights)
        found = {"clean": self._accuracy(self._x)}
        for epsilon in self._epsilons:
            attacked = fast_gradient_method(
                self._in_float32, self._x, epsilon, self._norm, None, *self._clip, y=self._labels
            )
            found[f"{epsilon:g}"] = self._accuracy(attacked)
        return found

    def predictions(self, weights: np.ndarray) -> np.ndarray:
        """The predicted classes of the test examples, int32 ``(examples,)``; -1 where the output is not finite."""
        self._set(weights)
        return self._predicted(self._x)

    def _accuracy(self, x: Any) -> float:
        return float((self._predicted(x) == self._labels).mean())

    def _predicted(self, x: Any) -> np.ndarray:
        output = np.asarray(self._in_float32(x))
        return np.where(np.isfinite(output).all(axis=1), output.argmax(axis=1), -1).astype(np.int32)

    def _set(self, flat: np.ndarray) -> None:
        ends = np.cumsum([int(np.prod(shape)) for shape in self._shapes])
        parts = np.split(flat, ends[:-1])
        self._model.set_weights([part.reshape(shape) for part, shape in zip(parts, self._shapes, strict=True)])
