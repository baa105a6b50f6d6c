"""How good the models on a bridge are. Runs in a worker; TensorFlow is imported when called."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from harness.engine.record import by_prefix
from harness.subjects.protocol import Models
from harness.vocabulary import Case


class Accuracies:
    """Accuracies on the test examples, as ``harness.engine.evaluate`` has them.

    Args:
        case: of kind training.
        data: its data.
        models: of its problem.
    """

    def __init__(self, case: Case, data: Mapping[str, np.ndarray], models: Models):
        self._case, self._data, self._models = case, data, models
        self._judges: dict[str, Any] = {}

    def of(self, weights: np.ndarray) -> Mapping[str, float]:
        """In [0, 1]: ``clean``, and by epsilon under the attack. ``weights``: as ``Evaluation.of`` takes them."""
        dtype = str(weights.dtype)
        if dtype not in self._judges:
            self._judges[dtype] = self._judge(dtype)
        return self._judges[dtype].of(weights)[0]

    def _judge(self, dtype: str) -> Any:
        from harness.reference.accuracy import Evaluation

        low, high = self._case.attack.get("clip") or (None, None)
        return Evaluation(
            # Without a softmax at the end the attack need not take probabilities for logits.
            self._models.get(dtype=dtype, output="logits" if self._models.declared else None),
            by_prefix(self._data, "test/input"),
            self._data["test/labels"],
            norm=self._case.attack.get("norm", "linf"),
            epsilons=self._case.training["evaluate"]["epsilons"],
            clip=(low, high),
        )
