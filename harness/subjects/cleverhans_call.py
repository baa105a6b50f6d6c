"""One call of a function with the signature of CleverHans 4.0's ``fast_gradient_method``."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from harness.subjects.keras2 import outputs_of
from harness.subjects.protocol import Batch, Models, Perturbation
from harness.subjects.translate import (
    CROSS_ENTROPY,
    ORDERS,
    norm_of_order,
    refuse_feature_mask,
    single_input,
    target_class,
    timed,
    two_sided_clip,
)
from harness.vocabulary import Unsupported


def perturb_with(
    fast_gradient_method: Callable[..., Any], subject: str, models: Models, batch: Batch, attack: Mapping[str, Any]
) -> Perturbation:
    """Runs a case of kind perturbation on the function. See ``Subject.perturb``."""
    x = single_input(batch, subject)
    refuse_feature_mask(attack, subject)
    if batch.dtype != "float32":
        raise Unsupported(f"{subject} casts its input to float32; this case is {batch.dtype}")
    arguments = fgm_arguments(attack, batch, subject, output=models.output)
    model = models.get()

    call = timed(lambda: fast_gradient_method(model, x, **arguments))
    adversarial = {next(iter(batch.inputs)): np.asarray(call.value)}
    clean_output, adversarial_output = outputs_of(model, batch.inputs, adversarial)
    return Perturbation(
        adversarial=adversarial,
        settings=settings_used(fast_gradient_method, arguments, attack, output=models.output),
        defaulted=tuple(name for name in ("labels", "clip", "loss", "loss_reduction") if name not in attack),
        clean_output=clean_output,
        adversarial_output=adversarial_output,
        seconds=call.seconds,
    )


def fgm_arguments(attack: Mapping[str, Any], batch: Batch, subject: str, *, output: str) -> dict[str, Any]:
    """Arguments of ``fast_gradient_method`` for what the case states; the rest stays the function's default."""
    for setting, argument in (("epsilon", "eps"), ("norm", "norm")):
        if setting not in attack:
            raise Unsupported(f"{subject} has no default {setting}: {argument!r} is a required argument")
    arguments: dict[str, Any] = {"eps": attack["epsilon"], "norm": ORDERS[attack["norm"]]}
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
    defaults = {
        name: parameter.default for name, parameter in inspect.signature(fast_gradient_method).parameters.items()
    }
    used = {**defaults, **arguments}
    clip = [used["clip_min"], used["clip_max"]]
    fits_output = output == "logits" or "loss" in attack
    return {
        "epsilon": float(used["eps"]),
        "norm": norm_of_order(used["norm"]),
        "labels": attack.get("labels", "given") if used["y"] is not None else "predicted",
        "clip": None if clip == [None, None] else clip,
        "loss": CROSS_ENTROPY if fits_output else "cross-entropy of probabilities taken for logits",
        "loss_reduction": attack.get("loss_reduction", "none"),
        "feature_mask": None,
        "dtype": "float32",
    }
