"""The unit of work: all bridges of one case, a plain function of serialisable values, run in a worker."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from harness.engine.comparing import Side, metrics_of, side_of
from harness.engine.record import by_prefix
from harness.engine.store import Store
from harness.engine.work import Problem, in_hand, in_one_line
from harness.explain.bridge import NO_BRIDGE, Distance, among_draws, apart, attribution, span
from harness.explain.leaving import Leaving, Stepped, attacked, leaving_of_attack, leaving_of_step
from harness.explain.step_pictures import StepPictures
from harness.oracle import gradients
from harness.oracle.metrics import roundoff_unit
from harness.oracle.verdicts import Tolerance, judge, sentence
from harness.subjects.environments import TENSORFLOW_2
from harness.subjects.stances.attacks import Attacks, Result
from harness.subjects.stances.stance import OWN_DRAWS, NoStance, Stance, differing, stance_of
from harness.subjects.stances.steps import Steps
from harness.vocabulary import YARDSTICK, Case, Outcome, Verdict

DRAWN = "DRAWN"
"""Of an end: random numbers stand between the two, and it is as far off as they put it."""

DRAWS = 8
"""Of the reimplementation, among which a side with draws of its own has to stand."""

_COMPONENTS = ("clean_loss", "adversarial_loss")


def build_bridges(
    store_root: Path,
    case: Case,
    problem: Problem,
    outcomes: Mapping[str, Outcome],
    pairs: Sequence[tuple[str, str]],
    tolerance: Tolerance,
) -> dict[str, Any]:
    """The bridges of a case.

    Returns:
        Its record: ``bridges``, by ``left|right``, each as ``_Case.bridge`` has it; ``arrays``, of their pictures.
    """
    built = _Case(store_root, case, problem, outcomes, tolerance)
    bridges = {f"{left}|{right}": built.bridge(left, right) for left, right in pairs}
    return built.pictures.kept(bridges, Store(store_root))


class _Case:
    """A case in a worker, with the results of all stances that were asked for."""

    def __init__(self, root: Path, case: Case, problem: Problem, outcomes: Mapping[str, Outcome], tolerance: Tolerance):
        store = Store(root)
        arrays = store.get_arrays(problem.batch)
        models, batch = in_hand(root, case, problem, arrays, TENSORFLOW_2.begin)
        self._case, self._tolerance, self._classes = case, tolerance, problem.classes
        self._inputs = by_prefix(arrays, "input") if case.kind == "perturbation" else {}
        self._sides = {name: side_of(outcome, store.get_arrays) for name, outcome in outcomes.items()}
        self._ends: dict[str, tuple[str, str]] = {}
        self.pictures = StepPictures(self._inputs)
        self._stances: Attacks | Steps
        if case.kind == "perturbation":
            self._stances = Attacks(models, batch)
        else:
            self._stances = Steps(models, batch, TENSORFLOW_2.begin, models.restore)

    def bridge(self, left: str, right: str) -> dict[str, Any]:
        """What leads from one subject to the other, as JSON values.

        ``reason``: why it is not explained, or empty. ``differing``: the settings in which the two differ, by code,
        with both values. ``ends``: by subject, how the reimplementation stands to it under its own stance: ``verdict``
        and ``sentence``, and where it is not met ``leaves``, the ``step`` at which, with ``words``. The rest as
        ``bridge.attribution`` has it; empty where there is a reason.
        """
        unexplained = dict(NO_BRIDGE)
        try:
            stances = [stance_of(self._case, self._sides[name].outcome) for name in (left, right)]
        except NoStance as reason:
            return {**unexplained, "reason": str(reason)}
        codes = differing(*stances)
        said = {code: [stance[code] for stance in stances] for code in codes}
        try:
            ends = {name: self._end(name, stance) for name, stance in zip((left, right), stances, strict=True)}
            unexplained |= {"differing": said, "ends": {n: {"verdict": v, "sentence": s} for n, (v, s) in ends.items()}}
            missed = [name for name, (verdict, _) in ends.items() if verdict not in ("EQUAL", "CLOSE", DRAWN)]
            if missed:
                leaving = {name: self._leaving(name, stances[(left, right).index(name)]) for name in missed}
                for name, one in leaving.items():
                    unexplained["ends"][name]["leaves"] = one.to_json()
                leaves = "; ".join(f"{name}: it leaves at {leaving[name].words}; {ends[name][1]}" for name in missed)
                reason = f"the reimplementation under the settings of {' and of '.join(missed)} does not meet {leaves}"
                return {**unexplained, "reason": reason}
            found = self._attributed(left, right, stances, codes, drawn=any(v == DRAWN for v, _ in ends.values()))
        except Exception as error:  # what a model or TensorFlow raises costs this bridge, not the others
            return {**unexplained, "reason": f"the reimplementation failed: {in_one_line(error)}"}
        if not found["measure"]:
            if not codes and {verdict for verdict, _ in ends.values()} == {"EQUAL"}:
                return {**unexplained, **found, "reason": "the two ends of the bridge do not differ"}
            # Both are met, and what they have not in common means the same: only rounding is between them.
            found |= {"measure": "l2", "round_off": 1.0}
        return {**unexplained, **found, "reason": ""}

    def _attributed(
        self, left: str, right: str, stances: Sequence[Stance], codes: Sequence[str], *, drawn: bool
    ) -> dict[str, Any]:
        bridged = span(stances[0], stances[1], codes, self._stances.key, self._stances.result)
        distance = self._distance(left, right)
        real = [self._scaled(self._sides[name]) for name in (left, right)]
        gaps = [distance(one, end).l2 for one, end in zip(real, (bridged.results[0], bridged.results[-1]), strict=True)]
        found = attribution(bridged, distance, remainder=sum(gaps), whole=distance(*real).l2)
        found |= self.pictures.of(stances, found, self._stances.result)
        return by_draws(found) if drawn else found

    def _end(self, name: str, stance: Stance) -> tuple[str, str]:
        if name not in self._ends:
            real = self._sides[name]
            settings = real.outcome.settings
            if self._case.kind == "loss":  # the weights of the stance are the scenario's
                settings = {**settings, "objective": {**settings["objective"], "scale": 1.0}}
            outcome = replace(real.outcome, settings=settings)
            looks = self._figures_of_end(real, outcome, stance)
            figures = next(looks)
            verdict = judge(figures, self._tolerance, kind=self._case.kind)
            while verdict is Verdict.DIVERGED and (closer := next(looks, None)) is not None:
                figures, verdict = closer, judge(closer, self._tolerance, kind=self._case.kind)
            said = sentence(verdict, figures, self._tolerance, kind=self._case.kind)
            within = self._within_draws(name, stance) if stance.get("random-draws") == OWN_DRAWS else ""
            self._ends[name] = (DRAWN, within) if within else (str(verdict), said)
        return self._ends[name]

    def _figures_of_end(self, real: Side, outcome: Outcome, stance: Stance) -> Iterator[Mapping[str, Any]]:
        """How an end stands to the real result, seen ever more closely, as long as it is not met."""
        end, yardstick = Side(outcome, self._stances.result(stance)), self._sides.get(YARDSTICK)
        yield metrics_of(self._case, self._inputs, real, end, yardstick)
        if isinstance(self._stances, Steps):
            end = Side(outcome, self._stances.exact(stance))
            yield metrics_of(self._case, self._inputs, real, end, yardstick)
            yield self._beyond_uncertainty(real, end, stance)

    def _beyond_uncertainty(self, real: Side, end: Side, stance: Stance) -> dict[str, Any]:
        """Figures of an end beyond what its precision can know under its own stance; no yardstick need have run."""
        assert isinstance(self._stances, Steps)
        uncertainty = None
        if not stance["random-draws"]:
            with suppress(Exception):  # a model that cannot be had in double precision has the end judged without
                uncertainty = self._stances.uncertainty(stance)
        scales = {"left_scale": real.scale, "right_scale": end.scale}
        return gradients.compare(real.arrays, end.arrays, **scales, uncertainty=uncertainty)

    def _leaving(self, name: str, stance: Stance) -> Leaving:
        """The step at which a side leaves that is not met."""
        real, result = self._scaled(self._sides[name]), self._stances.result
        if self._case.kind == "loss":
            return leaving_of_step(Stepped(real, result(stance), self._tolerance.max_gradient_roundoff))
        roundoff = self._tolerance.max_roundoff
        return leaving_of_attack(attacked(self._inputs, real, stance, result, classes=self._classes, roundoff=roundoff))

    def _within_draws(self, name: str, stance: Stance) -> str:
        """How a side that draws masks of its own stands among draws of the reimplementation; empty if beyond them."""
        assert isinstance(self._stances, Steps)
        draws = [self._stances.drawn(stance, seed) for seed in range(1, 1 + DRAWS)]
        stands = among_draws(self._scaled(self._sides[name]), draws, self._distance(name, name))
        if stands is None:
            return ""
        own, least, most = stands
        return (
            f"masks are drawn: its gradients are {own:.3g} from those of {DRAWS} draws of the reimplementation, "
            f"which are {least:.3g} to {most:.3g} from each other"
        )

    def _scaled(self, side: Side) -> Result:
        if self._case.kind == "perturbation":
            return {name: array for name, array in side.arrays.items() if name.startswith("adversarial/")}
        named = {n: a for n, a in side.arrays.items() if n.endswith("_loss") or n.startswith("gradient/")}
        return {n: a if n in _COMPONENTS else a.astype(np.float64) * side.scale for n, a in named.items()}

    def _distance(self, left: str, right: str) -> Callable[[Result, Result], Distance]:
        if self._case.kind == "loss":
            limit = self._tolerance.max_gradient_roundoff
            return lambda a, b: _between_steps(a, b, limit=limit)
        epsilon = max(self._sides[name].outcome.settings["epsilon"] for name in (left, right))
        x = _flat({f"adversarial/{name}": array for name, array in self._inputs.items()})
        unit = roundoff_unit(x, epsilon, dtype=np.dtype(np.float32))
        limits = self._tolerance.max_roundoff * unit
        return lambda a, b: _between(_flat(a), _flat(b), limits)


def by_draws(found: dict[str, Any]) -> dict[str, Any]:
    """What is left at ends that were met within the spread of draws is theirs, not round-off's."""
    settings, left = dict(found["settings"]), found["round_off"] if found["measure"] else 1.0
    own = settings.get("random-draws", {"share": 0.0, "elements": None, "l2": None})
    settings["random-draws"] = {
        **own,
        "share": own["share"] + left,
        "alone_makes": True,
        "alone_removes": all(one["share"] == 0 for code, one in settings.items() if code != "random-draws"),
    }
    return {**found, "measure": found["measure"] or "l2", "settings": settings, "round_off": 0.0}


def _flat(result: Result) -> np.ndarray:
    return np.concatenate([np.asarray(result[name], np.float64).ravel() for name in sorted(result)])


def _between(a: np.ndarray, b: np.ndarray, limits: Any) -> Distance:
    """``limits``: what may differ by round-off, for each element."""
    difference = apart(a, b)
    return Distance(float((difference > limits).mean()), float(np.sqrt((difference**2).sum())))


def _between_steps(a: Result, b: Result, *, limit: float) -> Distance:
    """Of two training steps: the share over losses and gradients, the length over the gradients."""
    beyond, elements, squares = 0.0, 0, 0.0
    for name in sorted(a.keys() & b.keys()):
        left, right = (np.asarray(side[name], np.float64).ravel() for side in (a, b))
        if name in _COMPONENTS and np.isnan([left, right]).any():
            continue  # a loss that one side does not compute
        largest = max(float(np.abs(side[np.isfinite(side)]).max(initial=1e-30)) for side in (left, right))
        one = _between(left, right, limit * float(np.spacing(np.float32(min(largest, 3e38)))))
        beyond, elements = beyond + one.elements * left.size, elements + left.size
        squares += one.l2**2 if name.startswith("gradient/") else 0.0
    return Distance(beyond / elements, float(np.sqrt(squares)))
