"""What can be tried to make a case smaller: each function yields drafts, the smallest first, never the same size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from harness.explain.reducing import given_weights, spatial
from harness.explain.reducing.draft import INIT, Draft, as_lists
from harness.explain.reducing.trial import Seen
from harness.scenario.facts import SHIPPED

_MOST_NUMBERS = 8_000
"""In a scenario file: reading it would take longer than running it."""

_SPATIAL = ("conv", "max_pool", "average_pool")
_SCALES = (10.0, 100.0, 1e3, 0.1, 1e-2, 1e-3)
_SMALL = 40
"""Numbers below which taking parts away finds the end as fast."""


_FEW = 200
"""Numbers of a model that is drawn again and again."""


def start_small(seen: Seen) -> Iterator[Draft]:
    """From the other end: one dense layer with weights as drawn, on the few numbers where the sides are farthest apart.

    Most divergences are of conventions, and show on nearly any model; then nothing has to be taken away piece by piece.
    """
    draft = seen.draft
    if seen.numbers.total <= _SMALL or "before" in draft.model or "feature_mask" in draft.attack:
        return
    if "inputs" in draft.data or (seen.x.ndim > 2 and draft.layers and draft.layers[0]["kind"] == "batchnorm"):
        return
    init = draft.model.get("init", INIT)
    target = draft.attack["labels"]["target"] if isinstance(draft.attack.get("labels"), dict) else 0
    output = {"output": draft.model["output"]} if "output" in draft.model else {}
    kinds = [layer["kind"] for layer in draft.layers]
    further = [{"kind": kind} for kind in ("batchnorm",) if kind in kinds]
    further += [layer for layer in draft.layers if layer["kind"] == "dropout"][:1]
    # Gradients of the size of the floor of the l2 norm, and weights that overflow or saturate.
    for scale in (1.0, 1e-6, 3.0, 10.0, 100.0, 0.1):
        for examples, features in ((1, 1), (2, 1), (1, 2), (2, 2), (2, 4), (4, 4)):
            data, labels = _corner(seen, examples, features)
            classes = max(2, target + 1, max(labels) + 1)
            layers = [*further, {"kind": "dense", "units": classes}]
            if len(labels) * (features + 1) + (features + 1) * classes >= seen.numbers.total:
                continue
            training = draft.training
            if draft.kind == "training":
                training = {**_one_repetition(draft), "steps": 1, "batch_size": len(labels)}
            model = {"layers": layers, "init": {**init, "scale": init["scale"] * scale}, **output}
            inline = {"source": "inline", "y": labels, "x": data, "classes": classes}
            yield replace(draft, model=model, data=inline, training=training, weights=())


def _corner(seen: Seen, examples: int, features: int) -> tuple[list, list[int]]:
    """The examples and features at which the sides are farthest apart, with classes numbered anew."""
    x = seen.x.reshape(len(seen.x), -1)
    rows = sorted(_order(seen)[:examples])
    apart = np.zeros(x.shape) if seen.apart is None else seen.apart.reshape(x.shape)
    spread = np.abs(x[rows]).max(axis=0)
    # The last key counts first; among equals the features that are not 0.
    columns = sorted(int(i) for i in np.lexsort((-spread, -apart[rows].max(axis=0)))[:features])
    labels = [int(label) for label in seen.batch["labels"][rows]]
    numbers = sorted(set(labels))
    return as_lists(x[np.ix_(rows, columns)]), [numbers.index(label) for label in labels]


def _one_repetition(draft: Draft) -> dict[str, Any]:
    epsilon = draft.attack.get("epsilon", 0.1)
    evaluate = {"every": 0, "epsilons": [epsilon]}
    return {**draft.training, "seeds": 1, "seed": 0, "margin": 1.0, "evaluate": evaluate}


def draw_weights(seen: Seen) -> Iterator[Draft]:
    """No training before the attack, and no model from a file: drawn weights, or else those that there are as arrays.

    Very confident models, and those with small gradients, are found again by a factor on what is drawn.
    """
    draft = seen.draft
    settled = draft.layers and not draft.weights and "pretrain" not in draft.model
    if settled or ("before" in draft.model and "pretrain" not in draft.model):
        return
    kept = {name: value for name, value in draft.model.items() if name in ("layers", "before", "output")}
    init = draft.model.get("init", INIT)
    one = [{"kind": "dense", "units": _classes(seen)}]
    lists = [one] if not draft.layers or _same(draft.layers, one) else [one, list(draft.layers)]
    for layers in lists:
        for scale in (1.0, *_SCALES):
            model = {**kept, "layers": layers, "init": {**init, "scale": init["scale"] * scale}}
            yield replace(draft, model=model, weights=())
    if draft.layers and not draft.weights and seen.weights:
        kept.pop("before", None)
        yield replace(draft, model=kept, weights=seen.weights)


def shorten_training(seen: Seen) -> Iterator[Draft]:
    """One repetition, fewer steps, smaller batches, no evaluation on the way."""
    draft = seen.draft
    if draft.kind != "training":
        return
    plain = _one_repetition(draft)
    if plain != draft.training:
        yield replace(draft, training=plain)
    for name in ("steps", "batch_size"):
        for count in _doubling(draft.training[name]):
            evaluate = {**draft.training["evaluate"], "every": 0}
            yield replace(draft, training={**draft.training, name: count, "evaluate": evaluate})


def take_examples(seen: Seen) -> Iterator[Draft]:
    """Fewer examples, and these in the file: those at which the two sides are farthest apart."""
    draft = seen.draft
    order = _order(seen)
    size = int(np.prod(seen.x.shape[1:]))
    counts = list(_doubling(len(order))) + ([] if draft.inline else [len(order)])
    for count in counts:
        if count * size <= _MOST_NUMBERS:
            yield _with_examples(seen, sorted(order[:count]))


def drop_examples(seen: Seen) -> Iterator[Draft]:
    """All examples but some."""
    if seen.draft.inline:
        for kept in _complements(len(seen.batch["labels"])):
            yield _with_examples(seen, kept)


def take_layers(seen: Seen) -> Iterator[Draft]:
    """Fewer layers: as many as possible, then single ones."""
    draft = seen.draft
    layers = list(draft.layers)
    if not layers:
        return
    for part in ("before",):
        if part in draft.model and len(draft.model[part]) > 1:
            for index in range(len(draft.model[part])):
                rest = [*draft.model[part][:index], *draft.model[part][index + 1 :]]
                yield replace(draft, model={**draft.model, part: rest})
    last = _last_dense(layers)
    if draft.weights:
        for index in range(len(layers)):
            if index != last:
                yield from spatial.simpler(draft, index)
        return
    if "pretrain" not in draft.model:
        for length in range(len(layers) - 1, 0, -1):
            for start in range(len(layers) - length + 1):
                if not start <= last < start + length:
                    yield given_weights.with_layers(draft, [*layers[:start], *layers[start + length :]])
    for index, layer in enumerate(layers):
        plain = {"kernel": 1, "strides": 1} if layer["kind"] == "conv" else {}
        plain |= {"size": 1} if layer["kind"] in _SPATIAL[1:] else {}
        simpler = {name: plain.get(name, value) for name, value in layer.items() if name != "l2"}
        if simpler != layer:
            yield given_weights.with_layers(draft, [*layers[:index], simpler, *layers[index + 1 :]])


def take_features(seen: Seen) -> Iterator[Draft]:
    """Fewer features: flat where the model lets it, then those at which the two sides are farthest apart."""
    draft = seen.draft
    if not _has_features_to_take(draft):
        return
    if "inputs" in draft.data:
        yield replace(draft, data={name: value for name, value in draft.data.items() if name != "inputs"})
        return
    if _is_spatial(draft):
        yield from _cropped(seen)
        return
    x = seen.x.reshape(len(seen.x), -1)
    if seen.x.ndim > 2:
        yield _with_x(seen, x, range(x.shape[1]))
    apart = np.zeros(x.shape) if seen.apart is None else seen.apart.reshape(x.shape)
    order = [int(index) for index in np.argsort(-apart.max(axis=0), kind="stable")]
    for count in _doubling(len(order)):
        kept = sorted(order[:count])
        yield _with_x(seen, x[:, kept], kept)


def drop_features(seen: Seen) -> Iterator[Draft]:
    """All features but some."""
    if _has_features_to_take(seen.draft) and seen.x.ndim == 2 and "inputs" not in seen.draft.data:
        for kept in _complements(seen.x.shape[1]):
            yield _with_x(seen, seen.x[:, kept], kept)


def _has_features_to_take(draft: Draft) -> bool:
    return draft.inline and "pretrain" not in draft.model and bool(draft.layers)


def _is_spatial(draft: Draft) -> bool:
    return any(layer["kind"] in _SPATIAL for layer in (*draft.model.get("before", ()), *draft.layers))


def take_classes(seen: Seen) -> Iterator[Draft]:
    """Only the classes that occur, or are a target, numbered anew; at least two."""
    draft = seen.draft
    if not draft.inline or not draft.layers or "pretrain" in draft.model:
        return
    labels, target = draft.attack.get("labels"), None
    if isinstance(labels, dict):
        target = labels["target"]
    needed = sorted({*draft.data["y"], *(() if target is None else (target,))})
    last = _last_dense(draft.layers)
    there = draft.layers[last]["units"]
    for kept in (needed, list(range(max(needed) + 1))):
        kept = sorted({*kept, *[other for other in range(there) if other not in kept][: max(0, 2 - len(kept))]})
        if len(kept) >= there:
            continue
        data = {**draft.data, "y": [kept.index(label) for label in draft.data["y"]]}
        data.pop("classes", None)
        if len(kept) > max(2, max(data["y"]) + 1):
            data["classes"] = len(kept)
        attack = draft.attack if target is None else {**draft.attack, "labels": {"target": kept.index(target)}}
        changed = replace(draft, data=data, attack=attack)
        if draft.weights:
            changed = given_weights.with_units(changed, last, kept)
        else:
            changed = given_weights.with_layers(changed, _with_size(draft.layers, last, len(kept)))
        if changed is not None:
            yield changed


def take_units(seen: Seen) -> Iterator[Draft]:
    """Fewer units and filters, layer by layer."""
    draft = seen.draft
    if not draft.layers or "pretrain" in draft.model:
        return
    last = _last_dense(draft.layers)
    for index, layer in enumerate(draft.layers):
        size = layer.get("units") or layer.get("filters")
        if index == last or not size:
            continue
        for count in _doubling(size):
            if not draft.weights:
                yield given_weights.with_layers(draft, _with_size(draft.layers, index, count))
            else:
                yield from spatial.narrower(draft, index, count)
    for index, layer in enumerate(draft.model.get("before", ())):
        for count in _doubling(layer.get("units") or layer.get("filters") or 1):
            yield replace(draft, model={**draft.model, "before": _with_size(draft.model["before"], index, count)})


def draw_anew(seen: Seen) -> Iterator[Draft]:
    """Fewer features, classes and units of a small model whose weights are then drawn with another seed."""
    draft = seen.draft
    if draft.weights or "init" not in draft.model or seen.numbers.total > _FEW:
        return
    for moves in (take_features, drop_features, take_classes, take_units):
        for smaller in moves(seen):
            for seed in (1, 2, 3):
                yield replace(smaller, model={**smaller.model, "init": {**smaller.model["init"], "seed": seed}})


def _classes(seen: Seen) -> int:
    if seen.draft.layers:
        return seen.draft.layers[_last_dense(seen.draft.layers)]["units"]
    data = seen.draft.data
    return SHIPPED[data["source"]].classes if data["source"] in SHIPPED else data["classes"]


def _same(layers: Sequence[Any], others: Sequence[Any]) -> bool:
    return list(layers) == list(others)


def _last_dense(layers: Sequence[Any]) -> int:
    return max((index for index, layer in enumerate(layers) if layer["kind"] == "dense"), default=len(layers) - 1)


def _with_size(layers: Sequence[Any], index: int, count: int) -> list[Any]:
    name = "filters" if layers[index]["kind"] == "conv" else "units"
    return [*layers[:index], {**layers[index], name: count}, *layers[index + 1 :]]


def _order(seen: Seen) -> list[int]:
    """The examples, those at which the two sides are farthest apart first; of a training in the order they come."""
    count = len(seen.batch["labels"])
    if seen.draft.kind == "training" and not seen.draft.inline:
        return list(dict.fromkeys(int(index) for index in seen.batch["order"][0]))
    if seen.apart is None:
        return list(range(count))
    return [int(i) for i in np.argsort(-seen.apart.reshape(count, -1).max(axis=1), kind="stable")]


def _with_examples(seen: Seen, kept: Sequence[int]) -> Draft:
    draft, chosen = seen.draft, list(kept)
    labels = [int(label) for label in seen.batch["labels"][chosen]]
    inline = {"source": "inline", "y": labels, "x": as_lists(seen.x[chosen]), "classes": _classes(seen)}
    if "inputs" in draft.data:
        inline["inputs"] = draft.data["inputs"]
    training = draft.training
    if draft.kind == "training":
        training = {**training, "batch_size": min(training["batch_size"], len(chosen))}
    return replace(draft, data=inline, training=training)


def _with_x(seen: Seen, x: np.ndarray, kept: Sequence[int]) -> Draft:
    """With other features of the same examples: ``kept`` of what they are when flat."""
    draft, attack = seen.draft, dict(seen.draft.attack)
    if "feature_mask" in attack:
        mask = np.broadcast_to(np.asarray(attack["feature_mask"], np.float64), seen.x.shape[1:])
        attack["feature_mask"] = mask.ravel()[list(kept)].tolist()
    weights = given_weights.with_features(draft.weights, draft.layers, kept) if draft.weights else ()
    return replace(draft, data={**draft.data, "x": as_lists(x)}, attack=attack, weights=weights)


def _cropped(seen: Seen) -> Iterator[Draft]:
    """Smaller images, around where the two sides are farthest apart."""
    if seen.x.ndim != 4 or "feature_mask" in seen.draft.attack:
        return
    height, width = seen.x.shape[1:3]
    apart = np.zeros(seen.x.shape) if seen.apart is None else seen.apart
    row, column = map(int, np.unravel_index(int(apart.max(axis=(0, 3)).argmax()), (height, width)))
    if seen.draft.weights:
        for part, draft in spatial.crops(seen.draft, (height, width), row, column):
            yield replace(draft, data={**draft.data, "x": as_lists(seen.x[:, part[0], part[1]])})
        return
    for size in _doubling(max(height, width)):
        top, left = (max(0, min(at, length - size)) for at, length in ((row, height), (column, width)))
        x = seen.x[:, top : top + size, left : left + size]
        yield replace(seen.draft, data={**seen.draft.data, "x": as_lists(x)})


def _doubling(count: int) -> Iterator[int]:
    """1, 2, 4 and so on, below ``count``."""
    size = 1
    while size < count:
        yield size
        size *= 2


def _complements(count: int) -> Iterator[list[int]]:
    """All but a part, the parts becoming smaller (Zeller and Hildebrandt 2002, Simplifying and isolating ...)."""
    size = count // 2
    while size >= 1:
        for start in range(0, count, size):
            kept = [index for index in range(count) if not start <= index < start + size]
            if kept:
                yield kept
        size //= 2
