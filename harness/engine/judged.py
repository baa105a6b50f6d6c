"""Cases that an earlier run has judged: their outcomes and comparisons in one record each, so that a run of an
unchanged set reads one small file a case, and no arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from harness.engine import fingerprint
from harness.engine.plan import Task
from harness.engine.record import CaseRecord, arrays_of, comparison_of, outcome_of
from harness.engine.store import Store
from harness.engine.work import Problem
from harness.oracle.verdicts import Tolerance
from harness.vocabulary import Case, content_hash

KIND = "judged"
"""Of the records in the store."""


def judged_keys(
    tasks: Sequence[Task], problems: Mapping[str, Problem], tolerance: Tolerance, *, against: str | None
) -> dict[str, str]:
    """Keys of the judged cases, by case id: hashes of the keys of their outcomes and of what they are judged by.

    A case of which a subject is not available has none: it is not judged from outcomes alone.

    Args:
        tasks: for the outcomes, see ``harness.engine.plan.outcome_tasks``.
        problems: by case id.
        tolerance: what counts as round-off.
        against: see ``harness.engine.comparing.compare_case``.
    """
    outcomes: dict[str, dict[str, str]] = {}
    cases: dict[str, Case] = {}
    for task in tasks:
        outcomes.setdefault(task.case.id, {})[task.subject] = task.key
        cases[task.case.id] = task.case
    judging = content_hash([asdict(tolerance), against, _code()])
    return {
        name: content_hash([judging, [keys[subject] for subject in case.subjects], _judged_by(case, problems[name])])
        for name, case in cases.items()
        if len(keys := outcomes[name]) == len(case.subjects)
    }


def get_judged(store: Store, key: str, case: Case, problem: Problem) -> CaseRecord | None:
    """The case as it was judged; ``None`` when it was not, or when its record or any of its arrays are damaged."""
    record = store.get_record(KIND, key)
    if record is None:
        return None
    if not all(store.has_arrays(digest, stamp) for digest, stamp in record["stamps"].items()):
        return None
    stamps = {digest: store.stamp(digest) for digest in record["stamps"]}
    if stamps != record["stamps"]:  # the content is right: the file was copied or put there again
        store.put_record(KIND, key, {**record, "stamps": stamps})
    outcomes = tuple(replace(outcome_of(one), from_store=True) for one in record["outcomes"])
    return CaseRecord(case, problem.identity, outcomes, tuple(map(comparison_of, record["comparisons"])))


def keep_judged(store: Store, key: str, record: CaseRecord) -> None:
    """Stores a case that was judged from arrays which this process has just read.

    Raises:
        CannotWriteError: when the disk is full, and the like.
    """
    digests = dict.fromkeys(digest for outcome in record.outcomes for digest in arrays_of(outcome))
    body = {
        "outcomes": [vars(replace(outcome, from_store=False)) for outcome in record.outcomes],
        "comparisons": [vars(comparison) for comparison in record.comparisons],
        "stamps": {digest: store.stamp(digest) for digest in digests},
    }
    store.put_record(KIND, key, body)


def _judged_by(case: Case, problem: Problem) -> list[Any]:
    """What a case's comparisons depend on besides its outcomes."""
    expected = {
        pair: [one.verdict, one.because, one.outcome] for pair, one in case.expectations.items()
    }  # not where it stands in the file
    evaluated = ""
    if case.kind == "training":
        evaluated = fingerprint.evaluation_key(case, data=problem.batch, arrays="of the outcome")
    return [case.subjects, expected, case.training.get("margin"), evaluated]


def _code() -> str:
    root = Path(__file__).parents[1]
    judging = [root / "engine" / f"{name}.py" for name in ("comparing", "judging", "judged")]
    return fingerprint.code_hash([*judging, root / "vocabulary.py", *sorted((root / "oracle").glob("*.py"))])
