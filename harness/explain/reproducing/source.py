"""Where a reproduction gets its case from: a finished run that has it, or a run of this one case."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path

from harness.engine.record import CaseRecord, Run, load_run
from harness.engine.run import Options, complete, execute
from harness.explain.reproducing.calls import refuse_reference
from harness.vocabulary import YARDSTICK, Case, Comparison, HarnessError, Verdict, canonical_json, is_own


def case_of(cases: Sequence[Case], name: str) -> Case:
    """The case of an id, or the only one of a scenario. Raises ``HarnessError`` where there is none."""
    found = [case for case in cases if case.id == name] or [case for case in cases if case.scenario == name]
    if not found:
        near = difflib.get_close_matches(name, [case.id for case in cases], n=1, cutoff=0.5)
        guess = f"Did you mean '{near[0]}'? " if near else ""
        raise HarnessError(f"there is no case '{name}'. {guess}harness list shows all ids.")
    if len(found) > 1:
        ids = "\n".join(f"  {case.id}" for case in found)
        raise HarnessError(f"expected one case, got the scenario {name}, which has {len(found)}:\n{ids}")
    return found[0]


def in_run(folder: Path, case: Case | None, name: str, pair: Sequence[str]) -> tuple[Run, CaseRecord] | None:
    """The case in a finished run; ``None`` when it is not there, asks something else by now, or lacks the pair.

    Args:
        folder: of the run.
        case: as the scenario files have it; ``None``: the run's word is taken.
        name: of the case.
        pair: of subjects; empty: any.

    Raises:
        HarnessError: the folder is no run, or, where its word is taken, has no such case.
    """
    run = load_run(folder)
    wanted = case_of([record.case for record in run.cases], name) if case is None else case
    record = next((record for record in run.cases if record.case.id == wanted.id), None)
    if record is None or not _same_question(record.case, wanted):
        return None
    if pair and not set(pair) <= {outcome.subject for outcome in record.outcomes}:
        return None
    return run, record


def run_alone(case: Case, pair: Sequence[str], *, store: Path) -> tuple[Run, CaseRecord]:
    """Runs one case on the pair, or on every library that takes part, and on the yardstick where the case has it."""
    libraries = pair or [name for name in case.subjects if not name.startswith("reference-")]
    if len(libraries) < 2:
        raise HarnessError(f"{case.id} compares no two libraries. Name two with --pair A,B.")
    measured = [YARDSTICK] if YARDSTICK in case.subjects else []
    alone = replace(case, subjects=tuple(dict.fromkeys([*libraries, *measured])), expectations={})
    run = complete(execute([alone], Options(store=store, jobs=2)), lambda event: None)
    if run.interrupted:
        raise KeyboardInterrupt
    return run, run.cases[0]


def comparison_of(record: CaseRecord, pair: Sequence[str]) -> Comparison:
    """The comparison of the pair, or the first that diverged between two libraries, or the first between two."""
    for subject in pair:
        refuse_reference(subject)
    libraries = [
        comparison
        for comparison in record.comparisons
        if not any(side.startswith("reference-") for side in (comparison.left, comparison.right))
    ]
    if pair:
        libraries = [one for one in libraries if {one.left, one.right} == set(pair)]
    if not libraries:
        there = ", ".join(outcome.subject for outcome in record.outcomes)
        raise HarnessError(f"{record.case.id} compares no two libraries; its subjects are {there}. Name --pair A,B.")
    ranked = [one for verdict in (Verdict.DIVERGED, None) for one in libraries if verdict in (None, one.verdict)]
    return ranked[0]


def pairs_allowed(case: Case, pair: Sequence[str]) -> None:
    """Raises ``HarnessError`` for a pair that is none, or that does not take part in the case."""
    if len(set(pair)) != 2:
        raise HarnessError(f"--pair: expected two subjects separated by a comma, got {','.join(pair)!r}.")
    absent = [name for name in pair if name not in case.subjects and not is_own(name)]
    if absent:
        raise HarnessError(
            f"--pair: {absent[0]} does not take part in {case.id}, whose pairs are "
            f"{'; '.join(','.join(one) for one in combinations(case.subjects, 2))}."
        )


def _same_question(one: Case, other: Case) -> bool:
    rooms = ("kind", "model", "data", "attack", "training")
    return all(canonical_json(getattr(one, room)) == canonical_json(getattr(other, room)) for room in rooms)
