"""The tasks that wait for a worker, in the order in which to start them; each operation takes the same time always."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from harness.engine.plan import Task


class Waiting:
    """One queue for each environment, and a place for each task among all of them."""

    def __init__(self) -> None:
        self._queues: dict[str, deque[tuple[int, Task]]] = {}
        self._first = self._last = 0

    def append(self, task: Task) -> None:
        """Puts a task behind all others."""
        self._last += 1
        self._queue_of(task).append((self._last, task))

    def put_first(self, task: Task) -> None:
        """Puts a task before all others."""
        self._first -= 1
        self._queue_of(task).appendleft((self._first, task))

    def take(self, has_room: Callable[[str], bool]) -> Task | None:
        """Takes out the first task for whose environment there is room; ``None`` where there is no such task.

        Args:
            has_room: says it of an environment, by its name.
        """
        heads = [(queue[0][0], name) for name, queue in self._queues.items() if queue and has_room(name)]
        return self._queues[min(heads)[1]].popleft()[1] if heads else None

    def counts(self) -> dict[str, int]:
        """How many wait, by the name of their environment."""
        return {name: len(queue) for name, queue in self._queues.items() if queue}

    def _queue_of(self, task: Task) -> deque[tuple[int, Task]]:
        return self._queues.setdefault(task.environment.name, deque())
