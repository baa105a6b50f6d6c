"""A run against the accepted state of its cases: what is new, changed, gone, and what to accept."""

from __future__ import annotations

import datetime
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path

from harness.engine.baseline_figures import figures_of, moved
from harness.engine.baseline_file import Accepted, Baseline, scenario_of
from harness.engine.judging import meets
from harness.engine.record import CaseRecord, Run
from harness.engine.standing import Deviation, Standing
from harness.vocabulary import Case, Comparison, HarnessError, Location, Outcome, Verdict, is_own

_MOST_NAMED = 10


@dataclass(frozen=True)
class Scope:
    """What the scenario files have, whatever of it was run: to tell what vanished from what was left out.

    Attributes:
        cases: all cases of the files that were named.
        paths: the files and folders that were named.
    """

    cases: Sequence[Case]
    paths: Sequence[Path] = ()

    def lost_files(self, baseline: Baseline, scenario: str) -> bool:
        """Whether the file of a scenario lay in these folders and is no longer there."""
        file = baseline.scenario_file(scenario)
        if file is None or file.exists():
            return False
        return any(file.is_relative_to(path.resolve()) for path in self.paths)


def standing(
    run: Run, baseline: Baseline, scope: Scope | None = None, *, today: datetime.date | None = None
) -> Standing:
    """Holds a run against a baseline.

    Args:
        run: the run.
        baseline: what is accepted.
        scope: ``None``: not known, so whatever the run does not have counts as not run.
        today: the day on which acceptances may have expired; ``None``: this one, UTC.
    """
    groups: dict[str, list[Deviation]] = {name: [] for name in ("new", "changed", "expired", "accepted")}
    day = (today or _today()).isoformat()
    for record in run.cases:
        known = baseline.accepted.get(record.case.id, {})
        for comparison in record.comparisons:
            found = _hold(record, comparison, known.get(f"{comparison.left}|{comparison.right}"), day)
            if found:
                groups[found[0]].append(found[1])
    vanished, not_run = _missing(run, baseline, scope)
    return Standing(
        str(baseline.file), vanished=tuple(vanished), not_run=tuple(not_run), **{n: tuple(g) for n, g in groups.items()}
    )


def needs_acceptance(comparison: Comparison) -> bool:
    """Whether nobody but a baseline can say that this is right: it is not as its scenario expects, or it diverged or
    failed and no scenario says anything."""
    alarming = comparison.verdict in (Verdict.DIVERGED, Verdict.ERROR)
    return comparison.status == "unexpected" or (comparison.status == "unstated" and alarming)


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
    day, accepted, divergences, entries = (today or _today()).isoformat(), baseline, [], 0
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
                deviation = _deviation(record, comparison, reason=entry.reason, was=before.get(pair))
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
    gone, _ = _missing(None, baseline, scope)
    lost = {one.key for one in gone}
    kept = {
        case: {pair: entry for pair, entry in pairs.items() if (case, *pair.split("|")) not in lost}
        for case, pairs in baseline.accepted.items()
        if (case, "", "") not in lost
    }
    return replace(baseline, accepted={case: pairs for case, pairs in kept.items() if pairs}), tuple(gone)


def _hold(record: CaseRecord, comparison: Comparison, entry: Accepted | None, day: str) -> tuple[str, Deviation] | None:
    """The group that a comparison belongs to, if any."""
    alarming = needs_acceptance(comparison)
    if entry is None:
        return "new", _deviation(record, comparison, fails=alarming)
    if not meets(comparison.verdict, entry.verdict):
        return "changed", _deviation(record, comparison, was=entry, fails=True)
    if comparison.verdict is entry.verdict:
        figures = figures_of(record.case.kind, comparison, _outcomes(record))
        differences = "; ".join(moved(record.case.kind, entry.figures, figures))
        if differences:
            return "changed", _deviation(record, comparison, was=entry, fails=True, first=differences)
    if not alarming or not entry.reason:
        return None
    if entry.expires and entry.expires < day:
        until = f"accepted until {entry.expires}"
        return "expired", _deviation(record, comparison, was=entry, reason=entry.reason, fails=True, first=until)
    return "accepted", _deviation(record, comparison, was=entry, reason=entry.reason)


def _state(record: CaseRecord, comparison: Comparison) -> Accepted:
    # Which of EQUAL and CLOSE meets an expectation of CLOSE is the processor's.
    verdict = Verdict(comparison.expected) if comparison.status == "expected" else comparison.verdict
    figures = figures_of(record.case.kind, comparison, _outcomes(record))
    return Accepted(verdict, figures, causes=tuple(sorted(str(cause["code"]) for cause in comparison.causes)))


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


def _outcomes(record: CaseRecord) -> dict[str, Outcome]:
    return {outcome.subject: outcome for outcome in record.outcomes}


def _deviation(
    record: CaseRecord,
    comparison: Comparison,
    *,
    was: Accepted | None = None,
    reason: str = "",
    fails: bool = False,
    first: str = "",
) -> Deviation:
    expectation = record.case.expectations.get(f"{comparison.left}|{comparison.right}")
    return Deviation(
        record.case.id,
        comparison.left,
        comparison.right,
        location=expectation.location if expectation else record.case.location,
        was=str(was.verdict) if was else "",
        now=str(comparison.verdict),
        sentence="; ".join(part for part in (first, comparison.sentence) if part),
        reason=reason or (was.reason if was else ""),
        fails=fails,
    )


def _missing(run: Run | None, baseline: Baseline, scope: Scope | None) -> tuple[list[Deviation], list[Deviation]]:
    """What the baseline has and the run does not: vanished, and not run."""
    vanished: list[Deviation] = []
    not_run: list[Deviation] = []
    ran = {record.case.id: _pairs(record.comparisons) for record in run.cases} if run else {}
    present = {case.id: case for case in scope.cases} if scope else {}
    scenarios = {case.scenario: case.location for case in present.values()}
    for case, pairs in baseline.accepted.items():
        left_out = [pair for pair in pairs if pair not in ran.get(case, ())]
        if not left_out:
            continue
        known = present.get(case)
        location = known.location if known else scenarios.get(scenario_of(case))
        if known is None:
            gone = (
                scope is not None
                and case not in ran
                and (location is not None or scope.lost_files(baseline, scenario_of(case)))
            )
            lost = left_out if gone else []
        else:
            there = {f"{left}|{right}" for left, right in combinations(known.subjects, 2)}
            # A user's own subject takes part when the command line names it, whatever the file says.
            lost = [pair for pair in left_out if pair not in there and not any(map(is_own, pair.split("|")))]
        rest = [pair for pair in left_out if pair not in lost]
        vanished += _gone(case, pairs, lost, location, "no longer in the scenario files")
        not_run += _gone(case, pairs, rest, location, "not run")
    return vanished, not_run


def _gone(
    case: str, pairs: Mapping[str, Accepted], gone: Sequence[str], location: Location | None, words: str
) -> Iterable[Deviation]:
    """One deviation for a case that is gone as a whole, else one for each pair."""
    if gone and len(gone) == len(pairs):
        yield Deviation(case, location=location, sentence=words)
        return
    for pair in gone:
        left, right = pair.split("|")
        entry = pairs[pair]
        yield Deviation(case, left, right, location, was=str(entry.verdict), sentence=words, reason=entry.reason)


def _pairs(comparisons: Iterable[Comparison]) -> Collection[str]:
    return {f"{one.left}|{one.right}" for one in comparisons}


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


def _today() -> datetime.date:
    return datetime.datetime.now(datetime.timezone.utc).date()
