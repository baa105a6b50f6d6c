"""In double precision: the attack, and what float32 could know of it (``float64.yardstick``); a training step."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from harness import __version__
from harness.oracle.noise import nudge
from harness.subjects.environments import TENSORFLOW_2
from harness.subjects.keras2 import as_model_input, outputs_of, statistics_of
from harness.subjects.protocol import Batch, Losses, LossEvidence, Models, Perturbation
from harness.subjects.reference_training import Practice, ReferenceTrainer, evidence, train
from harness.subjects.translate import (
    CROSS_ENTROPY,
    Objective,
    single_input,
    target_class,
    timed,
    training_defaulted,
    training_loss_reduction,
    training_settings,
)
from harness.vocabulary import Unsupported

LIBRARY = "adversarial-harness"
API = "harness.reference.float64.yardstick"
ENVIRONMENT = TENSORFLOW_2


def version() -> str:
    """See ``Subject.version``."""
    return __version__


def perturb(models: Models, batch: Batch, attack: Mapping[str, Any]) -> Perturbation:
    """See ``Subject.perturb``. ``evidence`` has ``uncertainty`` and ``undetermined`` for each input."""
    from harness.reference.float64 import yardstick

    for setting in ("epsilon", "norm"):
        if setting not in attack:
            raise Unsupported(f"reference-float64 follows no library, so it has no default {setting}")
    # The exact gradient needs the logits; a model that does not come from layers has only the output that it has.
    output = "logits" if models.declared else models.output
    model = models.get(dtype="float64", output=output if models.declared else None)
    target = target_class(attack)
    labels = None if attack.get("labels") == "predicted" else batch.labels
    call = timed(
        lambda: yardstick(
            model,
            as_model_input({name: array.astype(np.float64) for name, array in batch.inputs.items()}),
            labels if target is None else np.full_like(batch.labels, target),
            epsilon=attack["epsilon"],
            norm=attack["norm"],
            clip=tuple(attack.get("clip") or (None, None)),
            targeted=target is not None,
            feature_mask=attack.get("feature_mask"),
            output=output,
        )
    )
    adversarial = _by_name(call.value.adversarial, batch)
    own_model = models.get(dtype="float64")
    clean_output, adversarial_output = outputs_of(own_model, batch.inputs, adversarial)
    return Perturbation(
        adversarial=adversarial,
        settings={
            "epsilon": attack["epsilon"],
            "norm": attack["norm"],
            "labels": attack.get("labels", "given"),
            "clip": None if attack.get("clip") in (None, [None, None]) else attack["clip"],
            "loss": CROSS_ENTROPY,
            "loss_reduction": attack.get("loss_reduction", "none"),
            "feature_mask": attack.get("feature_mask"),
            "dtype": "float64",
        },
        defaulted=tuple(name for name in ("labels", "clip", "loss_reduction") if name not in attack),
        clean_output=clean_output,
        adversarial_output=adversarial_output,
        seconds=call.seconds,
        evidence={
            f"{kind}/{name}": array
            for kind in ("uncertainty", "undetermined")
            for name, array in _by_name(getattr(call.value, kind), batch).items()
        },
    )


def _by_name(arrays: Any, batch: Batch) -> dict[str, np.ndarray]:
    named = arrays if isinstance(arrays, Mapping) else dict.fromkeys(batch.inputs, arrays)
    return {name: np.asarray(array) for name, array in named.items()}


DRAWS = 8
"""Steps in single precision, each on slightly other numbers, that tell how far float32 may be from double precision."""


def loss_evidence(models: Models, batch: Batch, attack: Mapping[str, Any], training: Mapping[str, Any]) -> LossEvidence:
    """See ``Subject.loss_evidence``. ``evidence`` has ``uncertainty/NAME`` for every loss and gradient.

    The uncertainty is sampled: the same step in single precision, on weights and inputs of which each was moved by one
    unit in the last place, up or down by chance. It holds the rounding of the step as well as every sign of the input's
    gradient that float32 cannot know.
    """
    exact = _in_double(batch)
    practice = _practice(models, exact, attack, training)
    result = evidence(practice, models, exact)
    single = dataclasses.replace(batch, inputs={n: a.astype(np.float32) for n, a in batch.inputs.items()})
    generator = np.random.default_rng(0)
    exactly = result.loss_arrays | result.gradient_arrays
    furthest = dict.fromkeys(exactly, 0.0)
    rough = Nudged(models, generator)
    for _ in range(DRAWS):
        nudged = dataclasses.replace(single, inputs={n: nudge(a, generator) for n, a in single.inputs.items()})
        drawn = evidence(practice, rough, nudged)
        for name, value in (drawn.loss_arrays | drawn.gradient_arrays).items():
            furthest[name] = max(furthest[name], float(np.abs(value - exactly[name]).max(initial=0.0)))
    return dataclasses.replace(
        result, evidence={f"uncertainty/{name}": np.float64(value) for name, value in furthest.items()}
    )


def trainer(models: Models, example: Batch, attack: Mapping[str, Any], training: Mapping[str, Any]) -> ReferenceTrainer:
    """See ``Subject.trainer``. Steps take batches of any precision."""
    exact = _in_double(example)
    inner = train(_practice(models, exact, attack, training), models, exact, training)
    return _DoubleTrainer(inner.practice, inner.compiled, inner.state)


class _DoubleTrainer(ReferenceTrainer):
    """Takes batches of any precision."""

    def step(self, batch: Batch) -> Losses:
        return super().step(_in_double(batch))


class Nudged:
    """The problem's models with weights of which each is moved by one unit in the last place, anew at every request."""

    def __init__(self, models: Models, generator: np.random.Generator):
        self._models, self._generator = models, generator
        self._kept: dict[str, tuple[Any, list[np.ndarray]]] = {}
        self.output, self.declared = models.output, models.declared

    def get(self, *, dtype: str = "float32", output: str | None = None) -> Any:
        return self._moved("model", lambda: self._models.build(dtype=dtype))

    def build(self, *, dtype: str = "float32") -> Any:
        return self.get(dtype=dtype)

    def build_before(self, *, dtype: str = "float32") -> Any:
        return self._moved("before", lambda: self._models.build_before(dtype=dtype))

    def _moved(self, name: str, build: Callable[[], Any]) -> Any:
        if name not in self._kept:  # to build one takes longer than the step
            built = build()
            self._kept[name] = built, [] if built is None else built.get_weights()
        model, weights = self._kept[name]
        if model is not None:
            model.set_weights([nudge(array, self._generator) for array in weights])
        return model


def _practice(models: Models, batch: Batch, attack: Mapping[str, Any], training: Mapping[str, Any]) -> Practice:
    import tensorflow as tf

    from harness import reference

    for stated, names in ((attack, ("epsilon", "norm")), (training, ("weighting",))):
        for name in names:
            if name not in stated:
                raise Unsupported(f"{_NAME} follows no library, so it has no default {name}")
    single_input(batch, _NAME)
    if models.output != "logits":
        raise Unsupported(f"{_NAME} computes the loss from logits, in a form that does not cancel")
    model = models.get(dtype="float64")
    by_mode = [layer.name for layer in model.layers if type(layer).__name__ in ("Dropout", "BatchNormalization")]
    if by_mode and not {"mode", "attack_mode"} <= set(training):
        raise Unsupported(f"{_NAME} follows no library, so it has no default mode, and {by_mode[0]} depends on it")
    mode, attack_mode = training.get("mode", "training"), training.get("attack_mode", "training")
    if "training" in (mode, attack_mode) and any("dropout" in name for name in by_mode):
        raise Unsupported("dropout draws random numbers: there is no exact result to compare with")
    weighting = training["weighting"]
    objective = Objective(weighting["clean"], weighting["adversarial"])
    reduction, smoothing = training_loss_reduction(attack), training.get("smoothing", 0.0)
    reduce = tf.reduce_sum if reduction == "sum" else tf.reduce_mean

    def loss_fn(labels: Any, logits: Any, sample_weights: Any = None) -> Any:
        labels = labels * (1.0 - smoothing) + smoothing / labels.shape[1]
        losses = tf.nn.softmax_cross_entropy_with_logits(tf.cast(labels, logits.dtype), logits)
        return reduce(losses if sample_weights is None else losses * sample_weights)

    low, high = attack.get("clip") or (None, None)
    flow = training.get("gradient_flow", "stopped")

    def made(model: Any, before: Any) -> Any:
        return reference.TrainingObjective(
            model=model,
            loss_fn=loss_fn,
            attack=reference.TrainingAttack(
                epsilon=attack["epsilon"],
                norm=attack["norm"],
                conventions=dataclasses.replace(reference.EXACT, gradient_flow=flow),
                clip=(low, high),
                labels=attack.get("labels", "given"),
                loss_fn=lambda labels, logits: tf.nn.softmax_cross_entropy_with_logits(labels, logits),
                training=attack_mode == "training",
            ),
            clean=objective.clean,
            adversarial=objective.adversarial,
            training=mode == "training",
            before=before,
        )

    settings = {
        "epsilon": attack["epsilon"],
        "norm": attack["norm"],
        "labels": attack.get("labels", "given"),
        "clip": None if low is None and high is None else [low, high],
        "loss": CROSS_ENTROPY,
        "loss_reduction": reduction,
        "feature_mask": None,
        "dtype": "float64",
    } | training_settings(
        training,
        objective,
        gradient_flow=flow,
        mode=mode,
        attack_mode=attack_mode,
        regularization="not added" if model.losses else None,
        statistics=statistics_of(model, mode, attack_mode),
    )
    defaulted = tuple(name for name in ("labels", "clip", "loss_reduction") if name not in attack)
    return Practice(
        made, smoothing, objective.scale, settings, (*defaulted, *training_defaulted(training)), one_hot=True
    )


def _in_double(batch: Batch) -> Batch:
    return dataclasses.replace(batch, inputs={name: array.astype(np.float64) for name, array in batch.inputs.items()})


_NAME = "reference-float64"
