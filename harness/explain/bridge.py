"""The bridge between two sides: every combination of the settings in which they differ, and what each one changes.

Pure but for the results, which the caller computes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np

from harness.oracle.shapley import shapley
from harness.subjects.stances.stance import Stance

MOST_SETTINGS = 10
"""Beyond as many there are too many combinations to compute."""

R = TypeVar("R")


@dataclass(frozen=True)
class Distance:
    """How far two results are apart.

    Attributes:
        elements: share of the elements that differ beyond round-off.
        l2: length of the difference; infinite where elements are finite on one side only.
    """

    elements: float
    l2: float


@dataclass(frozen=True)
class Span(Generic[R]):
    """The settings between two stances, and the result of each combination of them.

    Attributes:
        codes: the settings, each a bit of a combination.
        results: by combination; the first is the left end, the last the right one.
        evaluated: how many different results there are.
    """

    codes: Sequence[str]
    results: Sequence[R]
    evaluated: int


def span(
    left: Stance, right: Stance, codes: Sequence[str], key: Callable[[Stance], str], result: Callable[[Stance], R]
) -> Span[R]:
    """Every combination of the settings: left's values where a bit is not set, right's where it is.

    Args:
        left, right: the two stances.
        codes: in which they differ, at most ``MOST_SETTINGS``.
        key: of a stance: equal where results are.
        result: of a stance.
    """
    keys: dict[str, R] = {}
    results = []
    for combination in range(1 << len(codes)):
        stance = {**left, **{code: right[code] for bit, code in enumerate(codes) if combination >> bit & 1}}
        name = key(stance)
        if name not in keys:
            keys[name] = result(stance)
        results.append(keys[name])
    return Span(tuple(codes), results, len(keys))


def attribution(
    bridged: Span[R], distance: Callable[[R, R], Distance], *, remainder: float, whole: float
) -> dict[str, Any]:
    """Each setting's share of what lies between the two ends.

    Args:
        bridged: all results.
        distance: of two results.
        remainder: the l2 distance that is left at the two ends, between them and what the sides really returned.
        whole: the l2 distance of what the sides really returned.

    Returns:
        JSON values. ``measure``: ``l2``, or ``elements`` where that is not finite or does not tell the ends apart.
        ``settings``: by code, ``share`` (by the measure; with ``round_off`` they add up to 1), ``elements`` and ``l2``
        (its Shapley values), ``alone_makes`` (left with it alone differs from left beyond round-off), ``alone_removes``
        (right without it alone does not). ``steps``: from left to right, the largest share first, the distance from
        left after each step.
    """
    full = len(bridged.results) - 1
    table = _from(bridged.results[0], bridged.results, distance)
    back = _from(bridged.results[-1], bridged.results, distance)
    measures = {}
    for name in ("elements", "l2"):
        left, right = (np.array([getattr(one, name) for one in column]) for column in (table, back))
        # How far across a combination is, by both banks: the same shares whichever side is called left.
        with np.errstate(invalid="ignore"):
            measures[name] = (left + left[-1] - right) / 2
    usable = {name: bool(np.isfinite(values).all() and values[-1] > 0) for name, values in measures.items()}
    measure = "l2" if usable["l2"] else "elements"
    if not usable[measure]:
        return {"measure": "", "settings": {}, "steps": [], "round_off": 0.0, "evaluated": bridged.evaluated}
    values = {name: shapley(measures[name]) if usable[name] else None for name in measures}
    round_off = min(1.0, remainder / whole) if measure == "l2" and np.isfinite(remainder) and whole > 0 else 0.0
    chosen = values[measure]
    assert chosen is not None
    shares = chosen / chosen.sum() * (1.0 - round_off)
    settings = {}
    for bit, code in enumerate(bridged.codes):
        alone, others = 1 << bit, full & ~(1 << bit)
        settings[code] = {
            "share": float(shares[bit]),
            **{name: None if found is None else float(found[bit]) for name, found in values.items()},
            "alone_makes": table[alone].elements > 0,
            "alone_removes": table[others].elements == 0,
        }
    return {
        "measure": measure,
        "settings": settings,
        "steps": _steps(bridged.codes, shares, table),
        "round_off": round_off,
        "evaluated": bridged.evaluated,
    }


def _from(bank: R, results: Sequence[R], distance: Callable[[R, R], Distance]) -> list[Distance]:
    """The distance from one result to each; combinations that share a result share its distance."""
    known: dict[int, Distance] = {}
    for one in results:
        if id(one) not in known:
            known[id(one)] = distance(bank, one)
    return [known[id(one)] for one in results]


def _steps(codes: Sequence[str], shares: np.ndarray, table: Sequence[Distance]) -> list[dict[str, Any]]:
    """One way across, setting by setting."""
    combination, steps = 0, []
    for bit in np.argsort(-shares, kind="stable"):
        combination |= 1 << int(bit)
        one = table[combination]
        steps.append({"code": codes[bit], "elements": one.elements, "l2": one.l2 if np.isfinite(one.l2) else None})
    return steps


def causes_of(bridge: Mapping[str, Any]) -> tuple[dict[str, Any], ...]:
    """``{"code", "share"}`` of a bridge, the largest first; settings that change nothing are none."""
    if bridge["reason"]:
        return ({"code": "unexplained", "share": 1.0},)
    shares = {code: one["share"] for code, one in bridge["settings"].items()}
    shares["round-off"] = shares.get("round-off", 0.0) + bridge["round_off"]
    found = sorted(shares.items(), key=lambda item: -item[1])
    return tuple({"code": code, "share": share} for code, share in found if share)
