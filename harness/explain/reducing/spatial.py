"""Takes parts of a convolutional model away whose weights are given as arrays, and the same parts of the arrays.

What is left computes the same only where nothing that counts was taken; it is tried out either way. Kernels have the
shape ``(height, width, channels, filters)``, and a dense layer behind an image sees it as ``(position, channel)``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from harness.explain.reducing.draft import Draft
from harness.explain.reducing.given_weights import places, strongest, with_layers, with_units, without_layer

_POOLS = ("max_pool", "average_pool")
_BY_CHANNEL = ("relu", "tanh", "sigmoid", "elu", "softplus", "dropout", "rescale", *_POOLS)
"""Layers that do to each channel the same, whichever others there are."""


def simpler(draft: Draft, index: int) -> Iterator[Draft]:
    """Without a layer that is not the last, or with less of it."""
    kind = draft.layers[index]["kind"]
    if kind == "conv":
        found = [without_convolution(draft, index), with_smaller_kernel(draft, index)]
    elif kind == "flatten" and draft.layers[index + 1]["kind"] == "dense":  # which flattens by itself
        found = [with_layers(draft, [*draft.layers[:index], *draft.layers[index + 1 :]])]
    else:
        found = [without_layer(draft, index)]
    yield from (one for one in found if one is not None)


def narrower(draft: Draft, index: int, count: int) -> Iterator[Draft]:
    """With as many units or filters of a layer, the strongest."""
    found = None
    if draft.layers[index]["kind"] == "dense":
        found = with_units(draft, index, sorted(strongest(draft, index)[:count]))
    elif draft.layers[index]["kind"] == "conv":
        found = with_filters(draft, index, sorted(strongest(draft, index)[:count]))
    if found is not None:
        yield found


def with_filters(draft: Draft, index: int, kept: Sequence[int]) -> Draft | None:
    """With only some filters of a convolution, and what the layers behind it make of these."""
    layers, place, weights = list(draft.layers), places(draft.layers), list(draft.weights)
    filters, chosen = layers[index]["filters"], list(kept)
    layers[index] = {**layers[index], "filters": len(chosen)}
    for position in range(place[index].start, place[index].stop):
        weights[position] = weights[position][..., chosen]
    for i in range(index + 1, len(layers)):
        kind, first = layers[i]["kind"], place[i].start
        if kind == "batchnorm":
            for position in range(place[i].start, place[i].stop):
                weights[position] = weights[position][chosen]
        elif kind == "conv":
            weights[first] = weights[first][:, :, chosen]
            break
        elif kind == "dense":
            weights[first] = _by_channel(weights[first], filters)[:, chosen].reshape(-1, weights[first].shape[1])
            break
        elif kind not in (*_BY_CHANNEL, "flatten"):
            return None
    return with_layers(draft, layers, weights)


def without_convolution(draft: Draft, index: int) -> Draft | None:
    """Without a convolution: the middle of its kernel mixes channels, and goes into the layer behind it.

    ``None`` where it changes the size of the image, or what is behind it takes no mix of channels.
    """
    layers, place = list(draft.layers), places(draft.layers)
    if not _keeps_size(layers[index]):
        return None
    behind = next((i for i in range(index + 1, len(layers)) if layers[i]["kind"] in ("conv", "dense")), None)
    between = [layers[i]["kind"] for i in range(index + 1, behind or index + 1)]
    if behind is None or any(kind not in (*_BY_CHANNEL, "flatten") for kind in between):
        return None
    (kernel, bias), (following, following_bias) = draft.weights[place[index]], draft.weights[place[behind]]
    middle = kernel[(kernel.shape[0] - 1) // 2, (kernel.shape[1] - 1) // 2]
    with np.errstate(all="ignore"):
        if layers[behind]["kind"] == "conv":
            mixed = np.einsum("cf,hwfg->hwcg", middle, following)
            shifted = following_bias + np.einsum("f,hwfg->g", bias, following)
        else:
            seen = _by_channel(following, len(bias))
            mixed = np.einsum("cf,pfu->pcu", middle, seen).reshape(-1, following.shape[1])
            shifted = following_bias + np.einsum("f,pfu->u", bias, seen)
    arrays = [np.asarray(array, kernel.dtype) for array in (mixed, shifted)]
    weights = [*draft.weights[: place[index].start], *draft.weights[place[index].stop : place[behind].start]]
    weights += [*arrays, *draft.weights[place[behind].stop :]]
    return with_layers(draft, [*layers[:index], *layers[index + 1 :]], weights)


def with_smaller_kernel(draft: Draft, index: int) -> Draft | None:
    """With the middle of a convolution's kernel only; ``None`` where it is no larger, or the image would change."""
    layers, place = list(draft.layers), places(draft.layers)
    size = layers[index]["kernel"]
    if size == 1 or not _keeps_size(layers[index]):
        return None
    middle, weights = (size - 1) // 2, list(draft.weights)
    first = place[index].start
    weights[first] = weights[first][middle : middle + 1, middle : middle + 1]
    layers[index] = {**layers[index], "kernel": 1}
    return with_layers(draft, layers, weights)


def crops(draft: Draft, shape: Sequence[int], row: int, column: int) -> Iterator[tuple[tuple[slice, slice], Draft]]:
    """Smaller images around a place, the smallest first: the part, and the draft with the weights for it.

    Args:
        draft: with weights.
        shape: of one image.
        row, column: the place that stays.
    """
    layers, place = list(draft.layers), places(draft.layers)
    height, width = shape[:2]
    dense = next((i for i, layer in enumerate(layers) if layer["kind"] == "dense"), None)
    front = layers[:dense]
    if dense is None or not all(_keeps_size(layer) for layer in front if layer["kind"] == "conv"):
        return
    factor = int(np.prod([layer["size"] for layer in front if layer["kind"] in _POOLS], initial=1))
    rows, columns = height // factor, width // factor
    kernel = draft.weights[place[dense].start]
    if not rows or not columns or kernel.shape[0] % (rows * columns) or row >= rows * factor:
        return
    seen = kernel.reshape(rows, columns, -1, kernel.shape[1])
    top, left = min(row // factor, rows - 1), min(column // factor, columns - 1)

    def cut(count: int, kept: Sequence[Any]) -> Draft:
        part = seen[top : top + count, left : left + count].reshape(-1, kernel.shape[1])
        weights = [*draft.weights[: place[dense].start], part, *draft.weights[place[dense].start + 1 :]]
        return with_layers(draft, kept, weights)

    # Of one pixel there is nothing to pool.
    pixel = (slice(row, row + 1), slice(column, column + 1))
    yield pixel, cut(1, [layer for layer in layers if layer["kind"] not in _POOLS])
    for count in (1, 2):
        if factor * count > 1 and top + count <= rows and left + count <= columns and count < max(rows, columns):
            first, last = (top * factor, left * factor), ((top + count) * factor, (left + count) * factor)
            yield (slice(first[0], last[0]), slice(first[1], last[1])), cut(count, layers)


def _keeps_size(layer: Any) -> bool:
    return layer["strides"] == 1 and (layer["padding"] == "same" or layer["kernel"] == 1)


def _by_channel(kernel: np.ndarray, channels: int) -> np.ndarray:
    """A dense kernel behind an image, as ``(position, channel, unit)``."""
    return kernel.reshape(-1, channels, kernel.shape[1])
