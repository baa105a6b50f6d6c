"""The step at which a library leaves the reimplementation: of an attack, or of a training step. Functions of arrays.

The steps of an attack are recovered from what it returned: whose labels it follows and which direction it takes show in
the signs and ratios of the perturbation, its scale in the length, and the clip where values are held at a bound.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass

import numpy as np

from harness.oracle.metrics import roundoff_unit
from harness.subjects.stances.stance import Stance

Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Leaving:
    """Where two sides part.

    Attributes:
        step: ``finite``, ``labels``, ``direction``, ``scale`` or ``clip`` of an attack; ``clean loss``, ``adversarial
            loss``, ``weighting`` or ``gradient`` of a training step; ``round-off`` where none of them shows.
        words: what is seen there.
    """

    step: str
    words: str

    def to_json(self) -> dict[str, str]:
        """For ``run.json``."""
        return asdict(self)


@dataclass(frozen=True)
class Attacked:
    """An attack's result beside that of the reimplementation, float64 all, ``(batch, features)``, in units of x.

    Attributes:
        x: the inputs.
        real: the adversarial examples of the library.
        step: the perturbation of the reimplementation before it is clipped.
        others: the same under other labels, by what they are, e.g. ``class 3``.
        bounds: of the clip, ``None`` for none.
        epsilon: the length of a perturbation.
        norm: ``linf``, ``l2`` or ``l1``.
        limits: what may be round-off.
    """

    x: np.ndarray
    real: np.ndarray
    step: np.ndarray
    others: Arrays
    bounds: tuple[float | None, float | None]
    epsilon: float
    norm: str
    limits: np.ndarray

    @property
    def clipped(self) -> np.ndarray:
        """The adversarial examples of the reimplementation."""
        low, high = self.bounds
        return np.clip(self.x + self.step, -np.inf if low is None else low, np.inf if high is None else high)


def leaving_of_attack(one: Attacked) -> Leaving:
    """The first step of the attack at which the library does something else."""
    expected = one.clipped
    strange = np.not_equal(np.isfinite(one.real), np.isfinite(expected))
    if strange.any():
        return Leaving("finite", f"elements that are finite on one side only: {_elements(strange)}")
    moved = one.x + one.step
    finite = one.real[np.isfinite(one.real)]
    low, high = (finite.min(), finite.max()) if finite.size else (0.0, 0.0)
    with np.errstate(invalid="ignore"):
        deviating = np.nan_to_num(np.abs(one.real - expected)) > one.limits
        ours_clipped = np.abs(expected - moved) > one.limits
        # Held at a bound that is not ours, or not held at one that is.
        held = ((one.real == low) & (moved <= low)) | ((one.real == high) & (moved >= high))
        let = ours_clipped & (np.abs(one.real - moved) <= one.limits)
    if not deviating.any():
        return Leaving("round-off", "the last bits alone")
    if not (deviating & ~held & ~let).any():
        return Leaving(
            "clip", f"the clip: {_elements(deviating)}; those of the library lie from {low:.6g} to {high:.6g}"
        )
    free = ~ours_clipped & (one.real != one.bounds[0]) & (one.real != one.bounds[1])
    return _direction(one, free) or _scale(one, free, deviating)


def _direction(one: Attacked, free: np.ndarray) -> Leaving | None:
    """Where the library goes another way, and whether that is the way of other labels."""
    moved = one.real - one.x
    off = _another_way(moved, one.step, free, one)
    if not off.any():
        return None
    examples = np.flatnonzero(off.any(axis=1))
    ways = {name: np.asarray(_another_way(moved, other, free, one).any(axis=1)) for name, other in one.others.items()}
    followed = [next((name for name, apart in ways.items() if not apart[example]), "") for example in examples]
    if all(followed):
        words = f"the labels: {_examples(examples, len(one.x))}, which follows the gradient of {followed[0]}"
        return Leaving("labels", words)
    return Leaving("direction", f"the direction of the gradient: {_elements(off)}")


def _another_way(moved: np.ndarray, step: np.ndarray, free: np.ndarray, one: Attacked) -> np.ndarray:
    """The elements at which two perturbations differ by more than their lengths."""
    a, b = np.nan_to_num(moved * free), np.nan_to_num(step * free)
    noise = one.limits * free
    if one.norm != "l2":
        return free & (_signs(a, noise) != _signs(b, noise))
    lengths = [np.linalg.norm(side, axis=1, keepdims=True) for side in (a, b)]
    # Of a perturbation that drowns in the rounding of x nobody can tell the direction.
    told = np.minimum(*lengths) > 8 * np.linalg.norm(noise, axis=1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        apart = np.abs(a / lengths[0] - b / lengths[1])
        allowed = noise / lengths[0] + noise / lengths[1] + _UNIT
        return free & told & (apart > allowed)


_UNIT = 1e-5
"""Of a unit vector: what a sum of squares in float32 leaves undecided."""


def _signs(perturbation: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Under linf and l1 an element moves by as much as all others that move, or not at all."""
    largest = np.abs(perturbation).max(axis=1, keepdims=True)
    moves = (np.abs(perturbation) > largest / 2) & (np.abs(perturbation) > noise)
    return np.sign(perturbation) * moves


def _scale(one: Attacked, free: np.ndarray, deviating: np.ndarray) -> Leaving:
    a, b = np.nan_to_num((one.real - one.x) * free), np.nan_to_num(one.step * free)
    squares = (b * b).sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        factors = np.where(squares > 0, (a * b).sum(axis=1) / squares, np.nan)
        blurred = np.linalg.norm(one.limits * free, axis=1) / np.sqrt(squares)
    examples = np.flatnonzero(deviating.any(axis=1))
    first = factors[examples[0]]
    known = np.isfinite(factors) & (blurred < _BLURRED)
    full = np.abs(_lengths(one.step, one.norm) - one.epsilon) <= _BLURRED * one.epsilon
    alike = np.abs(factors - first) <= blurred + _BLURRED * abs(first)
    whole = bool(known.any() and (alike & full)[known].all())
    what = "the scale (epsilon)" if whole else "the scale (the norm and its floor)"
    longer = f"is {first:.6g} times as long" if np.isfinite(first) else "is none in the reimplementation"
    words = f"{_examples(examples, len(one.x))}, whose perturbation {longer}"
    return Leaving("scale", f"{what}: {words}")


_BLURRED = 1e-4


def _lengths(step: np.ndarray, norm: str) -> np.ndarray:
    orders = {"linf": np.inf, "l2": 2, "l1": 1}
    return np.linalg.norm(np.nan_to_num(step), ord=orders[norm], axis=1)


@dataclass(frozen=True)
class Stepped:
    """A training step's result beside that of the reimplementation.

    Attributes:
        real, own: ``clean_loss``, ``adversarial_loss``, ``total_loss`` and ``gradient/NAME``, weighed alike.
        roundoff: units of round-off, of the largest magnitude of an array, that are allowed.
    """

    real: Arrays
    own: Arrays
    roundoff: float


_LOSSES = {
    "clean_loss": ("clean loss", "the clean loss"),
    "adversarial_loss": ("adversarial loss", "the adversarial loss"),
    "total_loss": ("weighting", "the weighting of the two losses"),
}


def leaving_of_step(one: Stepped) -> Leaving:
    """The first part of a training step in which the library has another number."""
    for name, (step, what) in _LOSSES.items():
        off = _off(one, name)
        if off is not None and off.any():
            values = f"{float(one.real[name]):.9g} where the reimplementation has {float(one.own[name]):.9g}"
            return Leaving(step, f"{what}: {values}")
    for name in one.own:
        off = _off(one, name) if name.startswith("gradient/") else None
        if off is not None and off.any():
            weight = name.partition("/")[2]
            rows = np.atleast_1d(off)
            first = [int(index) for index in np.argwhere(rows)[0]]
            words = f"the gradient of {weight}: {off.sum():,} of {off.size:,} elements, first at {first}"
            return Leaving("gradient", words)
    return Leaving("round-off", "the last bits alone")


def _off(one: Stepped, name: str) -> np.ndarray | None:
    """Where an array differs beyond round-off; ``None`` where a side does not have it."""
    if name not in one.real or name not in one.own:
        return None
    a, b = (np.asarray(side[name], np.float64) for side in (one.real, one.own))
    if name in ("clean_loss", "adversarial_loss") and (np.isnan(a).any() or np.isnan(b).any()):
        return None  # a loss that one side does not compute
    largest = max(float(np.abs(side[np.isfinite(side)]).max(initial=1e-30)) for side in (a, b))
    with np.errstate(invalid="ignore"):
        apart = np.abs(a - b)
    alike = (a == b) | (np.isnan(a) & np.isnan(b))
    return ~alike & ~(apart <= one.roundoff * float(np.spacing(np.float32(min(largest, 3e38)))))


def _elements(mask: np.ndarray) -> str:
    first = int(np.flatnonzero(mask.any(axis=1))[0])
    return f"{mask.sum():,} of {mask.size:,} elements, first in example {first}"


def _examples(examples: np.ndarray, total: int) -> str:
    if len(examples) == total:
        return f"all {total:,} examples, first example {int(examples[0])}"
    return f"{len(examples):,} of {total:,} examples, first example {int(examples[0])}"


def attacked(
    inputs: Arrays,
    real: Arrays,
    stance: Stance,
    result: Callable[[Stance], Arrays],
    *,
    classes: int,
    roundoff: float,
) -> Attacked:
    """What ``leaving_of_attack`` looks at, out of the reimplementation's results under stances.

    Args:
        inputs: by name.
        real: ``adversarial/NAME`` of the library.
        stance: of the library.
        result: of a stance, the same of the reimplementation.
        classes: how many there are.
        roundoff: units of round-off that are allowed.
    """
    x = _flat(inputs)

    def step(changed: Stance) -> np.ndarray:
        return _flat(result({**stance, "clip": None, **changed})) - x

    others = {}
    if stance["target"] is None:
        # To descend the loss of a class is to ascend it backwards.
        others = {f"class {one}": -step({"target": one}) for one in range(min(classes, _MOST_CLASSES))}
        others["all classes that tie"] = step({"label-source": "predicted", "prediction-ties": "all"})
    low, high = stance["clip"] or (None, None)
    unit = roundoff_unit(x, stance["epsilon"], dtype=np.dtype(np.float32))
    return Attacked(
        x=x,
        real=_flat(real),
        step=step({}),
        others=others,
        bounds=(low, high),
        epsilon=stance["epsilon"],
        norm=stance["norm"],
        limits=roundoff * unit,
    )


_MOST_CLASSES = 50


def _flat(result: Arrays) -> np.ndarray:
    """The arrays side by side, float64 ``(batch, features)``, in the order of their names."""
    arrays = [np.asarray(result[name], np.float64) for name in sorted(result)]
    return np.concatenate([array.reshape(len(array), -1) for array in arrays], axis=1)
