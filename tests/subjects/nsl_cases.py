"""What subject ``nsl`` is told of a training, beside the library's own arguments for the same."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from harness.subjects import nsl as subject
from harness.subjects.protocol import Batch

from .steps import (
    DENSE,
    DRAWN,
    LABELS,
    NORMALISED,
    PENALISED,
    PROBABILITIES,
    SAMPLE_WEIGHTS,
    STATED,
    WEIGHTING,
    X,
    models_of,
    tf,
)

AS_STATED = {"adv_step_size": 0.3, "adv_grad_norm": "infinity"}

CROSS_ENTROPY = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)


@dataclass(frozen=True)
class Case:
    """What the subject is told, and the library's own arguments for it.

    Attributes:
        attack, training: the settings.
        config: arguments of ``make_adv_reg_config``.
        clean, adversarial: factors of the losses in the loop.
        loss: the Keras loss.
        training_mode: whether the loop calls the model in training mode.
    """

    attack: dict[str, Any] = field(default_factory=lambda: STATED)
    training: dict[str, Any] = field(default_factory=lambda: WEIGHTING)
    config: dict[str, Any] = field(default_factory=lambda: AS_STATED)
    clean: float = 1.0
    adversarial: float = 0.5
    loss: Any = CROSS_ENTROPY
    training_mode: bool = False
    section: dict[str, Any] = field(default_factory=lambda: DENSE)
    sample_weights: np.ndarray | None = None
    one_hot: bool = False

    @property
    def batch(self):
        return Batch({"x": X}, LABELS, 3, self.sample_weights)

    @property
    def models(self):
        return models_of(self.section)

    def evidence(self):
        return subject.loss_evidence(self.models, self.batch, self.attack, self.training)

    def by_the_library(self, nsl):
        """Clean, adversarial and total loss, and the total's gradients: the library finds the clean loss by itself."""
        model = self.models.build()
        labels = tf.constant(np.eye(3, dtype=np.float32)[LABELS] if self.one_hot else LABELS)
        weights = None if self.sample_weights is None else tf.constant(self.sample_weights[:, None])
        with tf.GradientTape() as tape:
            adversarial = nsl.keras.adversarial_loss(
                tf.constant(X),
                labels,
                model,
                self.loss,
                sample_weights=weights,
                adv_config=nsl.configs.make_adv_reg_config(**self.config),
                model_kwargs={"training": self.training_mode},
            )
            clean = self.loss(labels, model(tf.constant(X), training=self.training_mode), weights)
            total = self.clean * clean + self.adversarial * adversarial
        gradients = tape.gradient(total, model.trainable_variables)
        return [float(clean), float(adversarial), float(total)], [gradient.numpy() for gradient in gradients]


def smoothed(smoothing):
    return tf.keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=smoothing)


CASES = {
    "stated": Case(),
    "defaults": Case({}, {}, {}, adversarial=0.2),
    "weighting": Case(training={"weighting": {"clean": 2.0, "adversarial": 0.5}}, adversarial=0.25),
    "adversarial-only": Case(training={"weighting": {"clean": 0.0, "adversarial": 2.0}}, clean=0.0, adversarial=1.0),
    "clean-only": Case(training={"weighting": {"clean": 1.0, "adversarial": 0.0}}, adversarial=0.0),
    "l2": Case({**STATED, "norm": "l2"}, config={**AS_STATED, "adv_grad_norm": "l2"}),
    "l1": Case({**STATED, "norm": "l1"}, config={**AS_STATED, "adv_grad_norm": "l1"}),
    "clip": Case(
        {**STATED, "clip": [-0.5, 0.25]}, config={**AS_STATED, "clip_value_min": -0.5, "clip_value_max": 0.25}
    ),
    "one-sided-clip": Case({**STATED, "clip": [None, 0.25]}, config={**AS_STATED, "clip_value_max": 0.25}),
    "sum": Case(
        {**STATED, "loss_reduction": "sum"},
        loss=tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="sum"),
    ),
    "smoothing": Case(training={**WEIGHTING, "smoothing": 0.3}, loss=smoothed(0.3), one_hot=True),
    "sample-weights": Case(training={**WEIGHTING, **DRAWN}, sample_weights=SAMPLE_WEIGHTS),
    "probabilities": Case(section=PROBABILITIES, loss=tf.keras.losses.SparseCategoricalCrossentropy()),
    "normalised": Case(section=NORMALISED),
    "training-mode": Case(training={**WEIGHTING, "mode": "training"}, training_mode=True, section=NORMALISED),
    "penalised": Case(section=PENALISED),
}
