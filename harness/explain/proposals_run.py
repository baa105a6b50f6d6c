"""Checks proposals: the cases with the proposed settings are run on the two sides, like any other case."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from harness.engine.events import CaseJudged, Damaged, Event, Explaining
from harness.engine.record import CaseRecord, Run
from harness.engine.run import Options, complete, execute
from harness.engine.workers import Pool
from harness.explain.measured import LIBRARIES
from harness.explain.proposals import Proposal, propose
from harness.scenario.variant import variant
from harness.vocabulary import YARDSTICK, Case, Comparison, Verdict, content_hash

MOST_OUTCOMES = 64
"""That a run needs for proposals beyond its own. Pairs of two libraries come first; for the rest nothing is run."""

_NOT_RUN = {
    "training": "not run: trainings are, for pairs of two libraries only",
    "many": f"not run: at most {MOST_OUTCOMES} outcomes are, those of two libraries first",
    "interrupted": "not run: interrupted",
}


@dataclass(frozen=True)
class _Wanted:
    """A proposal for one comparison of a run."""

    record: CaseRecord
    comparison: Comparison
    proposal: Proposal
    key: str

    @property
    def pair(self) -> tuple[str, str]:
        return self.comparison.left, self.comparison.right

    @property
    def rank(self) -> int:
        return sum(name not in LIBRARIES for name in self.pair)

    @property
    def may_be_run(self) -> bool:
        """Trainings take long."""
        return self.record.case.kind != "training" or not self.rank


def with_proposals(
    run: Run, options: Options, workers: Pool, listen: Callable[[Event], None] = lambda event: None
) -> Run:
    """The run with what to set for every explained divergence, and the verdict that it leads to.

    It is ``metrics["proposal"]`` of the comparison, see ``proposals.Proposal.to_json``: ``case`` is the case that was
    run, ``verdict`` and ``sentence`` what the pair came to there; ``reason`` says why nothing was run. A case that this
    run has anyway is not run again. Ctrl-C leaves the rest unchecked, and marks the run as interrupted.

    Args:
        run: explained.
        options: that it was made with.
        workers: its workers.
        listen: gets how far this is, as ``Explaining``.
    """
    clock = time.monotonic()
    wanted = list(_wanted(run))
    own = {_key(record.case): record for record in reversed(run.cases)}
    found = {id(one.comparison): _answer(one, own.get(one.key)) for one in wanted}
    missing = [one for one in wanted if one.proposal.case and not found[id(one.comparison)]["verdict"]]
    chosen = _chosen(missing)
    interrupted = run.interrupted
    if chosen and not interrupted:
        records, interrupted = _executed(chosen, run, options, workers, listen)
        for one in chosen:
            found[id(one.comparison)] = _answer(one, records.get(one.key))
    for one in missing:
        answer = found[id(one.comparison)]
        if not answer["verdict"]:
            why = "interrupted" if one in chosen else "many" if one.may_be_run else "training"
            answer["reason"] = _NOT_RUN[why]
    cases = tuple(_told(record, found) for record in run.cases)
    seconds = run.seconds + time.monotonic() - clock
    return replace(run, cases=cases, interrupted=interrupted, seconds=seconds)


def _wanted(run: Run) -> Iterable[_Wanted]:
    for record in run.cases:
        for one in record.comparisons:
            # The yardstick is nobody's implementation: there is nothing to set alike.
            if one.verdict is not Verdict.DIVERGED or YARDSTICK in (one.left, one.right):
                continue
            proposal = propose(record, one)
            if proposal is not None:
                yield _Wanted(record, one, proposal, _key(proposal.case) if proposal.case else "")


def _key(case: Case) -> str:
    """Equal for cases that ask the same, whatever they are called."""
    return content_hash([case.kind, case.model, case.data, case.attack, case.training])


def _chosen(missing: Sequence[_Wanted]) -> list[_Wanted]:
    """What is run: as many as need no more than ``MOST_OUTCOMES``."""
    chosen, outcomes = [], set()
    for one in sorted(missing, key=lambda one: one.rank):
        needed = outcomes | {(one.key, name) for name in one.pair}
        if one.may_be_run and len(needed) <= MOST_OUTCOMES:
            chosen.append(one)
            outcomes = needed
    return chosen


def _executed(
    chosen: Sequence[_Wanted], run: Run, options: Options, workers: Pool, listen: Callable[[Event], None]
) -> tuple[dict[str, CaseRecord], bool]:
    """What came of the changed cases, by key, and whether it was interrupted.

    The yardstick takes longer than the pair, and can only excuse a difference: it is asked where there is one.
    """
    cases: dict[str, Case] = {}
    for one in chosen:
        first = cases.get(one.key, one.proposal.case)
        assert first is not None
        names = {*one.pair, *(first.subjects if one.key in cases else ())}
        taking_part = tuple(name for name in one.record.case.subjects if name in names)
        cases[one.key] = replace(_shortened(first, one.comparison.metrics["bridge"]), subjects=taking_part)
    records, interrupted = _records(cases, chosen, run, options, workers, listen)
    excused = {
        one.key: replace(cases[one.key], subjects=(*cases[one.key].subjects, YARDSTICK))
        for one in chosen
        if YARDSTICK in one.record.case.subjects
        and YARDSTICK not in cases[one.key].subjects
        and _answer(one, records.get(one.key))["verdict"] == Verdict.DIVERGED
    }
    if excused and not interrupted:
        again, interrupted = _records(excused, chosen, run, options, workers, listen)
        records |= again
    return records, interrupted


def _records(
    cases: Mapping[str, Case],
    chosen: Sequence[_Wanted],
    run: Run,
    options: Options,
    workers: Pool,
    listen: Callable[[Event], None],
) -> tuple[dict[str, CaseRecord], bool]:
    done = 0

    def tell(event: Event) -> None:
        nonlocal done
        if isinstance(event, CaseJudged):
            done += 1
            listen(Explaining(done, len(cases), "proposals"))
        elif isinstance(event, Damaged):
            listen(event)

    if options.weights_of is not None:  # they have the weights of the cases that they come from
        identities = {one.key: one.record.identity for one in chosen}
        renamed = tuple(CaseRecord(case, identities[key], (), ()) for key, case in cases.items())
        options = replace(options, weights_of=replace(run, cases=renamed, folder=None))
    listen(Explaining(0, len(cases), "proposals"))
    finished = complete(execute(list(cases.values()), replace(options, against=None), shared=workers), tell)
    keys = {case.id: key for key, case in cases.items()}
    return {keys[record.case.id]: record for record in finished.cases}, finished.interrupted


def _shortened(case: Case, bridge: Mapping[str, Any]) -> Case:
    """A training as far as its bridge goes, with the first seed: that tells whether two sides agree."""
    if case.kind != "training":
        return case
    shorter = {"seeds": 1, "steps": bridge["step"]}
    return variant(case, {f"training.{name}": value for name, value in shorter.items() if case.training[name] != value})


def _answer(one: _Wanted, record: CaseRecord | None) -> dict[str, Any]:
    """The proposal, with what the pair came to in a record of its case, if that has it."""
    answer = one.proposal.to_json()
    compared = record.comparisons if record else ()
    found = next((other for other in compared if {other.left, other.right} == set(one.pair)), None)
    if record and found:
        answer |= {"case": record.case.id, "verdict": str(found.verdict), "sentence": found.sentence}
    return answer


def _told(record: CaseRecord, found: Mapping[int, Mapping[str, Any]]) -> CaseRecord:
    comparisons = tuple(
        replace(one, metrics={**one.metrics, "proposal": found[id(one)]}) if id(one) in found else one
        for one in record.comparisons
    )
    return replace(record, comparisons=comparisons)
