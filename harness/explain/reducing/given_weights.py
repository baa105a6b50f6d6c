"""Takes parts of a model away whose weights are given as arrays, and the same parts of the arrays with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from harness.explain.reducing.draft import Draft

_ARRAYS = {"dense": 2, "conv": 2, "batchnorm": 4}
"""How many arrays a layer has."""

_BY_FEATURE = ("relu", "tanh", "sigmoid", "elu", "softplus", "dropout", "rescale", "batchnorm")
"""Layers that do to each feature the same, whichever others there are."""


def places(layers: Sequence[Any]) -> list[slice]:
    """Where the arrays of each layer are among all."""
    found, start = [], 0
    for layer in layers:
        end = start + _ARRAYS.get(layer["kind"], 0)
        found.append(slice(start, end))
        start = end
    return found


def with_layers(draft: Draft, layers: Sequence[Any], weights: Sequence[np.ndarray] | None = None) -> Draft:
    """The draft with other layers, and other weights where some are given."""
    arrays = draft.weights if weights is None else tuple(weights)
    return replace(draft, model={**draft.model, "layers": list(layers)}, weights=arrays)


def without_layer(draft: Draft, index: int) -> Draft | None:
    """Without one layer that is not the last. Two dense layers become one; ``None`` where the rest would not fit."""
    layers, place = draft.layers, places(draft.layers)
    rest = [*layers[:index], *layers[index + 1 :]]
    own = place[index]
    if layers[index]["kind"] in ("conv", "max_pool", "average_pool", "flatten"):
        return None
    if layers[index]["kind"] != "dense":
        return with_layers(draft, rest, [*draft.weights[: own.start], *draft.weights[own.stop :]])
    following = next((i for i in range(index + 1, len(layers)) if layers[i]["kind"] not in _BY_FEATURE), None)
    if following is None or layers[following]["kind"] != "dense":
        return None
    between = range(index + 1, following)
    if any(layers[i]["kind"] == "batchnorm" for i in between):
        return None
    behind = place[following]
    (kernel, bias), (next_kernel, next_bias) = draft.weights[own], draft.weights[behind]
    with np.errstate(all="ignore"):
        merged = (kernel @ next_kernel, bias @ next_kernel + next_bias)
    rest = [*layers[:index], *layers[following:]]
    return with_layers(draft, rest, [*draft.weights[: own.start], *merged, *draft.weights[behind.stop :]])


def with_units(draft: Draft, index: int, kept: Sequence[int]) -> Draft | None:
    """With only some units of a dense layer, and what the layers behind it make of these; ``None`` for no dense one."""
    layers, place = list(draft.layers), places(draft.layers)
    if layers[index]["kind"] != "dense":
        return None
    layers[index] = {**layers[index], "units": len(kept)}
    weights = list(draft.weights)
    chosen = list(kept)
    for position in range(place[index].start, place[index].stop):
        weights[position] = weights[position][..., chosen]
    for i in range(index + 1, len(layers)):
        kind = layers[i]["kind"]
        if kind == "dense":
            weights[place[i].start] = weights[place[i].start][chosen]
            break
        if kind not in _BY_FEATURE:
            return None
        for position in range(place[i].start, place[i].stop):
            weights[position] = weights[position][chosen]
    return with_layers(draft, layers, weights)


def with_features(weights: Sequence[np.ndarray], layers: Sequence[Any], kept: Sequence[int]) -> tuple[np.ndarray, ...]:
    """The weights of a model that gets only some of the features of its flat input, as far as the first dense layer."""
    found, chosen = list(weights), list(kept)
    for layer, place in zip(layers, places(layers), strict=True):
        if layer["kind"] == "dense":
            found[place.start] = found[place.start][chosen]
            break
        for position in range(place.start, place.stop):
            found[position] = found[position][chosen]
    return tuple(found)


def strongest(draft: Draft, index: int) -> list[int]:
    """The units of a dense layer, or the filters of a convolution, those with the largest weights first."""
    kernel = draft.weights[places(draft.layers)[index].start]
    with np.errstate(all="ignore"):
        size = np.abs(np.nan_to_num(kernel.astype(np.float64))).reshape(-1, kernel.shape[-1]).sum(axis=0)
    return [int(unit) for unit in np.argsort(-size, kind="stable")]
