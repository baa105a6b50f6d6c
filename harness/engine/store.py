"""What was computed, by hashes of what determines it. Files are written whole or not at all, and checked when read."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import io
import json
import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from harness.vocabulary import FORMAT_VERSION, HarnessError, canonical_json

_ABANDONED_AFTER = 3600.0
"""Seconds after which a file that is still half-written has no writer any more."""


class CannotWriteError(HarnessError):
    """The disk is full, the folder read-only, and the like: no outcome can be kept, so computing more is useless."""


def write_atomically(path: Path, content: bytes) -> None:
    """Writes a file so that a reader, now or after a crash, finds the old content or the new, never a part.

    Raises:
        CannotWriteError: when the disk is full, the folder read-only, and the like.
    """
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", suffix=".tmp", delete=False) as file:
            temporary = file.name
            file.write(content)
        Path(temporary).chmod(0o644)
        os.replace(temporary, path)  # noqa: PTH105  (as atomic as the system can)
    except OSError as error:
        if temporary:
            Path(temporary).unlink(missing_ok=True)
        raise CannotWriteError(
            f"{path} cannot be written: {error.strerror or error}. What was finished before is kept."
        ) from error


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

    Attributes:
        root: the folder.
        damaged: files found that are not what was written, to be said and made anew; each comes once.
    """

    def __init__(self, root: Path):
        self.root = root
        self.damaged: list[Path] = []
        self._discarded: set[Path] = set()

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
        checksum = hashlib.sha256(canonical_json(body).encode()).hexdigest()
        write_atomically(self._record_path(kind, key), canonical_json({**body, "sha256": checksum}).encode())

    def get_record(self, kind: str, key: str, *, arrays: str = "arrays") -> dict[str, Any] | None:
        """The record of a key; ``None`` when there is none, or it or its arrays are damaged (then it is made anew).

        Args:
            kind: of the record.
            key: its key.
            arrays: the field of the record that names its arrays.
        """
        path = self._record_path(kind, key)
        try:
            body = json.loads(path.read_bytes())
            checksum = body.pop("sha256")
            if hashlib.sha256(canonical_json(body).encode()).hexdigest() != checksum:
                raise ValueError(path)
            if body["format_version"] != FORMAT_VERSION:
                return None
            record = body["record"]
            digest = record.get(arrays)
        except OSError:
            return None
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            self._discard(path)
            return None
        if digest and not has_content(self.path_of(digest), digest):
            self._discard(self.path_of(digest))
            return None
        return record

    def _discard(self, path: Path) -> None:
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
