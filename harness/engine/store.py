"""What was computed, by hashes of what determines it. Files are written whole or not at all, and checked when read."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import io
import itertools
import json
import os
import tempfile
import time
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from harness.vocabulary import FORMAT_VERSION, HarnessError, canonical_json

_SIGNATURE = b',"sha256":"%s"}'
"""The end of a record: its checksum comes last in canonical JSON."""

_ABANDONED_AFTER = 3600.0
"""Seconds after which a file that is still half-written has no writer any more."""


class CannotWriteError(HarnessError):
    """The disk is full, the folder read-only, and the like: no outcome can be kept, so computing more is useless."""


def write_atomically(path: Path, content: bytes | Iterable[bytes]) -> None:
    """Writes a file so that a reader, now or after a crash, finds the old content or the new, never a part.

    Args:
        path: of the file.
        content: all of it, or its parts one after the other, so that they need not be in memory together.

    Raises:
        CannotWriteError: when the disk is full, the folder read-only, and the like.
    """
    temporary = None
    try:
        file, temporary = _temporary_in(path.parent)
        with open(file, "wb") as stream:  # noqa: PTH123  (of a descriptor)
            stream.writelines([content] if isinstance(content, bytes) else content)
        os.replace(temporary, path)  # noqa: PTH105  (as atomic as the system can)
    except BaseException as error:
        # Whatever ended the writing, an interrupt or the parts themselves: nothing half-written stays.
        if temporary:
            Path(temporary).unlink(missing_ok=True)
        if not isinstance(error, OSError):
            raise
        raise CannotWriteError(
            f"{path} cannot be written: {error.strerror or error}. What was finished before is kept."
        ) from error


def _temporary_in(folder: Path) -> tuple[int, str]:
    """A new file to write to, open, with the rights of any other. The folder is made when it is not there; to ask first
    would take as long as to write."""
    temporary = os.path.join(folder, f".{os.getpid()}-{next(_NUMBERS)}-{time.time_ns()}.tmp")  # noqa: PTH118
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    try:
        return os.open(temporary, flags, 0o666), temporary
    except FileNotFoundError:
        folder.mkdir(parents=True, exist_ok=True)
        return os.open(temporary, flags, 0o666), temporary


_NUMBERS = itertools.count()


@contextlib.contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Keeps other runs from writing to a run folder at the same time: whoever comes later waits and replaces it whole.

    Raises:
        CannotWriteError: when there is no such folder and none can be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise CannotWriteError(f"{folder} cannot be written to: {error.strerror or error}.") from error
    try:
        with contextlib.suppress(OSError):  # a file system without locks
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)  # so does the system, however the process ends


RUNNING = "running"
"""Folder of the store with a locked file for each run that goes on."""


@contextlib.contextmanager
def held(path: Path) -> Iterator[None]:
    """Keeps a new file there and locked; the system unlocks it however the process ends.

    Raises:
        CannotWriteError: when there can be no such file.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(path, os.O_CREAT | os.O_RDONLY)
    except OSError as error:
        raise CannotWriteError(f"{path} cannot be written: {error.strerror or error}.") from error
    try:
        with contextlib.suppress(OSError):  # a file system without locks
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
        os.close(lock)


def must_be_writable(folder: Path) -> None:
    """Raises ``CannotWriteError`` when a run folder is none that can be written to: better now than after hours."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise CannotWriteError(f"{folder} cannot be written to: {error.strerror or error}.") from error


def store_folder(report_dir: Path) -> Path:
    """Where the store of runs that are reported to a folder lies: beside it, or where ``HARNESS_STORE`` says."""
    return Path(os.environ.get("HARNESS_STORE") or report_dir.parent / ".store").absolute()


class Store:
    """A folder of arrays by content and of records by key. Several processes may share it.

    The time of a record's file is that of its last use, arrays live as long as a record names them, and ``hold`` says
    that a run goes on: so ``harness.engine.store_care`` knows what may go.

    Attributes:
        root: the folder.
        damaged: files found that are not what was written, to be said and made anew; each comes once.
    """

    def __init__(self, root: Path):
        self.root = root
        self.damaged: list[Path] = []
        self._discarded: set[Path] = set()
        self._held: contextlib.ExitStack | None = None

    def hold(self) -> None:
        """From now until this process or object ends, nothing is pruned that is used or written.

        Raises:
            CannotWriteError: when the folder cannot be written to.
        """
        if self._held is None:
            stack = contextlib.ExitStack()
            with alone_in(self.root):  # not while another process prunes
                stack.enter_context(held(self.root / RUNNING / f"{os.getpid()}-{time.time_ns()}"))
            self._held = stack
            weakref.finalize(self, stack.close)

    def sweep(self) -> None:
        """Removes what writers left half-written that were killed long ago; nothing ever reads it."""
        for path in self.root.rglob(".*.tmp"):
            with contextlib.suppress(OSError):  # another run sweeps, too
                if time.time() - path.stat().st_mtime > _ABANDONED_AFTER:
                    path.unlink()

    def put_arrays(self, arrays: Mapping[str, np.ndarray]) -> str:
        """Stores arrays and returns the SHA-256 of the ``.npz`` that holds them. Equal arrays give equal hashes."""
        pickled = [name for name, array in arrays.items() if array.dtype.hasobject]
        if pickled:  # NumPy's own way to refuse them is not in NumPy 1
            raise ValueError(f"arrays of objects are not stored: {', '.join(pickled)}")
        buffer = io.BytesIO()
        np.savez(buffer, **dict(sorted(arrays.items())))  # type: ignore[arg-type]
        content = buffer.getvalue()
        digest = hashlib.sha256(content).hexdigest()
        path = self.path_of(digest)
        with contextlib.suppress(OSError):  # most often it is not there
            if time.time() - path.stat().st_mtime > _ABANDONED_AFTER:
                os.utime(path)  # first: nobody is to prune it before a record names it
        if not has_content(path, digest):  # a file that is there may be damaged
            write_atomically(path, content)
        return digest

    def get_arrays(self, digest: str) -> dict[str, np.ndarray]:
        """The arrays of a hash. Raises ``KeyError`` when they are missing or damaged."""
        try:
            content = self.path_of(digest).read_bytes()
        except OSError:
            raise KeyError(digest) from None
        if hashlib.sha256(content).hexdigest() != digest:
            raise KeyError(digest)
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            return dict(arrays)

    def path_of(self, digest: str) -> Path:
        """Where the arrays of a hash lie."""
        return self.root / "arrays" / f"{digest}.npz"

    def put_record(self, kind: str, key: str, record: Mapping[str, Any]) -> None:
        """Stores a JSON record under a key."""
        body = {"format_version": FORMAT_VERSION, "record": dict(record)}
        unsigned = canonical_json(body).encode("utf-8", "surrogatepass")  # texts of others may be no Unicode
        checksum = hashlib.sha256(unsigned).hexdigest().encode()
        write_atomically(self._record_path(kind, key), unsigned[:-1] + _SIGNATURE % checksum)

    def get_record(self, kind: str, key: str, *, arrays: str = "arrays") -> dict[str, Any] | None:
        """The record of a key; ``None`` when there is none, or it or its arrays are damaged (then it is made anew).

        Args:
            kind: of the record.
            key: its key.
            arrays: the field of the record that names its arrays.
        """
        path = self._record_path(kind, key)
        try:
            content = path.read_bytes()
            body = json.loads(content)
            # What was written is the canonical JSON, so the checksum is of what stands before it.
            unsigned = content[: -len(_SIGNATURE % body["sha256"].encode())] + b"}"
            if hashlib.sha256(unsigned).hexdigest() != body["sha256"]:
                raise ValueError(path)
            if body["format_version"] != FORMAT_VERSION:
                return None
            record = body["record"]
            digest = record.get(arrays)
        except OSError:
            return None
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            self.discard(path)
            return None
        if digest and not self.has_arrays(digest):
            return None
        with contextlib.suppress(OSError):  # a store that can only be read
            os.utime(path)
        return record

    def has_arrays(self, digest: str, stamp: Sequence[int] | None = None) -> bool:
        """Whether the arrays of a hash are there and undamaged; what is damaged is taken away and noted.

        Args:
            digest: their hash.
            stamp: what ``stamp`` said of the file when its content was right. While that is so the content is not
                read; a disk that loses bits by itself is found out by ``get_arrays``.
        """
        if stamp is not None and self.stamp(digest) == list(stamp):
            return True
        if has_content(self.path_of(digest), digest):
            return True
        self.discard(self.path_of(digest))
        return False

    def stamp(self, digest: str) -> list[int] | None:
        """Size in bytes and time of the last change in nanoseconds of the file of arrays; ``None`` without one."""
        try:
            status = self.path_of(digest).stat()
        except OSError:
            return None
        return [status.st_size, status.st_mtime_ns]

    def discard(self, path: Path) -> None:
        """A damaged file, or one that is missing though a record names it."""
        if path not in self._discarded:  # several records may name the same arrays
            self._discarded.add(path)
            self.damaged.append(path)
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)

    def _record_path(self, kind: str, key: str) -> Path:
        return self.root / kind / key[:2] / f"{key}.json"


def has_content(path: Path, digest: str) -> bool:
    """Whether a file is there and its SHA-256 is this."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest() == digest
    except OSError:
        return False
