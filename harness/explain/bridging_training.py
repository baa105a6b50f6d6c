"""The unit of work for kind training: all bridges of one case, a plain function run in a worker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.engine.comparing import Side, side_of
from harness.engine.store import Store
from harness.engine.trajectory import Course
from harness.engine.work import Problem, in_hand, in_one_line
from harness.explain.accuracies import Accuracies
from harness.explain.bridge import NO_BRIDGE
from harness.explain.trained_pair import End, Pair
from harness.oracle.verdicts import Tolerance
from harness.subjects.environments import TENSORFLOW_2
from harness.subjects.stances.stance import NoStance, stance_of
from harness.subjects.stances.trainings import Trainings
from harness.vocabulary import Case, Outcome


def build_training_bridges(
    store_root: Path,
    case: Case,
    problem: Problem,
    outcomes: Mapping[str, Outcome],
    pairs: Sequence[tuple[str, str]],
    tolerance: Tolerance,
) -> dict[str, Any]:
    """The bridges of a case. Returns its record: ``bridges``, by ``left|right``, as ``_Case.bridges`` has them."""
    return {"bridges": _Case(store_root, case, problem, outcomes, tolerance).bridges(pairs)}


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
        self.sides: Mapping[str, Side] = {
            name: side_of(outcome, store.get_arrays) for name, outcome in outcomes.items()
        }
        self.accuracies = Accuracies(root, case, problem.batch, self._models)
        self.ends: dict[str, End] = {}
        self._trained: dict[tuple[int, ...], Trainings] = {}

    def bridges(self, pairs: Sequence[tuple[str, str]]) -> dict[str, dict[str, Any]]:
        """By ``left|right``, what leads from one subject to the other, as JSON values: as ``bridging`` has it, and:

        ``step``: after how many steps the weights were compared. ``of_steps``: how many the training has. ``seeds``:
        how many seeds; the bridge is that of the first. ``accuracy``: by name (``clean``, or the epsilon of an attack)
        those of the two ends in [0, 1]; in ``settings`` each one's Shapley value of their difference.
        """
        training, found, built, steps = self.case.training, {}, {}, []
        for left, right in pairs:
            name = f"{left}|{right}"
            found[name] = {**_EMPTY, "of_steps": training["steps"], "seeds": training["seeds"]}
            try:
                stances = [stance_of(self.case, self.sides[side].outcome) for side in (left, right)]
                built[name] = Pair(self, left, right, stances)
                steps.append(built[name].step)
            except NoStance as reason:
                found[name]["reason"] = str(reason)
        # Measured at the same step, pairs share results.
        first = min(steps, default=0)
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


_EMPTY: Mapping[str, Any] = {**NO_BRIDGE, "step": 0, "of_steps": 0, "seeds": 0, "accuracy": {}}
