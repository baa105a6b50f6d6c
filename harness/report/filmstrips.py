"""What each step of a bridge does to a picture, as small images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from harness.engine.record import CaseRecord, Run
from harness.report.pictures import largest_of, range_of
from harness.report.png import data_uri, diverging_levels, grey_levels
from harness.vocabulary import HarnessError, Verdict


class Filmstrips:
    """The filmstrips of the bridges of one case. Bridges that lead over the same pictures share one.

    Attributes:
        strips: each as the page's script reads it: ``input``, ``height``, ``width``, ``grey`` (the values that black
            and white stand for), ``largest`` (what the ends of the diverging scale stand for, in units of x) and
            ``image``, a ``data:`` address: above, a picture after each step, the left side first; below, each less
            the left side.
        missing: why there are none; empty where nothing is missing.
    """

    def __init__(self, run: Run, record: CaseRecord):
        self.strips: list[dict[str, Any]] = []
        self.missing = ""
        self._places: dict[tuple[str, str], int] = {}
        self._of: dict[tuple[str, str], dict[str, Any]] = {}
        arrays: dict[str, Mapping[str, np.ndarray]] = {}
        for one in record.comparisons:
            pictures = one.metrics.get("bridge", {}).get("pictures")
            if not pictures or one.verdict is not Verdict.DIVERGED:
                continue
            digest = pictures["arrays"]
            try:
                if digest not in arrays:
                    arrays[digest] = run.arrays(digest)
            except HarnessError as reason:  # the figures are worth having without the pictures
                self.missing = str(reason)
                return
            places = [self._place(digest, name, key, arrays[digest]) for name, key in pictures["inputs"].items()]
            self._of[one.left, one.right] = {
                "example": pictures["example"],
                "codes": pictures["codes"],
                "strips": places,
            }

    def of(self, left: str, right: str) -> dict[str, Any] | None:
        """``example``, the position in the batch; ``codes`` of the steps; ``strips``, the places of its pictures."""
        return self._of.get((left, right))

    def _place(self, digest: str, name: str, key: str, arrays: Mapping[str, np.ndarray]) -> int:
        if (digest, key) not in self._places:
            self._places[digest, key] = len(self.strips)
            self.strips.append(_strip(name, arrays[key].astype(np.float64)))
        return self._places[digest, key]


def _strip(name: str, stages: np.ndarray) -> dict[str, Any]:
    with np.errstate(invalid="ignore", over="ignore"):
        # What is not finite on both sides does not differ.
        same = (stages == stages[0]) | (np.isnan(stages) & np.isnan(stages[0]))
        differences = np.where(same, 0.0, stages - stages[0])
    low, high = range_of([stages])
    largest = largest_of([differences])
    rows = (grey_levels(stages, low, high), diverging_levels(differences, largest))
    return {
        "input": name,
        "height": stages.shape[1],
        "width": stages.shape[2],
        "grey": [low, high],
        "largest": largest,
        "image": data_uri(np.concatenate([np.concatenate(list(row), axis=1) for row in rows], axis=0)),
    }
