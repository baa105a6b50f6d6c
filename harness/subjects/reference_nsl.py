"""The reimplementation under NSL's conventions: ``harness.reference.perturb`` and ``TrainingObjective``.

In training it takes on what NSL cannot express, too: predicted labels, a gradient through the perturbation, adversarial
examples only. With one option set as the other library has it, what is left shows what that option does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from harness import __version__
from harness.subjects.environments import TENSORFLOW_2
from harness.subjects.keras2 import as_model_input, cross_entropy, outputs_of, statistics_of
from harness.subjects.nsl_call import DEFAULTED, config_arguments, labels_for, settings_used
from harness.subjects.protocol import Batch, LossEvidence, Models, Perturbation
from harness.subjects.reference_training import Practice, ReferenceTrainer, evidence, train
from harness.subjects.translate import (
    as_multiplier,
    single_input,
    timed,
    training_defaulted,
    training_loss_reduction,
    training_settings,
)

LIBRARY = "adversarial-harness"
API = "harness.reference.perturb"
ENVIRONMENT = TENSORFLOW_2


def version() -> str:
    """See ``Subject.version``."""
    return __version__


def perturb(models: Models, batch: Batch, attack: Mapping[str, Any]) -> Perturbation:
    """See ``Subject.perturb``."""
    import tensorflow as tf

    from harness import reference

    model = models.get(dtype=batch.dtype)
    labels = labels_for(model, batch, attack)
    config = reference.make_adv_reg_config(**config_arguments(attack, batch))
    reduction = attack.get("loss_reduction", "mean")
    loss_fn = cross_entropy(output=models.output, reduction="none" if reduction == "mean" else reduction)
    if reduction == "mean":
        # The wrapper of NSL takes the mean itself, in a form of its own.
        loss_fn = reference.mean_over_batch(loss_fn)

    features = {name: tf.convert_to_tensor(array) for name, array in batch.inputs.items()}
    call = timed(lambda: reference.perturb(features, labels, _by_name(model), loss_fn, adv_config=config))
    adversarial = {name: np.asarray(value) for name, value in call.value.items()}
    clean_output, adversarial_output = outputs_of(model, batch.inputs, adversarial)
    return Perturbation(
        adversarial=adversarial,
        settings=settings_used(config.adv_neighbor_config, attack, batch, reduction=reduction),
        defaulted=tuple(name for name in DEFAULTED if name not in attack),
        clean_output=clean_output,
        adversarial_output=adversarial_output,
        seconds=call.seconds,
    )


def _by_name(model: Any) -> Any:
    """The model as a function of named inputs, also where it has only one."""
    return lambda features: model(as_model_input(features), training=False)


def loss_evidence(models: Models, batch: Batch, attack: Mapping[str, Any], training: Mapping[str, Any]) -> LossEvidence:
    """See ``Subject.loss_evidence``: the loop of NSL's documentation."""
    return evidence(_practice(models, batch, attack, training, in_wrapper=False), models, batch)


def trainer(models: Models, example: Batch, attack: Mapping[str, Any], training: Mapping[str, Any]) -> ReferenceTrainer:
    """See ``Subject.trainer``: the training step of ``AdversarialRegularization``."""
    return train(_practice(models, example, attack, training, in_wrapper=True), models, example, training)


def _practice(
    models: Models, batch: Batch, attack: Mapping[str, Any], training: Mapping[str, Any], *, in_wrapper: bool
) -> Practice:
    """NSL's practice, changed where the case says so.

    Args:
        models, batch, attack, training: of the case.
        in_wrapper: as ``AdversarialRegularization`` trains: in training mode, with a mean of its own and the model's
            own losses. Otherwise the loop of the documentation, which has none of these.
    """
    from harness import reference

    single_input(batch, "reference-nsl")
    config = reference.make_adv_reg_config(**config_arguments(attack, batch))
    reduction, smoothing = training_loss_reduction(attack), training.get("smoothing", 0.0)
    loss_fn = cross_entropy(output=models.output, reduction=reduction, smoothing=smoothing)
    if in_wrapper and reduction == "mean":
        loss_fn = reference.mean_over_batch(loss_fn)
    objective = as_multiplier(training, default=config.multiplier, library="reference-nsl", clean_is_optional=True)
    used = settings_used(config.adv_neighbor_config, attack, batch, reduction=reduction)
    low, high = used["clip"] or (None, None)
    flow = training.get("gradient_flow", "stopped")
    mode = training.get("mode", "training" if in_wrapper else "inference")
    attack_mode = training.get("attack_mode", mode)

    def made(model: Any, before: Any) -> Any:
        return reference.TrainingObjective(
            model=model,
            loss_fn=loss_fn,
            attack=reference.TrainingAttack(
                epsilon=used["epsilon"],
                norm=used["norm"],
                conventions=replace(reference.NSL, gradient_flow=flow),
                clip=(low, high),
                labels=used["labels"],
                training=attack_mode == "training",
            ),
            clean=objective.clean,
            adversarial=objective.adversarial,
            training=mode == "training",
            before=before,
            regularization=in_wrapper,
        )

    kept = models.get(dtype=batch.dtype)
    settings = used | training_settings(
        training,
        objective,
        gradient_flow=flow,
        mode=mode,
        attack_mode=attack_mode,
        regularization=("added" if in_wrapper else "not added") if kept.losses else None,
        statistics=statistics_of(kept, mode, attack_mode),
    )
    defaulted = (*(name for name in DEFAULTED if name not in attack), *training_defaulted(training))
    return Practice(made, smoothing, objective.scale, settings, defaulted)
