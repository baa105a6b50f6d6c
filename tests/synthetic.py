"""Runs without workers: outcomes of arrays made for the purpose, compared by the real oracle."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from harness.engine.comparing import compare_case
from harness.engine.record import CaseRecord, Run, save_run
from harness.engine.store import Store
from harness.oracle.verdicts import Tolerance
from harness.vocabulary import YARDSTICK, Case, Outcome

EPSILON = 0.1
SETTINGS = {"norm": "linf", "labels": "given", "clip": None, "loss": "cross-entropy", "feature_mask": None}
ELEMENTS = 64


class Synthetic:
    """Makes runs of kind perturbation: 16 examples of 4 features, each moved up by epsilon.

    What an outcome is made of: a number, how many of its signs are flipped; ``"close"``, the next floats; ``"error"``
    or ``"unsupported"``, no arrays. Of the yardstick there is also what float32 could not know: nothing, or by how much
    each element may be off.
    """

    def __init__(self, root: Path):
        self.store = Store(root)
        self.x = np.random.default_rng(0).uniform(0.2, 0.8, (16, 4)).astype(np.float32)

    def outcome(self, subject: str, made_of: int | str, *, epsilon: float = EPSILON, uncertain: float = 0.0) -> Outcome:
        if made_of in ("error", "unsupported"):
            return Outcome(subject, made_of, reason=f"{made_of} on purpose")  # pyright: ignore[reportArgumentType]
        signs = np.ones(ELEMENTS)
        if isinstance(made_of, int):
            signs[:made_of] = -1
        moved = (self.x + epsilon * signs.reshape(self.x.shape)).astype(np.float32)
        moved = np.nextafter(moved, np.float32(1)) if made_of == "close" else moved
        arrays = {"adversarial/x": moved}
        if subject == YARDSTICK:
            unknown = np.full_like(self.x, uncertain)
            arrays |= {"uncertainty/x": unknown, "undetermined/x": unknown > 0}
        digest = self.store.put_arrays(arrays)
        return Outcome(subject, "ok", settings={**SETTINGS, "epsilon": epsilon}, arrays=digest)

    def record(
        self,
        case: Case,
        made_of: Mapping[str, int | str],
        *,
        epsilon: float = EPSILON,
        uncertain: float = 0.0,
        weights: float = 1.0,
    ) -> CaseRecord:
        """A case with its outcomes, compared."""
        outcomes = {
            name: self.outcome(name, one, epsilon=epsilon, uncertain=uncertain) for name, one in made_of.items()
        }
        data = self.store.put_arrays({"input/x": self.x, "labels": np.zeros(len(self.x), np.int32)})
        identity = {"weights": self.store.put_arrays({"000": np.full(2, weights, np.float32)}), "data": data}
        compared = compare_case(self.store, case, data, outcomes, Tolerance())
        return CaseRecord(case, identity, tuple(outcomes.values()), compared)

    def run(self, *records: CaseRecord, interrupted: bool = False, unavailable: str = "") -> Run:
        """A run of these cases."""
        names = dict.fromkeys(outcome.subject for record in records for outcome in record.outcomes)
        subjects = {name: {"library": "lib", "version": "1", "api": "f", "environment": "e"} for name in names}
        if unavailable:
            subjects[unavailable]["unavailable"] = "not installed"
        return Run(
            {"tensorflow": "2.21.0"}, subjects, records, "2026-01-01T00:00:00+00:00", 1.0, interrupted, store=self.store
        )

    def saved(self, folder: Path, *records: CaseRecord) -> Run:
        """The same, as it lies in a folder."""
        return save_run(self.run(*records), folder)
