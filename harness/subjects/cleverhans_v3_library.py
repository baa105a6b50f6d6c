"""CleverHans 3.1.0 itself: how it is imported, and what its attack is told."""

from __future__ import annotations

import collections
import collections.abc
import sys
import types
import warnings
from collections.abc import Mapping
from typing import Any

from harness.subjects.protocol import Batch, Models
from harness.subjects.translate import ORDERS, refuse_feature_mask, single_input, two_sided_clip
from harness.vocabulary import Unsupported

NAME = "cleverhans-v3"


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
        import cleverhans.loss  # pyright: ignore[reportMissingImports]
        import cleverhans.model  # pyright: ignore[reportMissingImports]

        return tf1, cleverhans


def refuse_what_the_attack_has_not(models: Models, batch: Batch, attack: Mapping[str, Any]) -> None:
    """Raises ``Unsupported`` for a model or a setting that ``FastGradientMethod`` cannot express."""
    single_input(batch, NAME)
    refuse_feature_mask(attack, NAME)
    if models.output != "logits":
        raise Unsupported(f"{NAME} takes logits only: it asserts that it is not given the output of a softmax")
    two_sided_clip(attack, NAME)


def attack_arguments(attack: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of ``FastGradientMethod.generate`` for epsilon, norm and clip, as far as the case states them."""
    arguments: dict[str, Any] = {}
    if "epsilon" in attack:
        arguments["eps"] = attack["epsilon"]
    if "norm" in attack:
        arguments["ord"] = ORDERS[attack["norm"]]
    clip = two_sided_clip(attack, NAME)
    if clip is not None:
        arguments["clip_min"], arguments["clip_max"] = clip
    return arguments


def clip_used(arguments: Mapping[str, Any]) -> list[float] | None:
    """The clip range among the arguments of ``generate``, its defaults included, as settings show it."""
    clip = [arguments["clip_min"], arguments["clip_max"]]
    return None if clip == [None, None] else clip
