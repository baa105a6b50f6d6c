"""Changes a baseline: accepts what a run came to, and removes what no longer exists."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from harness.engine.baseline import Scope, deviation_of, missing, needs_acceptance, outcomes_of, this_day
from harness.engine.baseline_figures import figures_of, moved
from harness.engine.baseline_file import Accepted, Baseline
from harness.engine.record import CaseRecord, Run
from harness.engine.standing import Deviation
from harness.vocabulary import Comparison, HarnessError, Verdict

_MOST_NAMED = 10


@dataclass(frozen=True)
class Acceptance:
    """What accepting a run made of a baseline.

    Attributes:
        baseline: the new one.
        cases: how many were accepted.
        entries: how many comparisons were not in it before, or differently.
        divergences: those that are accepted with a reason, each with it.
    """

    baseline: Baseline
    cases: int
    entries: int
    divergences: tuple[Deviation, ...]


def accept(
    run: Run,
    baseline: Baseline,
    chosen: Mapping[str, bool],
    *,
    reason: str = "",
    expires: str = "",
    today: datetime.date | None = None,
) -> Acceptance:
    """Accepts the state of some cases of a run.

    A divergence that was accepted before and is as it was keeps its reason, date and expiry, unless its case was named
    and a reason is given.

    Args:
        run: the run.
        baseline: to which they are added; other cases in it stay, and pairs that the run did not compare.
        chosen: ids of cases, and whether each was named by its id.
        reason: why divergences are accepted that no scenario expects.
        expires: ISO 8601, the last day on which they are; empty: for good.
        today: the date of the acceptance; ``None``: this day, UTC.

    Raises:
        HarnessError: the run was interrupted, a subject could not run, or a divergence has no reason.
    """
    _check_complete(run)
    day, accepted, divergences, entries = (today or this_day()).isoformat(), baseline, [], 0
    without_reason: list[Deviation] = []
    for record in run.cases:
        if record.case.id not in chosen:
            continue
        before = baseline.accepted.get(record.case.id, {})
        after = dict(before)
        for comparison in record.comparisons:
            pair = f"{comparison.left}|{comparison.right}"
            entry = _state(record, comparison)
            if needs_acceptance(comparison):
                entry = _with_reason(record, entry, before.get(pair), reason, expires, day, chosen[record.case.id])
                deviation = deviation_of(record, comparison, reason=entry.reason, was=before.get(pair))
                (divergences if entry.reason else without_reason).append(deviation)
            entries += entry != before.get(pair)
            after[pair] = entry
        case = record.case
        accepted = accepted.with_case(case.id, after, scenario=case.scenario, file=case.location.file)
    if without_reason:
        raise HarnessError(_no_reason(without_reason))
    return Acceptance(accepted, len(chosen), entries, tuple(divergences))


def prune(baseline: Baseline, scope: Scope) -> tuple[Baseline, tuple[Deviation, ...]]:
    """Removes what the scenario files no longer have. Returns the rest, and what was removed."""
    gone, _ = missing(None, baseline, scope)
    lost = {one.key for one in gone}
    kept = {
        case: {pair: entry for pair, entry in pairs.items() if (case, *pair.split("|")) not in lost}
        for case, pairs in baseline.accepted.items()
        if (case, "", "") not in lost
    }
    return replace(baseline, accepted={case: pairs for case, pairs in kept.items() if pairs}), tuple(gone)


_LEAST_SHARE = 0.05
"""Of a cause that is kept: whether one of less has a share at all is the processor's, as the last bits are."""


def _state(record: CaseRecord, comparison: Comparison) -> Accepted:
    # Which of EQUAL and CLOSE meets an expectation of CLOSE is the processor's.
    verdict = Verdict(comparison.expected) if comparison.status == "expected" else comparison.verdict
    figures = figures_of(record.case.kind, comparison, outcomes_of(record))
    causes = sorted(str(cause["code"]) for cause in comparison.causes if abs(cause["share"]) >= _LEAST_SHARE)
    return Accepted(verdict, figures, causes=tuple(causes))


def _with_reason(
    record: CaseRecord,
    entry: Accepted,
    before: Accepted | None,
    reason: str,
    expires: str,
    day: str,
    named: bool,
) -> Accepted:
    unchanged = before is not None and (
        before.verdict is entry.verdict and not moved(record.case.kind, before.figures, entry.figures)
    )
    valid = before is not None and before.reason and not (before.expires and before.expires < day)
    if before is not None and unchanged and valid and not (named and reason):
        return replace(entry, reason=before.reason, date=before.date, expires=before.expires)
    return replace(entry, reason=reason, date=day, expires=expires)


def _check_complete(run: Run) -> None:
    if run.interrupted:
        raise HarnessError(
            f"{run.folder}: the run was interrupted, and half a run is no state to accept. "
            "Finish it first: the same harness run goes on where it was."
        )
    for name, description in run.subjects.items():
        if "unavailable" in description:
            raise HarnessError(
                f"{run.folder}: {name} could not run, which is no state to accept: {description['unavailable']}"
            )


def _no_reason(found: Sequence[Deviation]) -> str:
    shown = [f"  {one.case}  {one.left} | {one.right}  {one.now}: {one.sentence}" for one in found[:_MOST_NAMED]]
    rest = [f"  and {len(found) - _MOST_NAMED:,} more"] if len(found) > _MOST_NAMED else []
    are = "1 comparison is" if len(found) == 1 else f"{len(found):,} comparisons are"
    head = f'{are} not as a scenario expects. Say why that is accepted: --reason "...".'
    return "\n".join([head, *shown, *rest])
