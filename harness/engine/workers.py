"""A pool of worker processes for each environment. A worker that hangs or dies costs its own task, nothing else."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import shutil
import signal
import sys
import tempfile
import threading
from collections import defaultdict
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Protocol

import psutil
from pebble import ProcessPool

from harness.engine.spawning import Spawning
from harness.subjects.protocol import Environment

RECYCLED_AFTER = 2000
"""Tasks that a worker does before a new one takes its place: a bound on whatever a library may leak.

The shipped scenarios stay below it. A new worker costs seconds, and a thousand outcomes cost a worker no memory."""

_LEAST_MEMORY = 2 << 30
"""Bytes. A framework and a small model take a third of it."""

_LOOK_EVERY = 0.1
"""Seconds from one look at the workers' memory to the next: in that time one takes a few hundred megabytes at most."""


def share_of_memory(jobs: int, *, machine: int | None = None) -> int:
    """Bytes that each of so many workers may take before the machine suffers, or what is theirs of the machine."""
    machine = machine or psutil.virtual_memory().total
    with contextlib.suppress(OSError, ValueError):  # not in a container, or one without a limit ("max")
        machine = min(machine, int(Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii")))
    return max(_LEAST_MEMORY, machine * 4 // 5 // jobs)


def worker_limits(counts: Mapping[str, int], jobs: int) -> dict[str, int]:
    """Workers for each environment by name: its share of the jobs by its share of the tasks, at least one.

    Args:
        counts: how many tasks each environment has.
        jobs: how many tasks run at the same time.
    """
    return {name: max(1, round(jobs * count / sum(counts.values()))) for name, count in counts.items()}


class Pool(Protocol):
    """Where tasks run: on workers of this machine (``Workers``) or of a cluster (``harness.engine.cluster``)."""

    def submit(
        self, environment: Environment, function: Callable[..., Any], *arguments: Any, workers: int, timeout: float
    ) -> Future:
        """See ``Workers.submit``."""
        ...

    def warm_up(self, environment: Environment, *, workers: int, timeout: float) -> None:
        """See ``Workers.warm_up``."""
        ...

    def window(self, jobs: int) -> int:
        """How many tasks to hand over before one comes back, of a run that asked for so many jobs."""
        ...

    def limits(self, counts: Mapping[str, int], jobs: int) -> Mapping[str, int]:
        """How many tasks of an environment to hand over, by its name, from how many tasks each has.

        It answers for every name: a task that follows may need an environment that none of the others does.
        """
        ...

    def last_words(self, process: int | None) -> str:
        """The last line that a worker wrote before it died, or nothing."""
        ...

    def stopped_because(self, process: int | None) -> str:
        """Why a worker was stopped, other than for its time, or nothing."""
        ...

    def close(self) -> None:
        """Ends what is running, at once."""
        ...


class Workers:
    """Local worker processes, started when first needed and kept until ``close``."""

    def __init__(self, *, memory: int = sys.maxsize) -> None:
        """``memory``: bytes that one may take; one that takes more is stopped."""
        self._pools: dict[str, ProcessPool] = {}
        self._noise = tempfile.TemporaryDirectory(prefix="harness-workers-")
        self._memory = memory
        self._too_large: dict[int, int] = {}
        self._closing = threading.Event()
        self._watch: threading.Thread | None = None

    def submit(
        self, environment: Environment, function: Callable[..., Any], *arguments: Any, workers: int, timeout: float
    ) -> Future:
        """Runs a function of a module in a worker of the environment.

        Args:
            environment: of the worker.
            function: importable; it, its arguments and its result are pickled.
            arguments: of the function.
            workers: how many to start, if the environment has none yet.
            timeout: seconds after which the worker is killed; the future then raises
                ``concurrent.futures.TimeoutError``.

        Returns:
            A ``concurrent.futures`` future. It raises ``pebble.ProcessExpired`` when the worker died, and
            ``BrokenProcessPool`` when one died that had no task: then this one was not begun, and can be run again.
        """
        if environment.name in self._pools and not self._pools[environment.name].active:
            broken = self._pools.pop(environment.name)
            broken.stop()
            broken.join()
        if self._watch is None:
            self._watch = threading.Thread(target=self._watch_memory, name="memory of workers", daemon=True)
            self._watch.start()
        if environment.name not in self._pools:
            self._pools[environment.name] = ProcessPool(
                max_workers=workers,
                max_tasks=RECYCLED_AFTER,
                context=Spawning(),
                initializer=_enter,
                initargs=(environment, self._noise.name),
            )
        return self._pools[environment.name].schedule(function, args=list(arguments), timeout=timeout)

    def warm_up(self, environment: Environment, *, workers: int, timeout: float) -> None:
        """Starts the environment's workers, if it has none yet, and has one load its framework, which takes seconds.

        Args:
            environment: of the workers.
            workers: how many to start.
            timeout: seconds for the loading. Whatever becomes of it, the first task will tell.
        """
        if environment.name not in self._pools:
            self.submit(environment, environment.begin, workers=workers, timeout=timeout)

    def window(self, jobs: int) -> int:
        """As many as there are jobs: whatever waits, waits in the starting process, in the order of the run."""
        return jobs

    def limits(self, counts: Mapping[str, int], jobs: int) -> Mapping[str, int]:
        """See ``worker_limits``; one of an environment that has no task yet."""
        return defaultdict(lambda: 1, worker_limits(counts, jobs))

    def last_words(self, process: int | None) -> str:
        """The last line that a worker wrote before it died, or nothing."""
        if process is None or not self._noise_of(process).exists():
            return ""
        lines = self._noise_of(process).read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return lines[-1][:300] if lines else ""

    def stopped_because(self, process: int | None) -> str:
        """Why a worker was stopped from here, other than for its time; nothing where it died by itself."""
        if process not in self._too_large:
            return ""
        took, allowed = (f"{size / (1 << 30):.1f} GiB" for size in (self._too_large[process], self._memory))
        return f"took {took} of memory, more than the {allowed} that a worker may take, and was stopped"

    def _watch_memory(self) -> None:
        while not self._closing.wait(_LOOK_EVERY):
            for name in (path.stem for path in Path(self._noise.name).glob("*.txt")):
                with contextlib.suppress(psutil.Error, ValueError):  # it has ended; or the file is a library's
                    worker = psutil.Process(int(name))
                    taken = worker.memory_info().rss
                    if taken > self._memory and worker.ppid() == os.getpid():
                        self._too_large[worker.pid] = taken
                        worker.kill()

    def _noise_of(self, process: int) -> Path:
        return Path(self._noise.name, f"{process}.txt")

    def close(self) -> None:
        """Ends the workers at once, whatever they are doing."""
        self._closing.set()
        if self._watch is not None:
            self._watch.join()
        for pool in self._pools.values():
            pool.stop()
        for pool in self._pools.values():
            pool.join()
        self._noise.cleanup()


def _enter(environment: Environment, noise: str) -> None:
    """Makes a new process the environment's, before any library is imported in it."""
    threading.Thread(target=_end_with_the_starting_process, args=(noise,), daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the starting process, which then ends the workers
    file = os.open(Path(noise, f"{os.getpid()}.txt"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream in (1, 2):  # libraries print; the terminal is not theirs
        os.dup2(file, stream)
    # TensorFlow writes code to temporary files and removes them at an exit that a worker, which is ended, never makes.
    tempfile.tempdir = os.environ["TMPDIR"] = noise
    os.environ.update(environment.variables)
    sys.path[:0] = environment.paths


def _end_with_the_starting_process(noise: str) -> None:
    """Nobody else ends a worker that hangs or trains for hours when the starting process was killed."""
    starting = multiprocessing.parent_process()
    assert starting is not None
    starting.join()
    shutil.rmtree(noise, ignore_errors=True)
    os._exit(1)
