"""Neural Structured Learning 1.4.0: ``nsl.keras.AdversarialRegularization`` and ``nsl.keras.adversarial_loss``."""

from __future__ import annotations

import sys
import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.subjects.environments import TENSORFLOW_2, installed_version
from harness.subjects.keras2 import (
    KerasState,
    as_model_input,
    cross_entropy,
    labels_for_loss,
    named_gradients,
    outputs_of,
    statistics_of,
)
from harness.subjects.keras2 import optimizer as keras_optimizer
from harness.subjects.nsl_call import DEFAULTED, config_arguments, labels_for, settings_used
from harness.subjects.protocol import Batch, Losses, LossEvidence, Models, Perturbation
from harness.subjects.translate import (
    as_multiplier,
    refuse_gradient_flow,
    refuse_mode,
    timed,
    training_defaulted,
    training_loss_reduction,
    training_settings,
)
from harness.vocabulary import Unsupported

LIBRARY = "neural-structured-learning"
API = "neural_structured_learning.keras.AdversarialRegularization.perturb_on_batch"
ENVIRONMENT = TENSORFLOW_2

_LABEL = "label"


def version() -> str:
    """See ``Subject.version``."""
    return installed_version(LIBRARY, mend="python -m pip install neural-structured-learning==1.4.0")


def import_nsl() -> types.ModuleType:
    """The library, on a TensorFlow that has no ``tf.estimator`` any more (2.16 and later).

    NSL imports ``tf.estimator`` for an API of its own that is not compared here, and touches it at import only. So it
    is given a module whose members exist and do nothing.
    """
    import tensorflow as tf

    if not hasattr(tf, "estimator"):
        stand_in = _EstimatorStandIn("tensorflow.estimator")
        sys.modules["tensorflow.estimator"] = stand_in
        setattr(tf, "estimator", stand_in)  # noqa: B010  (TensorFlow's module declares no such attribute)
    import neural_structured_learning

    return neural_structured_learning


class _EstimatorStandIn(types.ModuleType):
    def __getattr__(self, name: str) -> type:
        # Dunder names must stay missing: tools that walk sys.modules ask for __file__ and would believe the answer.
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {})


def perturb(models: Models, batch: Batch, attack: Mapping[str, Any]) -> Perturbation:
    """See ``Subject.perturb``."""
    nsl = import_nsl()
    model = models.get(dtype=batch.dtype)
    labels = labels_for(model, batch, attack)
    config = nsl.configs.make_adv_reg_config(**config_arguments(attack, batch))
    adversarial_model = nsl.keras.AdversarialRegularization(model, label_keys=[_LABEL], adv_config=config)
    reduction = attack.get("loss_reduction", "mean")
    adversarial_model.compile(optimizer="sgd", loss=cross_entropy(output=models.output, reduction=reduction))

    call = timed(lambda: adversarial_model.perturb_on_batch({**batch.inputs, _LABEL: labels}))
    adversarial = {name: np.asarray(call.value[name]) for name in batch.inputs}
    clean_output, adversarial_output = outputs_of(model, batch.inputs, adversarial)
    return Perturbation(
        adversarial=adversarial,
        settings=settings_used(config.adv_neighbor_config, attack, batch, reduction=reduction),
        defaulted=tuple(name for name in DEFAULTED if name not in attack),
        clean_output=clean_output,
        adversarial_output=adversarial_output,
        seconds=call.seconds,
    )


def loss_evidence(models: Models, batch: Batch, attack: Mapping[str, Any], training: Mapping[str, Any]) -> LossEvidence:
    """See ``Subject.loss_evidence``: ``nsl.keras.adversarial_loss`` in the loop of its documentation.

    ``figures`` has in ``wrapper`` what ``AdversarialRegularization`` makes of the same step in its own ``call``.
    """
    import tensorflow as tf

    nsl = import_nsl()
    _refuse(attack, training)
    mode = training.get("mode", "inference")  # the loop calls model(x), which in Keras is inference
    refuse_mode(training, "attack_mode", mode, _ONE_PASS)
    config = nsl.configs.make_adv_reg_config(**config_arguments(attack, batch, by_name=len(batch.inputs) > 1))
    # The loop is the user's: the clean loss can be left out of the sum.
    objective = as_multiplier(training, default=config.multiplier, library=_NAME, clean_is_optional=True)
    smoothing = training.get("smoothing", 0.0)
    model, before = models.get(dtype=batch.dtype), models.build_before(dtype=batch.dtype)
    loss_fn = cross_entropy(output=models.output, reduction=training_loss_reduction(attack), smoothing=smoothing)
    labels, weights = tf.constant(labels_for_loss(batch, smoothing=smoothing)), _sample_weights(batch)
    variables = [*(before.trainable_variables if before else []), *model.trainable_variables]
    kwargs = {"training": mode == "training"}

    def step() -> tuple[Losses, list[Any]]:
        with tf.GradientTape() as tape_w:
            with tf.GradientTape() as tape_x:
                x = as_model_input(_tensors(batch))
                if before is not None:
                    x = before(x, **kwargs)
                tape_x.watch(tf.nest.flatten(x))
                labeled_loss = loss_fn(labels, model(x, **kwargs), weights)
            adv_loss = nsl.keras.adversarial_loss(
                x, labels, model, loss_fn, sample_weights=weights, adv_config=config,
                labeled_loss=labeled_loss, gradient_tape=tape_x, model_kwargs=kwargs,
            )  # fmt: skip
            total_loss = labeled_loss + objective.adversarial * adv_loss if objective.clean else adv_loss
        return Losses(labeled_loss, adv_loss, total_loss), tape_w.gradient(
            total_loss, variables, unconnected_gradients=tf.UnconnectedGradients.ZERO
        )

    call = timed(step)
    losses, gradients = call.value
    settings = settings_used(config.adv_neighbor_config, attack, batch, reduction=training_loss_reduction(attack))
    own = "not added" if model.losses else None
    figures = {} if before is not None else {"wrapper": _through_wrapper(nsl, models, batch, attack, training)}
    return LossEvidence(
        losses=Losses(*(np.asarray(value) for value in (losses.clean, losses.adversarial, losses.total))),
        gradients=named_gradients(before, model, gradients),
        settings=settings
        | training_settings(
            training,
            objective,
            gradient_flow="stopped",
            mode=mode,
            attack_mode=mode,
            regularization=own,
            statistics=statistics_of(model, mode),
        ),
        defaulted=_defaulted(attack, training),
        seconds=call.seconds,
        figures=figures,
    )


def _through_wrapper(
    nsl: types.ModuleType, models: Models, batch: Batch, attack: Mapping[str, Any], training: Mapping[str, Any]
) -> dict[str, float | None]:
    """The losses of ``AdversarialRegularization.call`` on the batch, out of a step that changes nothing."""
    import tensorflow as tf

    wrapper = _wrapper(nsl, models.build(dtype=batch.dtype), models.output, batch, attack, training)
    wrapper.compile(optimizer=tf.keras.optimizers.SGD(0.0), loss=_loss(models.output, attack, training))
    losses = wrapper_losses(
        wrapper.test_on_batch(_features(batch, training), return_dict=True)
        if training.get("mode", "inference") == "inference"
        else wrapper.train_on_batch(_features(batch, training), return_dict=True),
        wrapper.adv_config.multiplier,
    )
    return {
        name: float(value) if np.isfinite(value) else None
        for name, value in (("clean", losses.clean), ("adversarial", losses.adversarial), ("total", losses.total))
    }


def trainer(models: Models, example: Batch, attack: Mapping[str, Any], training: Mapping[str, Any]) -> NslTrainer:
    """See ``Subject.trainer``: ``AdversarialRegularization.compile`` and its own training step."""
    nsl = import_nsl()
    _refuse(attack, training)
    refuse_mode(training, "mode", "training", f"{_NAME}'s training step calls the model in training mode")
    refuse_mode(training, "attack_mode", "training", _ONE_PASS)
    config = nsl.configs.make_adv_reg_config(**config_arguments(attack, example))
    objective = as_multiplier(training, default=config.multiplier, library=_NAME)
    model = models.build(dtype=example.dtype)
    wrapper = _wrapper(nsl, model, models.output, example, attack, training)
    optimizer = keras_optimizer(training["optimizer"], scale=objective.scale)
    wrapper.compile(optimizer=optimizer, loss=_loss(models.output, attack, training))
    settings = settings_used(config.adv_neighbor_config, attack, example, reduction=training_loss_reduction(attack))
    settings |= training_settings(
        training,
        objective,
        gradient_flow="stopped",
        mode="training",
        attack_mode="training",
        regularization="added" if model.losses else None,
        statistics=statistics_of(model, "training"),
    )
    return NslTrainer(wrapper, KerasState(model, optimizer), training, settings, _defaulted(attack, training))


@dataclass(frozen=True)
class NslTrainer:
    """See ``Trainer``."""

    wrapper: Any
    state: KerasState
    training: Mapping[str, Any]
    settings: Mapping[str, Any]
    defaulted: tuple[str, ...]

    def begin(self, weights: Sequence[np.ndarray]) -> None:
        """See ``Trainer.begin``."""
        self.state.begin(weights)

    def step(self, batch: Batch) -> Losses:
        """See ``Trainer.step``."""
        figures = self.wrapper.train_on_batch(_features(batch, self.training), return_dict=True)
        return wrapper_losses(figures, self.wrapper.adv_config.multiplier)

    def weights(self) -> list[np.ndarray]:
        """See ``Trainer.weights``."""
        return self.state.weights()


def wrapper_losses(figures: Mapping[str, float], multiplier: float) -> Losses:
    """The losses out of the metrics of a step: total, clean, and the adversarial one times the multiplier.

    With a multiplier of 0 there is no telling what the adversarial loss was.
    """
    total, clean, scaled = figures.values()
    return Losses(clean, scaled / multiplier if multiplier else np.nan, total)


_NAME = "nsl"
_SAMPLE_WEIGHT = "sample_weight"
_ONE_PASS = "nsl's attack differentiates the very forward pass that gives the clean loss: one mode serves both"


def _refuse(attack: Mapping[str, Any], training: Mapping[str, Any]) -> None:
    if attack.get("labels") == "predicted":
        raise Unsupported("nsl's attack ascends the training loss, whose labels are the given ones")
    refuse_gradient_flow(training, "stopped", norm=attack.get("norm", "l2"), library=_NAME)


def _wrapper(
    nsl: types.ModuleType,
    model: Any,
    output: str,
    batch: Batch,
    attack: Mapping[str, Any],
    training: Mapping[str, Any],
) -> Any:
    arguments = config_arguments(attack, batch)
    weighting = training.get("weighting")
    if weighting and weighting["clean"]:
        arguments["multiplier"] = weighting["adversarial"] / weighting["clean"]
    return nsl.keras.AdversarialRegularization(
        model,
        label_keys=[_LABEL],
        sample_weight_key=_SAMPLE_WEIGHT if training.get("sample_weights") else None,
        adv_config=nsl.configs.make_adv_reg_config(**arguments),
    )


def _loss(output: str, attack: Mapping[str, Any], training: Mapping[str, Any]) -> Any:
    reduction = training_loss_reduction(attack)
    return cross_entropy(output=output, reduction=reduction, smoothing=training.get("smoothing", 0.0))


def _features(batch: Batch, training: Mapping[str, Any]) -> dict[str, np.ndarray]:
    features = {**batch.inputs, _LABEL: labels_for_loss(batch, smoothing=training.get("smoothing", 0.0))}
    if batch.sample_weights is not None:
        features[_SAMPLE_WEIGHT] = batch.sample_weights[:, None]
    return features


def _tensors(batch: Batch) -> dict[str, Any]:
    import tensorflow as tf

    return {name: tf.constant(array) for name, array in batch.inputs.items()}


def _sample_weights(batch: Batch) -> Any:
    """``(batch, 1)``: the documentation of NSL asks for one dimension, with which its losses raise."""
    import tensorflow as tf

    return None if batch.sample_weights is None else tf.constant(batch.sample_weights[:, None])


def _defaulted(attack: Mapping[str, Any], training: Mapping[str, Any]) -> tuple[str, ...]:
    return (*(name for name in DEFAULTED if name not in attack), *training_defaulted(training))
