"""The objective of adversarial training in NumPy, differentiated numerically, and the same with the reimplementation.

Of a linear softmax model, which stands behind a layer or a batch normalisation where its weights say so.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from harness.reference import NSL, TrainingAttack, TrainingObjective

GENERATOR = np.random.default_rng(4)
X = GENERATOR.normal(size=(12, 4)).astype(np.float32).astype(float)  # numbers that single precision holds as well
LABELS = GENERATOR.integers(3, size=12)
SAMPLE_WEIGHTS = GENERATOR.uniform(0.2, 2.0, 12).astype(np.float32).astype(float)
LINEAR = {
    "kernel": GENERATOR.normal(size=(4, 3)).astype(np.float32).astype(float),
    "bias": GENERATOR.normal(size=3).astype(np.float32).astype(float),
}
BEFORE = {"before-kernel": GENERATOR.normal(size=(4, 4)) / 3, "before-bias": GENERATOR.normal(size=4) / 3}
NORMALISED = {"gamma": np.array([1, 2, 0.5, 1]), "beta": np.array([0, 1, 0, -1.0]), **LINEAR}
MOVING = (np.array([0.5, -0.5, 1, 0]), np.array([2, 1, 0.5, 1.0]))
MOMENTUM, BN_FLOOR = 0.5, 1e-3

Weights = dict[str, np.ndarray]


# In NumPy.


@dataclass(frozen=True)
class Expected:
    """The losses of a linear softmax model, behind a batch normalisation or a layer of its own where it has such."""

    clean: float = 1.0
    adversarial: float = 0.5
    norm: Any = "linf"
    epsilon: float = 0.3
    flow: Any = "stopped"
    clip: tuple[float | None, float | None] = (None, None)
    labels: Any = "given"
    own_loss: bool = False  # whether the attack ascends the plain cross-entropy in place of the training loss
    reduction: str = "mean"
    smoothing: float = 0.0
    sample_weights: np.ndarray | None = None
    mode: str = "inference"
    attack_mode: str = "inference"
    statistics: Any = "updated"
    momentum: float = MOMENTUM

    def losses(self, weights: Weights, offset: np.ndarray | None = None) -> tuple[float, float, float]:
        """Clean, adversarial, total. The adversarial examples are made with the weights unless ``offset`` is given."""
        features, labels, moving = features_of(weights), self.smooth(np.eye(3)[LABELS]), MOVING
        offset = self.offset(weights) if offset is None else offset
        if self.attack_mode == "training" and self.statistics == "updated":
            moving = moved(moving, features, self.momentum)
        attacked = np.clip(features + offset, *self.clip) if self.clip != (None, None) else features + offset
        clean = self.reduced(cross_entropy(logits(weights, features, self.mode, moving), labels))
        adversarial = self.reduced(cross_entropy(logits(weights, attacked, self.mode, moving), labels))
        return clean, adversarial, self.clean * clean + self.adversarial * adversarial

    def offset(self, weights: Weights) -> np.ndarray:
        """The perturbation, before clipping."""
        features, labels = features_of(weights), np.eye(3)[LABELS]
        if self.labels == "predicted":
            labels = np.eye(3)[logits(weights, features, self.attack_mode, MOVING).argmax(axis=1)]

        def ascended(x):
            losses = cross_entropy(logits(weights, x, self.attack_mode, MOVING), self.smooth(labels))
            plain = cross_entropy(logits(weights, x, self.attack_mode, MOVING), labels)
            return plain.sum() if self.own_loss else self.reduced(losses)

        if "gamma" in weights:
            gradient = derivatives(lambda one: ascended(one["x"]), {"x": features})["x"]
        else:
            scores = np.exp(logits(weights, features, self.attack_mode, MOVING))
            targets = labels if self.own_loss else self.smooth(labels)
            gradient = (scores / scores.sum(axis=1, keepdims=True) - targets) @ weights["kernel"].T
            if not self.own_loss:
                gradient = gradient * self.shares()[:, None]
        return self.epsilon * direction(gradient, self.norm)

    def gradients(self, weights: Weights) -> Weights:
        """Of the total, with respect to every weight."""
        offset = self.offset(weights) if self.flow == "stopped" else None
        return derivatives(lambda changed: self.losses(changed, offset)[2], weights)

    def shares(self) -> np.ndarray:
        """What each example's loss counts."""
        weights = np.ones(len(X)) if self.sample_weights is None else self.sample_weights
        return weights / len(X) if self.reduction == "mean" else weights

    def reduced(self, losses: np.ndarray) -> float:
        return float(np.sum(losses * self.shares()))

    def smooth(self, labels: np.ndarray) -> np.ndarray:
        return labels * (1 - self.smoothing) + self.smoothing / 3


def features_of(weights):
    return X @ weights["before-kernel"] + weights["before-bias"] if "before-kernel" in weights else X


def logits(weights, x, mode, moving):
    if "gamma" in weights:
        mean, variance = (x.mean(axis=0), x.var(axis=0)) if mode == "training" else moving
        x = weights["gamma"] * (x - mean) / np.sqrt(variance + BN_FLOOR) + weights["beta"]
    return x @ weights["kernel"] + weights["bias"]


def moved(moving, x, momentum=MOMENTUM):
    """The moving statistics after a pass in training mode."""
    return tuple(momentum * old + (1 - momentum) * new for old, new in zip(moving, (x.mean(0), x.var(0)), strict=True))


def cross_entropy(scores, labels):
    return np.log(np.exp(scores).sum(axis=1)) * labels.sum(axis=1) - np.sum(labels * scores, axis=1)


def direction(gradient, norm):
    if norm == "linf":
        return np.sign(gradient)
    if norm == "l1":
        return np.sign(gradient) * (np.abs(gradient) == np.abs(gradient).max(axis=1, keepdims=True))
    return gradient / np.sqrt(np.maximum(1e-12, np.sum(gradient**2, axis=1, keepdims=True)))


def derivatives(function: Callable[[Weights], float], arrays: Weights, step=1e-6) -> Weights:
    """Central differences with respect to every element."""
    found = {name: np.zeros_like(array, float) for name, array in arrays.items()}
    for name, derivative in found.items():
        for place in np.ndindex(derivative.shape):
            up, down = ({key: array.astype(float) for key, array in arrays.items()} for _ in range(2))
            up[name][place] += step
            down[name][place] -= step
            derivative[place] = (function(up) - function(down)) / (2 * step)
    return found


# The same with the reimplementation, in double precision.


class Linear:
    """``x @ kernel + bias``, in any mode."""

    def __init__(self, kernel: np.ndarray, bias: np.ndarray):
        self.variables = [tf.Variable(tf.constant(array)) for array in (kernel, bias)]
        self.passes = 0

    def __call__(self, x, training=None):
        self.passes += 1
        return x @ self.variables[0] + self.variables[1]


def loss_of(expected: Expected):
    reduction: Any = {"mean": "sum_over_batch_size", "sum": "sum"}[expected.reduction]
    if expected.smoothing:
        return tf.keras.losses.CategoricalCrossentropy(True, expected.smoothing, reduction=reduction)
    return tf.keras.losses.SparseCategoricalCrossentropy(True, reduction=reduction)


def objective_of(expected: Expected, model: Any, before: Any = None, *, conventions=NSL, **further):
    def plain(labels, predictions):
        if expected.smoothing:
            return tf.nn.softmax_cross_entropy_with_logits(labels, predictions)
        return tf.nn.sparse_softmax_cross_entropy_with_logits(labels, predictions)

    return TrainingObjective(
        model=model,
        loss_fn=loss_of(expected),
        attack=TrainingAttack(
            epsilon=expected.epsilon,
            norm=expected.norm,
            conventions=replace(conventions, gradient_flow=expected.flow),
            clip=expected.clip,
            labels=expected.labels,
            loss_fn=plain if expected.own_loss else None,
            training=expected.attack_mode == "training",
        ),
        clean=expected.clean,
        adversarial=expected.adversarial,
        training=expected.mode == "training",
        before=before,
        statistics=expected.statistics,
        **further,
    )


def tensors(expected: Expected, size: int = len(X)):
    labels = tf.constant(np.eye(3)[LABELS[:size]] if expected.smoothing else LABELS[:size])
    weights = None if expected.sample_weights is None else tf.constant(expected.sample_weights[:size])
    return tf.constant(X[:size]), labels, weights


def found_by(expected: Expected, weights: Weights = LINEAR, **further):
    """Losses and gradients of the reimplementation, as floats and arrays by name."""
    model = Linear(weights["kernel"], weights["bias"])
    before = Linear(weights["before-kernel"], weights["before-bias"]) if "before-kernel" in weights else None
    variables = [*(before.variables if before else []), *model.variables]
    objective = objective_of(expected, model, before, **further)
    losses, gradients = objective.gradients(*tensors(expected), variables)
    return tuple(map(float, losses)), [gradient.numpy() for gradient in gradients]


def check(expected: Expected, weights: Weights = LINEAR, **further):
    losses, gradients = found_by(expected, weights, **further)
    assert losses == pytest.approx(expected.losses(weights), rel=1e-10)
    assert_near(gradients, expected.gradients(weights))


def assert_near(gradients, expected: Weights):
    for one, (name, other) in zip(gradients, expected.items(), strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-7, err_msg=name)


def assert_other(expected: Expected, other: Expected, weights: Weights = LINEAR):
    """The one could not be taken for the other: the case tells them apart."""
    pairs = zip(expected.gradients(weights).values(), other.gradients(weights).values(), strict=True)
    assert max(np.abs(one - another).max() for one, another in pairs) > 1e-3
