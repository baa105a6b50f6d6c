"""The reimplementation under CleverHans's conventions: ``harness.reference.fast_gradient_method`` (4.0.0).

4.0.0 has no training loss, so in kinds loss and training this follows ``cleverhans.loss.CrossEntropy`` of 3.1.0, and
takes on what that cannot express, too: sample weights, a sum, a gradient that stops at the perturbation. With one
option set as the other library has it, what is left shows what that option does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from harness import __version__
from harness.subjects.cleverhans_call import perturb_with
from harness.subjects.environments import TENSORFLOW_2
from harness.subjects.keras2 import statistics_of
from harness.subjects.protocol import Batch, LossEvidence, Models, Perturbation
from harness.subjects.reference_training import Practice, ReferenceTrainer, evidence, train
from harness.subjects.translate import (
    CROSS_ENTROPY,
    as_coefficient,
    single_input,
    training_defaulted,
    training_loss_reduction,
    training_settings,
)
from harness.vocabulary import Unsupported

LIBRARY = "adversarial-harness"
API = "harness.reference.fast_gradient_method"
ENVIRONMENT = TENSORFLOW_2


def version() -> str:
    """See ``Subject.version``."""
    return __version__


def perturb(models: Models, batch: Batch, attack: Mapping[str, Any]) -> Perturbation:
    """See ``Subject.perturb``."""
    from harness.reference import fast_gradient_method

    return perturb_with(fast_gradient_method, "reference-cleverhans", models, batch, attack)


_DEFAULTS = {"epsilon": 0.3, "norm": "linf", "labels": "predicted", "adv_coeff": 0.5}
"""Of 3.1.0: ``FastGradientMethod.parse_params`` and ``CrossEntropy.__init__``."""


def loss_evidence(models: Models, batch: Batch, attack: Mapping[str, Any], training: Mapping[str, Any]) -> LossEvidence:
    """See ``Subject.loss_evidence``."""
    return evidence(_practice(models, batch, attack, training), models, batch)


def trainer(models: Models, example: Batch, attack: Mapping[str, Any], training: Mapping[str, Any]) -> ReferenceTrainer:
    """See ``Subject.trainer``."""
    return train(_practice(models, example, attack, training), models, example, training)


def _practice(models: Models, batch: Batch, attack: Mapping[str, Any], training: Mapping[str, Any]) -> Practice:
    """The practice of ``CrossEntropy``, changed where the case says so."""
    import tensorflow as tf

    from harness import reference

    single_input(batch, _NAME)
    if models.output != "logits":
        raise Unsupported(f"{_NAME} takes logits only, as the loss does that it follows")
    objective = as_coefficient(training, default=_DEFAULTS["adv_coeff"])
    smoothing, reduction = training.get("smoothing", 0.0), training_loss_reduction(attack)
    reduce = tf.reduce_sum if reduction == "sum" else tf.reduce_mean

    def loss_fn(labels: Any, logits: Any, sample_weights: Any = None) -> Any:
        labels = labels - smoothing * (labels - 1.0 / labels.shape[1]) if smoothing else labels
        losses = tf.nn.softmax_cross_entropy_with_logits(labels, logits)
        return reduce(losses if sample_weights is None else losses * sample_weights)

    used = {name: attack.get(name, _DEFAULTS[name]) for name in ("epsilon", "norm", "labels")}
    low, high = attack.get("clip") or (None, None)
    flow = training.get("gradient_flow", reference.CLEVERHANS.gradient_flow)
    mode, attack_mode = training.get("mode", "inference"), training.get("attack_mode", "inference")

    def made(model: Any, before: Any) -> Any:
        return reference.TrainingObjective(
            model=model,
            loss_fn=loss_fn,
            attack=reference.TrainingAttack(
                epsilon=used["epsilon"],
                norm=used["norm"],
                conventions=replace(reference.CLEVERHANS, gradient_flow=flow),
                clip=(low, high),
                labels=used["labels"],
                loss_fn=tf.nn.softmax_cross_entropy_with_logits,
                training=attack_mode == "training",
            ),
            clean=objective.clean,
            adversarial=objective.adversarial,
            training=mode == "training",
            before=before,
            statistics="kept",
        )

    kept = models.get(dtype=batch.dtype)
    settings = {
        **used,
        "clip": None if low is None and high is None else [low, high],
        "loss": CROSS_ENTROPY,
        "loss_reduction": reduction,
        "feature_mask": None,
        "dtype": batch.dtype,
    } | training_settings(
        training,
        objective,
        gradient_flow=flow,
        mode=mode,
        attack_mode=attack_mode,
        regularization="not added" if kept.losses else None,
        statistics=statistics_of(kept, mode, attack_mode, moved=False),
    )
    defaulted = tuple(name for name in ("epsilon", "norm", "labels", "clip", "loss_reduction") if name not in attack)
    return Practice(
        made, smoothing, objective.scale, settings, (*defaulted, *training_defaulted(training)), one_hot=True
    )


_NAME = "reference-cleverhans"
