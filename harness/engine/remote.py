"""What runs inside a worker of a cluster: the same pool of processes as at home, and a folder of what has come there.

A worker of Dask is one process that imports no framework. It has processes of its own, one pool for each environment,
so a library that hangs or dies costs its task there as it does at home.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import multiprocessing
import pickle
import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import util
from pathlib import Path
from typing import Any

from harness.engine import fingerprint, progress
from harness.engine.describe import describe_subjects
from harness.engine.parcel import Answer, Parcel, digests_in, sources_hash, unpack
from harness.engine.schedule import Result, result_of
from harness.engine.shards import code_of_the_harness
from harness.engine.store import CannotWriteError, Store, has_content, write_atomically
from harness.engine.workers import Workers, share_of_memory
from harness.subjects.environments import TENSORFLOW_1, TENSORFLOW_2
from harness.subjects.own_source import describe
from harness.subjects.protocol import Environment
from harness.vocabulary import SUBJECTS, content_hash

MACHINE = ("platform", "processor")
"""What of ``versions`` may be other than in the starting process, but is the same on all workers."""

_ROOM = 4 << 30
"""Bytes of arrays and files that a worker keeps; what was used longest ago goes first."""

_LOOK_EVERY = 0.5
"""Seconds from one look at whether anybody still wants the result to the next."""

_HERE = {environment.name: environment for environment in (TENSORFLOW_1, TENSORFLOW_2)}
"""Shipped environments have paths of the machine that they are on."""


@functools.cache
def versions() -> dict[str, Any]:
    """What must be the same wherever outcomes of one run are computed: code, frameworks, libraries."""
    described = describe_subjects(SUBJECTS)
    return {
        **fingerprint.environment(),
        **{f"subject {name}": one["version"] or "not installed" for name, one in described.items()},
        "code of the harness": code_of_the_harness(),
    }


def carry_out(parcel: Parcel) -> Answer:
    """Carries a parcel out, in a thread of a worker of Dask. Whatever becomes of the task is an answer."""
    from distributed import get_worker

    address = get_worker().address
    if parcel.versions != content_hash(versions()):
        reason = "it has other versions, or another processor, than the workers that were there at the start"
        return Answer(address, refused=reason)
    for factory, digest in parcel.code.items():
        if fingerprint.factory_hash(factory) != digest:
            reason = f"{factory} is not there, or is another one. Install the same on every worker"
            return Answer(address, failure="error", reason=reason)
    try:
        place = _place()
        place.keep(parcel)
        needed = [*parcel.arrays, *parcel.files.values()]
        with place.using(needed):
            # A hash may be one of something else; who sent it knows, and then sends nothing.
            lacks = tuple(one for one in needed if one not in parcel.content and not place.has(one))
            if lacks:
                return Answer(address, lacks=lacks)
            return place.run(parcel, address)
    except CannotWriteError as error:
        return Answer(address, refused=str(error))


class Place:
    """Processes, and arrays and files by content hash, of one worker of Dask.

    Attributes:
        store: its folder; the processes put their results there.
    """

    def __init__(self, folder: Path, *, threads: int, memory: int):
        self.store = Store(folder)
        self._threads = threads
        self._workers = Workers(memory=memory)
        self._kept: OrderedDict[str, tuple[Path, int]] = OrderedDict()
        self._used: Counter[str] = Counter()
        self._own: dict[str, str] = {}
        self._lock = threading.Lock()

    def keep(self, parcel: Parcel) -> None:
        """Puts what has come with a parcel where it belongs.

        Raises:
            CannotWriteError: when the disk is full, and the like.
        """
        names = {digest: path for path, digest in parcel.files.items()}
        for digest, content in parcel.content.items():
            path = self.place_of(digest, names[digest]) if digest in names else self.store.path_of(digest)
            if content and not has_content(path, digest):
                write_atomically(path, content)
            self._note(digest, path)

    def place_of(self, digest: str, path: str) -> Path:
        """Where a file lies that a case at home names so. Keras looks at how its name ends."""
        return self.store.root / "files" / f"{digest}{Path(path).suffix}"

    def has(self, digest: str) -> bool:
        """Whether the array or file of a hash is there."""
        with self._lock:
            if digest in self._kept:
                self._kept.move_to_end(digest)
            return digest in self._kept

    @contextlib.contextmanager
    def using(self, digests: Iterable[str]) -> Iterator[None]:
        """Nothing of these is thrown away inside of the block."""
        used = list(digests)
        with self._lock:
            self._used.update(used)
        try:
            yield
        finally:
            with self._lock:
                self._used.subtract(used)

    def run(self, parcel: Parcel, address: str) -> Answer:
        """Runs the task of a parcel in a process of its environment."""
        environment, function, arguments = unpack(parcel, root=self.store.root, place_of=self.place_of)
        environment = _HERE.get(environment.name, environment)

        for name, sources in parcel.own.items():
            if name not in self._own:
                described = self._result(environment, describe, [name], parcel)
                self._own[name] = described.reason if described.failure else sources_hash(described.record)
            if self._own[name] != sources:
                reason = f"{name} is another one on worker {address}. Install the same on every worker"
                return Answer(address, failure="error", reason=reason)
        if parcel.progress:  # one that was killed here has left its last word
            progress.path_of(self.store.root, parcel.progress).unlink(missing_ok=True)
        result = self._result(environment, function, arguments, parcel)
        if result.failure:
            return Answer(address, failure=result.failure, reason=result.reason)
        return Answer(address, record=result.record, content=self._contents(result.record, parcel))

    def _result(
        self, environment: Environment, function: Callable[..., Any], arguments: Sequence[Any], parcel: Parcel
    ) -> Result:
        timeout, told = parcel.timeout, functools.partial(self._tell, parcel)

        def once() -> Future:
            with self._lock:
                return self._workers.submit(environment, function, *arguments, workers=self._threads, timeout=timeout)

        future = _awaited(once(), told)
        if isinstance(future.exception(), BrokenProcessPool):  # a process died that had no task; this one was not begun
            future = _awaited(once(), told)
        return result_of(future, self._workers, timeout)

    def _tell(self, parcel: Parcel) -> None:
        """Passes on how far a task says that it is."""
        from distributed import get_worker

        if parcel.progress and (told := progress.told_as(self.store.root, parcel.progress)):
            get_worker().log_event(parcel.topic, (parcel.progress, *told))

    def close(self) -> None:
        """Ends the processes."""
        self._workers.close()

    def _contents(self, record: Any, parcel: Parcel) -> dict[str, bytes]:
        """The arrays that a record names, but for those that the starting process has sent itself."""
        contents = {}
        for digest in digests_in(pickle.dumps(record)):
            path = self.store.path_of(digest)
            if digest not in parcel.arrays and path.exists():
                contents[digest] = path.read_bytes()
                self._note(digest, path)
        return contents

    def _note(self, digest: str, path: Path) -> None:
        with self._lock:
            self._kept[digest] = path, path.stat().st_size if path.exists() else 0
            self._kept.move_to_end(digest)
            taken = sum(size for _, size in self._kept.values())
            for one in [one for one in self._kept if not self._used[one] and one != digest]:
                if taken <= _ROOM:
                    break
                other, size = self._kept.pop(one)
                other.unlink(missing_ok=True)
                taken -= size


@functools.lru_cache(maxsize=1)
def _place_in(folder: str, threads: int, memory: int) -> Place:
    # Dask makes its workers daemons, which may start no process; those of the harness end with them by themselves.
    multiprocessing.current_process()._config["daemon"] = False  # type: ignore[attr-defined]
    place = Place(Path(folder, "harness"), threads=threads, memory=memory)
    # At its end a process waits for those that it started, and these wait for its end.
    util.Finalize(None, place.close, exitpriority=100)
    return place


_STARTING = threading.Lock()


def _place() -> Place:
    from distributed import get_worker

    worker = get_worker()
    threads, memory = worker.state.nthreads, worker.memory_manager.memory_limit
    with _STARTING:  # several threads may come first
        return _place_in(worker.local_directory, threads, share_of_memory(threads, machine=memory or None))


def _awaited(future: Future, tell: Callable[[], None]) -> Future:
    """The future once it is done. Until then ``tell`` is called now and then. What nobody waits for is ended."""
    from distributed import get_worker

    worker = get_worker()
    key = worker.get_current_task()
    while not wait([future], timeout=_LOOK_EVERY).done:
        tell()
        task = worker.state.tasks.get(key)
        if task is None or task.state == "cancelled":
            future.cancel()  # its process with it
    return future


def sha256_of(content: bytes) -> str:
    """Hash of the content of an array's file."""
    return hashlib.sha256(content).hexdigest()
