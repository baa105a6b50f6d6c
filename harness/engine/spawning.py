"""New processes that know nothing of the script which started them."""

from __future__ import annotations

import contextlib
import multiprocessing.context as context
import multiprocessing.process as process
import sys
import threading
import types
from collections.abc import Iterator
from typing import Any

_ONE_AT_A_TIME = threading.Lock()


class _Process(context.SpawnProcess):
    @staticmethod
    def _Popen(process_obj: process.BaseProcess) -> Any:  # noqa: N802  (overrides)
        with _nameless_script():
            return context.SpawnProcess._Popen(process_obj)


class Spawning(context.SpawnContext):
    """The start method ``spawn``, but that a new process does not import the script of the starting one: what stands
    there without ``if __name__ == "__main__":`` would run again in every worker, and start workers of its own."""

    Process = _Process  # type: ignore[assignment]


@contextlib.contextmanager
def _nameless_script() -> Iterator[None]:
    """``multiprocessing`` looks here for what to import."""
    with _ONE_AT_A_TIME:
        script = sys.modules["__main__"]
        sys.modules["__main__"] = types.ModuleType("__main__")
        try:
            yield
        finally:
            sys.modules["__main__"] = script
