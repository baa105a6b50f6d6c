"""Tasks on a Dask cluster, through the same interface as on local workers. Nothing is shared but the scheduler.

What a task needs travels with it only where a worker says that it lacks it, so each array comes to a worker once; what
comes back is put into the store of the starting process. Dask sends a task of a lost worker to another one.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import queue
import re
import sys
import threading
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import Any

from harness.engine import fingerprint, progress, remote
from harness.engine.cluster_entry import agree, connect
from harness.engine.parcel import Answer, ClusterError, FailedThereError, Parcel, pack, sources_hash
from harness.engine.store import CannotWriteError, Store, has_content, write_atomically
from harness.subjects.own_source import describe
from harness.subjects.protocol import Environment
from harness.vocabulary import HarnessError

_WITHOUT_WORKERS = 60.0
"""Seconds to wait, while nothing can be computed, for a worker to come or to come back."""

_LOOK_EVERY = 1.0
"""Seconds from one look at how many workers there are to the next."""

_LEAVING = 0.7
"""Seconds to wait, at the end, for a scheduler that does not answer."""

_FIRST_SENDINGS = 2
"""Of these an array is part only once for each worker."""

_SENDINGS = 6
"""Times that one task is sent: a worker may have lost what it had, or another one may get the task."""

_MOST_AT_ONCE = 64
"""Answers that are fetched together."""


@dataclass
class _Order:
    """A task that was submitted, with its parcel as it was sent last."""

    parcel: Parcel
    future: Future
    sendings: int = 0


@dataclass
class Traffic:
    """What has travelled: messages there, with those that brought what a worker lacked, and bytes both ways.

    The bytes are those of the parcels and answers, pickled; Dask adds about a kilobyte to each message.
    """

    messages: int = 0
    sent: int = 0
    received: int = 0


class Cluster:
    """Workers of a Dask cluster, as ``harness.engine.workers.Pool``; their processes are what they are at home.

    Attributes:
        address: of the scheduler.
        traffic: through it so far.
    """

    def __init__(self, address: str, store: Store):
        """Connects and waits for the first worker.

        Args:
            address: of the scheduler, e.g. ``tcp://host:8786``.
            store: of the starting process; all arrays come from there and go there.

        Raises:
            HarnessError: Dask is not installed, the scheduler does not answer, no worker is there, or one has other
                versions than this process.
        """
        self.address, self._store = address, store
        self.traffic = Traffic()
        self._client = connect(address)
        self._open: dict[str, tuple[_Order, Any]] = {}
        self._own: dict[str, str] = {}
        self._sent: set[tuple[str, str]] = set()
        self._lock = threading.Lock()
        self._finished: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._topic = f"harness-{uuid.uuid4().hex[:12]}"
        self._names = (f"{self._topic}-{number}" for number in itertools.count())
        self._over = ""
        try:
            self._versions, machine = agree(self._client, address)
            fingerprint.computes_on(machine)  # keys are made here, and are part of what is computed there
        except BaseException:
            # Whatever it is, nobody else can leave the cluster.
            self.close()
            raise
        self._slots = sum(self._client.nthreads().values())
        self._client.subscribe_topic(self._topic, self._note_progress)
        threading.Thread(target=self._collect, name="answers of the cluster", daemon=True).start()
        threading.Thread(target=self._watch, name="workers of the cluster", daemon=True).start()

    def submit(
        self, environment: Environment, function: Callable[..., Any], *arguments: Any, workers: int, timeout: float
    ) -> Future:
        """See ``harness.engine.workers.Workers.submit``. ``workers`` is each worker's own affair.

        Returns:
            A future. It raises ``FailedThereError`` when the task failed, and ``ClusterError`` when nothing more will
            be computed.
        """
        future = Future()
        future.set_running_or_notify_cancel()
        try:
            parcel = pack(
                environment,
                function,
                arguments,
                root=self._store.root,
                versions=self._versions,
                timeout=timeout,
                own=self._own,
                topic=self._topic,
            )
        except HarnessError as error:
            future.set_exception(error)
        else:
            if function is describe:  # one worker says what the user's own subject is; the others must have the same
                future.add_done_callback(functools.partial(self._note_own, arguments[0]))
            self._send(_Order(parcel, future))
        return future

    def _note_progress(self, event: tuple[float, tuple[str, int, int]]) -> None:
        """Says here what a task has said there. The name comes from afar, and becomes one of a file."""
        _, (name, done, steps) = event
        if re.fullmatch("[0-9a-f]{32}", name):
            with contextlib.suppress(CannotWriteError):  # that nobody can be told must not cost the outcome
                write_atomically(progress.path_of(self._store.root, name), f"{int(done)} {int(steps)}".encode())

    def _note_own(self, name: str, described: Future) -> None:
        if described.exception() is None:
            self._own[name] = sources_hash(described.result())

    def warm_up(self, environment: Environment, *, workers: int, timeout: float) -> None:
        """Nothing: workers that are there for several runs have their frameworks loaded from the second task on."""

    def window(self, jobs: int) -> int:
        """Two for each thread of the workers, so that none waits for an answer to travel and a task to come."""
        return max(1, 2 * self._slots)

    def limits(self, counts: Mapping[str, int], jobs: int) -> Mapping[str, int]:
        """None: a worker has processes of every environment."""
        return defaultdict(lambda: sys.maxsize)

    def last_words(self, process: int | None) -> str:
        """Nothing: the answer has them."""
        return ""

    def stopped_because(self, process: int | None) -> str:
        """Nothing: the answer has it."""
        return ""

    def close(self) -> None:
        """Ends what is running, at once, whether the scheduler answers or not."""
        lost = bool(self._over)
        self._over = self._over or "it is closed"
        self._finished.put(None)
        fingerprint.computes_on({})
        with self._lock:
            sent = [one for _, one in self._open.values()]
            self._open.clear()

        def leave() -> None:
            with contextlib.suppress(Exception):  # whatever it is, there is nobody to tell
                if sent and not lost:
                    self._client.cancel(sent, force=True)
            with contextlib.suppress(Exception):  # the same
                self._client.close(timeout=_LEAVING)

        leaving = threading.Thread(target=leave, daemon=True)
        leaving.start()
        leaving.join(_LEAVING)

    def _send(self, order: _Order, *, to: Sequence[str] = ()) -> None:
        """Hands an order over; ``to``: workers that should get it, if they are still there."""
        order.sendings += 1
        with self._lock:
            if self._over:
                order.future.set_exception(ClusterError(self._over))
                return
            name = next(self._names)
            sent = self._client.submit(
                remote.carry_out, order.parcel, key=name, pure=False, workers=list(to) or None,
                allow_other_workers=bool(to), priority=order.sendings,
            )  # fmt: skip
            self._open[name] = order, sent
            self.traffic.messages += 1
            self.traffic.sent += order.parcel.size
        sent.add_done_callback(self._finished.put)

    def _collect(self) -> None:
        """Takes answers as they come. Runs in a thread of its own, for the life of the cluster."""
        while True:
            batch = [self._finished.get()]
            while len(batch) < _MOST_AT_ONCE and not self._finished.empty():
                batch.append(self._finished.get())
            if None in batch:
                return
            try:
                answers = self._client.gather(batch)
            except BaseException:
                # One that failed hides the others; each for itself then.
                answers = [None] * len(batch)
            for sent, answer in zip(batch, answers, strict=True):
                with self._lock:
                    order, _ = self._open.pop(sent.key, (None, None))
                if order is not None:
                    self._take(order, sent, answer)

    def _take(self, order: _Order, sent: Any, answer: Answer | None) -> None:
        from distributed import KilledWorker

        try:
            answer = answer or sent.result()
            assert isinstance(answer, Answer)
            self.traffic.received += answer.size
            if answer.refused:
                raise ClusterError(f"worker {answer.worker} of the cluster cannot go on: {answer.refused}")
            if answer.lacks:
                if order.sendings >= _SENDINGS:
                    raise FailedThereError("crash", f"workers lost what they were sent {order.sendings} times")
                # What is on its way to that worker comes before this order; if it was lost, the next answer tells.
                again = order.sendings > _FIRST_SENDINGS
                lacks = [one for one in answer.lacks if again or (answer.worker, one) not in self._sent]
                self._sent.update((answer.worker, one) for one in lacks)
                content = {digest: self._content(digest, order.parcel) for digest in lacks}
                order.parcel = replace(order.parcel, content={**order.parcel.content, **content})
                self._send(order, to=[answer.worker])
                return
            if answer.failure:
                raise FailedThereError(answer.failure, answer.reason)
            for digest, content in answer.content.items():
                self._keep(digest, content)
            order.future.set_result(answer.record)
        except KilledWorker as killed:
            lost = f"{killed.allowed_failures + 1} workers of the cluster were lost while it was with them"
            order.future.set_exception(FailedThereError("crash", f"{lost}, the last at {killed.last_worker.address}"))
        except HarnessError as error:
            if isinstance(error, ClusterError):
                self._end(str(error))
            order.future.set_exception(error)
        except Exception as error:  # of Dask, or of whatever a parcel held
            if sent.status == "cancelled":
                self._end(self._gone())
                order.future.set_exception(ClusterError(self._over))
            else:
                order.future.set_exception(error)

    def _content(self, digest: str, parcel: Parcel) -> bytes:
        """Of an array or a file; nothing where the hash names neither."""
        for path, named in parcel.files.items():
            if named == digest:
                with open(path, "rb") as file:  # noqa: PTH123  (the case has it as text)
                    return file.read()
        path = self._store.path_of(digest)
        return path.read_bytes() if path.exists() else b""

    def _keep(self, digest: str, content: bytes) -> None:
        """Puts an array that came back into the store. Raises ``CannotWriteError``."""
        if remote.sha256_of(content) != digest:
            raise FailedThereError("error", f"array {digest[:12]} was damaged on its way")
        path = self._store.path_of(digest)
        if not has_content(path, digest):
            write_atomically(path, content)

    def _watch(self) -> None:
        """Counts the workers, and ends the run when none comes back. Runs in a thread of its own."""
        seen = time.monotonic()
        while not self._over:
            time.sleep(_LOOK_EVERY)
            try:
                self._slots = sum(self._client.nthreads().values())
            except Exception:  # the scheduler is gone; futures tell that, too, if there are any
                self._slots = 0
            if self._slots:
                seen = time.monotonic()
            elif time.monotonic() - seen > _WITHOUT_WORKERS:
                self._end(f"the cluster of {self.address} has had no worker for {_WITHOUT_WORKERS:g} s. {_KEPT}")

    def _gone(self) -> str:
        return f"the scheduler at {self.address} went away. {_KEPT}"

    def _end(self, reason: str) -> None:
        """Nothing more will be computed: whoever waits for an answer is told."""
        with self._lock:
            if self._over:
                return
            self._over = reason
            orders = [order for order, _ in self._open.values()]
            self._open.clear()
        for order in orders:
            order.future.set_exception(ClusterError(reason))


_KEPT = "What was finished before is in the store, and the same command goes on from there, with or without --scheduler"
