"""What can be tried to make the text of a case shorter: settings left out, and numbers of fewer digits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from harness.explain.reducing.draft import INIT, Draft, as_lists, flow
from harness.explain.reducing.trial import Seen

_NEEDED = ("optimizer", "steps", "batch_size", "evaluate", "seeds", "seed", "margin")
"""Settings of kind training that every case of it has."""

_PLAIN_OPTIMIZER = {"momentum": 0.0, "nesterov": False, "weight_decay": 0.0, "clip_norm": None}
_FEW = 24
"""Numbers that are looked at one by one."""


def leave_out_settings(seen: Seen) -> Iterator[Draft]:
    """Settings that need not be stated: all of a section at once, then one by one."""
    draft = seen.draft
    init = draft.model.get("init", INIT)
    for simpler in (INIT, {**init, "scale": 1.0}, {**init, "scheme": INIT["scheme"]}, {**init, "seed": 0}):
        if "init" in draft.model and simpler != init:
            yield replace(draft, model={**draft.model, "init": dict(simpler)})
    if draft.model.get("output") == "probabilities":
        yield replace(draft, model={**draft.model, "output": "logits"})
    for name in ("classes",) if draft.inline else ("batch", "seed", "split"):
        if name in draft.data:
            yield replace(draft, data=_without(draft.data, name))
    if len(draft.attack) > 1:
        yield replace(draft, attack={})
    for name in draft.attack:
        yield replace(draft, attack=_without(draft.attack, name))
    for name, value in draft.training.items():
        if name == "match_scale" and not value:
            yield replace(draft, training={**draft.training, "match_scale": True})
        elif name not in (*_NEEDED, "match_scale"):
            yield replace(draft, training=_without(draft.training, name))
    optimizer = draft.training.get("optimizer", {})
    for name, plain in _PLAIN_OPTIMIZER.items():
        if optimizer.get(name, plain) != plain:
            further = {"nesterov": False} if name == "momentum" else {}
            yield replace(draft, training={**draft.training, "optimizer": {**optimizer, **further, name: plain}})


def simplify_numbers(seen: Seen) -> Iterator[Draft]:
    """Numbers of fewer digits, all at once and then one by one."""
    draft = seen.draft
    for candidate in _simpler_numbers(seen):
        if _length(candidate) < _length(draft):
            yield candidate


def _simpler_numbers(seen: Seen) -> Iterator[Draft]:
    draft = seen.draft
    if draft.inline:
        x = np.asarray(draft.data["x"])
        for array in _simpler(x):
            yield replace(draft, data={**draft.data, "x": as_lists(array)})
        labels = draft.data["y"]
        for index, label in enumerate(labels[:_FEW]):
            if label:
                rest = [*labels[:index], 0, *labels[index + 1 :]]
                yield replace(draft, data={"classes": max(2, max(labels) + 1), **draft.data, "y": rest})
    for index, array in enumerate(draft.weights):
        for simpler in _simpler(array):
            weights = (*draft.weights[:index], simpler.astype(np.float32), *draft.weights[index + 1 :])
            yield replace(draft, weights=weights)
    for section, path in (("attack", ("epsilon",)), ("model", ("init", "scale")), ("training", ("optimizer", "rate"))):
        yield from _simpler_setting(draft, section, path)
    for part in ("clean", "adversarial"):
        yield from _simpler_setting(draft, "training", ("weighting", part))
    yield from _simpler_setting(draft, "training", ("smoothing",))


def _simpler(array: np.ndarray) -> Iterator[np.ndarray]:
    for value in (0.0, 1.0):
        yield np.full(array.shape, value)
    for digits in (0, 1, 2, 3):
        yield np.round(array, digits)
    with np.errstate(all="ignore"):
        largest = np.abs(array).max(initial=0.0)
    if np.isfinite(largest) and largest > 0:
        power = 10.0 ** np.floor(np.log10(largest))
        for digits in (0, 1):
            yield np.round(array / power, digits) * power
    flat = array.ravel()
    for index in range(min(_FEW, flat.size)):
        for value in dict.fromkeys((0.0, 1.0, float(np.round(flat[index], 1)))):
            changed = flat.astype(np.float64)
            changed[index] = value
            yield changed.reshape(array.shape)


def _simpler_setting(draft: Draft, section: str, path: tuple[str, ...]) -> Iterator[Draft]:
    values: Any = getattr(draft, section)
    for name in path:
        values = values.get(name) if isinstance(values, dict) else None
    if not isinstance(values, float) or values == 0:
        return
    rounded: Callable[[float], float] = lambda size: float(f"{size:.0e}")  # noqa: E731
    for value in dict.fromkeys((1.0, 0.1, 0.5, float(f"1e{int(np.floor(np.log10(abs(values))))}"), rounded(values))):
        yield replace(draft, **{section: _changed(getattr(draft, section), path, value)})


def _changed(section: Any, path: tuple[str, ...], value: float) -> dict[str, Any]:
    first, *rest = path
    return {**section, first: _changed(section[first], tuple(rest), value) if rest else value}


def _length(draft: Draft) -> int:
    """Characters of all sections and weights."""
    weights = sum(len(flow(as_lists(array))) for array in draft.weights if np.isfinite(array).all())
    return len(flow(draft.sections("weights.npz"))) + weights


def _without(values: Any, name: str) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key != name}
