"""The bridge between two sides: every combination of the settings in which they differ, and what each one changes.

Pure but for the results, which the caller computes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np

from harness.oracle.shapley import Estimate, antithetic_orders, sampled_shapley, shapley
from harness.subjects.stances.stance import Stance

MOST_SETTINGS = 10
"""Beyond as many there are too many combinations to compute: orders of the settings are sampled."""

R = TypeVar("R")


NO_BRIDGE: Mapping[str, Any] = {
    "reason": "", "differing": {}, "ends": {}, "measure": "", "settings": {}, "steps": [], "round_off": 0.0,
    "evaluated": 0,
}  # fmt: skip
"""What the JSON of a bridge holds where there is nothing to say; whoever builds one puts ``reason`` into it."""

_DRAWS_APART = 1.5
"""Times the mean distance of the outermost draw: of nine equals one is the outermost, and by chance a little more."""


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
        orders: of the settings, int ``(orders, settings)``, that are looked at; ``None``: all combinations are.
    """

    codes: Sequence[str]
    results: Combinations[R]
    orders: np.ndarray | None

    @property
    def evaluated(self) -> int:
        """How many different results there are."""
        return len(self.results.known)

    @property
    def passed(self) -> Iterable[int]:
        """The combinations that are looked at."""
        return range(len(self.results)) if self.orders is None else _passed(self.orders)


class Combinations(Sequence[R]):
    """The results of all combinations of the settings between two stances, each computed when it is first wanted.

    Attributes:
        known: those that were, by the key of their stance.
    """

    def __init__(
        self, left: Stance, right: Stance, codes: Sequence[str], key: Callable[[Stance], str], result: Callable[..., R]
    ):
        self._left, self._right, self._codes, self._key, self._result = left, right, codes, key, result
        self.known: dict[str, R] = {}
        self._by_combination: dict[int, R] = {}

    def __len__(self) -> int:
        return 1 << len(self._codes)

    def __getitem__(self, index: Any) -> Any:
        combination = index + len(self) if index < 0 else index
        if not 0 <= combination < len(self):
            raise IndexError(index)
        return self.evaluate(combination)

    def evaluate(self, combination: int) -> R:
        """The result of one combination."""
        if combination not in self._by_combination:
            changed = {code: self._right[code] for bit, code in enumerate(self._codes) if combination >> bit & 1}
            stance = {**self._left, **changed}
            name = self._key(stance)
            if name not in self.known:
                self.known[name] = self._result(stance)
            self._by_combination[combination] = self.known[name]
        return self._by_combination[combination]


def span(
    left: Stance,
    right: Stance,
    codes: Sequence[str],
    key: Callable[[Stance], str],
    result: Callable[[Stance], R],
    *,
    most: int = 1 << MOST_SETTINGS,
) -> Span[R]:
    """Every combination of the settings: left's values where a bit is not set, right's where it is.

    Where there are more than ``most``, those that a sample of orders passes through, as they are needed.

    Args:
        left, right: the two stances.
        codes: in which they differ.
        key: of a stance: equal where results are.
        result: of a stance.
        most: combinations that are computed, about.
    """
    results = Combinations(left, right, tuple(codes), key, result)
    if len(results) <= most:
        for combination in range(len(results)):
            results.evaluate(combination)
        return Span(tuple(codes), results, None)
    pairs = max(1, most // (2 * len(codes)))
    return Span(tuple(codes), results, antithetic_orders(len(codes), pairs=pairs))


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
        ``settings``: by code, ``share`` (by the measure; with ``round_off`` they add up to 1), its standard ``error``
        (0 unless orders were sampled), ``elements`` and ``l2`` (its Shapley values), ``alone_makes`` (left with it
        alone differs from left beyond round-off), ``alone_removes`` (right without it alone does not). ``steps``: from
        left to right, the largest share first, the distance from left after each step. ``sampled``, only where they
        were: how many orders.
    """
    full = len(bridged.results) - 1
    table = _from(0, bridged.results, distance)
    back = _from(full, bridged.results, distance)

    def across(combination: int, name: str) -> float:
        """How far across a combination is, by both banks: the same shares whichever side is called left."""
        left, right = (getattr(bank(combination), name) for bank in (table, back))
        with np.errstate(invalid="ignore"):
            return float((left + np.float64(getattr(table(full), name)) - right) / 2)

    measures = {name: {one: across(one, name) for one in bridged.passed} for name in ("elements", "l2")}
    usable = {name: bool(np.isfinite(list(one.values())).all() and one[full] > 0) for name, one in measures.items()}
    measure = "l2" if usable["l2"] else "elements"
    if not usable[measure]:
        nothing = {name: NO_BRIDGE[name] for name in ("measure", "settings", "steps", "round_off")}
        return {**nothing, "evaluated": bridged.evaluated}
    values = {name: shapley_values(measures[name], bridged.orders) if usable[name] else None for name in measures}
    round_off = min(1.0, remainder / whole) if measure == "l2" and np.isfinite(remainder) and whole > 0 else 0.0
    chosen = values[measure]
    assert chosen is not None
    part = (1.0 - round_off) / chosen.values.sum()
    shares = chosen.values * part
    settings = {}
    for bit, code in enumerate(bridged.codes):
        alone, others = 1 << bit, full & ~(1 << bit)
        settings[code] = {
            "share": float(shares[bit]),
            "error": float(chosen.errors[bit] * part),
            **{name: None if found is None else float(found.values[bit]) for name, found in values.items()},
            "alone_makes": table(alone).elements > 0,
            "alone_removes": table(others).elements == 0,
        }
    return {
        "measure": measure,
        "settings": settings,
        "steps": _steps(bridged.codes, shares, table),
        "round_off": round_off,
        "evaluated": bridged.evaluated,
        **({} if bridged.orders is None else {"sampled": len(bridged.orders)}),
    }


def _passed(orders: np.ndarray) -> Iterable[int]:
    """The combinations that some orders pass through."""
    return sorted({0, *(int(one) for one in np.cumsum(1 << orders, axis=1).ravel())})


def shapley_values(by_combination: Mapping[int, float], orders: np.ndarray | None) -> Estimate:
    """Of each setting, out of all combinations, or of those that some orders pass through."""
    if orders is not None:
        return sampled_shapley(by_combination.__getitem__, orders)
    exact = shapley(np.array([by_combination[one] for one in range(len(by_combination))]))
    return Estimate(exact, np.zeros_like(exact))


def _from(bank: int, results: Sequence[R], distance: Callable[[R, R], Distance]) -> Callable[[int], Distance]:
    """The distance from one result to each; combinations that share a result share its distance."""
    known: dict[int, Distance] = {}

    def to(combination: int) -> Distance:
        one = results[combination]
        if id(one) not in known:
            known[id(one)] = distance(results[bank], one)
        return known[id(one)]

    return to


def _steps(codes: Sequence[str], shares: np.ndarray, table: Callable[[int], Distance]) -> list[dict[str, Any]]:
    """One way across, setting by setting."""
    combination, steps = 0, []
    for bit in np.argsort(-shares, kind="stable"):
        combination |= 1 << int(bit)
        one = table(combination)
        steps.append({"code": codes[bit], "elements": one.elements, "l2": one.l2 if np.isfinite(one.l2) else None})
    return steps


def apart(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """``|a - b|`` of two float64 arrays; NaN and NaN are 0 apart, NaN and a number infinitely."""
    with np.errstate(invalid="ignore"):
        difference = np.where((a == b) | (np.isnan(a) & np.isnan(b)), 0.0, np.abs(a - b))
    difference[~np.isfinite(difference)] = np.inf
    return difference


def among_draws(real: R, draws: Sequence[R], distance: Callable[[R, R], Distance]) -> tuple[float, float, float] | None:
    """How a side that draws masks of its own stands among draws of the reimplementation.

    Returns:
        Its mean l2 distance from them, and the least and the largest that one of them has from the rest; ``None``
        where it is farther off than one of them would be.
    """
    every = [real, *draws]
    own, *others = [sum(distance(one, other).l2 for other in every) / len(draws) for one in every]
    return (own, min(others), max(others)) if own <= _DRAWS_APART * max(others) else None


def causes_of(bridge: Mapping[str, Any]) -> tuple[dict[str, Any], ...]:
    """``{"code", "share"}`` of a bridge, the largest first; settings that change nothing are none."""
    if bridge["reason"]:
        return ({"code": "unexplained", "share": 1.0},)
    shares = {code: one["share"] for code, one in bridge["settings"].items()}
    shares["round-off"] = shares.get("round-off", 0.0) + bridge["round_off"]
    found = sorted(shares.items(), key=lambda item: -item[1])
    return tuple({"code": code, "share": share} for code, share in found if share)
