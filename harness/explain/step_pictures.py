"""What each step of a bridge does to a picture: one example after every step, for the report to draw."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from harness.engine.store import Store
from harness.subjects.stances.attacks import Result
from harness.subjects.stances.stance import Stance

LARGEST_SIDE = 64
"""Images with a longer side are not drawn: scaled down, they would hide what differs."""

LEAST_SHARE = 0.005
"""Of a step that is drawn: less rounds to 0 % and cannot be seen."""


def is_image(array: np.ndarray) -> bool:
    """Whether a batch holds grey images: ``(batch, height, width, 1)``, small enough to be drawn as they are."""
    if array.ndim != 4 or array.shape[-1] != 1:
        return False
    return min(array.shape[1:3]) > 1 and max(array.shape[1:3]) <= LARGEST_SIDE


class StepPictures:
    """The pictures of all bridges of one case.

    Args:
        inputs: of the problem, by name; none for a kind that has no adversarial examples.
    """

    def __init__(self, inputs: Mapping[str, np.ndarray]):
        self._images = [name for name, array in inputs.items() if is_image(array)]
        self._arrays: dict[str, np.ndarray] = {}
        self._named: dict[tuple[tuple[int, ...], bytes], str] = {}

    def of(
        self, stances: Sequence[Stance], found: Mapping[str, Any], result: Callable[[Stance], Result]
    ) -> dict[str, Any]:
        """The field ``pictures`` of a bridge: the example on which its ends differ most, after every step that counts.

        Args:
            stances: of the two ends.
            found: ``steps`` and ``settings``, as ``bridge.attribution`` has them.
            result: of a stance.

        Returns:
            ``pictures``: ``example``, its position in the batch; ``codes``, the steps; ``inputs``, by input name what
            its array is called among those of the case, ``(1 + steps, height, width)``, the left end first. Empty for
            data that are no images.
        """
        if not self._images or not found["steps"]:
            return {}
        left, right = (result(stance) for stance in stances)
        example = _furthest(left, right)
        stance, codes, stages = dict(stances[0]), [], [left]
        for step in found["steps"]:
            code = step["code"]
            stance[code] = stances[1][code]
            if abs(found["settings"][code]["share"]) >= LEAST_SHARE:
                codes.append(code)
                stages.append(result(stance))
        named = {
            name: self._name(np.stack([one[f"adversarial/{name}"][example, ..., 0] for one in stages]))
            for name in self._images
        }
        return {"pictures": {"example": example, "codes": codes, "inputs": named}}

    def _name(self, array: np.ndarray) -> str:
        """What an array is called among those of the case. Pairs of the same settings share one."""
        name = self._named.setdefault((array.shape, array.tobytes()), str(len(self._named)))
        self._arrays[name] = array
        return name

    def kept(self, bridges: dict[str, dict[str, Any]], store: Store) -> dict[str, Any]:
        """The record of a case: its ``bridges``, and the hash of the arrays of their pictures, which are stored."""
        if not self._arrays:
            return {"bridges": bridges}
        digest = store.put_arrays(self._arrays)
        for one in bridges.values():
            if "pictures" in one:
                one["pictures"]["arrays"] = digest
        return {"bridges": bridges, "arrays": digest}


def _furthest(left: Result, right: Result) -> int:
    """Position of the example on which two results are furthest apart; among equals, the first."""
    apart = np.zeros(len(next(iter(left.values()))))
    for name, one in left.items():
        a, b = (np.asarray(side, np.float64).reshape(len(apart), -1) for side in (one, right[name]))
        with np.errstate(invalid="ignore"):
            difference = np.where((a == b) | (np.isnan(a) & np.isnan(b)), 0.0, np.abs(a - b))
        apart = np.maximum(apart, np.where(np.isnan(difference), np.inf, difference).max(axis=1))
    return int(apart.argmax())
