"""How far a long task is: its worker writes it to a small file, and the starting process looks there now and then."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

from harness.engine.store import write_atomically
from harness.vocabulary import HarnessError, content_hash

_EVERY = 0.5
"""Seconds from one word to the next."""


def _path(root: Path, case: str, subject: str) -> Path:
    return path_of(root, name_of(case, subject))


def name_of(case: str, subject: str) -> str:
    """The name under which an outcome's progress is told, 32 hexadecimal digits."""
    return content_hash([case, subject])[:32]


def path_of(root: Path, name: str) -> Path:
    """Where it is told."""
    return root / "progress" / f"{name}.txt"


class Teller:
    """Counts the steps of one outcome and tells now and then. That nobody can be told must not cost the outcome."""

    def __init__(self, root: Path, case: str, subject: str, *, total: int):
        self._path, self._total = _path(root, case, subject), total
        self._done, self._said = 0, time.monotonic()

    def step(self) -> None:
        """One more step is done."""
        self._done += 1
        now = time.monotonic()
        if now - self._said < _EVERY:
            return
        self._said = now
        with contextlib.suppress(HarnessError):
            write_atomically(self._path, f"{self._done} {self._total}".encode())


def forget(root: Path, case: str, subject: str) -> None:
    """Nothing has been told: for the starting process, since a worker that is killed cleans nothing up."""
    with contextlib.suppress(OSError):
        _path(root, case, subject).unlink(missing_ok=True)


def told(root: Path, case: str, subject: str) -> tuple[int, int] | None:
    """Steps done and steps in all; ``None`` when nothing has been told."""
    return told_as(root, name_of(case, subject))


def told_as(root: Path, name: str) -> tuple[int, int] | None:
    """The same by its name."""
    try:
        done, total = path_of(root, name).read_text(encoding="ascii").split()
        return int(done), int(total)
    except (OSError, ValueError):
        return None
