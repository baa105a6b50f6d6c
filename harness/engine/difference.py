"""Two runs side by side: the same subject's outcomes for the same problem, array by array, and the verdicts.

Of another machine or another version of TensorFlow the arrays say more than the verdicts: two subjects can drift
together and still agree with each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from harness.engine.comparing import Side, metrics_of, side_of
from harness.engine.record import CaseRecord, Run
from harness.oracle.verdicts import Tolerance, judge, sentence
from harness.vocabulary import YARDSTICK, Case, Outcome, Verdict, canonical_json

_OF_FILES = ("keras", "weights", "path", "factory")
"""Settings that say where something lies. What lies there is in the identity of the problem."""

State = Literal["compared", "other problem", "other status", "unsupported", "failed"]


@dataclass(frozen=True)
class OutcomeDifference:
    """One subject's outcomes for one case in two runs.

    Attributes:
        case: its id.
        subject: its name.
        state: ``compared`` when both have arrays for the same problem; ``other problem`` when the runs gave it other
            weights, data or settings, so that nothing follows; ``other status`` when one has arrays and the other not,
            or for another reason; ``unsupported`` and ``failed`` when it is so in both.
        verdict: of the comparison; ``UNSUPPORTED`` or ``ERROR`` where there is none.
        sentence: what it comes to, in words.
        settings: name to both values, of what the subject used otherwise.
        metrics: figures of the comparison.
    """

    case: str
    subject: str
    state: State
    verdict: Verdict
    sentence: str
    settings: Mapping[str, tuple[Any, Any]]
    metrics: Mapping[str, Any]

    @property
    def fails(self) -> bool:
        """Whether the two runs do not agree, or cannot be said to. What neither run has an outcome of agrees."""
        return self.state not in ("unsupported", "failed") and self.verdict in (Verdict.DIVERGED, Verdict.ERROR)


@dataclass(frozen=True)
class VerdictDifference:
    """A comparison of two subjects that came to one verdict in the one run and to another in the other."""

    case: str
    left: str
    right: str
    before: Verdict
    after: Verdict
    sentence: str

    @property
    def fails(self) -> bool:
        """Whether the two runs do not agree: all but bit for bit in one and within round-off in the other."""
        return not self.only_round_off

    @property
    def subject(self) -> str:
        """The pair, as a list of known differences names it."""
        return f"{self.left}|{self.right}"

    @property
    def only_round_off(self) -> bool:
        """Whether it is bit for bit in one run and within round-off in the other, which is the processor's choice."""
        return {self.before, self.after} == {Verdict.EQUAL, Verdict.CLOSE}


@dataclass(frozen=True)
class Difference:
    """What sets two runs apart.

    Attributes:
        outcomes: of each case and subject in both runs.
        verdicts: the comparisons in both runs whose verdicts differ.
        only_before, only_after: what the other run does not have: cases by id, subjects as ``CASE  SUBJECT``.
        environment: name to both values, of what differs: versions, machine; subjects by name.
    """

    outcomes: tuple[OutcomeDifference, ...]
    verdicts: tuple[VerdictDifference, ...]
    only_before: tuple[str, ...]
    only_after: tuple[str, ...]
    environment: Mapping[str, tuple[Any, Any]]


def difference(before: Run, after: Run, tolerance: Tolerance) -> Difference:
    """Compares two runs.

    Args:
        before, after: runs with their arrays.
        tolerance: what counts as round-off.

    Raises:
        HarnessError: arrays are missing or damaged.
    """
    first, second = ({record.case.id: record for record in run.cases} for run in (before, after))
    outcomes, verdicts = [], []
    missing: tuple[list[str], list[str]] = ([], [])
    for case, record in first.items():
        if case not in second:
            missing[0].append(case)
            continue
        outcomes += _outcomes(before, after, record, second[case], tolerance)
        verdicts += _verdicts(record, second[case])
        names = [[outcome.subject for outcome in one.outcomes] for one in (record, second[case])]
        missing[0].extend(f"{case}  {name}" for name in names[0] if name not in names[1])
        missing[1].extend(f"{case}  {name}" for name in names[1] if name not in names[0])
    missing[1].extend(case for case in second if case not in first)
    return Difference(
        tuple(outcomes), tuple(verdicts), tuple(missing[0]), tuple(missing[1]), _environment(before, after)
    )


def _outcomes(
    before: Run, after: Run, first: CaseRecord, second: CaseRecord, tolerance: Tolerance
) -> Iterable[OutcomeDifference]:
    pairs = {one.subject: [one] for one in first.outcomes}
    for one in second.outcomes:
        pairs.setdefault(one.subject, []).append(one)
    problem = _other_problem(before, after, first, second)
    inputs = before.inputs(first) if first.case.kind == "perturbation" and not problem else {}
    yardstick = None if problem else _yardstick(before, first) or _yardstick(after, second)
    for name, sides in pairs.items():
        if len(sides) < 2:
            continue
        left, right = sides
        case, settings = first.case, _settings(left, right)
        if left.status == right.status != "ok":
            unsupported = left.status == "unsupported"
            state: State = "unsupported" if unsupported else "failed"
            verdict = Verdict.UNSUPPORTED if unsupported else Verdict.ERROR
            words = f"{left.status} in both: {right.reason}"
            yield OutcomeDifference(case.id, name, state, verdict, words, settings, {})
        elif left.status != right.status:
            words = f"{_status(left)}, then {_status(right)}"
            yield OutcomeDifference(case.id, name, "other status", Verdict.ERROR, words, settings, {})
        elif problem:
            yield OutcomeDifference(case.id, name, "other problem", Verdict.ERROR, problem, settings, {})
        else:
            sides = side_of(left, before.arrays), side_of(right, after.arrays)
            yield _compared(case, inputs, *sides, yardstick, tolerance)


def _compared(
    case: Case, inputs: Mapping[str, Any], left: Side, right: Side, yardstick: Side | None, tolerance: Tolerance
) -> OutcomeDifference:
    settings = _settings(left.outcome, right.outcome)
    try:
        metrics = metrics_of(case, inputs, left, right, yardstick)
    except (KeyError, IndexError, ValueError) as error:  # a run of a version that recorded other arrays
        words = f"their arrays cannot be laid side by side: {type(error).__name__}: {error}"
        return OutcomeDifference(case.id, left.outcome.subject, "compared", Verdict.ERROR, words, settings, {})
    verdict = judge(metrics, tolerance, kind=case.kind)
    words = sentence(verdict, metrics, tolerance, kind=case.kind)
    return OutcomeDifference(case.id, left.outcome.subject, "compared", verdict, words, settings, metrics)


def _yardstick(run: Run, record: CaseRecord) -> Side | None:
    found = [outcome for outcome in record.outcomes if outcome.subject == YARDSTICK and outcome.arrays]
    return side_of(found[0], run.arrays) if found else None


def _other_problem(before: Run, after: Run, first: CaseRecord, second: CaseRecord) -> str:
    """Why the two runs did not hand the same to the subjects; empty if they did."""
    asked = [_question(record.case) for record in (first, second)]
    differing = [name for name in asked[0] if canonical_json(asked[0][name]) != canonical_json(asked[1][name])]
    if differing:
        return f"the two runs state another {', '.join(differing)}"
    hashes = [(name, first.identity[name], second.identity[name]) for name in ("weights", "data")]
    # Files with the same arrays may differ: another version of NumPy may write another header.
    other = [name for name, a, b in hashes if a != b and not _same_arrays(before.arrays(a), after.arrays(b))]
    if not other:
        return ""
    drawn = " (each run pretrained them anew)" if first.case.model.get("pretrain") and "weights" in other else ""
    return f"the two runs had other {' and '.join(other)}{drawn}"


def _same_arrays(left: Mapping[str, np.ndarray], right: Mapping[str, np.ndarray]) -> bool:
    """Bit for bit."""
    return left.keys() == right.keys() and all(
        left[name].dtype == right[name].dtype
        and left[name].shape == right[name].shape
        and left[name].tobytes() == right[name].tobytes()
        for name in left
    )


def _question(case: Case) -> dict[str, Any]:
    model = {name: value for name, value in case.model.items() if name not in _OF_FILES}
    return {"kind": case.kind, "model": model, "attack": dict(case.attack), "training": dict(case.training)}


def _settings(left: Outcome, right: Outcome) -> dict[str, tuple[Any, Any]]:
    names = dict.fromkeys((*left.settings, *right.settings)) if left.settings and right.settings else ()
    pairs = {name: (left.settings.get(name), right.settings.get(name)) for name in names}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def _status(outcome: Outcome) -> str:
    return f"{outcome.status}: {outcome.reason}" if outcome.reason else outcome.status


def _verdicts(first: CaseRecord, second: CaseRecord) -> Iterable[VerdictDifference]:
    known = {(one.left, one.right): one for one in first.comparisons}
    for after in second.comparisons:
        before = known.get((after.left, after.right))
        if before and before.verdict is not after.verdict:
            yield VerdictDifference(
                first.case.id, after.left, after.right, before.verdict, after.verdict, after.sentence
            )


def _environment(before: Run, after: Run) -> dict[str, tuple[Any, Any]]:
    described = [
        {**run.environment, **{name: _described(run, name) for name in run.subjects}} for run in (before, after)
    ]
    names = dict.fromkeys((*described[0], *described[1]))
    pairs = {name: (described[0].get(name, "absent"), described[1].get(name, "absent")) for name in names}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def _described(run: Run, subject: str) -> str:
    one = run.subjects[subject]
    return f"{one.get('library', '')} {one.get('version', '')}".strip()
