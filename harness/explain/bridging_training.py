"""The unit of work for kind training: all bridges of one case, each from one final model to the other.

Every combination of the settings is trained. Settings that only round differently are first left out: where both ends
are met without them, they are part of round-off; else they are settings like the others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from harness.engine.comparing import Side, side_of
from harness.engine.store import Store
from harness.engine.trajectory import Course
from harness.engine.work import Problem, in_hand, in_one_line
from harness.explain.accuracies import Accuracies
from harness.explain.bridge import MOST_SETTINGS, Distance, attribution, span
from harness.explain.bridging import DRAWN, by_draws
from harness.oracle import trajectories
from harness.oracle.shapley import shapley
from harness.oracle.verdicts import Tolerance, judge, sentence
from harness.subjects.environments import TENSORFLOW_2
from harness.subjects.stances.stance import (
    OWN_DRAWS,
    TENSORFLOW_1_OPTIMIZER,
    NoStance,
    Stance,
    differing,
    stance_of,
)
from harness.subjects.stances.trainings import Trained, Trainings, result_key
from harness.vocabulary import Case, Outcome, Verdict, canonical_json

MOST_STEPS = 1200
"""Steps of all combinations of a bridge together: with more combinations it is measured at an earlier step."""

MOST_COMBINATIONS = 64
"""Each costs a trace of its step."""

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

_DRAWS = 8
_FARTHER = 1.5
"""Times the mean distance of the outermost draw: of nine equals one is the outermost, and by chance a little more."""


def build_training_bridges(
    store_root: Path,
    case: Case,
    problem: Problem,
    outcomes: Mapping[str, Outcome],
    pairs: Sequence[tuple[str, str]],
    tolerance: Tolerance,
) -> dict[str, Any]:
    """The bridges of a case. Returns its record: ``bridges``, by ``left|right``, each as ``_Case.bridge`` has it."""
    return {"bridges": _Case(store_root, case, problem, outcomes, tolerance).bridges(pairs)}


@dataclass(frozen=True)
class _End:
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


class _Case:
    """A case in a worker, with the trainings of all stances that were asked for."""

    def __init__(self, root: Path, case: Case, problem: Problem, outcomes: Mapping[str, Outcome], tolerance: Tolerance):
        store = Store(root)
        arrays = store.get_arrays(problem.batch)
        self._models, examples = in_hand(root, case, problem, arrays, TENSORFLOW_2.begin)
        self._course = Course(examples, arrays)
        weights = sorted(store.get_arrays(problem.weights).items())
        self._start = [array for name, array in weights if name.startswith("000/")]
        self.case, self.tolerance = case, tolerance
        self.sides = {name: side_of(outcome, store.get_arrays) for name, outcome in outcomes.items()}
        self.accuracies = Accuracies(root, case, problem.batch, self._models)
        self.ends: dict[str, _End] = {}
        self._trained: dict[tuple[int, ...], Trainings] = {}

    def bridges(self, pairs: Sequence[tuple[str, str]]) -> dict[str, dict[str, Any]]:
        """By ``left|right``, what leads from one subject to the other, as JSON values: as ``bridging`` has it, and:

        ``step``: after how many steps the weights were compared. ``of_steps``: how many the training has. ``seeds``:
        how many seeds; the bridge is that of the first. ``accuracy``: by name (``clean``, or the epsilon of an attack)
        those of the two ends in [0, 1]; in ``settings`` each one's Shapley value of their difference.
        """
        training, found, built = self.case.training, {}, {}
        for left, right in pairs:
            found[f"{left}|{right}"] = {**_EMPTY, "of_steps": training["steps"], "seeds": training["seeds"]}
            try:
                stances = [stance_of(self.case, self.sides[name].outcome) for name in (left, right)]
                built[f"{left}|{right}"] = _Pair(self, left, right, stances)
            except NoStance as reason:
                found[f"{left}|{right}"]["reason"] = str(reason)
        # Measured at the same step, pairs share results.
        first = min((pair.step for pair in built.values()), default=0)
        for name, pair in built.items():
            try:
                found[name] |= pair.bridge(first if pair.is_apart(first) else pair.step)
            except Exception as error:  # what a model or TensorFlow raises costs this bridge, not the others
                found[name]["reason"] = f"the reimplementation failed: {in_one_line(error)}"
        self._models.restore()
        return found

    def trainings(self, recorded: Sequence[int]) -> Trainings:
        """Those that end at the last of these steps."""
        key = tuple(recorded)
        if key not in self._trained:
            batches = self._course.batches(0)
            self._trained[key] = Trainings(self._models, batches, self._start, self.case.training, recorded)
        return self._trained[key]


class _Pair:
    """The bridge of one pair."""

    def __init__(self, within: _Case, left: str, right: str, stances: Sequence[Stance]):
        self._within, self._names, self._stances = within, (left, right), stances
        self._sides = [within.sides[name] for name in self._names]

    @cached_property
    def step(self) -> int:
        """Where the bridge is measured: at the end, or where there are many combinations at the first recorded step
        that all of them can come to and at which the sides have diverged."""
        every = [step for step in self._figures["steps"] if step > 0] or [0]
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
        for chosen in attempts:
            if not chosen or self._combinations(chosen) > MOST_COMBINATIONS:
                continue
            corners = self._corners(chosen)
            if all(self._end(name, one, step).is_met for name, one in zip(self._names, corners, strict=True)):
                return {"differing": differ, **self._across(corners, chosen, step)}
        return {"differing": differ, **self._unmet(step, [*self._leading, *rounding])}

    @property
    def _codes(self) -> list[str]:
        return differing(*self._stances)

    @property
    def _leading(self) -> list[str]:
        return [code for code in self._codes if code not in _ROUNDING]

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
        elif codes and self._combinations(codes) > MOST_COMBINATIONS:
            reason = (
                f"{len(codes)} settings differ, and {self._combinations(codes):,} combinations are too many to train"
            )
        elif codes:
            reason = "settings that mean the same, in the forms that the two give them, lead to other weights"
        else:
            reason = "the two ends of the bridge do not differ"
        return {**_as_json(ends), "step": step, "reason": reason}

    def _across(self, corners: Sequence[Stance], codes: Sequence[str], step: int) -> dict[str, Any]:
        ends = {name: self._end(name, one, step) for name, one in zip(self._names, corners, strict=True)}
        trainings, distance = self._within.trainings(self._recorded(step)), self._distance(step)
        left, right = corners
        bridged = span(left, right, codes, result_key, lambda stance: _last(trainings.result(stance)))
        real = [self._weights(side, step) for side in self._sides]
        gaps = [distance(one, end).l2 for one, end in zip(real, (bridged.results[0], bridged.results[-1]), strict=True)]
        found = attribution(bridged, distance, remainder=sum(gaps), whole=distance(*real).l2)
        if any(end.verdict == DRAWN for end in ends.values()):
            found = by_draws(found)
        found |= {**_as_json(ends), "step": step}
        if not found["measure"]:
            return {**found, "reason": "the two ends of the bridge do not differ"}
        known = {id(weights): self._within.accuracies.of(weights) for weights in bridged.results}
        table = [known[id(weights)] for weights in bridged.results]
        values = {name: shapley(np.array([one[name] for one in table])) for name in table[0]}
        settings = {
            code: {**one, "accuracy": {name: float(value[codes.index(code)]) for name, value in values.items()}}
            for code, one in found["settings"].items()
        }
        accuracy = {name: [table[0][name], table[-1][name]] for name in table[0]}
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
            a, b = left.astype(np.float64), right.astype(np.float64)
            with np.errstate(invalid="ignore"):
                difference = np.where((a == b) | (np.isnan(a) & np.isnan(b)), 0.0, np.abs(a - b))
            difference[~np.isfinite(difference)] = np.inf
            length = float(np.sqrt((difference**2).sum()))
            beyond = float((difference > limit / np.sqrt(max(difference.size, 1))).mean())
            return Distance(beyond if length > limit else 0.0, length)

        return between

    def _end(self, name: str, stance: Stance, step: int) -> _End:
        recorded = self._recorded(step)
        trainings = self._within.trainings(recorded)
        key = canonical_json([name, step, result_key(stance)])
        if key not in self._within.ends:
            self._within.ends[key] = self._met(name, stance, trainings, recorded)
        return self._within.ends[key]

    def _met(self, name: str, stance: Stance, trainings: Trainings, recorded: Sequence[int]) -> _End:
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
                return _End(DRAWN, within, None)
        return _End(str(verdict), said, figures["first_difference"])

    def _within_draws(self, side: Side, stance: Stance, trainings: Trainings, step: int) -> str:
        """How a side that draws masks of its own stands among draws of the reimplementation; empty if beyond them."""
        draws = [_last(one) for one in trainings.drawn(stance, _DRAWS)]
        every, distance = [self._weights(side, step), *draws], self._distance(step)
        mean = [sum(distance(one, other).l2 for other in every) / _DRAWS for one in every]
        if not mean[0] <= _FARTHER * max(mean[1:]):
            return ""
        return (
            f"masks are drawn: after {step:,} steps its weights are {mean[0]:.3g} from those of {_DRAWS} draws of the "
            f"reimplementation, which are {min(mean[1:]):.3g} to {max(mean[1:]):.3g} from each other"
        )


_EMPTY: Mapping[str, Any] = {
    "reason": "", "differing": {}, "ends": {}, "measure": "", "settings": {}, "steps": [], "round_off": 0.0,
    "evaluated": 0, "step": 0, "of_steps": 0, "seeds": 0, "accuracy": {},
}  # fmt: skip


def _preferred(stance: Stance) -> tuple[bool, bool, str]:
    """Orders stances: of all pairs of a case the same one decides what is not told apart, so that they share results.

    A penalty stands beside the losses as they are weighed where it is added. Keras's optimizers come before others.
    """
    added, first = stance["regularization"] == "added", stance["optimizer-form"] == TENSORFLOW_1_OPTIMIZER
    return added, not first, canonical_json(stance)


def _as_json(ends: Mapping[str, _End]) -> dict[str, Any]:
    return {"ends": {name: {"verdict": one.verdict, "sentence": one.sentence} for name, one in ends.items()}}


def _last(trained: Trained) -> np.ndarray:
    return trained.trajectory[-1]
