"""What a Dask cluster carries: a simulated run through a real scheduler and two real workers on loopback."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from harness.bench.processes import MEGABYTE, measure
from harness.bench.rows import Row, ratios
from harness.bench.simulated import STEP, Stages, read_stages
from harness.vocabulary import HarnessError

SECTION = "cluster"
WORKERS = 2
_PATIENCE = 60.0
_ADDRESS = re.compile(rb"Scheduler at:\s*(tcp://\S+:\d+)")


@dataclass(frozen=True)
class Carried:
    """A run on a cluster.

    Attributes:
        stages: of the run.
        seconds: of processor time that the scheduler took from its start on.
        megabytes: resident memory of the scheduler at the end.
    """

    stages: Stages
    seconds: float
    megabytes: float


def rows(*, repetitions: int, cases: int = STEP) -> Iterator[Row]:
    """Makes the same simulated run on a cluster and on local workers in turn.

    Args:
        repetitions: of both.
        cases: of each run, in thousands.

    Raises:
        HarnessError: Dask is not installed, or a run failed.
    """
    if importlib.util.find_spec("distributed") is None:
        raise HarnessError("the package 'distributed' is not installed. To mend it: the extra 'cluster'")
    pairs = [(on_cluster(cases), _simulated(cases)) for _ in range(repetitions)]
    there = [1e3 * one.stages.seconds["computing"] / cases for one, _ in pairs]
    here = [1e3 * one.seconds["computing"] / cases for _, one in pairs]
    each = f"{cases:,} cases, subjects that cost nothing"
    yield Row(SECTION, f"{each}: a case on {WORKERS} workers of a cluster", tuple(there), "ms")
    yield Row(SECTION, f"{each}: a case on local workers", tuple(here), "ms")
    yield Row(SECTION, f"{each}: cluster / local", ratios(there, here), "x")
    processor = tuple(1e3 * one.seconds / cases for one, _ in pairs)
    yield Row(SECTION, f"{each}: processor time of the scheduler, a case", processor, "ms")
    for where, stages in (("cluster", [one.stages for one, _ in pairs]), ("local", [one for _, one in pairs])):
        own = tuple(1e3 * one.processor["computing"] / cases for one in stages)
        yield Row(SECTION, f"{each}: processor time of the starting process, a case, {where}", own, "ms")
    for way, name in (("sent", "to workers"), ("received", "back")):
        kilobytes = tuple(one.stages.traffic[way] / 1e3 / cases for one, _ in pairs)
        yield Row(SECTION, f"{each}: travels {name}, a case", kilobytes, "kB")
    yield Row(SECTION, f"{each}: scheduler, memory at the end", tuple(one.megabytes for one, _ in pairs), "MB")


def on_cluster(cases: int) -> Carried:
    """A simulated run on a cluster of its own."""
    with tempfile.TemporaryDirectory(prefix="harness-bench-") as name, ExitStack() as started:
        folder = Path(name)
        scheduler = started.enter_context(
            _dask(folder / "scheduler", "scheduler", "--host", "127.0.0.1", "--port", "0")
        )
        address = _address(folder / "scheduler" / "log")
        for number in range(WORKERS):
            started.enter_context(_dask(folder / f"worker-{number}", "worker", address, "--nthreads", "1"))
        stages = _simulated(cases, address)
        times = scheduler.cpu_times()
        return Carried(stages, times.user + times.system, scheduler.memory_info().rss / MEGABYTE)


def _simulated(cases: int, *address: str) -> Stages:
    with tempfile.TemporaryDirectory(prefix="harness-bench-") as name:
        file = Path(name, "stages.json")
        measure([sys.executable, "-m", "harness.bench.simulated", name, str(cases), str(file), *address])
        return read_stages(file)


@contextmanager
def _dask(folder: Path, *arguments: str) -> Iterator[psutil.Process]:
    """A process of Dask's command, and all that it starts, for as long as a ``with`` block."""
    folder.mkdir()
    with (folder / "log").open("wb") as log:
        command = [sys.executable, "-m", "dask", *arguments, "--no-dashboard"]
        process = psutil.Popen(command, cwd=folder, stdout=log, stderr=subprocess.STDOUT)
    try:
        yield process
    finally:
        for one in [*process.children(recursive=True), process]:
            one.kill()
        process.wait()


def _address(log: Path) -> str:
    """Where a scheduler says that it is."""
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until:
        found = _ADDRESS.search(log.read_bytes())
        if found:
            return found[1].decode()
        time.sleep(0.05)
    raise HarnessError(f"no scheduler started within {_PATIENCE:g} s: {log.read_text(errors='replace')[-300:]}")
