"""A real scheduler and real workers on loopback, as a user starts them, nothing shared: the run is the local one."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from harness.engine import cluster_entry
from harness.engine.cluster import Cluster
from harness.engine.events import OutcomeReady, Progressed
from harness.engine.parcel import ClusterError, FailedThereError
from harness.engine.prepare import prepare_batch
from harness.engine.run import Options, complete, execute
from harness.engine.store import Store
from harness.subjects.own_source import describe
from harness.subjects.protocol import Environment
from harness.vocabulary import HarnessError

pytest.importorskip("distributed", reason="needs the extra 'cluster'")

CHECKOUT = Path(__file__).resolve().parents[2]
PLAIN = Environment(name="plain", begin=print)
SUBJECTS = ("nsl", "reference-nsl")


class Dask:
    """A scheduler and workers, each in a folder of its own."""

    def __init__(self, folder: Path):
        self._folder, self._started = folder, []
        self.scheduler = self._start("scheduler", "--host", "127.0.0.1", "--port", "0")
        log = folder / "0" / "log"
        assert eventually(lambda: re.search(rb"Scheduler at:\s*tcp://127\.0\.0\.1:\d+", log.read_bytes()))
        self.address = re.findall(r"tcp://127\.0\.0\.1:\d+", log.read_text())[0]

    def worker(self, *code: Path) -> psutil.Popen:
        return self._start("worker", self.address, "--nthreads", "1", code=code or (CHECKOUT,))

    def _start(self, *arguments: str, code: tuple[Path, ...] = (CHECKOUT,)) -> psutil.Popen:
        place = self._folder / str(len(self._started))
        place.mkdir()
        with (place / "log").open("wb") as log:
            process = psutil.Popen(
                [sys.executable, "-m", "dask", *arguments, "--no-dashboard"],
                cwd=place,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, code))},
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self._started.append(process)
        return process

    def close(self) -> None:
        for process in self._started:
            kill(process)


def kill(process: psutil.Popen) -> None:
    """As when its machine is switched off."""
    if process.poll() is None:
        for one in [process, *process.children(recursive=True)]:
            one.kill()
        process.wait()


def eventually(happens, seconds: float = 60.0):
    deadline = time.monotonic() + seconds
    while not (found := happens()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


@pytest.fixture
def dask(tmp_path):
    (tmp_path / "dask").mkdir()
    started = Dask(tmp_path / "dask")
    yield started
    started.close()


@pytest.fixture(scope="module")
def connected(tmp_path_factory):
    """A cluster of one worker, as the engine has it, and the store of this side."""
    started, store = Dask(tmp_path_factory.mktemp("dask")), Store(tmp_path_factory.mktemp("store"))
    started.worker()
    pool = Cluster(started.address, store)
    yield pool, store
    pool.close()
    started.close()


def submit(connected, function, *arguments, timeout=60.0):
    return connected[0].submit(PLAIN, function, *arguments, workers=1, timeout=timeout)


def test_a_task_that_dies_or_hangs_or_raises_costs_itself_and_is_told_as_at_home(connected):
    dead = submit(connected, eval, "__import__('os').write(2, b'last words\\n') and __import__('os')._exit(7)")
    hung = submit(connected, time.sleep, 1000, timeout=0.5)
    wrong = submit(connected, int, "no number")
    after = submit(connected, int, "7")
    told = {}
    for name, future in (("dead", dead), ("hung", hung), ("wrong", wrong)):
        with pytest.raises(FailedThereError) as failed:
            future.result(60)
        told[name] = failed.value.failure, failed.value.reason
    assert told["dead"] == ("crash", "its worker ended with exit status 7; its last line was: last words")
    assert told["hung"][0] == "timeout"
    assert told["wrong"] == ("error", "ValueError: invalid literal for int() with base 10: 'no number'")
    assert after.result(60) == 7


def test_what_nobody_waits_for_any_more_ends_and_leaving_takes_less_than_two_seconds(connected):
    pool, store = connected
    other = Cluster(pool.address, store)
    begun = store.root / "begun"
    endless = f"open({str(begun)!r}, 'w') and __import__('time').sleep(1000)"
    other.submit(PLAIN, eval, endless, workers=1, timeout=999.0)
    assert eventually(begun.exists)
    started = time.monotonic()
    other.close()
    assert time.monotonic() - started < 2
    assert submit(connected, int, "7").result(20) == 7  # the worker has one slot


def test_arrays_come_back_and_files_of_a_case_go_there(connected, make_case, tmp_path):
    import numpy as np

    pool, store = connected
    file = tmp_path / "data.npz"
    np.savez(file, x=np.eye(4, dtype=np.float32), y=np.arange(4))
    here = [make_case(), make_case("own", data={"source": "npz", "path": str(file), "batch": 2, "seed": 0})]
    futures = [pool.submit(PLAIN, prepare_batch, store.root, case, workers=1, timeout=60.0) for case in here]
    for case, future in zip(here, futures, strict=True):
        assert future.result(60) == prepare_batch(tmp_path, case)
        assert store.get_arrays(future.result()["arrays"]).keys() == {"input/x", "labels"}


def test_an_array_goes_to_a_worker_once(connected, monkeypatch):
    import numpy as np

    pool, store = connected
    digest = store.put_arrays({"large": np.zeros(1000)})
    sent, content, before = Counter(), Cluster._content, pool.traffic.sent
    monkeypatch.setattr(Cluster, "_content", lambda self, one, parcel: sent.update([one]) or content(self, one, parcel))
    futures = [pool.submit(PLAIN, max, digest, str(number), workers=1, timeout=60.0) for number in range(6)]
    assert [future.result(60) for future in futures] == [max(digest, str(number)) for number in range(6)]
    assert sent == {digest: 1}
    assert pool.traffic.sent - before > 8000
    assert pool.traffic.received > 0


OWN = """
from __future__ import annotations

def fgm(model_fn, x, eps, norm, y=None):
    return x{sign}eps
"""


def test_a_subject_of_the_users_must_be_the_same_on_every_worker(dask, tmp_path):
    """It has to be installed there: code does not travel."""
    for name, sign in (("one", "+"), ("other", "-")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "my_attacks.py").write_text(OWN.format(sign=sign))
        dask.worker(CHECKOUT, tmp_path / name)
    pool = Cluster(dask.address, Store(tmp_path / "store"))
    try:
        assert eventually(lambda: pool.window(1) == 4)
        name = "my_attacks:fgm"
        described = pool.submit(PLAIN, describe, name, workers=1, timeout=60.0).result(60)
        assert set(described["sources"]) == {"my_attacks"}
        reasons = set()
        for future in [pool.submit(PLAIN, max, name, "", workers=1, timeout=60.0) for _ in range(20)]:
            try:
                reasons.add(future.result(60))
            except FailedThereError as failed:
                reasons.add(re.sub(r"tcp://[\d.]+:\d+", "ADDRESS", failed.reason))
        assert reasons == {name, f"{name} is another one on worker ADDRESS. Install the same on every worker"}
    finally:
        pool.close()


def test_a_scheduler_that_is_not_there_or_has_no_workers_is_refused(dask, tmp_path, monkeypatch):
    monkeypatch.setattr(cluster_entry, "PATIENCE", 0.5)
    monkeypatch.setattr(cluster_entry, "FIRST_WORKER", 0.5)
    for address, words in (
        ("127.0.0.1", "not an address"),
        ("nonsense://127.0.0.1:1", "not an address"),
        ("tcp://127.0.0.1:1", "no scheduler answers there"),
        (dask.address, "no worker is there. Start some: dask worker tcp://"),
    ):
        with pytest.raises(HarnessError, match=words):
            Cluster(address, Store(tmp_path))


def test_without_dask_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(HarnessError, match=r"pip install 'adversarial-harness\[cluster\]'"):
        Options(store=tmp_path, scheduler="tcp://127.0.0.1:8786").start_workers()


def test_a_worker_with_another_harness_is_refused(dask, tmp_path):
    shutil.copytree(CHECKOUT / "harness", tmp_path / "other" / "harness", ignore=shutil.ignore_patterns("__pycache__"))
    with (tmp_path / "other" / "harness" / "reference" / "geometry.py").open("a") as changed:
        changed.write("\n")
    dask.worker(tmp_path / "other")
    with pytest.raises(HarnessError, match=r"not be comparable.*\n.*tcp://.*: code of the harness is \w+; here it is"):
        Cluster(dask.address, Store(tmp_path / "store"))


@pytest.fixture(scope="module")
def cases(make_case, make_training):
    def model(seed):
        declared = make_case().model
        return {**declared, "init": {**declared["init"], "seed": seed}}

    attacks = [
        make_case(f"{norm}-{seed}", model=model(seed), attack={"epsilon": 0.1, "norm": norm}, subjects=SUBJECTS)
        for seed in range(4)
        for norm in ("linf", "l2")
    ]
    trained = make_training("trained", steps=6, subjects=SUBJECTS)
    endless = make_training("long", steps=3000, evaluate={"every": 0, "epsilons": []}, subjects=SUBJECTS[1:])
    return [*attacks, trained, endless]


@pytest.fixture(scope="module")
def local(cases, tmp_path_factory, run_cases):
    return run_cases(cases, tmp_path_factory.mktemp("local"))


def essence(run):
    """What two runs of the same cases have in common."""
    return [
        replace(record, outcomes=tuple(replace(one, seconds=0.0, from_store=False) for one in record.outcomes))
        for record in run.cases
    ]


@pytest.mark.long
def test_nothing_is_lost_or_done_twice_when_a_worker_is_killed(cases, local, dask, tmp_path, run_cases):
    """And verdicts and hashes are those of the local run."""
    workers = [dask.worker(), dask.worker()]
    arrived: list[tuple[str, str]] = []
    progressed = set()

    def listen(event):
        if isinstance(event, Progressed):
            progressed.add((event.case.id, event.subject))
        if isinstance(event, OutcomeReady):
            arrived.append((event.case.id, event.outcome.subject))
            if len(arrived) == 3:
                kill(workers[0])

    options = Options(store=tmp_path / "store", jobs=2, scheduler=dask.address)
    run = complete(execute(cases, options), listen)
    assert workers[0].poll() is not None
    assert sorted(arrived) == sorted((case.id, subject) for case in cases for subject in case.subjects)
    assert ("long", "reference-nsl") in progressed
    assert essence(run) == essence(local)
    again = run_cases(cases, tmp_path / "store")
    assert again.totals["from_store"] == again.totals["outcomes"] == 19
    assert essence(again) == essence(local)


@pytest.mark.long
def test_when_the_scheduler_goes_away_it_is_said_and_what_was_done_is_kept(cases, local, dask, tmp_path, run_cases):
    dask.worker()
    arrived = []

    def listen(event):
        if isinstance(event, OutcomeReady):
            arrived.append(event)
            if len(arrived) == 3:
                kill(dask.scheduler)

    with pytest.raises(ClusterError, match=r"the scheduler at tcp://.* went away\. What was finished before is in the"):
        complete(execute(cases, Options(store=tmp_path / "store", jobs=2, scheduler=dask.address)), listen)
    again = run_cases(cases, tmp_path / "store")
    assert 3 <= again.totals["from_store"] < 19
    assert essence(again) == essence(local)
