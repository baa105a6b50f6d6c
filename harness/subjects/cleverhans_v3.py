"""CleverHans 3.1.0: ``cleverhans.attacks.FastGradientMethod.generate``, the API for TensorFlow 1."""

from __future__ import annotations

import collections
import collections.abc
import inspect
import sys
import types
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from harness.subjects.environments import CLEVERHANS_V3, TENSORFLOW_1, version_in
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

LIBRARY = "cleverhans"
API = "cleverhans.attacks.FastGradientMethod.generate"
ENVIRONMENT = TENSORFLOW_1

_NAME = "cleverhans-v3"


def version() -> str:
    """See ``Subject.version``."""
    mend = f"python -m pip install --no-deps --target {CLEVERHANS_V3} cleverhans==3.1.0"
    return version_in(CLEVERHANS_V3, LIBRARY, mend=mend)


def import_cleverhans() -> tuple[types.ModuleType, types.ModuleType]:
    """TensorFlow as version 1 and the library on it, in a process of its environment."""
    import tensorflow.compat.v1 as tf1  # pyright: ignore[reportMissingImports]  (TensorFlow makes it when imported)

    # Python 3.10 moved it to collections.abc; the library looks for it in the old place.
    setattr(collections, "Hashable", collections.abc.Hashable)  # noqa: B010
    # Imported by an attack (SPSA) that is not compared here.
    sys.modules.setdefault("tensorflow_addons", types.ModuleType("tensorflow_addons"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import cleverhans.attacks  # pyright: ignore[reportMissingImports]  (3.1.0, in its own folder)
        import cleverhans.model  # pyright: ignore[reportMissingImports]

        return tf1, cleverhans


def perturb(models: Models, batch: Batch, attack: Mapping[str, Any]) -> Perturbation:
    """See ``Subject.perturb``."""
    x = single_input(batch, _NAME)
    refuse_feature_mask(attack, _NAME)
    if models.output != "logits":
        raise Unsupported(f"{_NAME} takes logits only: it asserts that it is not given the output of a softmax")
    tf1, cleverhans = import_cleverhans()

    # A graph of its own for each case: `generate` only ever adds to the graph that it finds.
    with tf1.Graph().as_default(), tf1.Session() as session, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tf1.set_random_seed(0)
        model = models.build(dtype=batch.dtype)
        placeholder = tf1.placeholder(batch.dtype, x.shape)
        logits = model(placeholder)
        fast_gradient_method = cleverhans.attacks.FastGradientMethod(
            cleverhans.model.CallableModelWrapper(model, "logits"), sess=session, dtypestr=batch.dtype
        )
        arguments = generate_arguments(tf1, attack, batch)

        def generate() -> np.ndarray:
            return session.run(fast_gradient_method.generate(placeholder, **arguments), {placeholder: x})

        call = timed(generate)
        outputs = [session.run(logits, {placeholder: value}) for value in (x, call.value)]
    defaults = inspect.signature(fast_gradient_method.parse_params).parameters
    return Perturbation(
        adversarial={next(iter(batch.inputs)): call.value},
        settings=_settings(
            {name: parameter.default for name, parameter in defaults.items()} | arguments, attack, batch
        ),
        defaulted=tuple(
            name for name in ("epsilon", "norm", "labels", "clip", "loss", "loss_reduction") if name not in attack
        ),
        clean_output=outputs[0],
        adversarial_output=outputs[1],
        seconds=call.seconds,
    )


def generate_arguments(tf1: Any, attack: Mapping[str, Any], batch: Batch) -> dict[str, Any]:
    """Arguments of ``generate`` for what the case states; the rest stays the library's default."""
    arguments: dict[str, Any] = {}
    if "epsilon" in attack:
        arguments["eps"] = attack["epsilon"]
    if "norm" in attack:
        arguments["ord"] = ORDERS[attack["norm"]]
    one_hot = np.eye(batch.classes, dtype=batch.dtype)
    target = target_class(attack)
    if target is not None:
        arguments["y_target"] = tf1.constant(np.repeat(one_hot[target][None], len(batch.labels), axis=0))
    elif attack.get("labels") == "given":
        arguments["y"] = tf1.constant(one_hot[batch.labels])
    clip = two_sided_clip(attack, _NAME)
    if clip is not None:
        arguments["clip_min"], arguments["clip_max"] = clip
    if "loss_reduction" in attack:
        reduce = {"none": tf1.identity, "mean": tf1.reduce_mean, "sum": tf1.reduce_sum}[attack["loss_reduction"]]
        arguments["loss_fn"] = lambda labels, logits: reduce(
            tf1.nn.softmax_cross_entropy_with_logits_v2(labels=tf1.stop_gradient(labels), logits=logits)
        )
    return arguments


def _settings(used: Mapping[str, Any], attack: Mapping[str, Any], batch: Batch) -> dict[str, Any]:
    """What the library used: the arguments it got, and the defaults of its ``parse_params`` for the others."""
    clip = [used["clip_min"], used["clip_max"]]
    stated_labels = used["y"] is not None or used["y_target"] is not None
    return {
        "epsilon": float(used["eps"]),
        "norm": norm_of_order(used["ord"]),
        "labels": attack["labels"] if stated_labels else "predicted",
        "clip": None if clip == [None, None] else clip,
        "loss": CROSS_ENTROPY,
        "loss_reduction": attack.get("loss_reduction", "none"),
        "feature_mask": None,
        "dtype": batch.dtype,
    }
