"""Neural Structured Learning 1.4.0: ``nsl.keras.AdversarialRegularization`` and ``nsl.keras.adversarial_loss``."""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from harness.subjects.environments import TENSORFLOW_2, installed_version
from harness.subjects.keras2 import KerasState, cross_entropy, labels_for_loss, outputs_of, statistics_of
from harness.subjects.keras2 import optimizer as keras_optimizer
from harness.subjects.nsl_call import DEFAULTED, config_arguments, import_nsl, labels_for, settings_used
from harness.subjects.nsl_loop import defaulted, evidence_in_loop, one_pass, refuse
from harness.subjects.protocol import Batch, Losses, LossEvidence, Models, Perturbation
from harness.subjects.translate import (
    as_multiplier,
    refuse_mode,
    timed,
    training_loss_reduction,
    training_settings,
)

LIBRARY = "neural-structured-learning"
API = "neural_structured_learning.keras.AdversarialRegularization.perturb_on_batch"
ENVIRONMENT = TENSORFLOW_2

LABEL = "label"
"""The key of the labels in what the wrapper is given."""


def version() -> str:
    """See ``Subject.version``."""
    return installed_version(LIBRARY, mend="python -m pip install neural-structured-learning==1.4.0")


def perturb(models: Models, batch: Batch, attack: Mapping[str, Any]) -> Perturbation:
    """See ``Subject.perturb``."""
    nsl = import_nsl()
    model = models.get(dtype=batch.dtype)
    labels = labels_for(model, batch, attack)
    config = nsl.configs.make_adv_reg_config(**config_arguments(attack, batch))
    adversarial_model = nsl.keras.AdversarialRegularization(model, label_keys=[LABEL], adv_config=config)
    reduction = attack.get("loss_reduction", "mean")
    adversarial_model.compile(optimizer="sgd", loss=cross_entropy(output=models.output, reduction=reduction))

    call = timed(lambda: adversarial_model.perturb_on_batch({**batch.inputs, LABEL: labels}))
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
    nsl = import_nsl()
    evidence = evidence_in_loop(nsl.keras.adversarial_loss, _NAME, models, batch, attack, training)
    if any(name.startswith("before-") for name in evidence.gradients):
        return evidence  # the wrapper attacks its input, and nothing behind it
    return replace(evidence, figures={"wrapper": _through_wrapper(nsl, models, batch, attack, training)})


def _through_wrapper(
    nsl: types.ModuleType, models: Models, batch: Batch, attack: Mapping[str, Any], training: Mapping[str, Any]
) -> dict[str, float | None]:
    """The losses of ``AdversarialRegularization.call`` on the batch, out of a step that changes nothing."""
    import tensorflow as tf

    wrapper = _wrapper(nsl, models.build(dtype=batch.dtype), models.output, batch, attack, training)
    # Eagerly, since one step takes less time than to compile it.
    loss = _loss(models.output, attack, training)
    wrapper.compile(optimizer=tf.keras.optimizers.SGD(0.0), loss=loss, run_eagerly=True)
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
    import tensorflow as tf

    nsl = import_nsl()
    refuse(attack, training, _NAME)
    refuse_mode(training, "mode", "training", f"{_NAME}'s training step calls the model in training mode")
    refuse_mode(training, "attack_mode", "training", one_pass(_NAME))
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
    _make_metrics(wrapper, _features(example, training))

    # What train_on_batch compiles and calls. It also makes a data set of every batch, which takes longer than the step.
    @tf.function(reduce_retracing=True)
    def step(features: Any) -> Any:
        wrapper.reset_metrics()
        return wrapper.train_step((features,))

    return NslTrainer(wrapper, step, KerasState(model, optimizer), training, settings, defaulted(attack, training))


@dataclass(frozen=True)
class NslTrainer:
    """See ``Trainer``."""

    wrapper: Any
    update: Callable[..., Mapping[str, Any]]
    state: KerasState
    training: Mapping[str, Any]
    settings: Mapping[str, Any]
    defaulted: tuple[str, ...]

    def begin(self, weights: Sequence[np.ndarray]) -> None:
        """See ``Trainer.begin``."""
        self.state.begin(weights)

    def step(self, batch: Batch) -> Losses:
        """See ``Trainer.step``."""
        import tensorflow as tf

        features = {name: tf.constant(array) for name, array in _features(batch, self.training).items()}
        figures = {name: figure.numpy() for name, figure in self.update(features).items()}
        return wrapper_losses(figures, self.wrapper.adv_config.multiplier)

    def weights(self) -> list[np.ndarray]:
        """See ``Trainer.weights``."""
        return self.state.weights()


def _make_metrics(wrapper: Any, features: Mapping[str, np.ndarray]) -> None:
    """Has Keras make the variables of the metrics. It does so at the first step; a compiled one is then traced twice.

    A step of evaluation, which changes neither weights nor statistics.
    """
    import tensorflow as tf

    wrapper.test_step(({name: tf.constant(array) for name, array in features.items()},))


def wrapper_losses(figures: Mapping[str, float], multiplier: float) -> Losses:
    """The losses out of the metrics of a step: total, clean, and the adversarial one times the multiplier.

    With a multiplier of 0 there is no telling what the adversarial loss was.
    """
    total, clean, scaled = figures.values()
    return Losses(clean, scaled / multiplier if multiplier else np.nan, total)


_NAME = "nsl"
_SAMPLE_WEIGHT = "sample_weight"


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
        label_keys=[LABEL],
        sample_weight_key=_SAMPLE_WEIGHT if training.get("sample_weights") else None,
        adv_config=nsl.configs.make_adv_reg_config(**arguments),
    )


def _loss(output: str, attack: Mapping[str, Any], training: Mapping[str, Any]) -> Any:
    reduction = training_loss_reduction(attack)
    return cross_entropy(output=output, reduction=reduction, smoothing=training.get("smoothing", 0.0))


def _features(batch: Batch, training: Mapping[str, Any]) -> dict[str, np.ndarray]:
    features = {**batch.inputs, LABEL: labels_for_loss(batch, smoothing=training.get("smoothing", 0.0))}
    if batch.sample_weights is not None:
        features[_SAMPLE_WEIGHT] = batch.sample_weights[:, None]
    return features
