"""A pool of worker processes for each environment. A worker that hangs or dies costs its own task, nothing else."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from pebble import ProcessPool

from harness.subjects.protocol import Environment

RECYCLED_AFTER = 2000
"""Tasks that a worker does before a new one takes its place: a bound on whatever a library may leak.

The shipped scenarios stay below it. A new worker costs seconds, and a thousand outcomes cost a worker no memory."""


class Workers:
    """Local worker processes, started when first needed and kept until ``close``."""

    def __init__(self) -> None:
        self._pools: dict[str, ProcessPool] = {}
        self._noise = tempfile.TemporaryDirectory(prefix="harness-workers-")

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
        if environment.name not in self._pools:
            self._pools[environment.name] = ProcessPool(
                max_workers=workers,
                max_tasks=RECYCLED_AFTER,
                context=multiprocessing.get_context("spawn"),
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

    def last_words(self, process: int | None) -> str:
        """The last line that a worker wrote before it died, or nothing."""
        path = Path(self._noise.name, f"{process}.txt")
        if process is None or not path.exists():
            return ""
        lines = path.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return lines[-1][:300] if lines else ""

    def close(self) -> None:
        """Ends the workers at once, whatever they are doing."""
        for pool in self._pools.values():
            pool.stop()
        for pool in self._pools.values():
            pool.join()
        self._noise.cleanup()


def _enter(environment: Environment, noise: str) -> None:
    """Makes a new process the environment's, before any library is imported in it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the starting process, which then ends the workers
    file = os.open(Path(noise, f"{os.getpid()}.txt"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream in (1, 2):  # libraries print; the terminal is not theirs
        os.dup2(file, stream)
    # TensorFlow writes code to temporary files and removes them at an exit that a worker, which is ended, never makes.
    tempfile.tempdir = os.environ["TMPDIR"] = noise
    os.environ.update(environment.variables)
    sys.path[:0] = environment.paths
