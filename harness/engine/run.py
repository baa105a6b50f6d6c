"""The story of a run: prepare the problems, compute the outcomes that the store lacks, compare, record."""

from __future__ import annotations

import datetime
import os
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from harness.engine import fingerprint
from harness.engine.comparing import compare_case
from harness.engine.describe import describe_own_subjects, describe_subjects
from harness.engine.events import (
    CaseJudged,
    Damaged,
    Event,
    Finished,
    OutcomeBegun,
    OutcomeReady,
    Planned,
    ProblemReady,
    Progressed,
)
from harness.engine.given import take_weights
from harness.engine.judged import get_judged, judged_keys, keep_judged
from harness.engine.plan import Task, evaluation_task, outcome_tasks, preparation_tasks, problems_of
from harness.engine.record import CaseRecord, Run, as_stored, outcome_of
from harness.engine.schedule import Ahead, Begun, Done, run_tasks
from harness.engine.store import Store
from harness.engine.work import Problem
from harness.engine.workers import Pool, Workers, share_of_memory, worker_limits
from harness.oracle.verdicts import Tolerance
from harness.subjects.protocol import Environment
from harness.subjects.registry import load_subject
from harness.vocabulary import Case, HarnessError, Outcome


@dataclass(frozen=True)
class Options:
    """How to run.

    Attributes:
        store: folder of the store.
        jobs: how many workers compute at the same time.
        timeout: seconds that one outcome may take.
        fresh: whether to ignore what earlier runs left in the store.
        tolerance: what counts as round-off.
        memory: bytes that one worker may take; one that takes more is stopped, at the cost of its own outcome.
            ``None``: its share of four fifths of the machine's, and never less than 2 GiB.
        against: a subject; only the pairs that it is one of are compared. ``None``: every pair.
        weights_of: an earlier run, on whose weights the same cases run: training before the attack comes to other last
            bits under another version of TensorFlow.
        scheduler: address of the scheduler of a Dask cluster to compute on; ``None``: on this machine.
    """

    store: Path
    jobs: int = field(default_factory=lambda: os.cpu_count() or 1)
    timeout: float = 300.0
    fresh: bool = False
    tolerance: Tolerance = field(default_factory=Tolerance)
    memory: int | None = None
    against: str | None = None
    weights_of: Run | None = None
    scheduler: str | None = None

    def start_workers(self) -> Pool:
        """Workers for runs with these options; whoever starts them closes them.

        Raises:
            HarnessError: the cluster cannot be used, see ``harness.engine.cluster.Cluster``.
        """
        if self.scheduler:
            from harness.engine.cluster import Cluster

            return Cluster(self.scheduler, Store(self.store))
        return Workers(memory=self.memory or share_of_memory(self.jobs))


def execute(cases: Sequence[Case], options: Options, *, shared: Pool | None = None) -> Generator[Event, None, None]:
    """Runs the cases and yields what happens. The last event is ``Finished``, also after an interrupt.

    Args:
        cases: to run.
        options: how.
        shared: workers that several runs share, which go on when this one ends; ``None``: it has its own.

    Raises:
        HarnessError: when a user's own subject cannot be imported, a problem cannot be prepared or the disk is full.
            What was finished is in the store by then.
    """
    started, clock = datetime.datetime.now(datetime.timezone.utc), time.monotonic()
    store = Store(options.store)
    subjects = describe_subjects(dict.fromkeys(name for case in cases for name in case.subjects))
    records: dict[str, CaseRecord] = {}
    workers = shared or options.start_workers()
    interrupted = False
    store.hold()
    store.sweep()
    try:
        limits = worker_limits(Counter(one.name for one in _environments(cases, subjects)), options.jobs)
        subjects |= describe_own_subjects(subjects, workers, limits=limits, timeout=options.timeout)
        problems = yield from _prepare(cases, subjects, store, workers, options)
        for event in _compute(cases, problems, subjects, store, workers, options):
            if isinstance(event, CaseJudged):
                records[event.record.case.id] = event.record
            yield event
    except KeyboardInterrupt:
        interrupted = True
    finally:
        if shared is None:
            workers.close()
    yield Finished(
        Run(
            environment=fingerprint.environment(),
            subjects=subjects,
            cases=tuple(records[case.id] for case in cases if case.id in records),
            started=started.isoformat(timespec="seconds"),
            seconds=time.monotonic() - clock,
            interrupted=interrupted,
            store=store,
        )
    )


def complete(events: Generator[Event, None, None], listen: Callable[[Event], None]) -> Run:
    """Goes through the events of a run to its end, or to an orderly end after Ctrl-C, and returns the run.

    Args:
        events: of ``execute``.
        listen: gets each of them.
    """
    event = next(events)
    while not isinstance(event, Finished):
        try:
            listen(event)
            event = next(events)
        except KeyboardInterrupt as interrupt:
            # It may have struck while the listener had the word; only the generator can end the workers and sum up.
            event = events.throw(interrupt)
    return event.run


def _prepare(
    cases: Sequence[Case],
    subjects: Mapping[str, Mapping[str, Any]],
    store: Store,
    workers: Pool,
    options: Options,
) -> Generator[Event, None, dict[str, Problem]]:
    """Gets the weights and the batch of every case. Returns the problems by case id."""
    given = take_weights(options.weights_of, cases, store) if options.weights_of else {}
    tasks = preparation_tasks(cases, store.root, given=given)
    yield Planned(problems=len(tasks), outcomes=sum(len(case.subjects) for case in cases), cases=len(cases))
    records: dict[tuple[str, str], Mapping[str, Any]] = {}
    failures = []
    for done in _run(tasks, store, workers, options):
        if isinstance(done, Damaged):
            yield done
            continue
        if isinstance(done, Ahead | Begun):
            continue
        if done.failure:
            failures.append(f"{done.task.case.location}: {done.reason}")
        records[done.task.kind, done.task.key] = done.record
        if not done.from_store:  # nor will the outcomes be in the store, so their workers may load already
            _warm_up(cases, subjects, workers, options)
        yield ProblemReady(done.task.case)
    if failures:
        raise HarnessError("\n".join(failures))
    return problems_of(cases, records, given=given)


def _warm_up(cases: Sequence[Case], subjects: Mapping[str, Mapping[str, Any]], workers: Pool, options: Options) -> None:
    environments = _environments(cases, subjects)
    limits = worker_limits(Counter(environment.name for environment in environments), options.jobs)
    for environment in {environment.name: environment for environment in environments}.values():
        workers.warm_up(environment, workers=limits[environment.name], timeout=options.timeout)


def _environments(cases: Sequence[Case], subjects: Mapping[str, Mapping[str, Any]]) -> list[Environment]:
    """Of every outcome that can be computed."""
    available = [name for case in cases for name in case.subjects if "unavailable" not in subjects[name]]
    return [load_subject(name).ENVIRONMENT for name in available]


def _compute(
    cases: Sequence[Case],
    problems: Mapping[str, Problem],
    subjects: Mapping[str, Mapping[str, Any]],
    store: Store,
    workers: Pool,
    options: Options,
) -> Iterator[Event]:
    """Gets every outcome, and compares a case once it has all of its own; or takes it as an earlier run judged it."""
    tasks = outcome_tasks(cases, problems, subjects, store.root)
    keys = judged_keys(tasks, problems, options.tolerance, against=options.against)
    rest = []
    for case in cases:
        known = (
            None if options.fresh or case.id not in keys else get_judged(store, keys[case.id], case, problems[case.id])
        )
        if known is None:
            rest.append(case)
            continue
        yield from (OutcomeReady(case, outcome) for outcome in known.outcomes)
        yield CaseJudged(known)
    outcomes: dict[str, dict[str, Outcome]] = {case.id: {} for case in rest}
    tasks = [task for task in tasks if task.case.id in outcomes]
    for found in _all_outcomes(rest, tasks, problems, subjects, store, workers, options):
        if isinstance(found, OutcomeBegun | Progressed | Damaged):
            yield found
            continue
        case, outcome, stored = found
        yield OutcomeReady(case, outcome)
        arrived = outcomes[case.id]
        arrived[outcome.subject] = outcome
        if not stored:
            keys.pop(case.id, None)
        if len(arrived) == len(case.subjects):
            comparisons = compare_case(
                store, case, problems[case.id].batch, arrived, options.tolerance, against=options.against
            )
            ordered = tuple(arrived[name] for name in case.subjects)
            record = CaseRecord(case, problems[case.id].identity, ordered, comparisons)
            if case.id in keys:
                keep_judged(store, keys[case.id], record)
            yield CaseJudged(record)


def _all_outcomes(
    cases: Sequence[Case],
    tasks: Sequence[Task],
    problems: Mapping[str, Problem],
    subjects: Mapping[str, Mapping[str, Any]],
    store: Store,
    workers: Pool,
    options: Options,
) -> Iterator[tuple[Case, Outcome, bool] | OutcomeBegun | Progressed | Damaged]:
    """Every outcome with its case, and whether the store has it: what a failure left is tried again by the next run."""
    for case in cases:
        for name in case.subjects:
            if "unavailable" in subjects[name]:
                yield case, Outcome(name, "error", reason=subjects[name]["unavailable"]), False
    trained: dict[tuple[str, str], Outcome] = {}

    def evaluation(done: Done) -> Task | None:
        """A training is half an outcome: whoever trained, what was trained is evaluated in the same way."""
        task = done.task
        if task.kind != "outcome" or task.case.kind != "training" or not done.record.get("arrays"):
            return None
        return evaluation_task(task.case, problems[task.case.id], task.subject, done.record["arrays"], store.root)

    for done in _run(tasks, store, workers, options, then=evaluation):
        if isinstance(done, Ahead):
            yield Progressed(done.task.case, done.task.subject, done.step, done.steps)
            continue
        if isinstance(done, Begun):
            yield OutcomeBegun(done.task.case, done.task.subject)
            continue
        if isinstance(done, Damaged):
            yield done
            continue
        case, subject = done.task.case, done.task.subject
        if done.failure:
            whose = "its evaluation: " if done.task.kind == "evaluation" else ""
            yield case, Outcome(subject, done.failure, reason=f"{whose}{done.reason}"), False
        elif done.task.kind == "evaluation":
            outcome = trained.pop((case.id, subject))
            summary = as_stored({**outcome.summary, "evaluation": done.record})
            yield case, replace(outcome, summary=summary), True
        else:
            outcome = outcome_of(done.record)
            outcome = replace(outcome, from_store=done.from_store)
            if evaluation(done):
                trained[case.id, subject] = outcome
            else:
                yield case, outcome, True


def _run(
    tasks: Sequence[Task],
    store: Store,
    workers: Pool,
    options: Options,
    then: Callable[[Done], Task | None] = lambda done: None,
) -> Iterator[Done | Begun | Ahead | Damaged]:
    return run_tasks(
        tasks, store=store, workers=workers, jobs=options.jobs, timeout=options.timeout, fresh=options.fresh, then=then
    )
