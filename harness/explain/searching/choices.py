"""What a random scenario may say: of each setting the classes of values, how often each is drawn, and how it is made.

A class stands for values that implementations could treat alike: ``zeros``, ``huge``, ``left out``. How often each was
run is what a search says of itself at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random
from typing import Any

from harness.scenario.schema.settings import SETTINGS

LEFT_OUT = "left out"
"""The class of a setting that a scenario does not state."""

Options = Mapping[str, tuple[int, Callable[[Random], Any]]]
"""Class to its weight and to what makes a value of it."""


def _values(weights: Mapping[Any, int]) -> Options:
    """Values that are classes of their own."""
    return {
        str(value).lower() if isinstance(value, bool) else str(value): (weight, lambda random, value=value: value)
        for value, weight in weights.items()
    }


def _out(weight: int) -> Options:
    return {LEFT_OUT: (weight, lambda random: None)}


def _seed(random: Random) -> int:
    return random.randrange(1000)


def _in_thousandths(low: float, high: float) -> Callable[[Random], float]:
    return lambda random: round(random.uniform(low, high), 3)


_SEED: Options = {"0": (1, lambda random: 0), "another": (2, _seed)}
_MODE = {**_out(6), **_values({"training": 2, "inference": 4})}

CHOICES: dict[str, Options] = {
    "kind": _values({"perturbation": 12, "loss": 7, "training": 1}),
    "model.layers": _values(
        {"one dense": 4, "two dense": 6, "three dense": 3, "normalised": 3, "dropped out": 2, "penalised": 2}
        | {"rescaled": 2, "convolution": 4, "convolution and pooling": 3}
    ),
    "model.before": {**_out(6), **_values({"dense": 1})},
    "model.output": _values({"logits": 7, "probabilities": 2}),
    "model.init.scheme": _values(
        {"glorot_uniform": 4, "glorot_normal": 1, "he_uniform": 1, "he_normal": 1, "uniform": 1, "normal": 1}
    ),
    "model.init.scale": _values(
        {1.0: 12, 0.0: 1, 1e-7: 2, 1e-3: 2, 10.0: 3, 100.0: 2, 1e10: 1, 1e30: 1, -1.0: 1},
    ),
    "model.init.seed": _SEED,
    "model.pretrain": {**_out(18), **_values({"adam": 1, "sgd": 1})},
    "data.source": _values({"digits": 3, "iris": 3, "wine": 1, "breast_cancer": 1, "blobs": 2, "inline": 9}),
    "data.batch": {
        "one": (2, lambda random: 1),
        "few": (5, lambda random: random.randrange(2, 9)),
        "many": (2, lambda random: random.randrange(9, 49)),
    },
    "data.split": _values({"test": 4, "train": 1, "all": 1}),
    "data.seed": _SEED,
    "data.x": _values(
        {"ordinary": 8, "negative, too": 3, "zeros": 2, "equal examples": 2, "whole numbers": 2, "1e30": 1}
        | {"1e-40": 1, "of many magnitudes": 2, "beyond float32": 1}
    ),
    "data.y": _values({"any": 6, "all the same": 1}),
    "data.classes": {**_out(4), **_values({"more than occur": 2})},
    "data.inputs": {**_out(14), **_values({"two": 1})},
    "attack.epsilon": {
        **_out(1),
        "ordinary": (12, _in_thousandths(0.01, 0.5)),
        **_values({0.0: 1, 1e-30: 1, 1e-9: 1, 1.0: 2, 1000.0: 1, 1e30: 1}),
    },
    "attack.norm": {**_out(1), **_values({"linf": 5, "l2": 8, "l1": 5})},
    "attack.labels": {
        **_out(3),
        **_values({"given": 9, "predicted": 3}),
        "target": (2, lambda random: {"target": random.randrange(64)}),
    },
    "attack.clip": {
        **_out(8),
        **_values({"no limits": 1}),
        "around the data": (5, lambda random: [0.0, 1.0]),
        "lowest only": (1, lambda random: [0.0, None]),
        "highest only": (1, lambda random: [None, 1.0]),
        "narrow": (3, lambda random: [0.4, 0.6]),
        "away from the data": (1, lambda random: [2.0, 3.0]),
        "wide": (1, lambda random: [-1e30, 1e30]),
    },
    "attack.loss": {**_out(5), **_values({"cross_entropy": 2})},
    "attack.loss_reduction": {**_out(5), **_values({"mean": 2, "sum": 2, "none": 2})},
    "attack.feature_mask": {**_out(12), **_values({"ones": 1, "zeros": 1, "some": 1, "fractions": 1})},
    "attack.dtype": {**_out(8), **_values({"float32": 2, "float64": 1})},
    "training.weighting": {
        **_out(3),
        "ordinary": (6, lambda random: {"clean": 1.0, "adversarial": round(random.uniform(0.1, 2), 2)}),
        "adversarial only": (2, lambda random: {"clean": 0.0, "adversarial": 1.0}),
        "clean only": (1, lambda random: {"clean": 1.0, "adversarial": 0.0}),
        "very uneven": (1, lambda random: {"clean": 1e-6, "adversarial": 1e3}),
    },
    "training.match_scale": _values({True: 4, False: 1}),
    "training.smoothing": {**_out(5), **_values({0.0: 1}), "some": (2, _in_thousandths(0.01, 0.9))},
    "training.sample_weights": {
        **_out(6),
        "around 1": (1, lambda random: {"low": 0.5, "high": 1.5, "seed": _seed(random)}),
        "from 0": (1, lambda random: {"low": 0.0, "high": 1.0, "seed": _seed(random)}),
    },
    "training.gradient_flow": {**_out(6), **_values({"stopped": 2, "through": 1})},
    "training.mode": _MODE,
    "training.attack_mode": _MODE,
    "training.optimizer": _values({"sgd": 5, "adam": 2, "rmsprop": 2}),
    "training.steps": {"one": (2, lambda random: 1), "some": (3, lambda random: random.randrange(2, 6))},
    "training.batch_size": {"one": (1, lambda random: 1), "some": (4, lambda random: random.randrange(2, 13))},
    "training.seeds": _values({1: 4, 2: 1}),
    "training.seed": _SEED,
    "training.evaluate": {**_out(3), **_values({"on the way": 1})},
}
"""By dotted setting; ``kind`` stands before all."""

OPTIMIZER: dict[str, Options] = {
    "rate": {"ordinary": (3, _in_thousandths(0.001, 0.5)), "large": (1, lambda random: 10.0)},
    "momentum": _values({0.0: 2, 0.9: 2}),
    "nesterov": _values({False: 2, True: 1}),
    "weight_decay": _values({0.0: 4, 0.01: 1}),
    "clip_norm": {"none": (4, lambda random: None), "some": (1, lambda random: 0.1)},
}
"""The same of an optimizer's settings, under ``training.optimizer.KIND``."""

OF_OPTIMIZER = {
    "sgd": ("rate", "momentum", "nesterov", "weight_decay", "clip_norm"),
    "adam": ("rate", "weight_decay", "clip_norm"),
    "rmsprop": ("rate", "momentum", "weight_decay", "clip_norm"),
}
"""The settings that an optimizer has."""

NOT_EVERYWHERE: dict[str, tuple[str, ...]] = {
    "model.output": ("probabilities",),
    "model.before": ("dense",),
    "data.inputs": ("two",),
    "attack.epsilon": (LEFT_OUT,),
    "attack.norm": (LEFT_OUT,),
    "attack.labels": ("target",),
    "attack.clip": ("lowest only", "highest only"),
    "attack.feature_mask": ("ones", "zeros", "some", "fractions"),
    "attack.dtype": ("float64",),
    "training.weighting": ("adversarial only", LEFT_OUT),
    "training.sample_weights": ("around 1", "from 0"),
    "training.gradient_flow": ("stopped", "through"),
    "training.attack_mode": ("training", "inference"),
}
"""Classes that some library cannot express. Half of the scenarios have none of them, and compare all libraries."""

_BY_CLASS = {
    "model.init": ("scheme", "scale", "seed"),
    "training.weighting": ("clean", "adversarial"),
    "training.sample_weights": ("low", "high", "seed"),
    "training.evaluate": ("every",),
}
"""Sections whose settings are drawn with them, or they with their settings."""


def universe() -> dict[str, tuple[str, ...]]:
    """Every setting that is drawn, with its classes."""
    found = {name: tuple(options) for name, options in CHOICES.items()}
    for kind, names in OF_OPTIMIZER.items():
        found |= {f"training.optimizer.{kind}.{name}": tuple(OPTIMIZER[name]) for name in names}
    return found


def never_drawn() -> list[str]:
    """The dotted settings of scenario files that no random scenario states."""
    drawn = set(universe()) | set(_BY_CLASS)
    drawn |= {f"{name}.{inner}" for name, parts in _BY_CLASS.items() for inner in parts}
    drawn |= {f"training.optimizer.{kind}" for kind in OF_OPTIMIZER}
    drawn |= {f"model.pretrain.{name}" for name in ("epochs", "optimizer", "optimizer.adam", "optimizer.sgd")}
    return [name for name in SETTINGS if name not in drawn]
