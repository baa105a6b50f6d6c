"""A training step of the reimplementation, for the subjects that run it under either library's conventions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.subjects.keras2 import KerasState, labels_for_loss, named_gradients
from harness.subjects.keras2 import optimizer as keras_optimizer
from harness.subjects.protocol import Batch, Losses, LossEvidence, Models
from harness.subjects.translate import timed


@dataclass(frozen=True)
class Practice:
    """A library's way of adversarial training, as the reimplementation is told it.

    Attributes:
        objective: of a model and the layers before the perturbed input (or None): a
            ``harness.reference.TrainingObjective``.
        smoothing: label smoothing, which decides the form of the labels.
        scale: factor on the rate.
        settings, defaulted: see ``Trainer``.
        one_hot: whether the loss takes one column a class also without smoothing.
    """

    objective: Callable[[Any, Any], Any]
    smoothing: float
    scale: float
    settings: Mapping[str, Any]
    defaulted: tuple[str, ...]
    one_hot: bool = False

    def labels(self, batch: Batch) -> np.ndarray:
        """The labels in the form that the loss takes."""
        return batch.one_hot if self.one_hot else labels_for_loss(batch, smoothing=self.smoothing)


def evidence(practice: Practice, models: Models, batch: Batch) -> LossEvidence:
    """One step's evidence, in eager mode. See ``Subject.loss_evidence``."""
    import tensorflow as tf

    model, before = models.get(dtype=batch.dtype), models.build_before(dtype=batch.dtype)
    objective = practice.objective(model, before)
    variables = [*(before.trainable_variables if before is not None else []), *model.trainable_variables]
    x, labels, weights = tf.constant(_single(batch)), tf.constant(practice.labels(batch)), _weights(batch)
    call = timed(lambda: objective.gradients(x, labels, weights, variables))
    losses, gradients = call.value
    return LossEvidence(
        losses=Losses(*(np.asarray(value) for value in losses)),
        gradients=named_gradients(before, model, gradients),
        settings=practice.settings,
        defaulted=practice.defaulted,
        seconds=call.seconds,
    )


def train(practice: Practice, models: Models, example: Batch, training: Mapping[str, Any]) -> ReferenceTrainer:
    """A trainer whose step is compiled. See ``Subject.trainer``."""
    from harness.reference import training_step

    model = models.build(dtype=example.dtype)
    optimizer = keras_optimizer(training["optimizer"], scale=practice.scale)
    state = KerasState(model, optimizer)
    step = training_step(practice.objective(model, None), optimizer, model.trainable_variables)
    return ReferenceTrainer(practice, step, state)


@dataclass(frozen=True)
class ReferenceTrainer:
    """See ``Trainer``."""

    practice: Practice
    compiled: Callable[..., Any]
    state: KerasState

    @property
    def settings(self) -> Mapping[str, Any]:
        """See ``Trainer``."""
        return self.practice.settings

    @property
    def defaulted(self) -> tuple[str, ...]:
        """See ``Trainer``."""
        return self.practice.defaulted

    def begin(self, weights: Sequence[np.ndarray]) -> None:
        """See ``Trainer.begin``."""
        self.state.begin(weights)

    def step(self, batch: Batch) -> Losses:
        """See ``Trainer.step``."""
        import tensorflow as tf

        losses = self.compiled(tf.constant(_single(batch)), tf.constant(self.practice.labels(batch)), _weights(batch))
        return Losses(*(value.numpy() for value in losses))

    def weights(self) -> list[np.ndarray]:
        """See ``Trainer.weights``."""
        return self.state.weights()


def _single(batch: Batch) -> np.ndarray:
    return next(iter(batch.inputs.values()))


def _weights(batch: Batch) -> Any:
    import tensorflow as tf

    return None if batch.sample_weights is None else tf.constant(batch.sample_weights.astype(batch.dtype))
