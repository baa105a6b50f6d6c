"""One call of a function with the signature of CleverHans 4.0's ``fast_gradient_method``."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np

from harness.subjects.keras2 import outputs_of
from harness.subjects.protocol import Batch, Models, Perturbation
from harness.subjects.translate import (
    CROSS_ENTROPY,
    ORDERS,
    misfit,
    norm_of_order,
    refuse_feature_mask,
    single_input,
    target_class,
    timed,
    two_sided_clip,
)
from harness.vocabulary import Unsupported


def perturb_with(
    fast_gradient_method: Callable[..., Any],
    subject: str,
    models: Models,
    batch: Batch,
    attack: Mapping[str, Any],
    *,
    arguments_for: Callable[[dict[str, Any]], dict[str, Any]] = dict,
) -> Perturbation:
    """Runs a case of kind perturbation on the function. See ``Subject.perturb``.

    Args:
        fast_gradient_method: called by keyword.
        subject: its name.
        models, batch, attack: of the case.
        arguments_for: of the arguments for the case, arrays among them, those that the function gets.
    """
    x = single_input(batch, subject)
    refuse_feature_mask(attack, subject)
    if batch.dtype != "float32":
        raise Unsupported(f"{subject} casts its input to float32; this case is {batch.dtype}")
    arguments = fgm_arguments(attack, batch, subject, output=models.output, defaults=_defaults(fast_gradient_method))
    model = models.get()
    every = arguments_for({"model_fn": model, "x": x, **arguments})

    call = timed(lambda: fast_gradient_method(**every))
    adversarial = {next(iter(batch.inputs)): np.asarray(call.value)}
    wrong = misfit(batch.inputs, adversarial)
    if wrong:
        raise ValueError(wrong)
    clean_output, adversarial_output = outputs_of(model, batch.inputs, adversarial)
    return Perturbation(
        adversarial=adversarial,
        settings=settings_used(fast_gradient_method, arguments, attack, output=models.output),
        defaulted=tuple(name for name in _DEFAULTED if name not in attack),
        clean_output=clean_output,
        adversarial_output=adversarial_output,
        seconds=call.seconds,
    )


_DEFAULTED = ("epsilon", "norm", "labels", "clip", "loss", "loss_reduction")


def fgm_arguments(
    attack: Mapping[str, Any], batch: Batch, subject: str, *, output: str, defaults: Collection[str] = ()
) -> dict[str, Any]:
    """Arguments of ``fast_gradient_method`` for what the case states; the rest stays the function's default.

    Args:
        attack: the stated settings.
        batch: the data.
        subject: its name.
        output: what the model returns.
        defaults: arguments that the function has a default for; the original has none for ``eps`` and ``norm``.
    """
    arguments: dict[str, Any] = {}
    for setting, argument in (("epsilon", "eps"), ("norm", "norm")):
        if setting in attack:
            arguments[argument] = attack[setting] if setting == "epsilon" else ORDERS[attack[setting]]
        elif argument not in defaults:
            raise Unsupported(f"{subject} has no default {setting}: {argument!r} is a required argument")
    target = target_class(attack)
    if target is not None:
        arguments |= {"y": np.full_like(batch.labels, target), "targeted": True}
    elif attack.get("labels") == "given":
        arguments["y"] = batch.labels
    clip = two_sided_clip(attack, subject)
    if clip is not None:
        arguments["clip_min"], arguments["clip_max"] = clip
    if "loss" in attack or "loss_reduction" in attack:
        fits_output = "loss" in attack and output == "probabilities"
        arguments["loss_fn"] = _loss_fn(of_probabilities=fits_output, reduction=attack.get("loss_reduction", "none"))
    return arguments


@functools.cache  # one function object for one loss: the libraries trace anew for every function that they are given
def _loss_fn(*, of_probabilities: bool, reduction: str) -> Callable[..., Any]:
    """A loss as CleverHans calls it: ``loss_fn(labels=class indices, logits=model output)``."""
    import tensorflow as tf

    reduce = {"none": tf.identity, "mean": tf.reduce_mean, "sum": tf.reduce_sum}[reduction]
    if of_probabilities:
        return lambda labels, logits: reduce(tf.keras.losses.sparse_categorical_crossentropy(labels, logits))
    return lambda labels, logits: reduce(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits))


def settings_used(
    fast_gradient_method: Callable[..., Any], arguments: Mapping[str, Any], attack: Mapping[str, Any], *, output: str
) -> dict[str, Any]:
    """What the function used: the arguments it got, and its signature's defaults for the others."""
    used = {**_defaults(fast_gradient_method), **arguments}
    clip = [used.get("clip_min"), used.get("clip_max")]
    fits_output = output == "logits" or "loss" in attack
    return {
        "epsilon": float(used["eps"]),
        "norm": norm_of_order(used["norm"]),
        "labels": attack.get("labels", "given") if used.get("y") is not None else "predicted",
        "clip": None if clip == [None, None] else clip,
        "loss": CROSS_ENTROPY if fits_output else "cross-entropy of probabilities taken for logits",
        "loss_reduction": attack.get("loss_reduction", "none"),
        "feature_mask": None,
        "dtype": "float32",
    }


def _defaults(function: Callable[..., Any]) -> dict[str, Any]:
    parameters = inspect.signature(function).parameters.items()
    return {name: parameter.default for name, parameter in parameters if parameter.default is not parameter.empty}
