"""How good the models on a bridge are. Runs in a worker; TensorFlow is imported when called."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from harness.engine.evaluate import Attack, attack_on
from harness.engine.record import by_prefix
from harness.engine.store import Store
from harness.subjects.protocol import Models
from harness.vocabulary import Case


class Accuracies:
    """Accuracies on the test examples, as ``harness.engine.evaluate`` has them.

    Args:
        store_root: of the store.
        case: of kind training.
        data: hash of its data.
        models: of its problem.
    """

    def __init__(self, store_root: Path, case: Case, data: str, models: Models):
        self._root, self._case, self._data, self._models = store_root, case, data, models
        self._known: dict[bytes, Mapping[str, float]] = {}

    def of(self, weights: np.ndarray) -> Mapping[str, float]:
        """In [0, 1]: ``clean``, and by epsilon under the attack. ``weights``: as ``Evaluation.of`` takes them."""
        key = weights.tobytes()
        if key not in self._known:
            self._known[key] = self._evaluated(weights)
        return self._known[key]

    def _evaluated(self, weights: np.ndarray) -> Mapping[str, float]:
        judge = _evaluation(
            # Without a softmax at the end the attack need not take probabilities for logits.
            self._models.get(dtype=str(weights.dtype), output="logits" if self._models.declared else None),
            self._root,
            self._data,
            attack_on(self._case),
        )
        return judge.of(weights)[0]


@functools.lru_cache(maxsize=1)
def _evaluation(
    model: Any,
    store_root: Path,
    data: str,
    attack: Attack,
) -> Any:
    """Kept for the next case: cases with the same model stand together, and an evaluation compiles its attack."""
    from harness.reference.accuracy import Evaluation

    arrays = Store(store_root).get_arrays(data)
    inputs = by_prefix(arrays, "test/input")
    return Evaluation(model, inputs, arrays["test/labels"], **attack._asdict())
