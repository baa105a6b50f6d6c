"""What was computed, by hashes of what determines it. Files are written whole or not at all, and checked when read."""

from __future__ import annotations

import hashlib
import io
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from harness.vocabulary import FORMAT_VERSION, HarnessError, canonical_json


def write_atomically(path: Path, content: bytes) -> None:
    """Writes a file so that a reader, now or after a crash, finds the old content or the new, never a part.

    Raises:
        HarnessError: when the disk is full, the folder read-only, and the like.
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
        raise HarnessError(
            f"{path} cannot be written: {error.strerror or error}. What was finished before is kept."
        ) from error


def store_folder(report_dir: Path) -> Path:
    """Where the store of runs that are reported to a folder lies: beside it, or where ``HARNESS_STORE`` says."""
    return Path(os.environ.get("HARNESS_STORE") or report_dir.parent / ".store").absolute()


class Store:
    """A folder of arrays by content and of records by key. Several processes may share it."""

    def __init__(self, root: Path):
        self.root = root

    def put_arrays(self, arrays: Mapping[str, np.ndarray]) -> str:
        """Stores arrays and returns the SHA-256 of the ``.npz`` that holds them. Equal arrays give equal hashes."""
        buffer = io.BytesIO()
        np.savez(buffer, allow_pickle=False, **dict(sorted(arrays.items())))  # type: ignore[arg-type]
        content = buffer.getvalue()
        digest = hashlib.sha256(content).hexdigest()
        path = self.path_of(digest)
        if not path.exists():
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
        try:
            body = json.loads(self._record_path(kind, key).read_bytes())
            checksum = body.pop("sha256")
            intact = hashlib.sha256(canonical_json(body).encode()).hexdigest() == checksum
            if not intact or body["format_version"] != FORMAT_VERSION:
                return None
            digest = body["record"].get(arrays)
            if digest and not self._is_intact(digest):
                return None
            return body["record"]
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None

    def _is_intact(self, digest: str) -> bool:
        path = self.path_of(digest)
        try:
            if hashlib.sha256(path.read_bytes()).hexdigest() == digest:
                return True
        except OSError:
            return False
        path.unlink(missing_ok=True)
        return False

    def _record_path(self, kind: str, key: str) -> Path:
        return self.root / kind / key[:2] / f"{key}.json"
