"""How a task travels to another machine and what comes back: bytes, and arrays and files by the hash of their content.

Nothing here knows Dask; ``harness.engine.cluster`` sends, ``harness.engine.remote`` carries out.
"""

from __future__ import annotations

import functools
import hashlib
import pickle
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from harness.engine import fingerprint
from harness.engine.progress import name_of
from harness.engine.work import compute_outcome
from harness.subjects.protocol import Environment
from harness.vocabulary import Case, HarnessError, content_hash

_DIGEST = re.compile(rb"\x8c@([0-9a-f]{64})")
"""A text of 64 hexadecimal digits as ``pickle`` writes it: the mark of a short text, its length, and the digits."""

_FILES = (("model", "keras"), ("model", "weights"), ("data", "path"))
"""Where a case names files: section and setting."""


class ClusterError(HarnessError):
    """The cluster cannot go on. What was finished before is in the store."""


class FailedThereError(HarnessError):
    """A task failed on the machine that it was sent to, as it might have failed here."""

    def __init__(self, failure: Literal["timeout", "crash", "error"], reason: str):
        super().__init__(reason)
        self.failure: Literal["timeout", "crash", "error"] = failure
        self.reason = reason


@dataclass(frozen=True)
class Root:
    """Stands for the store of whoever opens the parcel."""


@dataclass(frozen=True)
class Parcel:
    """A task on its way.

    Attributes:
        versions: hash of what must be the same here and there, see ``harness.engine.remote.versions``.
        call: environment, function and arguments, pickled.
        timeout: seconds that the task may take.
        arrays: hashes of the arrays that it may need.
        files: hash of each file that its case names, by the path that the case has.
        code: hash of each model factory that its case names, by name; it has to lie there already.
        own: hash of the sources of each of the user's subjects among its arguments, by name; the same holds for them.
        progress: the name under which the task tells how far it is, see ``harness.engine.progress``; empty if it does
            not.
        topic: of Dask's events, to tell it under.
        content: the bytes of arrays and files that the receiver said it lacks, by hash.
    """

    versions: str
    call: bytes
    timeout: float
    arrays: tuple[str, ...]
    files: Mapping[str, str] = field(default_factory=dict)
    code: Mapping[str, str] = field(default_factory=dict)
    own: Mapping[str, str] = field(default_factory=dict)
    progress: str = ""
    topic: str = ""
    content: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Bytes of it pickled."""
        return len(pickle.dumps(replace(self, content={}))) + sum(map(len, self.content.values()))


@dataclass(frozen=True)
class Answer:
    """What came of a parcel.

    Attributes:
        worker: address of who answers.
        lacks: hashes of what must be sent along before it can be carried out; nothing was done.
        refused: why nothing will ever be carried out there.
        failure, reason: as of ``harness.engine.schedule.Done``.
        record: what the function returned.
        content: the bytes of the arrays that it names and that did not come with the parcel, by hash.
    """

    worker: str
    lacks: tuple[str, ...] = ()
    refused: str = ""
    failure: Literal["", "timeout", "crash", "error"] = ""
    reason: str = ""
    record: Any = None
    content: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Bytes of it pickled."""
        return len(pickle.dumps(replace(self, content={}))) + sum(map(len, self.content.values()))


def pack(
    environment: Environment,
    function: Callable[..., Any],
    arguments: Iterable[Any],
    *,
    root: Path,
    versions: str,
    timeout: float,
    own: Mapping[str, str],
    topic: str,
) -> Parcel:
    """A task as a parcel.

    Args:
        environment: of the worker.
        function: of a module of the harness.
        arguments: of the function; the folder of the store, if it is one of them, becomes the receiver's.
        root: folder of the store.
        versions: hash of what must be the same here and there.
        timeout: seconds that the task may take.
        own: hashes of the sources of the user's subjects that are known, by name.
        topic: of Dask's events, for a task that tells how far it is.

    Raises:
        HarnessError: a file that a case names cannot be read.
    """
    given = list(arguments)
    cases = [one for one in given if isinstance(one, Case)]
    files = {str(path): content_hash_of(path) for case in cases for path in _files_of(case)}
    factories = [case.model["factory"] for case in cases if "factory" in case.model]
    packed = [Root() if isinstance(one, Path) and one == root else _lean(one) for one in given]
    call = pickle.dumps((environment, function, packed))
    return Parcel(
        versions,
        call,
        timeout,
        tuple(digests_in(call)),
        files,
        {factory: fingerprint.factory_hash(factory) for factory in factories},
        {one: own[one] for one in given if isinstance(one, str) and one in own},
        # compute_outcome(store, case, problem, subject)
        name_of(cases[0].id, given[-1]) if function is compute_outcome and cases[0].kind == "training" else "",
        topic,
    )


def unpack(
    parcel: Parcel, *, root: Path, place_of: Callable[[str, str], Path]
) -> tuple[Environment, Callable[..., Any], list[Any]]:
    """Environment, function and arguments of a parcel, with the receiver's store and files.

    Args:
        parcel: received.
        root: folder of the receiver's store.
        place_of: where the receiver has a file, by its hash and its path at home.
    """
    environment, function, packed = pickle.loads(parcel.call)
    places = {path: str(place_of(digest, path)) for path, digest in parcel.files.items()}
    return environment, function, [root if isinstance(one, Root) else _moved(one, places) for one in packed]


def sources_hash(described: Mapping[str, Any]) -> str:
    """Hash of what a user's subject is made of, from what ``harness.subjects.own_source.describe`` returns."""
    return content_hash([described["version"], described["sources"]])


def digests_in(pickled: bytes) -> list[str]:
    """The SHA-256 hashes among the texts of pickled values, each once. Not every one need name arrays."""
    return list(dict.fromkeys(digest.decode() for digest in _DIGEST.findall(pickled)))


@functools.lru_cache(maxsize=4096)
def content_hash_of(path: Path) -> str:
    """SHA-256 of a file. Raises ``HarnessError`` when it cannot be read."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise HarnessError(f"{path} cannot be read: {error.strerror or error}") from error


def _files_of(case: Case) -> list[Path]:
    sections = {"model": case.model, "data": case.data}
    return [Path(sections[section][name]) for section, name in _FILES if sections[section].get(name)]


def _lean(value: Any) -> Any:
    """A case without what only judging and reports read: it would be most of what travels."""
    return replace(value, expectations={}, summary="", tags=()) if isinstance(value, Case) else value


def _moved(value: Any, places: Mapping[str, str]) -> Any:
    """A case whose files lie elsewhere."""
    if not isinstance(value, Case) or not places:
        return value
    model, data = dict(value.model), dict(value.data)
    for section, name in _FILES:
        settings = model if section == "model" else data
        if settings.get(name):
            settings[name] = places[str(Path(settings[name]))]
    return replace(value, model=model, data=data)
