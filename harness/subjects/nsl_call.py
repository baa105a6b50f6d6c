"""NSL itself, and from the settings of a case to its configuration object: for all subjects of its signatures."""

from __future__ import annotations

import sys
import types
from collections.abc import Mapping
from typing import Any

import numpy as np

from harness.subjects.keras2 import predicted_labels
from harness.subjects.protocol import Batch
from harness.subjects.translate import CROSS_ENTROPY, NSL_NORMS, target_class
from harness.vocabulary import Unsupported

DEFAULTED = ("epsilon", "norm", "labels", "clip", "loss_reduction")
"""Settings for which NSL or Keras has a default of its own."""


def import_nsl() -> types.ModuleType:
    """The library."""
    make_nsl_importable()
    import neural_structured_learning

    return neural_structured_learning


def make_nsl_importable() -> None:
    """Gives a TensorFlow that has no ``tf.estimator`` any more (2.16 and later) one whose members do nothing.

    NSL imports ``tf.estimator`` for an API of its own that is not compared here, and touches it at import only.
    """
    import tensorflow as tf

    if not hasattr(tf, "estimator"):
        stand_in = _EstimatorStandIn("tensorflow.estimator")
        sys.modules["tensorflow.estimator"] = stand_in
        setattr(tf, "estimator", stand_in)  # noqa: B010  (TensorFlow's module declares no such attribute)


class _EstimatorStandIn(types.ModuleType):
    def __getattr__(self, name: str) -> type:
        # Dunder names must stay missing: tools that walk sys.modules ask for __file__ and would believe the answer.
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {})


def labels_for(model: Any, batch: Batch, attack: Mapping[str, Any]) -> np.ndarray:
    """The labels to hand to NSL, int32 ``(batch,)``: it takes any, so predicted ones are predicted here.

    Raises:
        Unsupported: for a targeted attack.
    """
    if target_class(attack) is not None:
        raise Unsupported("NSL has no targeted attack: its configuration has no target")
    return predicted_labels(model, batch.inputs) if attack.get("labels") == "predicted" else batch.labels


def config_arguments(attack: Mapping[str, Any], batch: Batch, *, by_name: bool = True) -> dict[str, Any]:
    """Arguments of ``make_adv_reg_config`` for what the case states; the rest stays the default.

    Args:
        attack: the stated settings.
        batch: the data.
        by_name: whether NSL is given its features by name, as in ``AdversarialRegularization``, or as one tensor. A
            bound in the other form it ignores without a word.
    """
    arguments: dict[str, Any] = {}
    if "epsilon" in attack:
        arguments["adv_step_size"] = attack["epsilon"]
    if "norm" in attack:
        arguments["adv_grad_norm"] = NSL_NORMS[attack["norm"]]
    low, high = attack.get("clip") or (None, None)
    if low is not None:
        arguments["clip_value_min"] = dict.fromkeys(batch.inputs, low) if by_name else low
    if high is not None:
        arguments["clip_value_max"] = dict.fromkeys(batch.inputs, high) if by_name else high
    mask = attack.get("feature_mask")
    if mask is not None:
        masks = mask if isinstance(mask, Mapping) else dict.fromkeys(batch.inputs, mask)
        arguments["feature_mask"] = {name: np.asarray(values, batch.dtype) for name, values in masks.items()}
    return arguments


def settings_used(config: Any, attack: Mapping[str, Any], batch: Batch, *, reduction: str) -> dict[str, Any]:
    """What was used, read from the configuration object itself.

    Args:
        config: an ``AdvNeighborConfig``.
        attack: the stated settings.
        batch: the data.
        reduction: of the loss.
    """
    low, high = (
        next(iter(bound.values())) if isinstance(bound, Mapping) and bound else bound
        for bound in (config.clip_value_min, config.clip_value_max)
    )
    norm = getattr(config.adv_grad_norm, "value", config.adv_grad_norm)
    return {
        "epsilon": float(config.adv_step_size),
        "norm": next(name for name, nsl_name in NSL_NORMS.items() if nsl_name == norm),
        "labels": attack.get("labels", "given"),
        "clip": None if low is None and high is None else [low, high],
        "loss": CROSS_ENTROPY,
        "loss_reduction": reduction,
        "feature_mask": attack.get("feature_mask"),
        "dtype": batch.dtype,
    }
