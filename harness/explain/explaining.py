"""After a run: bridges for its divergences, computed on its workers or taken from its store."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, replace
from typing import Any

from harness.engine import fingerprint
from harness.engine.events import Event, Explaining
from harness.engine.plan import Task
from harness.engine.record import CaseRecord, Run, as_stored
from harness.engine.run import Options, complete, execute
from harness.engine.schedule import Done, run_tasks
from harness.engine.store import Store
from harness.engine.work import Problem
from harness.engine.workers import Pool
from harness.explain.bridge import NO_BRIDGE, causes_of
from harness.explain.bridging import build_bridges
from harness.explain.bridging_training import build_training_bridges
from harness.explain.proposals_run import with_proposals
from harness.subjects.environments import TENSORFLOW_2
from harness.vocabulary import YARDSTICK, Case, Comparison, Outcome, Verdict

_BUILD: Mapping[str, Callable[..., dict[str, Any]]] = {
    "perturbation": build_bridges,
    "loss": build_bridges,
    "training": build_training_bridges,
}
"""What builds the bridges of a case, by its kind."""


def execute_explained(
    cases: Sequence[Case], options: Options, listen: Callable[[Event], None], *, explain: bool = True
) -> Run:
    """Runs the cases and, unless told otherwise, says why outcomes diverge and what to set, on the same workers.

    Args:
        cases, options: see ``harness.engine.run.execute``, which raises.
        listen: gets every event of the run.
        explain: whether to look for causes.
    """
    with closing(options.start_workers()) as workers:
        run = complete(execute(cases, options, shared=workers), listen)
        if not explain:
            return run
        return with_proposals(explain_run(run, options, workers, listen), options, workers, listen)


def explain_run(run: Run, options: Options, workers: Pool, listen: Callable[[Event], None] = lambda event: None) -> Run:
    """The run with causes for every divergence.

    Each ``Comparison.causes`` is then ``{"code", "share"}``, the largest first, and ``metrics["bridge"]`` how they were
    found (see ``bridging``). Ctrl-C leaves the rest without, and marks the run as interrupted.

    Args:
        run: finished.
        options: that it was made with.
        workers: its workers.
        listen: gets how far this is, as ``Explaining``.
    """
    if run.store is None or run.interrupted:
        return run
    clock = time.monotonic()
    tasks = {record.case.id: task for record in run.cases if (task := _task(record, run.store, options))}
    bridges: dict[str, Mapping[str, Any]] = {}
    interrupted = False
    ordered = sorted(tasks.values(), key=lambda task: task.arguments[2].weights)
    try:
        if tasks:
            listen(Explaining(0, len(tasks)))
        for done in run_tasks(
            ordered,
            store=run.store,
            workers=workers,
            jobs=options.jobs,
            timeout=options.timeout,
            fresh=options.fresh,
        ):
            if isinstance(done, Done):
                bridges[done.task.case.id] = as_stored(done.record["bridges"] if not done.failure else _failed(done))
                listen(Explaining(len(bridges), len(tasks)))
    except KeyboardInterrupt:
        interrupted = True
    cases = tuple(_explained(record, bridges.get(record.case.id, {})) for record in run.cases)
    return replace(run, cases=cases, interrupted=interrupted, seconds=run.seconds + time.monotonic() - clock)


def _task(record: CaseRecord, store: Store, options: Options) -> Task | None:
    """What builds the bridges of a case; None where nothing of it diverges."""
    case = record.case
    pairs = [(one.left, one.right) for one in record.comparisons if one.verdict is Verdict.DIVERGED]
    if not pairs:
        return None
    named = {name for pair in pairs for name in pair}
    outcomes = {
        one.subject: _lean(one)
        for one in record.outcomes
        if one.arrays and (one.subject in named or one.subject == YARDSTICK)
    }
    batch = store.get_record("batch", fingerprint.batch_key(case))
    if batch is None:
        return None
    problem = Problem(record.identity["weights"], record.identity["data"], batch["classes"])
    sides = {name: [outcome.arrays, dict(outcome.settings)] for name, outcome in outcomes.items()}
    described = {"pairs": pairs, "sides": sides, "tolerance": asdict(options.tolerance)}
    key = fingerprint.bridge_key(case, identity=record.identity, pairs=described)
    arguments = (store.root, case, problem, outcomes, pairs, options.tolerance)
    return Task("bridge", key, case, TENSORFLOW_2, _BUILD[case.kind], arguments)


def _lean(outcome: Outcome) -> Outcome:
    """An outcome with what a bridge takes of it."""
    return replace(outcome, seconds=0.0, summary={}, defaulted=(), from_store=False)


def _failed(done: Done) -> dict[str, Any]:
    """The bridges of a case whose worker did not return any."""
    reason = f"building the bridge failed: {done.failure}: {done.reason}"
    return {f"{left}|{right}": {**NO_BRIDGE, "reason": reason} for left, right in done.task.arguments[4]}


def _explained(record: CaseRecord, bridges: Mapping[str, Any]) -> CaseRecord:
    if not bridges:
        return record
    return replace(record, comparisons=tuple(_with_causes(record.comparisons, bridges)))


def _with_causes(comparisons: Iterable[Comparison], bridges: Mapping[str, Any]) -> Iterable[Comparison]:
    for one in comparisons:
        bridge = bridges.get(f"{one.left}|{one.right}")
        if bridge is None:
            yield one
        else:
            yield replace(one, causes=causes_of(bridge), metrics={**one.metrics, "bridge": bridge})
