"""Runs tasks: takes what the store has, computes the rest on workers, and keeps what is finished."""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures import TimeoutError as FutureTimeoutError  # before Python 3.11 not the built-in one
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Any, Literal

from pebble import ProcessExpired

from harness.engine import progress
from harness.engine.events import Damaged
from harness.engine.parcel import ClusterError, FailedThereError
from harness.engine.plan import Task
from harness.engine.store import CannotWriteError, Store
from harness.engine.waiting import Waiting
from harness.engine.work import in_one_line
from harness.engine.workers import Pool
from harness.vocabulary import HarnessError


@dataclass(frozen=True)
class Done:
    """A task with its record, or with why there is none.

    Attributes:
        task: the task.
        record: what its function returned; empty after a failure.
        failure: ``timeout``, ``crash`` (the worker died) or ``error`` (the function raised); empty after success.
        reason: of the failure.
        from_store: whether an earlier run had computed it.
    """

    task: Task
    record: Mapping[str, Any]
    failure: Literal["", "timeout", "crash", "error"] = ""
    reason: str = ""
    from_store: bool = False


@dataclass(frozen=True)
class Ahead:
    """A task that is still running has done ``step`` of its ``steps``."""

    task: Task
    step: int
    steps: int


@dataclass(frozen=True)
class Begun:
    """A task has been given to a worker."""

    task: Task


_LOOK_EVERY = 0.5
"""Seconds from one look at how far the running tasks are to the next."""


def run_tasks(
    tasks: Sequence[Task],
    *,
    store: Store,
    workers: Pool,
    jobs: int,
    timeout: float,
    fresh: bool,
    then: Callable[[Done], Task | None] = lambda done: None,
) -> Iterator[Done | Begun | Ahead | Damaged]:
    """Yields every task once it is done: first what the store has, then the rest as it is finished.

    In between, which ones begin, how far long ones are, and which files of the store were found damaged.

    Args:
        tasks: to do, in the order in which to start them.
        store: of records; what is computed is put there before it is yielded.
        workers: to compute on.
        jobs: how many tasks run at the same time.
        timeout: seconds for one task.
        fresh: whether to ignore what the store has.
        then: the task that a finished one makes possible, if any; it goes before those that wait.

    Raises:
        CannotWriteError: when a worker or this process cannot write to the store.
        ClusterError: when the cluster that the tasks run on cannot go on.
    """
    missing = Waiting()
    running: dict[Future, Task] = {}
    busy: Counter[str] = Counter()
    computed: set[str] = set()
    repeated: set[tuple[str, str]] = set()
    looked = time.monotonic()

    def look_up(task: Task, put: Callable[[Task], None]) -> Iterator[Done | Damaged]:
        """What the store has of a task and of those that follow it; what it lacks is put among those that wait."""
        # Two tasks may make the same one possible: subjects that agree bit for bit leave one model to evaluate.
        record = None if fresh and task.key not in computed else store.get_record(task.kind, task.key)
        while store.damaged:
            yield Damaged(store.damaged.pop())
        if record is None:
            put(task)
            return
        done = Done(task, record, from_store=True)
        yield done
        yield from follow(done)

    def follow(done: Done) -> Iterator[Done | Damaged]:
        task = then(done)
        if task is not None:
            yield from look_up(task, missing.put_first)

    for task in tasks:
        yield from look_up(task, missing.append)
    limits = workers.limits(missing.counts(), jobs)

    def has_room(environment: str) -> bool:
        return busy[environment] < limits[environment]

    def start() -> list[Begun]:
        begun = []
        # Never all of them: what waits in a pool is held there a second time, and a cluster carries it.
        while len(running) < workers.window(jobs) and (task := missing.take(has_room)):
            name = task.environment.name
            busy[name] += 1
            _forget_progress(task, store)
            future = workers.submit(
                task.environment, task.function, *task.arguments, workers=limits[name], timeout=timeout
            )
            running[future] = task
            begun.append(Begun(task))
        return begun

    yield from start()
    while running:
        finished, _ = wait(running, timeout=_LOOK_EVERY, return_when=FIRST_COMPLETED)
        if time.monotonic() - looked > _LOOK_EVERY:
            looked = time.monotonic()
            for task in running.values():
                told = progress.told(store.root, task.case.id, task.subject) if _tells_progress(task) else None
                if told:
                    yield Ahead(task, *told)
        ended = [(running.pop(future), future) for future in finished]
        busy.subtract(task.environment.name for task, _ in ended)
        ended.sort(key=lambda pair: isinstance(pair[1].exception(), ClusterError))  # what came before that is kept
        # The system may end a worker that has no task; that costs no outcome, unless it does so again and again.
        broken = {
            (task.kind, task.key): task
            for task, future in ended
            if _was_not_begun(future) and (task.kind, task.key) not in repeated
        }
        repeated.update(broken)
        for task in reversed(broken.values()):
            missing.put_first(task)
        # Before anything else: the workers compute while this process keeps and compares what they returned.
        yield from start()
        for task, future in ended:
            if (task.kind, task.key) in broken:
                continue
            _forget_progress(task, store)
            result = result_of(future, workers, timeout)
            done = Done(task, result.record, result.failure, result.reason)
            if not done.failure:
                store.put_record(task.kind, task.key, done.record)
                computed.add(task.key)
            yield done
            yield from follow(done)
        yield from start()


def _was_not_begun(future: Future) -> bool:
    return isinstance(future.exception(), BrokenProcessPool)


def _tells_progress(task: Task) -> bool:
    return task.kind == "outcome" and task.case.kind == "training"


def _forget_progress(task: Task, store: Store) -> None:
    if _tells_progress(task):
        progress.forget(store.root, task.case.id, task.subject)


@dataclass(frozen=True)
class Result:
    """What became of one function call: what it returned, or why there is nothing; see ``Done``."""

    record: Any
    failure: Literal["", "timeout", "crash", "error"] = ""
    reason: str = ""


def result_of(future: Future, workers: Pool, timeout: float) -> Result:
    """What a future of a pool came to.

    Raises:
        CannotWriteError, ClusterError: what ends the run.
    """
    try:
        return Result(future.result())
    except FutureTimeoutError:
        return Result({}, "timeout", f"took longer than {timeout:g} s and was stopped (--timeout sets the limit)")
    except ProcessExpired as death:
        return Result({}, "crash", f"its worker {death_of(death, workers)}")
    except FailedThereError as there:
        return Result({}, there.failure, there.reason)
    except (CannotWriteError, ClusterError):
        raise
    except HarnessError as error:
        return Result({}, "error", str(error))
    except Exception as error:  # what the user's own model or data raises
        return Result({}, "error", in_one_line(error))


def death_of(death: ProcessExpired, workers: Pool) -> str:
    """How a worker ended, and the last line that it wrote."""
    words = workers.last_words(death.pid)
    manner = workers.stopped_because(death.pid) or _manner(death.exitcode)
    return f"{manner}{f'; its last line was: {words}' if words else ''}"


def _manner(exit_code: int) -> str:
    if exit_code >= 0:
        return f"ended with exit status {exit_code}"
    return f"was killed by signal {-exit_code} ({signal.Signals(-exit_code).name})"
