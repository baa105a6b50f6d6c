"""The terminal: progress while a run goes on, and what came of it at the end."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import TracebackType

from rich.console import Console

from harness.engine.events import Damaged, Event
from harness.engine.record import Run
from harness.report.progress import Bar, Lines, Tally
from harness.report.summary import print_summary

_LOG_WIDTH = 120
"""Of tables in a log, which has no width of its own."""


def default_console() -> Console:
    """Standard output as it is: colours and a bar on a terminal, plain text elsewhere."""
    return Console(highlight=False) if sys.stdout.isatty() else Console(highlight=False, width=_LOG_WIDTH)


class TerminalListener:
    """Listens to the events of a run, as a context manager, and says at the end what came of it.

    A terminal gets a live bar. Anything else, a log of CI above all, gets plain lines without control codes.
    ``NO_COLOR`` is honoured. What comes from scenarios and libraries is made printable first and is never markup.
    """

    def __init__(self, console: Console | None = None):
        self._console = console or default_console()
        self._tally = Tally()
        # A log may ask for colours (FORCE_COLOR); it still cannot take back a line that has been written.
        live = self._console.is_interactive and os.isatty(_descriptor(self._console))
        self._progress = Bar(self._console) if live else Lines(self._console)

    def __enter__(self) -> TerminalListener:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.close()

    def handle(self, event: Event) -> None:
        """Takes note of what happened."""
        if isinstance(event, Damaged):
            self._progress.say(f"damaged: {event.path} is not what was stored there; it is computed again")
            return
        self._tally.add(event)
        self._progress.show(self._tally)

    def summarize(self, run: Run, folder: Path) -> None:
        """Says what is not as expected, the matrix, the totals, and where the reports are.

        Args:
            run: the run.
            folder: where its reports lie.
        """
        print_summary(run, folder, self._console)


def _descriptor(console: Console) -> int:
    try:
        return console.file.fileno()
    except (AttributeError, OSError, ValueError):  # a stream in memory has none
        return -1
