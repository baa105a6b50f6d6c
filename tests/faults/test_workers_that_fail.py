"""A worker is killed, hangs, fills memory, prints garbage, or finds the disk full. Each costs its own outcome."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

import pytest

from harness.engine.plan import Task
from harness.engine.run import Options, complete, execute
from harness.engine.schedule import Done, run_tasks
from harness.engine.store import CannotWriteError, Store, write_atomically
from harness.engine.workers import Workers, share_of_memory
from harness.subjects.protocol import Environment
from harness.vocabulary import Verdict

from .conftest import MODELS

MEMORY = 300 << 20
DONE = "{'arrays': ''}"


def do_nothing():
    """Nothing has to be brought to any state."""


PLAIN = Environment(name="plain", begin=do_nothing)
FAULTS = {
    "killed": f"__import__('os').kill(__import__('os').getpid(), 9) or {DONE}",
    "hangs": f"__import__('time').sleep(1000) or {DONE}",
    "fills": f"[__import__('time').sleep(0.02) or b'x' * (20 << 20) for _ in range(200)] and {DONE}",
    "prints": f"__import__('os').write(1, bytes(range(256)) * 1000) and {DONE}",
    "raises": "int('\\x1b[2J')",
    "good": DONE,
}


@pytest.fixture
def run(make_case, tmp_path):
    """Runs functions on one worker with little memory and returns what came of each."""
    workers = Workers(memory=MEMORY)

    def run(functions):
        tasks = [Task("outcome", name, make_case(name), PLAIN, *call) for name, call in functions.items()]
        found = run_tasks(tasks, store=Store(tmp_path), workers=workers, jobs=1, timeout=4.0, fresh=False)
        return {done.task.key: done for done in found if isinstance(done, Done)}

    yield run
    workers.close()


def test_each_fault_costs_its_own_task_and_says_what_it_was(run, capfd, tmp_path):
    begun = time.monotonic()
    done = run({name: (eval, (expression,)) for name, expression in FAULTS.items()})
    assert time.monotonic() - begun < 20
    failures = {name: one.failure for name, one in done.items()}
    assert failures == {
        **{"killed": "crash", "hangs": "timeout", "fills": "crash", "raises": "error"},
        **{"prints": "", "good": ""},
    }
    assert done["killed"].reason == "its worker was killed by signal 9 (SIGKILL)"
    assert done["hangs"].reason == "took longer than 4 s and was stopped (--timeout sets the limit)"
    took = r"its worker took 0\.[3-5] GiB of memory, more than the 0\.3 GiB that a worker may take, and was stopped"
    assert re.fullmatch(took, done["fills"].reason)
    assert capfd.readouterr() == ("", "")
    # Failures are of the moment; what was finished is kept.
    assert {path.stem for path in (tmp_path / "outcome").rglob("*.json")} == {"prints", "good"}


def test_a_disk_that_is_full_for_a_worker_ends_the_run(run, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(CannotWriteError, match=r"arrays\.npz cannot be written: .*What was finished before is kept"):
        run({"full": (write_atomically, (Path(tmp_path, "file", "arrays.npz"), b"")), "good": (eval, (DONE,))})


def test_a_share_of_the_machines_memory_is_what_a_worker_may_take():
    everything = share_of_memory(1)
    assert everything >= 2 << 30
    assert everything <= max(2 << 30, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    assert share_of_memory(2) == max(2 << 30, everything // 2)
    assert share_of_memory(1000) == 2 << 30


def test_models_that_fill_memory_or_print_garbage_in_the_real_libraries(make_case, tmp_path, monkeypatch, capfd):
    (tmp_path / "faulty.py").write_text(MODELS)
    monkeypatch.syspath_prepend(str(tmp_path))
    cases = [
        make_case(name, model={"factory": f"faulty:{name}", "output": "logits"}, subjects=subjects)
        for name, subjects in (("fills", ("cleverhans-v4",)), ("prints", ("cleverhans-v4", "nsl")))
    ]
    finished = complete(execute(cases, Options(store=tmp_path / "store", jobs=2, memory=1 << 30)), lambda event: None)
    fills, prints = finished.cases
    assert fills.outcomes[0].status == "crash"
    assert "more than the 1.0 GiB that a worker may take" in fills.outcomes[0].reason
    assert prints.comparisons[0].verdict == Verdict.EQUAL
    assert "garbage" not in "".join(capfd.readouterr())
