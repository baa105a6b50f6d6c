"""The weights that a run takes from an earlier one, in place of those that it would train itself."""

from __future__ import annotations

from collections.abc import Sequence

from harness.engine.record import Run, link_or_copy
from harness.engine.store import Store
from harness.vocabulary import Case, canonical_json


def take_weights(run: Run, cases: Sequence[Case], store: Store) -> dict[str, str]:
    """Puts a finished run's weights into the store, of the cases that train the same ones before the attack.

    Weights that are drawn are the same anywhere, and those in files may have changed since.

    Returns:
        Their hashes, by case id.

    Raises:
        HarnessError: they are missing from the run's folder, or damaged.
    """
    earlier = {record.case.id: record for record in run.cases}
    taken = {}
    for case in cases:
        record = earlier.get(case.id)
        if record is None or not _trains_by_itself(case) or _trained_on(record.case) != _trained_on(case):
            continue
        digest = record.identity["weights"]
        run.arrays(digest)  # raises where they are not what their name says
        link_or_copy(Store(run.folder or store.root).path_of(digest), store.path_of(digest))
        taken[case.id] = digest
    return taken


def _trains_by_itself(case: Case) -> bool:
    return {"layers", "pretrain"} <= set(case.model) and "weights" not in case.model and "path" not in case.data


def _trained_on(case: Case) -> str:
    seeds = case.training["seeds"] if case.kind == "training" else None
    return canonical_json({"model": case.model, "data": case.data, "seeds": seeds})
