"""What was drawn for an earlier report, by the hash of what it was made of, so that what has not changed is kept."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import importlib.metadata
import json
import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from harness.engine.fingerprint import code_hash
from harness.engine.record import CaseRecord, Run
from harness.engine.store import CannotWriteError, Store, store_folder
from harness.vocabulary import Outcome

_ROOT = Path(__file__).parents[1]
_DRAWN_WITH = ("numpy", "pillow", "matplotlib")
_NO_PICTURES = (
    "markdown", "junit", "github", "terminal", "progress", "frames", "tables", "differences_", "notebook", "conform",
    "summary", "standing", "write",
)  # fmt: skip
"""How the names of files begin that draw nothing."""


def store_of(run: Run) -> Store | None:
    """The store of a run, or the one beside its folder, where there is one."""
    if run.store is not None or run.folder is None:
        return run.store
    root = store_folder(run.folder)
    return Store(root) if root.is_dir() else None


def made_from(what: str, place: int, records: Sequence[CaseRecord] | str) -> str:
    """The hash of what is drawn of some cases, of the code that draws it, and of what that is drawn with.

    Args:
        what: is drawn.
        place: of the first case in the run.
        records: the cases, or a hash of them. Which outcomes came from the store makes no difference.
    """
    text = json.dumps([what, place, _drawn_by(), records], default=_fields, sort_keys=True)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def keep(store: Store, kind: str, key: str, record: dict[str, Any]) -> None:
    """Keeps a record for the next report, if the store can be written to."""
    with contextlib.suppress(CannotWriteError):
        store.put_record(kind, key, record)


def remove_others(folder: Path, pattern: re.Pattern[str], named: Collection[str]) -> None:
    """Removes the files of an earlier report: those with names of this pattern that are not named, then the folder if
    nothing is left in it. What the harness has not written stays."""
    if not folder.is_dir():
        return
    for path in folder.iterdir():
        if pattern.fullmatch(path.name) and path.name not in named:
            path.unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        folder.rmdir()


def _fields(value: Any) -> dict[str, Any]:
    fields = vars(value)
    return {**fields, "from_store": False} if isinstance(value, Outcome) else fields


@functools.cache
def _drawn_by() -> list[str]:
    code = [path for files in ("report/*.py", "explain/cause*.py", "explain/pages/*.py") for path in _ROOT.glob(files)]
    code = [path for path in code if not path.stem.startswith(_NO_PICTURES)]
    return [code_hash(sorted(code)), *(importlib.metadata.version(name) for name in _DRAWN_WITH)]
