"""The bridge between two trainings, from one final model to the other.

Every combination of the settings is trained. Settings that only round differently are first left out: where both ends
are met without them, they are part of round-off; else they are settings like the others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from harness.engine.comparing import Side
from harness.explain.accuracies import Accuracies
from harness.explain.bridge import MOST_SETTINGS, Distance, among_draws, apart, attribution, shapley_values, span
from harness.explain.bridging import DRAWN, DRAWS, by_draws
from harness.oracle import trajectories
from harness.oracle.verdicts import Tolerance, judge, sentence
from harness.subjects.stances.stance import OWN_DRAWS, TENSORFLOW_1_OPTIMIZER, Stance, differing
from harness.subjects.stances.trainings import Trained, Trainings, result_key
from harness.vocabulary import Verdict, canonical_json

MOST_STEPS = 600
"""Steps of all combinations of a bridge together: with more combinations it is measured at an earlier step."""

MOST_COMBINATIONS = 64
"""That are trained; of more settings a sample of orders is looked at."""

_ROUNDING = (
    "optimizer-form",
    "loss-reduction",
    "l2-form",
    "step-form",
    "clip-order",
    "nonfinite-gradient",
    "prediction-ties",
)
"""Settings that most often change nothing but last bits, those first that are most likely to matter."""


@dataclass(frozen=True)
class End:
    """How the reimplementation stands to one side.

    Attributes:
        verdict: of the two trainings as far as the bridge, or ``DRAWN``.
        sentence: that verdict in words.
        leaves: the first recorded step after which they are not the same; None where there is none.
    """

    verdict: str
    sentence: str
    leaves: int | None

    @property
    def is_met(self) -> bool:
        return self.verdict in ("EQUAL", "CLOSE", DRAWN)

    def to_json(self) -> dict[str, Any]:
        """For ``run.json``."""
        said = {"verdict": self.verdict, "sentence": self.sentence}
        step = f"step {self.leaves} of the training"
        return said if self.is_met else {**said, "leaves": {"step": step, "words": f"{step}: the weights after it"}}


class Shared(Protocol):
    """What the pairs of a case share."""

    tolerance: Tolerance
    sides: Mapping[str, Side]
    accuracies: Accuracies
    ends: dict[str, End]
    """Known so far."""

    def trainings(self, recorded: Sequence[int]) -> Trainings:
        """Those that end at the last of these steps."""
        ...


class Pair:
    """The bridge of one pair."""

    def __init__(self, within: Shared, left: str, right: str, stances: Sequence[Stance]):
        self._within, self._names, self._stances = within, (left, right), stances
        self._sides = [within.sides[name] for name in self._names]

    @cached_property
    def step(self) -> int:
        """Where the bridge is measured: at the end, or where there are many combinations at the first recorded step
        that all of them can come to and at which the sides have diverged."""
        figures = self._figures
        finite = [step for step, one in zip(figures["steps"], figures["distance"], strict=True) if one is not None]
        # Once both have broken down, nothing tells them apart.
        usable = finite if any(self.is_apart(step) for step in finite) else figures["steps"]
        every = [step for step in usable if step > 0] or [0]
        most = MOST_STEPS // min(self._combinations(self._leading), MOST_COMBINATIONS)
        reached = [step for step in every if step <= most] or every[:1]
        apart = [step for step in every if step >= reached[-1] and self.is_apart(step)]
        return apart[0] if apart else every[-1]

    def is_apart(self, step: int) -> bool:
        """Whether the two sides have diverged after as many steps."""
        row = self._figures["steps"].index(step)
        distance = self._figures["distance"][row]
        twin = self._figures["twin"][row] or 0.0
        return distance is None or distance > self._within.tolerance.max_times_twin * twin

    def bridge(self, step: int) -> dict[str, Any]:
        """All of it that is not empty, measured after as many steps."""
        differ = {code: [stance[code] for stance in self._stances] for code in self._codes}
        rounding = [code for code in _ROUNDING if code in self._codes and self._matters(code)]
        attempts = [self._leading, *([*self._leading, code] for code in rounding), [*self._leading, *rounding]]
        if self._written:
            attempts += [[*self._leading, *self._written], [*self._leading, *rounding, *self._written]]
        for chosen in attempts:
            if not chosen:
                continue
            corners = self._corners(chosen)
            if all(self._end(name, one, step).is_met for name, one in zip(self._names, corners, strict=True)):
                differ |= {code: [stance[code] for stance in self._stances] for code in chosen}
                return {"differing": differ, **self._across(corners, chosen, step)}
        return {"differing": differ, **self._unmet(step, [*self._leading, *rounding])}

    @property
    def _codes(self) -> list[str]:
        return differing(*self._stances)

    @property
    def _leading(self) -> list[str]:
        return [code for code in self._codes if code not in _ROUNDING]

    @property
    def _written(self) -> list[str]:
        """What means the same in other numbers: a large factor on the losses may overflow, one on the rate does not."""
        left, right = (stance["learning-rate"] for stance in self._stances)
        return ["learning-rate"] if left != right and "learning-rate" not in self._codes else []

    def _matters(self, code: str) -> bool:
        """Whether a setting can change a result at either end."""
        left, right = self._stances
        exchanged = ({**left, code: right[code]}, {**right, code: left[code]})
        return any(result_key(one) != result_key(own) for one, own in zip(exchanged, self._stances, strict=True))

    def _combinations(self, chosen: Sequence[str]) -> int:
        """How many different trainings there are between two corners."""
        if len(chosen) > MOST_SETTINGS:
            return 1 << len(chosen)
        left, right = self._corners(chosen)
        return span(left, right, chosen, result_key, lambda stance: None).evaluated

    def _most(self, chosen: Sequence[str]) -> int:
        """How many combinations are looked at: all, where they come to no more trainings than there may be."""
        return 1 << len(chosen) if self._combinations(chosen) <= MOST_COMBINATIONS else MOST_COMBINATIONS

    def _corners(self, chosen: Sequence[str]) -> tuple[Stance, Stance]:
        """The two stances with all that is not chosen, and all that means the same, as one of the two has it."""
        one = max(self._stances, key=_preferred)
        left, right = ({**one, **{code: stance[code] for code in chosen}} for stance in self._stances)
        return left, right

    def _unmet(self, step: int, codes: Sequence[str]) -> dict[str, Any]:
        """Why there is no way across, with the ends under all their settings."""
        ends = {name: self._end(name, one, step) for name, one in zip(self._names, self._stances, strict=True)}
        missed = [name for name, end in ends.items() if not end.is_met]
        if missed:
            leaves = "; ".join(f"{name}: {ends[name].sentence}, from step {ends[name].leaves} on" for name in missed)
            reason = f"the reimplementation under the settings of {' and of '.join(missed)} does not meet {leaves}"
        elif codes:
            reason = "settings that mean the same, in the forms that the two give them, lead to other weights"
        else:
            reason = "the two ends of the bridge do not differ"
        return {**_as_json(ends), "step": step, "reason": reason}

    def _across(self, corners: Sequence[Stance], codes: Sequence[str], step: int) -> dict[str, Any]:
        ends = {name: self._end(name, one, step) for name, one in zip(self._names, corners, strict=True)}
        trainings, distance = self._within.trainings(self._recorded(step)), self._distance(step)
        left, right = corners
        bridged = span(left, right, codes, result_key, lambda one: _last(trainings.result(one)), most=self._most(codes))
        real = [self._weights(side, step) for side in self._sides]
        gaps = [distance(one, end).l2 for one, end in zip(real, (bridged.results[0], bridged.results[-1]), strict=True)]
        found = attribution(bridged, distance, remainder=sum(gaps), whole=distance(*real).l2)
        if any(end.verdict == DRAWN for end in ends.values()):
            found = by_draws(found)
        found |= {**_as_json(ends), "step": step}
        if not found["measure"]:
            return {**found, "reason": "the two ends of the bridge do not differ"}
        table = {one: self._within.accuracies.of(bridged.results[one]) for one in bridged.passed}
        first, last = table[0], table[len(bridged.results) - 1]
        values = {
            name: shapley_values({one: of[name] for one, of in table.items()}, bridged.orders).values for name in first
        }
        settings = {
            code: {**one, "accuracy": {name: float(value[codes.index(code)]) for name, value in values.items()}}
            for code, one in found["settings"].items()
        }
        accuracy = {name: [first[name], last[name]] for name in first}
        return {**found, "settings": settings, "accuracy": accuracy, "reason": ""}

    @cached_property
    def _figures(self) -> Mapping[str, Any]:
        """Of the two sides themselves; ``steps``, ``distance`` and ``twin`` are lists of one length."""
        return trajectories.compare(*(side.arrays for side in self._sides))

    def _recorded(self, step: int) -> list[int]:
        return [one for one in self._figures["steps"] if one <= step]

    def _weights(self, side: Side, step: int) -> np.ndarray:
        return side.arrays["trajectory"][list(side.arrays["steps"]).index(step)]

    def _distance(self, step: int) -> Callable[[np.ndarray, np.ndarray], Distance]:
        """Elements count only where the whole is farther than round-off explains."""
        twin = self._figures["twin"][self._figures["steps"].index(step)] or 0.0
        lengths = [np.linalg.norm(self._weights(side, step).astype(np.float64)) for side in self._sides]
        limit = self._within.tolerance.max_times_twin * twin * float(np.nan_to_num(max(lengths), posinf=0.0))

        def between(left: np.ndarray, right: np.ndarray) -> Distance:
            difference = apart(left.astype(np.float64), right.astype(np.float64))
            length = float(np.sqrt((difference**2).sum()))
            beyond = float((difference > limit / np.sqrt(max(difference.size, 1))).mean())
            return Distance(beyond if length > limit else 0.0, length)

        return between

    def _end(self, name: str, stance: Stance, step: int) -> End:
        recorded = self._recorded(step)
        trainings = self._within.trainings(recorded)
        key = canonical_json([name, step, result_key(stance)])
        if key not in self._within.ends:
            self._within.ends[key] = self._met(name, stance, trainings, recorded)
        return self._within.ends[key]

    def _met(self, name: str, stance: Stance, trainings: Trainings, recorded: Sequence[int]) -> End:
        side, trained = self._within.sides[name], trainings.trajectory(stance)
        rows = np.isin(side.arrays["steps"], recorded)
        real = {one: side.arrays[one][rows] for one in ("steps", "trajectory", "twin_distance")}
        figures = trajectories.compare(
            {
                **real,
                "final_weights": real["trajectory"][-1:],
                "total_loss": side.arrays["total_loss"][:1, : recorded[-1]],
            },
            {
                "steps": real["steps"],
                "trajectory": trained.trajectory,
                "twin_distance": np.full(len(recorded), np.nan),
                "final_weights": trained.trajectory[-1:],
                "total_loss": trained.losses[None],
            },
        )
        tolerance = self._within.tolerance
        verdict = judge(figures, tolerance, kind="training")
        said = sentence(verdict, figures, tolerance, kind="training")
        if stance["random-draws"] == OWN_DRAWS and verdict is Verdict.DIVERGED:
            within = self._within_draws(side, stance, trainings, recorded[-1])
            if within:
                return End(DRAWN, within, None)
        return End(str(verdict), said, figures["first_difference"])

    def _within_draws(self, side: Side, stance: Stance, trainings: Trainings, step: int) -> str:
        """How a side that draws masks of its own stands among draws of the reimplementation; empty if beyond them."""
        draws = [_last(one) for one in trainings.drawn(stance, DRAWS)]
        stands = among_draws(self._weights(side, step), draws, self._distance(step))
        if stands is None:
            return ""
        own, least, most = stands
        return (
            f"masks are drawn: after {step:,} steps its weights are {own:.3g} from those of {DRAWS} draws of the "
            f"reimplementation, which are {least:.3g} to {most:.3g} from each other"
        )


def _preferred(stance: Stance) -> tuple[bool, bool, str]:
    """Orders stances: of all pairs of a case the same one decides what is not told apart, so that they share results.

    A penalty stands beside the losses as they are weighed where it is added. Keras's optimizers come before others.
    """
    added, first = stance["regularization"] == "added", stance["optimizer-form"] == TENSORFLOW_1_OPTIMIZER
    return added, not first, canonical_json(stance)


def _as_json(ends: Mapping[str, End]) -> dict[str, Any]:
    return {"ends": {name: one.to_json() for name, one in ends.items()}}


def _last(trained: Trained) -> np.ndarray:
    return trained.trajectory[-1]
