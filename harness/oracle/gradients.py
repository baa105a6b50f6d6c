"""Two subjects' losses and gradients of one training step, side by side (kind ``loss``). No input or output.

Libraries weigh the same two losses differently, so equal objectives can differ by a factor; each side comes with its
own, and totals and gradients are compared after it is multiplied in. A figure that does not exist is ``None``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Arrays = Mapping[str, np.ndarray]

GRADIENT = "gradient/"
"""What the name of a gradient begins with; the rest is the name of the weight."""

_COMPONENTS = ("clean_loss", "adversarial_loss")
"""The parts of the total. A library that does not compute one returns NaN for it. No scale applies to them."""

_TOTAL = "total_loss"

_BITS = {2: np.uint16, 4: np.uint32, 8: np.uint64}


@dataclass(frozen=True)
class _Pair:
    """One array of both sides.

    Attributes:
        name: of the array.
        left, right: float64, scaled, of one shape.
        differs: where they do not have the same bits.
        difference: 0 where they are alike, not finite where they cannot be compared.
        in_units: the difference in units of round-off; ``excess``: the same beyond what float32 cannot know.
    """

    name: str
    left: np.ndarray
    right: np.ndarray
    differs: np.ndarray
    difference: np.ndarray
    in_units: np.ndarray
    excess: np.ndarray

    @property
    def incomparable(self) -> np.ndarray:
        return ~np.isfinite(self.difference)


def compare(
    left: Arrays, right: Arrays, *, left_scale: float, right_scale: float, uncertainty: Arrays | None
) -> dict[str, Any]:
    """Figures of two subjects' losses and gradients for the same batch and weights.

    A unit of round-off of a gradient is the spacing of floats, in the lower of the two precisions, at the largest
    magnitude of that weight's whole gradient on either side: an element is a sum over the batch, which rounds at the
    size of what it sums, so one that cancels to nearly zero has no unit of its own. Of a loss, it is the spacing at the
    loss.

    Args:
        left, right: ``clean_loss``, ``adversarial_loss`` and ``total_loss``, 0-d, and ``gradient/NAME`` of each weight,
            float32 or float64. Other arrays are ignored.
        left_scale, right_scale: factor from what a side computes to the objective that the scenario states; applies to
            the total and the gradients.
        uncertainty: by the same names, 0-d each, how far float32 may be from double precision, in units of the stated
            objective (any scale of the yardstick multiplied in). Allowed for twice, since each side may be that far;
            one that is not finite excuses nothing. ``None`` where the yardstick does not apply.

    Returns:
        See ``harness/docs/METRICS.md``. ``roundoff_to_pass`` is what a verdict is made of; ``None`` when no tolerance
        would do.

    Raises:
        KeyError: a side lacks a loss.
    """
    absent, pairs = _absent(left, right), []
    for name in _compared(left, right):
        scales = (1.0, 1.0) if name in _COMPONENTS else (left_scale, right_scale)
        pairs.append(_pair(name, left[name], right[name], scales, _allowance(uncertainty, name)))
    gradients = [pair for pair in pairs if pair.name.startswith(GRADIENT)]
    # The whole gradient of a side that lacks a part of it is no vector of the same space.
    whole = [np.concatenate([[], *(getattr(pair, side).ravel() for pair in gradients)]) for side in ("left", "right")]
    elements = sum(pair.left.size for pair in pairs) + sum(size for _, size, _ in absent)
    differing = sum(int(pair.differs.sum()) for pair in pairs) + sum(size for _, size, _ in absent)
    incomparable = sum(int(pair.incomparable.sum()) for pair in pairs) + sum(size for _, size, _ in absent)
    return {
        "elements": elements,
        "differing": differing,
        "differing_share": differing / elements,
        "max_absolute": None if incomparable else _largest(pair.difference for pair in pairs),
        "max_roundoff": None if incomparable else _largest(pair.in_units for pair in pairs),
        "roundoff_to_pass": None if incomparable else _largest(pair.excess for pair in pairs),
        "worst": _worst(pairs, absent),
        "loss_difference": {
            name.removesuffix("_loss"): _loss_difference(pairs, name) for name in (*_COMPONENTS, _TOTAL)
        },
        "cosine": None if absent else cosine(*whole),
        "relative_distance": None if absent else relative_distance(*whole),
        "scale": None if absent else _least_squares_factor(*whole),
        "by_weight": {
            **{pair.name.removeprefix(GRADIENT): _by_weight(pair) for pair in gradients},
            **{
                name.removeprefix(GRADIENT): dict.fromkeys(("max_absolute", "relative_distance", "cosine"))
                for name, *_ in absent
            },
        },
        "incomparable": incomparable,
    }


def different_bits(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Where two arrays of one shape and dtype differ in any bit."""
    width = _BITS[left.itemsize]
    different = np.ascontiguousarray(left).view(width) != np.ascontiguousarray(right).view(width)
    return different.reshape(left.shape)


def relative_distance(left: np.ndarray, right: np.ndarray) -> float | None:
    """``||left - right|| / max(||left||, ||right||)``; 0 between zero vectors, ``None`` if anything is not finite."""
    largest = np.maximum(np.abs(left).max(initial=0.0), np.abs(right).max(initial=0.0))
    if not np.isfinite(largest):
        return None
    if largest == 0:
        return 0.0
    # Scaled first: squares of values of 1e-200 would vanish, of 1e200 overflow.
    left, right = left / largest, right / largest
    return float(np.linalg.norm(left - right) / np.maximum(np.linalg.norm(left), np.linalg.norm(right)))


def cosine(left: np.ndarray, right: np.ndarray) -> float | None:
    """Cosine of the angle between two vectors; ``None`` if one is zero or anything is not finite."""
    sizes = np.array([np.abs(side).max(initial=0.0) for side in (left, right)])
    if not (np.isfinite(sizes) & (sizes > 0)).all():
        return None
    left, right = left / sizes[0], right / sizes[1]
    value = float(left @ right / (np.linalg.norm(left) * np.linalg.norm(right)))
    return min(max(value, -1.0), 1.0)


def _least_squares_factor(left: np.ndarray, right: np.ndarray) -> float | None:
    """The number that, times ``left``, comes closest to ``right``; ``None`` if there is no such number."""
    sizes = np.array([np.abs(side).max(initial=0.0) for side in (left, right)])
    if not np.isfinite(sizes).all() or sizes[0] == 0:
        return None
    if sizes[1] == 0:
        return 0.0
    left, right = left / sizes[0], right / sizes[1]
    with np.errstate(over="ignore"):
        factor = float((left @ right) / (left @ left) * (sizes[1] / sizes[0]))
    return factor if np.isfinite(factor) else None


def _compared(left: Arrays, right: Arrays) -> list[str]:
    """Names of the arrays that both sides have, a loss left out that only one of them computes."""
    components = [name for name in _COMPONENTS if _not_computed(left, name) == _not_computed(right, name)]
    gradients = sorted(name for name in left if name.startswith(GRADIENT) and name in right)
    return [*components, _TOTAL, *(name for name in gradients if left[name].shape == right[name].shape)]


def _not_computed(side: Arrays, name: str) -> bool:
    """Whether NaN stands for no loss at all: one that was computed as NaN would have made the total NaN, too."""
    return bool(np.isnan(side[name]) and not np.isnan(side[_TOTAL]))


def _absent(left: Arrays, right: Arrays) -> list[tuple[str, int, dict[str, str]]]:
    """Gradients that cannot be laid side by side: name, elements, and what each side has."""
    found = []
    for name in sorted({name for name in (*left, *right) if name.startswith(GRADIENT)}):
        shapes = [side[name].shape if name in side else None for side in (left, right)]
        if shapes[0] != shapes[1]:
            # At least one, so that a weight without elements is missed, too.
            size = max(1, *(side[name].size for side in (left, right) if name in side))
            has = ["absent" if shape is None else f"shape {list(shape)}" for shape in shapes]
            found.append((name, size, {"left": has[0], "right": has[1]}))
    return found


def _allowance(uncertainty: Arrays | None, name: str) -> float:
    one_side = float(uncertainty[name]) if uncertainty and name in uncertainty else 0.0
    return 2 * one_side if np.isfinite(one_side) else 0.0


def _pair(name: str, left: np.ndarray, right: np.ndarray, scales: tuple[float, float], allowance: float) -> _Pair:
    left, right = np.asarray(left), np.asarray(right)
    with np.errstate(invalid="ignore"):
        a, b = (np.asarray(side.astype(np.float64) * scale) for side, scale in zip((left, right), scales, strict=True))
        difference = np.abs(a - b)
    both_nan = np.isnan(a) & np.isnan(b)
    difference = np.where((a == b) | both_nan, 0.0, difference)
    if left.dtype == right.dtype and scales[0] == scales[1]:
        differs = different_bits(left, right)
        # Which NaN a library returns for a loss that it does not compute says nothing.
        differs &= ~both_nan if name in _COMPONENTS else True
    else:
        differs = difference != 0
    unit = _roundoff_unit(a, b, dtype=min(left.dtype, right.dtype, key=lambda dtype: dtype.itemsize))
    return _Pair(name, a, b, differs, difference, difference / unit, np.maximum(difference - allowance, 0.0) / unit)


def _roundoff_unit(a: np.ndarray, b: np.ndarray, *, dtype: np.dtype) -> float:
    limits = np.finfo(dtype)
    # Beyond the largest float there is no next one to be at a distance from.
    highest = np.nextafter(limits.max, dtype.type(0))
    largest = max(float(np.abs(side[np.isfinite(side)]).max(initial=0.0)) for side in (a, b))
    return float(np.spacing(dtype.type(min(max(largest, float(limits.tiny)), float(highest)))))


def _largest(arrays: Any) -> float:
    return max(float(array.max(initial=0.0)) for array in arrays)


def _worst(pairs: Sequence[_Pair], absent: Sequence[tuple[str, int, dict[str, str]]]) -> dict[str, Any]:
    """The element that decides the verdict; the largest difference, where none does."""
    if any(pair.incomparable.any() for pair in pairs):
        ranks = [pair.incomparable.astype(float) for pair in pairs]
    elif absent:
        name, _, has = absent[0]
        return {"name": name, "index": [], **has}
    elif any((pair.excess > 0).any() for pair in pairs):
        ranks = [pair.excess for pair in pairs]
    else:
        ranks = [pair.in_units for pair in pairs]
    which = int(np.argmax([rank.max(initial=-1.0) for rank in ranks]))
    pair, place = pairs[which], np.unravel_index(int(np.argmax(ranks[which])), ranks[which].shape)
    values = (float(side[place]) for side in (pair.left, pair.right))
    shown = [value if np.isfinite(value) else str(value) for value in values]
    return {"name": pair.name, "index": [int(i) for i in place], "left": shown[0], "right": shown[1]}


def _loss_difference(pairs: Sequence[_Pair], name: str) -> float | None:
    for pair in pairs:
        if pair.name == name and np.isfinite(pair.left) and np.isfinite(pair.right):
            return float(pair.difference)
    return None


def _by_weight(pair: _Pair) -> dict[str, float | None]:
    left, right = pair.left.ravel(), pair.right.ravel()
    return {
        "max_absolute": None if pair.incomparable.any() else float(pair.difference.max(initial=0.0)),
        "relative_distance": relative_distance(left, right),
        "cosine": cosine(left, right),
    }
