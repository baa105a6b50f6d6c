"""Figures of one outcome, and of two outcomes side by side. NumPy only, no input or output.

Arrays come as mappings from input name to ``(batch, ...)``; figures are plain JSON values. A figure that does not exist
(the cosine of a zero vector, a ratio to an infinite difference) is ``None``, never a number that looks like one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Yardstick:
    """What float32 could know, from double precision.

    Attributes:
        uncertainty: how far the adversarial example may move when it is computed in float32, in units of x.
        undetermined: whether the sign of the gradient cannot be known in float32.
    """

    uncertainty: Arrays
    undetermined: Arrays


def describe(x: Arrays, adversarial: Arrays) -> dict[str, Any]:
    """Figures of one subject's adversarial examples.

    Returns:
        ``perturbation``: of each norm, the smallest, median and largest over the examples, in units of x;
        ``unperturbed``: examples left as they were; ``nonfinite``: elements that are infinite or NaN.
    """
    moved = _flat(adversarial) - _flat(x)
    return {
        "perturbation": {
            "linf": _spread(np.abs(moved).max(axis=1, initial=0.0)),
            "l2": _spread(np.sqrt(np.square(moved).sum(axis=1))),
            "l1": _spread(np.abs(moved).sum(axis=1)),
        },
        "unperturbed": int((moved == 0).all(axis=1).sum()),
        "nonfinite": int((~np.isfinite(_flat(adversarial))).sum()),
    }


def compare(x: Arrays, left: Arrays, right: Arrays, *, epsilon: float, yardstick: Yardstick | None) -> dict[str, Any]:
    """Figures of two subjects' adversarial examples for the same batch.

    Differences are counted in units of round-off: the spacing of floats, in the lower of the two precisions, at
    ``max(|x|, epsilon)``. A count at the adversarial value itself would mean nothing near zero.

    Args:
        x: the inputs of the batch.
        left, right: adversarial examples, of the shapes of ``x``.
        epsilon: the larger of the two subjects' epsilons, in units of x.
        yardstick: applies where both subjects were given what it was given.

    Returns:
        See ``harness/docs/METRICS.md``. ``roundoff_to_pass`` is what a verdict is made of: the smallest tolerance, in
        units of round-off, under which every element is within round-off of its counterpart, once what float32 cannot
        know is allowed for. ``None`` when no tolerance would do.
    """
    inputs, a, b = _flat(x), _flat(left), _flat(right)
    differs = ~_same_bits(left, right)
    with np.errstate(invalid="ignore"):
        difference = np.abs(a - b)
    alike = (a == b) | (np.isnan(a) & np.isnan(b))
    difference[alike] = 0.0
    incomparable = ~np.isfinite(difference)
    unit = roundoff_unit(inputs, epsilon, dtype=_lower_precision(left, right))
    in_units = difference / unit

    # What double precision says nothing of, it excuses nothing of.
    allowance = np.nan_to_num(_flat(yardstick.uncertainty), nan=0.0, posinf=np.inf) if yardstick else np.zeros_like(a)
    undetermined = _flat(yardstick.undetermined) > 0 if yardstick else np.zeros(a.shape, bool)
    excess = np.maximum(difference - allowance, 0.0) / unit
    # The worst element is the one that decides the verdict; the largest difference, where none does.
    worst = int(np.argmax(np.where(incomparable, np.inf, excess if (excess > 0).any() else in_units)))
    with np.errstate(invalid="ignore"):
        moved_left, moved_right = a - inputs, b - inputs
        flips = moved_left * moved_right < 0

    finite = np.where(incomparable, 0.0, difference)
    return {
        "elements": int(a.size),
        "differing": int(differs.sum()),
        "differing_share": float(differs.mean()) if a.size else 0.0,
        "max_absolute": None if incomparable.any() else float(difference.max(initial=0.0)),
        "mean_absolute": float(finite.mean()) if a.size else 0.0,
        "max_roundoff": None if incomparable.any() else float(in_units.max(initial=0.0)),
        "roundoff_to_pass": None if incomparable.any() else float(excess.max(initial=0.0)),
        "worst": _element(worst, x, a, b, inputs),
        "sign_flips": int(flips.sum()),
        "sign_flips_undetermined": int((flips & undetermined).sum()),
        "undetermined": int(undetermined.sum()) if yardstick else None,
        "cosine": _cosine(moved_left.ravel(), moved_right.ravel()),
        "min_cosine": _smallest_cosine(moved_left, moved_right),
        "incomparable": int(incomparable.sum()),
    }


def _flat(arrays: Arrays) -> np.ndarray:
    """All inputs side by side, float64 ``(batch, features)``; float32 values are represented exactly."""
    return np.concatenate([np.asarray(array, np.float64).reshape(len(array), -1) for array in arrays.values()], axis=1)


def _same_bits(left: Arrays, right: Arrays) -> np.ndarray:
    if any(left[name].dtype != right[name].dtype for name in left):
        return _flat(left) == _flat(right)
    as_integers = {4: np.uint32, 8: np.uint64, 2: np.uint16}
    same = [
        (
            np.ascontiguousarray(left[name]).view(as_integers[left[name].itemsize])
            == np.ascontiguousarray(right[name]).view(as_integers[right[name].itemsize])
        ).reshape(len(left[name]), -1)
        for name in left
    ]
    return np.concatenate(same, axis=1)


def _lower_precision(left: Arrays, right: Arrays) -> np.dtype:
    return min((array.dtype for side in (left, right) for array in side.values()), key=lambda dtype: dtype.itemsize)


def roundoff_unit(inputs: np.ndarray, epsilon: float, *, dtype: np.dtype) -> np.ndarray:
    """The spacing of floats of a precision at ``max(|x|, epsilon)``; where that is none of them, at the outermost.

    Args:
        inputs: x, float64 of any shape.
        epsilon: in units of x.
        dtype: the precision.
    """
    limits = np.finfo(dtype)
    # Beyond the largest float there is no next one to be at a distance from.
    highest = float(np.nextafter(limits.max, dtype.type(0)))
    magnitude = np.nan_to_num(np.maximum(np.abs(inputs), epsilon), nan=highest, posinf=highest)
    return np.spacing(np.clip(magnitude, float(limits.tiny), highest).astype(dtype)).astype(np.float64)


def _element(index: int, x: Arrays, a: np.ndarray, b: np.ndarray, inputs: np.ndarray) -> dict[str, Any]:
    """Where a flat index lies, and the values there."""
    example, feature = divmod(index, a.shape[1])
    for name, array in x.items():
        width = int(np.prod(array.shape[1:]))
        if feature < width:
            place = [example, *(int(i) for i in np.unravel_index(feature, array.shape[1:]))]
            values = (float(source.ravel()[index]) for source in (a, b, inputs))
            left, right, original = (value if np.isfinite(value) else str(value) for value in values)
            return {"input": name, "index": place, "left": left, "right": right, "x": original}
        feature -= width
    raise IndexError(index)


def _spread(values: np.ndarray) -> list[float | None]:
    if not len(values) or not np.isfinite(values).all():
        return [None, None, None]
    return [float(values.min()), float(np.median(values)), float(values.max())]


def _cosine(left: np.ndarray, right: np.ndarray) -> float | None:
    # Scaled first: the squares of perturbations of 1e-200 would vanish.
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        left, right = left / np.abs(left).max(), right / np.abs(right).max()
        value = float(left @ right / np.sqrt((left @ left) * (right @ right)))
    return min(max(value, -1.0), 1.0) if np.isfinite(value) else None


def _smallest_cosine(left: np.ndarray, right: np.ndarray) -> float | None:
    lengths = np.sqrt(np.square(left).sum(axis=1) * np.square(right).sum(axis=1))
    with np.errstate(invalid="ignore", divide="ignore"):
        cosines = (left * right).sum(axis=1) / lengths
    cosines = cosines[np.isfinite(cosines)]
    return float(np.clip(cosines.min(), -1.0, 1.0)) if len(cosines) else None
