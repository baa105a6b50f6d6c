"""Random scenarios, the same for the same seed: models, data with edge values, and settings of all kinds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from harness.explain.reducing.draft import Draft
from harness.explain.searching.choices import CHOICES, NOT_EVERYWHERE, OF_OPTIMIZER, OPTIMIZER, Options
from harness.scenario.facts import SHIPPED, split_size
from harness.vocabulary import Case, Kind

VARIANTS = 4
"""Scenarios in a row that share model and data, so that a worker builds a model once for several. Of kind training each
builds its own anyway."""

_EVERYWHERE = 0.5
"""How many scenarios, of all, every library can express."""

_INLINE_TRAINING = 12
"""The examples of a training on data of the scenario's own."""


@dataclass(frozen=True)
class Generated:
    """A random scenario.

    Attributes:
        number: from 1, in the order of the search.
        draft: what it says.
        drawn: of each setting that was drawn the class of its value, see ``choices``.
    """

    number: int
    draft: Draft
    drawn: Mapping[str, str]


def scenarios(seed: int, subjects: Sequence[str], bases: Sequence[Case] = ()) -> Iterator[Generated]:
    """Random scenarios without end.

    Args:
        seed: the same seed gives the same scenarios.
        subjects: who takes part.
        bases: cases; where there are some, every scenario has kind, model and data of one of them, and kind training
            its section of training.
    """
    number = 0
    while True:
        first = Draws(Random(f"{seed}/{number}"))
        first.everywhere = first.random.random() < _EVERYWHERE
        shared = _of_case(first, bases, subjects) if bases else _shared(first, subjects)
        for variant in range(1 if shared.kind == "training" else VARIANTS):
            number += 1
            draws = Draws(Random(f"{seed}/{number}/{variant}"), dict(first.drawn))
            draws.everywhere = first.everywhere
            yield Generated(number, _varied(draws, shared, keep_training=bool(bases)), draws.drawn)


@dataclass
class Draws:
    """Draws from ``CHOICES`` and takes note. ``everywhere``: only what every library can express."""

    random: Random
    drawn: dict[str, str] = field(default_factory=dict)
    everywhere: bool = False

    def choose(self, name: str, *, among: Sequence[str] = (), options: Options | None = None) -> Any:
        """A value for a setting. ``among``: only these classes."""
        table = options or CHOICES[name]
        refused = NOT_EVERYWHERE.get(name, ()) if self.everywhere else ()
        classes = [one for one in table if (not among or one in among) and one not in refused]
        chosen = self.random.choices(classes, [table[one][0] for one in classes])[0]
        self.drawn[name] = chosen
        return table[chosen][1](self.random)


def _of_case(draws: Draws, bases: Sequence[Case], subjects: Sequence[str]) -> Draft:
    case = draws.random.choice(bases)
    draws.drawn["kind"] = case.kind
    return replace(Draft.of(case), attack={}, subjects=tuple(subjects))


def _shared(draws: Draws, subjects: Sequence[str]) -> Draft:
    """Kind, model and data."""
    kind: Kind = draws.choose("kind")
    flat = ("one dense", "two dense", "three dense", "normalised", "dropped out", "penalised", "rescaled")
    source = draws.choose("data.source")
    image = source == "digits" or (source == "inline" and draws.random.random() < 0.3)
    data, shape, classes = _inline(draws, kind, image=image) if source == "inline" else _sourced(draws, source, kind)
    several = kind != "training" and not image and shape[0] > 1
    inputs = draws.choose("data.inputs") if several else None
    if inputs:
        data["inputs"] = {"first": 1, "second": shape[0] - 1}
    style = draws.choose("model.layers", among=() if image else flat)
    before = draws.choose("model.before") if kind == "loss" and not inputs else None
    if before:  # what it returns is flat
        style = draws.choose("model.layers", among=flat)
    model: dict[str, Any] = {
        "layers": _layers(draws, style, classes),
        "output": draws.choose("model.output"),
        "init": {name: draws.choose(f"model.init.{name}") for name in ("scheme", "seed", "scale")},
    }
    if before:
        model["before"] = [{"kind": "dense", "units": draws.random.randrange(1, 5)}, {"kind": "relu"}]
    optimizer = draws.choose("model.pretrain") if source != "inline" and not before else None
    if optimizer:
        rates = {"adam": 0.01, "sgd": 0.1}
        model["pretrain"] = {"epochs": 1, "optimizer": {optimizer: rates[optimizer]}, "batch_size": 32, "seed": 0}
    return Draft(kind, model, data, {}, {}, tuple(subjects))


def _sourced(draws: Draws, source: str, kind: Kind) -> tuple[dict[str, Any], tuple[int, ...], int]:
    facts = SHIPPED[source]
    if kind == "training":
        return {"source": source}, facts.shape, facts.classes
    split = draws.choose("data.split")
    batch = min(draws.choose("data.batch"), split_size(facts.examples, split))
    data = {"source": source, "split": split, "batch": batch, "seed": draws.choose("data.seed")}
    return data, facts.shape, facts.classes


def _inline(draws: Draws, kind: Kind, *, image: bool) -> tuple[dict[str, Any], tuple[int, ...], int]:
    random = draws.random
    examples = _INLINE_TRAINING if kind == "training" else min(draws.choose("data.batch"), 6)
    size = random.randrange(3, 6)
    shape = (size, size, random.randrange(1, 3)) if image else (random.randrange(1, 6),)
    style = draws.choose("data.x")
    x = [_example(random, style, shape) for _ in range(examples)]
    if style == "equal examples":
        x = [x[0]] * examples
    classes = random.randrange(2, 5)
    y = [random.randrange(classes) for _ in range(examples)]
    if draws.choose("data.y") == "all the same":
        y = [y[0]] * examples
    classes = max(2, max(y) + 1) + (random.randrange(1, 4) if draws.choose("data.classes") else 0)
    return {"source": "inline", "y": y, "x": x, "classes": classes}, shape, classes


def _example(random: Random, style: str, shape: Sequence[int]) -> Any:
    if shape:
        return [_example(random, style, shape[1:]) for _ in range(shape[0])]
    value = round(random.uniform(-1.0 if style == "negative, too" else 0.0, 1.0), 3)
    return {
        "zeros": 0.0,
        "whole numbers": float(random.randrange(-2, 3)),
        "1e30": random.choice((-1e30, 1e30, value)),
        "1e-40": random.choice((1e-40, -1e-40, 0.0)),
        "of many magnitudes": value * 10.0 ** random.randrange(-12, 12),
        "beyond float32": random.choice((1e39, -1e39, value)),
    }.get(style, value)


_ACTIVATIONS = ("relu", "tanh", "sigmoid", "elu", "softplus")


def _layers(draws: Draws, style: str, classes: int) -> list[dict[str, Any]]:
    random = draws.random

    def dense() -> list[dict[str, Any]]:
        return [{"kind": "dense", "units": random.randrange(1, 9)}, {"kind": random.choice(_ACTIVATIONS)}]

    last = {"kind": "dense", "units": classes}
    conv = {"kind": "conv", "filters": random.randrange(1, 4), "kernel": random.choice((1, 2, 3))}
    conv |= {"strides": random.choice((1, 1, 2)), "padding": random.choice(("same", "valid"))}
    activation, pool = {"kind": random.choice(_ACTIVATIONS)}, {"kind": random.choice(("max_pool", "average_pool"))}
    styles: dict[str, list[dict[str, Any]]] = {
        "one dense": [last],
        "two dense": [*dense(), last],
        "three dense": [*dense(), *dense(), last],
        "normalised": [*dense(), {"kind": "batchnorm"}, last],
        "dropped out": [*dense(), {"kind": "dropout", "rate": random.choice((0.0, 0.3, 0.8))}, last],
        "penalised": [*dense(), {**last, "l2": random.choice((1e-3, 1.0))}],
        "rescaled": [{"kind": "rescale", "factor": random.choice((0.0, 1e-6, -1.0, 50.0, 1e20))}, *dense(), last],
        "convolution": [conv, activation, {"kind": "flatten"}, last],
        "convolution and pooling": [{**conv, "strides": 1, "padding": "same"}, {**pool, "size": 2}, activation, last],
    }
    layers = styles[style]
    for kind in dict.fromkeys(layer["kind"] for layer in layers):
        draws.drawn[f"layer {kind}"] = "stated"
    return layers


def _varied(draws: Draws, shared: Draft, *, keep_training: bool) -> Draft:
    """With settings of the attack and of the training."""
    training: dict[str, Any] = {}
    if shared.kind != "perturbation":
        names = ["weighting", "match_scale", "smoothing", "sample_weights", "gradient_flow", "mode", "attack_mode"]
        for name in names:
            value = draws.choose(f"training.{name}")
            if value is not None:
                training[name] = value
    if shared.kind == "training" and keep_training:
        training = {**shared.training, **training}
    elif shared.kind == "training":
        training |= _course(draws, shared)
    return replace(shared, attack=_attack(draws, shared), training=training)


def _attack(draws: Draws, shared: Draft) -> dict[str, Any]:
    alone = shared.kind == "perturbation"
    attack: dict[str, Any] = {}
    for name in ("epsilon", "norm", "labels", "clip", "loss", "loss_reduction", "feature_mask", "dtype"):
        key = f"attack.{name}"
        if not alone and name == "feature_mask":
            continue
        refused = () if alone else {"labels": ("target",), "loss_reduction": ("none",)}.get(name, ())
        value = draws.choose(key, among=[one for one in CHOICES[key] if one not in refused])
        if name == "clip" and value == "no limits":
            value = [None, None]
        if name == "labels" and isinstance(value, dict):
            value = {"target": value["target"] % _classes(shared)}
        if name == "feature_mask" and isinstance(value, str):
            value = _mask(draws.random, value, shared)
        if value is not None:
            attack[name] = value
    return attack


def _classes(shared: Draft) -> int:
    if shared.layers:
        return shared.layers[-1]["units"]
    source = shared.data["source"]
    return SHIPPED[source].classes if source in SHIPPED else shared.data["classes"]


def _mask(random: Random, style: str, shared: Draft) -> Any:
    """One that broadcasts to every example, or by input where there are several."""
    if "inputs" in shared.data:
        widths = shared.data["inputs"]
        return {name: _mask_of(random, style, width) for name, width in widths.items()}
    source = shared.data["source"]
    if source == "npz":
        return _mask_of(random, style, 1)
    x: Any = shared.data["x"][0] if source == "inline" else None
    while isinstance(x, list) and isinstance(x[0], list):
        x = x[0]
    return _mask_of(random, style, len(x) if x is not None else SHIPPED[source].shape[-1])


def _mask_of(random: Random, style: str, width: int) -> list[float]:
    values = {"ones": (1.0,), "zeros": (0.0,), "some": (0.0, 1.0), "fractions": (0.0, 0.25, 0.5, 1.0)}[style]
    return [random.choice(values) for _ in range(width)]


def _course(draws: Draws, shared: Draft) -> dict[str, Any]:
    kind = draws.choose("training.optimizer")
    settings: dict[str, Any] = {"momentum": 0.0, "nesterov": False, "weight_decay": 0.0, "clip_norm": None}
    for name in OF_OPTIMIZER[kind]:
        settings[name] = draws.choose(f"training.optimizer.{kind}.{name}", options=OPTIMIZER[name])
    if not settings["momentum"]:
        settings["nesterov"] = False
    course = {
        "optimizer": {"kind": kind, **settings},
        **{name: draws.choose(f"training.{name}") for name in ("steps", "batch_size", "seeds", "seed")},
    }
    if draws.choose("training.evaluate"):
        course["evaluate"] = {"every": 1}
    return course


def coverage(every: Sequence[Generated]) -> Counter[tuple[str, str]]:
    """How often each class of each setting is in the scenarios."""
    return Counter(item for one in every for item in one.drawn.items())
