"""A run against the accepted state of its cases: what is new, changed, gone or expired."""

from __future__ import annotations

import datetime
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from harness.engine.baseline_figures import figures_of, moved
from harness.engine.baseline_file import Accepted, Baseline, scenario_of
from harness.engine.judging import meets
from harness.engine.record import CaseRecord, Run
from harness.engine.standing import Deviation, Standing
from harness.vocabulary import Case, Comparison, Location, Outcome, Verdict, is_own


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
    day = (today or this_day()).isoformat()
    for record in run.cases:
        known = baseline.accepted.get(record.case.id, {})
        for comparison in record.comparisons:
            found = _hold(record, comparison, known.get(f"{comparison.left}|{comparison.right}"), day)
            if found:
                groups[found[0]].append(found[1])
    vanished, not_run = missing(run, baseline, scope)
    return Standing(
        str(baseline.file), vanished=tuple(vanished), not_run=tuple(not_run), **{n: tuple(g) for n, g in groups.items()}
    )


def needs_acceptance(comparison: Comparison) -> bool:
    """Whether nobody but a baseline can say that this is right: it is not as its scenario expects, or it diverged or
    failed and no scenario says anything."""
    alarming = comparison.verdict in (Verdict.DIVERGED, Verdict.ERROR)
    return comparison.status == "unexpected" or (comparison.status == "unstated" and alarming)


def _hold(record: CaseRecord, comparison: Comparison, entry: Accepted | None, day: str) -> tuple[str, Deviation] | None:
    """The group that a comparison belongs to, if any."""
    alarming = needs_acceptance(comparison)
    if entry is None:
        return "new", deviation_of(record, comparison, fails=alarming)
    if not meets(comparison.verdict, entry.verdict):
        return "changed", deviation_of(record, comparison, was=entry, fails=True)
    if comparison.verdict is entry.verdict:
        figures = figures_of(record.case.kind, comparison, outcomes_of(record))
        differences = "; ".join(moved(record.case.kind, entry.figures, figures))
        if differences:
            return "changed", deviation_of(record, comparison, was=entry, fails=True, first=differences)
    if not alarming or not entry.reason:
        return None
    if entry.expires and entry.expires < day:
        until = f"accepted until {entry.expires}"
        return "expired", deviation_of(record, comparison, was=entry, reason=entry.reason, fails=True, first=until)
    return "accepted", deviation_of(record, comparison, was=entry, reason=entry.reason)


def outcomes_of(record: CaseRecord) -> dict[str, Outcome]:
    """The outcomes of a case, by subject."""
    return {outcome.subject: outcome for outcome in record.outcomes}


def deviation_of(
    record: CaseRecord,
    comparison: Comparison,
    *,
    was: Accepted | None = None,
    reason: str = "",
    fails: bool = False,
    first: str = "",
) -> Deviation:
    """A comparison as a deviation: ``was``, what is accepted of it; ``first``, what to say before its sentence."""
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


def missing(run: Run | None, baseline: Baseline, scope: Scope | None) -> tuple[list[Deviation], list[Deviation]]:
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


def this_day() -> datetime.date:
    """UTC."""
    return datetime.datetime.now(datetime.timezone.utc).date()
