"""The order in which tasks start and are handed out, on real workers."""

import multiprocessing
import time
from concurrent.futures import Future
from pathlib import Path

from harness.engine.plan import Task
from harness.engine.schedule import Begun, Done, run_tasks
from harness.engine.store import Store
from harness.engine.workers import Workers, worker_limits
from harness.subjects.protocol import Environment


def do_nothing():
    """Nothing has to be brought to any state."""


PLAIN = Environment(name="plain", begin=do_nothing)
LEAVE_A_MARK = "__import__('pathlib').Path({!r}).touch() or {{'arrays': ''}}"


def test_the_next_task_starts_before_the_last_one_is_handed_out(make_case, tmp_path):
    """Else the worker idles while its result is compared."""
    marks = [tmp_path / "first", tmp_path / "second"]
    tasks = [Task("outcome", mark.name, make_case(), PLAIN, eval, (LEAVE_A_MARK.format(str(mark)),)) for mark in marks]
    workers = Workers()
    try:
        done = run_tasks(tasks, store=Store(tmp_path), workers=workers, jobs=1, timeout=60.0, fresh=False)
        assert next(done) == Begun(tasks[0])
        assert next(done) == Begun(tasks[1])
        assert appears(marks[1])
        assert [one.task for one in done] == tasks
    finally:
        workers.close()


def test_a_worker_that_dies_while_it_has_no_task_costs_nothing(make_case, tmp_path):
    marks = [tmp_path / "first", tmp_path / "second"]
    tasks = [Task("outcome", mark.name, make_case(), PLAIN, eval, (LEAVE_A_MARK.format(str(mark)),)) for mark in marks]
    others, workers = set(multiprocessing.active_children()), Workers()

    def run(task):
        found = run_tasks([task], store=Store(tmp_path), workers=workers, jobs=1, timeout=60.0, fresh=False)
        return [one for one in found if isinstance(one, Done)]

    try:
        assert run(tasks[0]) == [Done(tasks[0], {"arrays": ""})]
        (idle,) = set(multiprocessing.active_children()) - others
        idle.kill()
        idle.join()
        assert run(tasks[1]) == [Done(tasks[1], {"arrays": ""})]
        assert marks[1].exists()
    finally:
        workers.close()


def appears(path: Path) -> bool:
    deadline = time.monotonic() + 30
    while not path.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    return path.exists()


def test_workers_are_shared_out_by_the_tasks_and_every_environment_has_one():
    assert worker_limits({"plain": 5, "other": 1}, 4) == {"plain": 3, "other": 1}
    assert worker_limits({"plain": 99, "other": 1}, 2) == {"plain": 2, "other": 1}
    assert worker_limits({}, 2) == {}


class Instant(Workers):
    """Returns at once, and knows how much it was given before that was taken back."""

    def __init__(self):
        super().__init__()
        self.most, self._waiting = 0, []

    def submit(self, environment, function, *arguments, workers, timeout):
        self._waiting.append(future := Future())
        self.most = max(self.most, len(self._waiting))
        if len(self._waiting) == JOBS:
            for one in self._waiting:
                one.set_result({"arrays": ""})
            self._waiting.clear()
        return future


class Forgetful(Store):
    def get_record(self, kind, key, *, arrays="arrays"):
        return None

    def put_record(self, kind, key, record):
        """Nothing: what is measured is the scheduling."""


JOBS = 4


def test_a_hundred_thousand_tasks_take_no_longer_each_and_are_handed_over_a_few_at_a_time(make_case, tmp_path):
    case, instant = make_case(), Instant()
    tasks = [Task("outcome", str(number), case, PLAIN, int, ()) for number in range(100_000)]
    started = time.monotonic()
    done = run_tasks(tasks, store=Forgetful(tmp_path), workers=instant, jobs=JOBS, timeout=60.0, fresh=False)
    assert sorted(int(one.task.key) for one in done if isinstance(one, Done)) == list(range(len(tasks)))
    assert time.monotonic() - started < 20  # about a second; with queues that are copied it is an hour
    assert instant.most == JOBS
