"""From the settings of a case to arguments, as far as libraries and reimplementations share it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.subjects.protocol import Batch
from harness.vocabulary import Unsupported

NSL_NORMS = {"linf": "infinity", "l2": "l2", "l1": "l1"}
ORDERS = {"linf": np.inf, "l2": 2, "l1": 1}
"""CleverHans names norms by their order, as NumPy does."""

CROSS_ENTROPY = "cross-entropy"
"""How settings show the cross-entropy of what the model returns, be it logits or probabilities: the same function."""


def norm_of_order(order: float) -> str:
    """The harness's name of a norm given by its order."""
    return next(name for name, known in ORDERS.items() if known == order)


def target_class(attack: Mapping[str, Any]) -> int | None:
    """The class that a targeted attack aims at; ``None`` for an untargeted one."""
    labels = attack.get("labels")
    return labels["target"] if isinstance(labels, Mapping) else None


def single_input(batch: Batch, library: str) -> np.ndarray:
    """The batch's one input. Raises ``Unsupported`` when there are several."""
    if len(batch.inputs) != 1:
        raise Unsupported(f"{library} takes one input tensor; this model has {len(batch.inputs)} named inputs")
    return next(iter(batch.inputs.values()))


def two_sided_clip(attack: Mapping[str, Any], library: str) -> tuple[float, float] | None:
    """The clip range, or ``None``. Raises ``Unsupported`` when only one side is given."""
    low, high = attack.get("clip") or (None, None)
    if low is None and high is None:
        return None
    if low is None or high is None:
        raise Unsupported(f"{library} asserts that both sides of the clip range are given; this case gives one")
    return low, high


def refuse_feature_mask(attack: Mapping[str, Any], library: str) -> None:
    """Raises ``Unsupported`` when the case has a feature mask."""
    if attack.get("feature_mask") is not None:
        raise Unsupported(f"{library} has no feature mask")


@dataclass(frozen=True)
class Timed:
    """A result and the wall time, in seconds, that it took."""

    value: Any
    seconds: float


def timed(call: Callable[[], Any]) -> Timed:
    """Calls, and measures."""
    started = time.perf_counter()
    value = call()
    return Timed(value, time.perf_counter() - started)
