"""What a store holds, and how it is kept small: what was not used for longest goes, with the arrays that only it named.

A record's file has the time of its last use. Arrays have none: they stay as long as a record names them.
"""

from __future__ import annotations

import contextlib
import fcntl
import math
import os
import re
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from harness.engine.store import RUNNING, CannotWriteError, alone_in
from harness.vocabulary import HarnessError

_HASH = re.compile(rb'"([0-9a-f]{64})"')
"""A record names arrays by their hash; whatever else looks like one in it keeps nothing that there is."""

_WRITTEN_ALREADY = 3600.0
"""Seconds. Arrays are written before the record that names them, also by a run on another machine."""

_UNITS = {"b": 1, "kb": 1e3, "mb": 1e6, "gb": 1e9, "tb": 1e12, "kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40}
_SPANS = {"m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}


@dataclass(frozen=True)
class Entry:
    """A record or a file of arrays.

    Attributes:
        path: of the file.
        kind: of the record, or ``arrays``.
        size: bytes.
        used: of a record, when it was last used; of arrays, when they were written. Seconds since 1970.
        shared: whether the file is in a run folder, too: then its space is freed with that folder only.
        names: of a record, the hashes that it names.
    """

    path: Path
    kind: str
    size: int
    used: float
    shared: bool = False
    names: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Contents:
    """What a store holds.

    Attributes:
        records: those of every kind.
        arrays: by hash.
        runs: how many runs use the store now.
        held_since: when the first of them began; infinite without any.
    """

    records: tuple[Entry, ...]
    arrays: dict[str, Entry]
    runs: int = 0
    held_since: float = math.inf

    @property
    def size(self) -> int:
        """Bytes of everything."""
        return sum(entry.size for entry in (*self.records, *self.arrays.values()))

    @property
    def unnamed(self) -> list[Entry]:
        """Arrays that no record names."""
        named = {name for record in self.records for name in record.names}
        return [entry for digest, entry in self.arrays.items() if digest not in named]


@dataclass
class Pruned:
    """What was removed, and what stays.

    Attributes:
        records: removed records by kind.
        arrays: number of files of arrays that were removed.
        freed: bytes of all of them.
        left: bytes that stay.
        wanted: bytes that were to stay at most.
        runs: how many runs use the store; what they have used stays.
    """

    records: Counter[str] = field(default_factory=Counter)
    arrays: int = 0
    freed: int = 0
    left: int = 0
    wanted: float = math.inf
    runs: int = 0


def look_into(root: Path) -> Contents:
    """What a store holds.

    Raises:
        HarnessError: there is no store in this folder.
    """
    if not root.is_dir():
        raise HarnessError(f"{root}: there is no store. The first harness run makes one beside its run folder.")
    records, arrays = [], {}
    for folder in sorted(root.iterdir()):
        if folder.name == "arrays":
            arrays = {path.stem: _entry(path, "arrays", status) for path, status in _files(folder, ".npz")}
        elif folder.is_dir() and folder.name != RUNNING:
            records += [_entry(path, folder.name, status, _named_in(path)) for path, status in _files(folder, ".json")]
    runs = list(_running(root))
    return Contents(tuple(records), arrays, len(runs), min(runs, default=math.inf))


def prune(root: Path, *, keep: float = math.inf, older_than: float = math.inf) -> Pruned:
    """Removes what was not used for longest, and what no record names. What a run that goes on has used stays.

    Args:
        root: of the store.
        keep: bytes that may stay.
        older_than: seconds; records that were not used for so long go in any case.

    Raises:
        HarnessError: there is no store in this folder, or it cannot be written to.
    """
    if not root.is_dir():
        look_into(root)
    with alone_in(root):  # a run that begins now waits, see ``Store.hold``
        contents = look_into(root)
        done = Pruned(left=contents.size, wanted=keep, runs=contents.runs)
        named = Counter(name for record in contents.records for name in record.names if name in contents.arrays)
        before = min(time.time() - _WRITTEN_ALREADY, contents.held_since)
        for entry in contents.unnamed:
            if entry.used < before:
                _remove(entry, done)
        oldest = time.time() - older_than
        for record in sorted(contents.records, key=lambda record: record.used):
            if record.used >= contents.held_since or (done.left <= keep and record.used >= oldest):
                break
            # First the record: who comes between finds it whole or not at all.
            if not _remove(record, done):
                continue
            for name in record.names & contents.arrays.keys():
                named[name] -= 1
                entry = contents.arrays[name]
                if not named[name] and (not contents.runs or entry.used < before):
                    _remove(entry, done)
    return done


def bytes_of(text: str) -> float:
    """A size as users write it, ``10GB`` or ``500 MB``, in bytes. Raises ``HarnessError`` for anything else."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?i?b)\s*", text, re.IGNORECASE)
    if not found or found[2].lower() not in _UNITS:
        raise HarnessError(
            f"--keep: expected a size such as 10GB, 500 MB or 1.5GiB, got {text!r}. Write a number and a unit: "
            "B, kB, MB, GB or TB."
        )
    return float(found[1]) * _UNITS[found[2].lower()]


def seconds_of(text: str) -> float:
    """A time as users write it, ``30d`` or ``12h``, in seconds. Raises ``HarnessError`` for anything else."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([mhdw])\s*", text, re.IGNORECASE)
    if not found:
        raise HarnessError(
            f"--older-than: expected a time such as 30d, 12h or 2w, got {text!r}. Write a number and a unit: "
            "m minutes, h hours, d days or w weeks."
        )
    return float(found[1]) * _SPANS[found[2].lower()]


def _files(folder: Path, ending: str) -> Iterator[tuple[Path, os.stat_result]]:
    for place, _, names in os.walk(folder):
        for name in names:
            if name.endswith(ending) and not name.startswith("."):
                path = Path(place, name)
                with contextlib.suppress(OSError):  # another process has just removed it
                    yield path, path.stat()


def _entry(path: Path, kind: str, status: os.stat_result, names: frozenset[str] = frozenset()) -> Entry:
    return Entry(path, kind, status.st_size, status.st_mtime, status.st_nlink > 1, names)


def _named_in(path: Path) -> frozenset[str]:
    try:
        return frozenset(digest.decode() for digest in _HASH.findall(path.read_bytes()))
    except OSError:
        return frozenset()


def _running(root: Path) -> Iterator[float]:
    """When each run began that goes on; takes away what those left that were killed."""
    for path in (root / RUNNING).glob("*"):
        with contextlib.suppress(OSError):
            began = path.stat().st_mtime
            file = os.open(path, os.O_RDONLY)
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                path.unlink(missing_ok=True)
            except BlockingIOError:
                yield began
            finally:
                os.close(file)


def _remove(entry: Entry, done: Pruned) -> bool:
    aside = entry.path.with_name(f".{entry.path.name}.tmp")  # which a run sweeps away, should this process be killed
    try:
        entry.path.rename(aside)
        if aside.stat().st_mtime != entry.used:  # it was used in this moment
            aside.rename(entry.path)
            return False
        aside.unlink()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise CannotWriteError(f"{entry.path} cannot be removed: {error.strerror or error}.") from error
    if entry.kind == "arrays":
        done.arrays += 1
    else:
        done.records[entry.kind] += 1
    done.freed += entry.size
    done.left -= entry.size
    return True
