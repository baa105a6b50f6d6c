"""Runs a command in a process of its own and measures it from outside."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from harness.vocabulary import HarnessError

HARNESS = (sys.executable, "-c", "from harness.cli.main import main; main()")
"""The command ``harness``, also where its script is not installed."""

MEGABYTE = 1e6
_SAMPLED_EVERY = 0.02
"""Seconds. Each look costs some 50 microseconds."""


@dataclass(frozen=True)
class Measured:
    """A process that has ended.

    Attributes:
        seconds: wall time.
        megabytes: the most resident memory that it was seen with, the processes that it started not included.
    """

    seconds: float
    megabytes: float


def measure(
    command: Sequence[str], *, variables: Mapping[str, str] | None = None, accepted: Sequence[int] = (0,)
) -> Measured:
    """Runs a command to its end, its output thrown away.

    Args:
        command: program and arguments.
        variables: of its environment, besides those of this process; ``None``: no others.
        accepted: exit statuses after which its figures count.

    Raises:
        HarnessError: it ended with another status; the message has its last lines.
    """
    with tempfile.TemporaryFile() as output:
        started = time.perf_counter()
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(variables or {})},
        )
        try:
            with _Watch(process.pid) as watch:
                process.wait()
            seconds = time.perf_counter() - started
        finally:
            process.kill()
            process.wait()
        if process.returncode not in accepted:
            output.seek(0)
            last = output.read().decode(errors="replace").strip().splitlines()[-5:]
            shown = " ".join([Path(command[0]).name, *command[1:]])
            raise HarnessError(f"{shown} ended with status {process.returncode}: {' / '.join(last)}")
    return Measured(seconds, watch.megabytes)


class _Watch:
    """Looks at the memory of a process from a thread, while a ``with`` block waits for it to end."""

    def __init__(self, pid: int):
        self.megabytes = 0.0
        self._process = psutil.Process(pid)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> _Watch:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(_SAMPLED_EVERY):
            with contextlib.suppress(psutil.Error):  # it has just ended
                self.megabytes = max(self.megabytes, self._process.memory_info().rss / MEGABYTE)
