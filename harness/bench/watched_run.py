"""A run that notes when each case is judged, and how much memory there is then.

``python -m harness.bench.watched_run FILE JOBS REPORT_DIR PATH...`` makes a run as ``harness run`` does, and leaves the
``Watched`` in FILE.
"""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

from harness.bench.processes import MEGABYTE
from harness.engine.events import CaseJudged, Event
from harness.engine.store import write_atomically
from harness.vocabulary import HarnessError

_LOOK_AFTER = 20
"""Cases from one look at the memory to the next: a look takes a millisecond or two."""


@dataclass(frozen=True)
class Watched:
    """What was seen of a run from inside.

    Attributes:
        judged: when each case was, in seconds since the run began, in order.
        starting_process: megabytes of resident memory of this process, look by look.
        worker: of its largest worker, look by look.
    """

    judged: Sequence[float]
    starting_process: Sequence[float]
    worker: Sequence[float]

    def a_case(self, first: int, last: int) -> float:
        """Seconds a case from the case of one number to that of another, counted from 0."""
        return (self.judged[last] - self.judged[first]) / (last - first)

    def workers_at(self, case: int, looks: int = 5) -> tuple[float, ...]:
        """Megabytes of the largest worker at so many looks up to a case."""
        until = case // _LOOK_AFTER
        return tuple(self.worker[max(until - looks, 0) : until])


def read_watched(file: Path) -> Watched:
    """What a run left in its file."""
    return Watched(**json.loads(file.read_bytes()))


def watch(paths: Sequence[str], report_dir: str, jobs: int) -> Watched:
    """Makes the run in this process.

    Raises:
        HarnessError: a subject failed in a case: what it took to do so says nothing.
    """
    import harness

    own, began = psutil.Process(), time.perf_counter()
    judged: list[float] = []
    starting_process: list[float] = []
    worker: list[float] = []

    def listen(event: Event) -> None:
        if not isinstance(event, CaseJudged):
            return
        judged.append(time.perf_counter() - began)
        for outcome in event.record.outcomes:
            if outcome.status != "ok":
                raise HarnessError(f"{event.record.case.id}: {outcome.subject}: {outcome.status}: {outcome.reason}")
        if len(judged) % _LOOK_AFTER == 0:
            starting_process.append(own.memory_info().rss / MEGABYTE)
            worker.append(max(map(_resident, own.children()), default=0.0))

    harness.run(paths, report_dir=report_dir, jobs=jobs, listen=listen)
    return Watched(judged, starting_process, worker)


def _resident(process: Any) -> float:
    with contextlib.suppress(psutil.Error):  # it has just ended
        return process.memory_info().rss / MEGABYTE
    return 0.0


if __name__ == "__main__":
    file, number, folder, *files = sys.argv[1:]
    write_atomically(Path(file), json.dumps(asdict(watch(files, folder, int(number)))).encode())
