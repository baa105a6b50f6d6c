"""The training step of NSL's documentation, around ``nsl.keras.adversarial_loss`` or a function of its signature."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.subjects.keras2 import as_model_input, cross_entropy, labels_for_loss, named_gradients, statistics_of
from harness.subjects.nsl_call import DEFAULTED, config_arguments, import_nsl, settings_used
from harness.subjects.protocol import Batch, Losses, LossEvidence, Models
from harness.subjects.translate import (
    Objective,
    as_multiplier,
    refuse_gradient_flow,
    refuse_mode,
    timed,
    training_defaulted,
    training_loss_reduction,
    training_settings,
)
from harness.vocabulary import Unsupported


@dataclass(frozen=True)
class Loop:
    """One step's losses, as the loop of the documentation computes them.

    Attributes:
        adversarial_loss: with the signature of ``nsl.keras.adversarial_loss``; called by keyword with what
            ``arguments_for`` makes of all arguments.
        arguments_for: of the arguments that the loop has, those that the function gets.
        loss_fn: a callable of labels, predictions and sample weights (or None).
        objective: how the losses are weighed; without a weight for it, the clean loss is left out of the total.
        config: an ``AdvRegConfig``.
        in_training: whether the model is called in training mode, for both losses and the attack.
    """

    adversarial_loss: Callable[..., Any]
    arguments_for: Callable[[dict[str, Any]], dict[str, Any]]
    loss_fn: Callable[..., Any]
    objective: Objective
    config: Any
    in_training: bool

    def losses(self, model: Any, before: Any, inputs: Mapping[str, Any], labels: Any, weights: Any) -> Losses:
        """The losses of a batch, to be called under the tape that differentiates them.

        Args:
            model: the Keras model.
            before: layers whose output is what the attack perturbs, or None.
            inputs: tensors by name.
            labels: in the form that the loss takes.
            weights: of the examples, ``(batch, 1)``, or None.
        """
        import tensorflow as tf

        kwargs = {"training": self.in_training}
        with tf.GradientTape() as tape_x:
            x = as_model_input(inputs)
            if before is not None:
                x = before(x, **kwargs)
            tape_x.watch(tf.nest.flatten(x))
            labeled_loss = self.loss_fn(labels, model(x, **kwargs), weights)
        arguments = {"features": x, "labels": labels, "model": model, "loss_fn": self.loss_fn}
        arguments |= {"sample_weights": weights, "adv_config": self.config, "model_kwargs": kwargs}
        arguments |= {"labeled_loss": labeled_loss, "gradient_tape": tape_x}
        adv_loss = tf.convert_to_tensor(self.adversarial_loss(**self.arguments_for(arguments)))
        if adv_loss.shape.rank:
            raise ValueError(f"returned a loss of shape {tuple(adv_loss.shape)}; it must be one number")
        objective = self.objective
        total_loss = labeled_loss + objective.adversarial * adv_loss if objective.clean else adv_loss
        return Losses(labeled_loss, adv_loss, total_loss)


def refuse(attack: Mapping[str, Any], training: Mapping[str, Any], subject: str) -> None:
    """Raises ``Unsupported`` for what an attack that ascends the training loss cannot express."""
    if attack.get("labels") == "predicted":
        raise Unsupported(f"{subject}'s attack ascends the training loss, whose labels are the given ones")
    refuse_gradient_flow(training, "stopped", norm=attack.get("norm", "l2"), library=subject)


def one_pass(subject: str) -> str:
    """Why the attack has no mode of its own."""
    return f"{subject}'s attack differentiates the very forward pass that gives the clean loss: one mode serves both"


def evidence_in_loop(
    adversarial_loss: Callable[..., Any],
    subject: str,
    models: Models,
    batch: Batch,
    attack: Mapping[str, Any],
    training: Mapping[str, Any],
    *,
    arguments_for: Callable[[dict[str, Any]], dict[str, Any]] = dict,
) -> LossEvidence:
    """Runs a case of kind loss on the function. See ``Subject.loss_evidence``."""
    import tensorflow as tf

    loop = loop_for(
        adversarial_loss,
        subject,
        models,
        batch,
        attack,
        training,
        default_mode="inference",  # the loop calls model(x), which in Keras is inference
        arguments_for=arguments_for,
    )
    model, before = models.get(dtype=batch.dtype), models.build_before(dtype=batch.dtype)
    labels = tf.constant(labels_for_loss(batch, smoothing=training.get("smoothing", 0.0)))
    variables = [*(before.trainable_variables if before else []), *model.trainable_variables]

    def step() -> tuple[Losses, list[Any]]:
        with tf.GradientTape() as tape_w:
            losses = loop.losses(model, before, tensors(batch), labels, sample_weights(batch))
        return losses, tape_w.gradient(losses.total, variables, unconnected_gradients=tf.UnconnectedGradients.ZERO)

    call = timed(step)
    losses, gradients = call.value
    return LossEvidence(
        losses=Losses(*(np.asarray(value) for value in (losses.clean, losses.adversarial, losses.total))),
        gradients=named_gradients(before, model, gradients),
        settings=loop_settings(loop, model, batch, attack, training, regularization="not added"),
        defaulted=defaulted(attack, training),
        seconds=call.seconds,
    )


def loop_for(
    adversarial_loss: Callable[..., Any],
    subject: str,
    models: Models,
    batch: Batch,
    attack: Mapping[str, Any],
    training: Mapping[str, Any],
    *,
    default_mode: str,
    arguments_for: Callable[[dict[str, Any]], dict[str, Any]],
) -> Loop:
    """The loop of a case. Raises ``Unsupported`` for what it cannot express."""
    refuse(attack, training, subject)
    mode = training.get("mode", default_mode)
    refuse_mode(training, "attack_mode", mode, one_pass(subject))
    make_config = import_nsl().configs.make_adv_reg_config
    config = make_config(**config_arguments(attack, batch, by_name=len(batch.inputs) > 1))
    # The loop is the user's: the clean loss can be left out of the sum.
    objective = as_multiplier(training, default=config.multiplier, library=subject, clean_is_optional=True)
    reduction, smoothing = training_loss_reduction(attack), training.get("smoothing", 0.0)
    loss_fn = cross_entropy(output=models.output, reduction=reduction, smoothing=smoothing)
    return Loop(adversarial_loss, arguments_for, loss_fn, objective, config, mode == "training")


def loop_settings(
    loop: Loop,
    model: Any,
    batch: Batch,
    attack: Mapping[str, Any],
    training: Mapping[str, Any],
    *,
    regularization: str,
) -> dict[str, Any]:
    """What the loop uses, as JSON values. ``regularization``: what becomes of the model's own losses, if it has any."""
    mode = "training" if loop.in_training else "inference"
    used = settings_used(loop.config.adv_neighbor_config, attack, batch, reduction=training_loss_reduction(attack))
    return used | training_settings(
        training,
        loop.objective,
        gradient_flow="stopped",
        mode=mode,
        attack_mode=mode,
        regularization=regularization if model.losses else None,
        statistics=statistics_of(model, mode),
    )


def tensors(batch: Batch) -> dict[str, Any]:
    """The inputs by name, as tensors."""
    import tensorflow as tf

    return {name: tf.constant(array) for name, array in batch.inputs.items()}


def sample_weights(batch: Batch) -> Any:
    """``(batch, 1)``: the documentation of NSL asks for one dimension, with which its losses raise."""
    import tensorflow as tf

    return None if batch.sample_weights is None else tf.constant(batch.sample_weights[:, None])


def defaulted(attack: Mapping[str, Any], training: Mapping[str, Any]) -> tuple[str, ...]:
    """The names of the settings that are left to NSL."""
    return (*(name for name in DEFAULTED if name not in attack), *training_defaulted(training))
