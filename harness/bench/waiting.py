"""What a user waits for: the end of a run after Ctrl-C, and the report of a thousand cases that opens in a browser."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from harness.bench.browser import open_repeatedly
from harness.bench.grid import write_grid
from harness.bench.processes import measure
from harness.bench.rows import Row
from harness.vocabulary import HarnessError

SECTION = "waiting"
CASES = 1000
INTERRUPTED = 2.0
"""Seconds from Ctrl-C to the end of the run."""
OPENS = 2.0
"""Seconds that the report may take to open."""

_OUTCOMES = 50
"""So many more are in the store when a run is interrupted: its workers compute."""
_PATIENCE = 300.0
_INTERRUPTED = 130
_COMMAND = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # shells let commands in the background ignore it
from harness.cli.main import main
main()
"""


def rows(*, repetitions: int, cases: int = CASES) -> Iterator[Row]:
    """Interrupts a run of the grid again and again, then lets it go on to its end, and opens its report.

    Args:
        repetitions: of the interrupt and of the opening.
        cases: of the grid, in hundreds.

    Raises:
        HarnessError: a run failed or was over before it was interrupted, or there is no browser.
    """
    with tempfile.TemporaryDirectory(prefix="harness-bench-") as name:
        folder = Path(name)
        files = [str(path) for path in write_grid(folder / "scenarios", cases)]
        command = [sys.executable, "-c", _COMMAND, "run", *files, "--report-dir", str(folder / "report")]
        store = folder / "store"
        ended = tuple(interrupted(command, store) for _ in range(repetitions))
        yield Row(SECTION, f"{cases:,} cases: Ctrl-C to the end of the run", ended, "s", INTERRUPTED)
        measure(command, variables={"HARNESS_STORE": str(store)})
        opened = open_repeatedly(folder / "report" / "report.html", repetitions)
        yield Row(SECTION, f"{cases:,} cases: report.html opens", opened, "s", OPENS)


def interrupted(command: Sequence[str], store: Path) -> float:
    """Starts a run, interrupts it once it computes, and returns the seconds until it has ended.

    The whole group gets the signal, as from a terminal.
    """
    before = _outcomes(store)
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "HARNESS_STORE": str(store)},
        start_new_session=True,
    )
    try:
        until = time.monotonic() + _PATIENCE
        while _outcomes(store) < before + _OUTCOMES:
            if process.poll() is not None or time.monotonic() > until:
                raise HarnessError("a run ended, or hung, before it could be interrupted")
            time.sleep(0.05)
        began = time.perf_counter()
        os.killpg(process.pid, signal.SIGINT)
        process.wait(_PATIENCE)
        seconds = time.perf_counter() - began
    except (ProcessLookupError, subprocess.TimeoutExpired) as error:
        raise HarnessError(f"a run could not be interrupted: {error}") from error
    finally:
        process.kill()
        process.wait()
    if process.returncode != _INTERRUPTED:
        raise HarnessError(f"a run that was interrupted ended with status {process.returncode}, not {_INTERRUPTED}")
    return seconds


def _outcomes(store: Path) -> int:
    return sum(1 for _ in (store / "outcome").rglob("*.json"))
