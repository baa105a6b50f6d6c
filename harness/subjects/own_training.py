"""Training with a user's own function of the signature of ``nsl.keras.adversarial_loss``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.subjects.keras2 import KerasState, labels_for_loss
from harness.subjects.keras2 import optimizer as keras_optimizer
from harness.subjects.nsl_loop import defaulted, loop_for, loop_settings, sample_weights, tensors
from harness.subjects.protocol import Batch, Losses, Models


def own_trainer(
    adversarial_loss: Callable[..., Any],
    subject: str,
    models: Models,
    example: Batch,
    attack: Mapping[str, Any],
    training: Mapping[str, Any],
    *,
    arguments_for: Callable[[dict[str, Any]], dict[str, Any]],
) -> OwnTrainer:
    """See ``Subject.trainer``: the loop of NSL's documentation, in the mode and with the penalty of NSL's own step."""
    import tensorflow as tf

    loop = loop_for(
        adversarial_loss,
        subject,
        models,
        example,
        attack,
        training,
        default_mode="training",
        arguments_for=arguments_for,
    )
    model = models.build(dtype=example.dtype)
    optimizer = keras_optimizer(training["optimizer"], scale=loop.objective.scale)
    state = KerasState(model, optimizer)
    variables = model.trainable_variables

    def update(inputs: Mapping[str, Any], labels: Any, weights: Any) -> tuple[Any, Any, Any]:
        with tf.GradientTape() as tape:
            losses = loop.losses(model, None, inputs, labels, weights)
            total = tf.add_n([losses.total, *model.losses])
        gradients = tape.gradient(total, variables, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        optimizer.apply_gradients(zip(gradients, variables, strict=True))
        return losses.clean, losses.adversarial, total

    settings = loop_settings(loop, model, example, attack, training, regularization="added")
    smoothing = training.get("smoothing", 0.0)
    trainer = OwnTrainer(tf.function(update), smoothing, state, settings, defaulted(attack, training))
    try:
        trainer.compiled.get_concrete_function(*trainer.arguments(example))
    except Exception:  # code that only runs eagerly may raise anything here; if it is wrong, it raises again
        return OwnTrainer(update, smoothing, state, settings, trainer.defaulted)
    return trainer


@dataclass(frozen=True)
class OwnTrainer:
    """See ``Trainer``."""

    compiled: Any
    smoothing: float
    state: KerasState
    settings: Mapping[str, Any]
    defaulted: tuple[str, ...]

    def arguments(self, batch: Batch) -> tuple[Any, Any, Any]:
        """What a step takes of a batch."""
        import tensorflow as tf

        return tensors(batch), tf.constant(labels_for_loss(batch, smoothing=self.smoothing)), sample_weights(batch)

    def begin(self, weights: Sequence[np.ndarray]) -> None:
        """See ``Trainer.begin``."""
        self.state.begin(weights)

    def step(self, batch: Batch) -> Losses:
        """See ``Trainer.step``."""
        return Losses(*(np.asarray(value) for value in self.compiled(*self.arguments(batch))))

    def weights(self) -> list[np.ndarray]:
        """See ``Trainer.weights``."""
        return self.state.weights()
