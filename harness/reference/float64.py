"""The yardstick: the attack in double precision, and what single precision could know of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from harness.reference.double_gradient import DoubleGradient
from harness.reference.features import Features
from harness.reference.uncertainty import Step, is_undetermined, uncertainty

DRAWS = 16
"""How often the gradient is computed with rounding."""


@dataclass(frozen=True)
class Yardstick:
    """NumPy arrays in the structure of x, each of the shape of its input; zeros for inputs that cannot be perturbed.

    Attributes:
        adversarial: float64, the adversarial examples; inputs that cannot be perturbed as they are.
        gradient: float64, of each example's loss with respect to x, before the feature mask.
        uncertainty: float64, how far the adversarial example may move when a correct implementation computes it in
            float32, in units of x; the rounding of the result itself, a few units in the last place of the larger of
            ``|x|`` and epsilon, comes on top.
        undetermined: bool, whether the sign of the gradient cannot be known in float32. A gradient that is exactly 0
            whatever is rounded is determined.
    """

    adversarial: Any
    gradient: Any
    uncertainty: Any
    undetermined: Any


def yardstick(
    model: Callable[..., Any],
    x: Any,
    labels: Any,
    *,
    epsilon: float,
    norm: str,
    clip: Sequence[float | None] = (None, None),
    targeted: bool = False,
    feature_mask: Any = None,
    output: str = "logits",
) -> Yardstick:
    """One step of the fast gradient method in double precision, by exact mathematics (``conventions.EXACT``).

    The loss is the cross-entropy; the exact gradient is computed in a form that does not cancel however confident the
    model is. What float32 could know is sampled: the gradient is computed ``DRAWS`` times more with every operation
    rounded as float32 rounds it, eightfold (``rounding``). A sign is undetermined where those gradients spread as far
    as a ``1/uncertainty.MARGIN`` of its magnitude. How small a gradient is does not matter, down to the smallest
    float32.

    Args:
        model: a callable in float64: takes the structure of ``x``, returns ``(batch, classes)``. It must run in a
            ``tf.function`` and must not be random.
        x: an array ``(batch, ...)``, or lists, tuples and dicts of arrays. Floating ones are used as float64, others
            left alone.
        labels: int ``(batch,)``, the classes whose loss is meant. None: the predicted classes, the first of several
            largest outputs; an example whose predicted class float32 cannot know is undetermined as a whole.
        epsilon: the length of the perturbation, in units of x.
        norm: ``linf``, ``l2`` or ``l1``.
        clip: lower and upper bound of the result, in units of x; either may be None.
        targeted: whether to descend towards ``labels`` in place of ascending away from them.
        feature_mask: factors on the gradient, see ``AdvNeighborConfig``.
        output: ``logits`` or ``probabilities``, what the model returns.

    Returns:
        The adversarial examples and their uncertainty.

    Raises:
        ValueError: an x without floating arrays; a norm or output that is none; labels that do not fit; a model that is
            not in float64 or does not return ``(batch, classes)``; a mask that does not fit.
    """
    if output not in ("logits", "probabilities"):
        raise ValueError(f"output: {output!r} is none. Valid: logits, probabilities.")
    if norm not in ("linf", "l2", "l1"):
        raise ValueError(f"norm: {norm!r} is not a norm. Valid: linf, l2, l1.")
    features = Features.of(tf.nest.map_structure(_double, x))
    if not features.places or not all(array.ndim for array in _arrays(features)):
        raise ValueError("x: expected floating arrays (batch, ...); a list is a collection of arrays, not an array.")
    compiled = DoubleGradient.of(model, features, output=output)
    batch = len(_arrays(features)[0])
    _, returned = compiled.at(features, np.zeros(batch, np.int64))
    classes = returned.argmax(axis=1) if labels is None else _checked(labels, batch, classes=returned.shape[1])
    gradients, _ = compiled.at(features, classes)
    drawn, drawn_returned = compiled.sample(features, classes, draws=DRAWS)
    doubtful = _doubtful(returned, drawn_returned) if labels is None else np.zeros(batch, bool)

    sign = -1.0 if targeted else 1.0
    factors = sign * _flat(_masks(features, feature_mask))
    gradient = _flat(gradients) * factors
    draws = np.stack([_flat([each[i] for each in drawn]) for i in range(DRAWS)]) * factors
    step = Step(_flat(_arrays(features)), float(epsilon), norm, clip[0], clip[1])
    undetermined = is_undetermined(gradient, draws) | (doubtful[:, None] & (factors != 0))
    return Yardstick(
        adversarial=_packed(features, step.along(gradient), keep=True),
        gradient=_packed(features, sign * _flat(gradients)),
        uncertainty=_packed(features, uncertainty(step, gradient, draws, undetermined)),
        undetermined=_packed(features, undetermined),
    )


def _double(leaf: Any) -> Any:
    array = np.asarray(leaf)
    return array.astype(np.float64) if np.issubdtype(array.dtype, np.floating) else leaf


def _checked(labels: Any, batch: int, *, classes: int) -> np.ndarray:
    array = np.asarray(labels)
    if array.shape != (batch,) or not np.issubdtype(array.dtype, np.integer):
        raise ValueError(f"labels: {array.dtype} of shape {array.shape}. Expected integers of shape ({batch},).")
    if batch and not 0 <= array.min() <= array.max() < classes:
        raise ValueError(
            f"labels: from {array.min()} to {array.max()}. The model knows the classes 0 to {classes - 1}."
        )
    return array


def _doubtful(returned: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """For each example whether float32 could predict another class."""
    predicted = returned.argmax(axis=1)[:, None]
    lead = np.take_along_axis(returned, predicted, axis=1) - returned
    drawn_lead = np.take_along_axis(drawn, predicted[None], axis=2) - drawn
    return np.asarray(is_undetermined(lead, drawn_lead).any(axis=1))


def _masks(features: Features, feature_mask: Any) -> list[np.ndarray]:
    masks = features.aligned(feature_mask, name="feature_mask")
    return [np.broadcast_to(1.0 if m is None else m, x.shape) for m, x in zip(masks, _arrays(features), strict=True)]


def _arrays(features: Features) -> list[np.ndarray]:
    return [tensor.numpy() for tensor in features.perturbable]


def _flat(inputs: Sequence[Any]) -> np.ndarray:
    """The inputs of each example side by side, float64 ``(batch, n)``."""
    return np.concatenate([np.asarray(array, np.float64).reshape(len(array), -1) for array in inputs], axis=1)


def _packed(features: Features, flat: np.ndarray, *, keep: bool = False) -> Any:
    """The reverse of ``_flat``, in the structure of the features; the others as they are, or zeros."""
    leaves = [np.asarray(leaf) if keep else np.zeros_like(leaf, flat.dtype) for leaf in features.leaves]
    start = 0
    for place, array in zip(features.places, _arrays(features), strict=True):
        width = math.prod(array.shape[1:])
        leaves[place] = flat[:, start : start + width].reshape(array.shape)
        start += width
    return tf.nest.pack_sequence_as(features.structure, leaves)
