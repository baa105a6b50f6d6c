"""The reports of a run, as files beside its ``run.json``."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

from harness.engine.record import Run
from harness.engine.store import write_atomically
from harness.report.frames import comparisons_frame
from harness.report.html import html
from harness.report.markdown import markdown
from harness.report.text import printable

_FORMULA = ("=", "+", "-", "@")
"""What makes a spreadsheet take a text for a formula."""


def csv(run: Run) -> str:
    """The comparisons as CSV, see ``comparisons_frame``. No text in it is a formula to a spreadsheet."""
    frame = comparisons_frame(run)
    for name in frame.columns:
        if frame[name].dtype == object:
            frame[name] = frame[name].map(_cell)
    frame.columns = [printable(name) for name in frame.columns]  # settings give names to columns, too
    return frame.to_csv(index=False, lineterminator="\n")


@functools.lru_cache(maxsize=4096)
def _cell(value: object) -> object:
    if not isinstance(value, str):
        return value
    text = printable(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


REPORTS: dict[str, Callable[[Run], str]] = {"comparisons.csv": csv, "report.md": markdown, "report.html": html}
"""The reports of a run by file name. ``run.json`` and the arrays are the run itself and are there already."""


def write_reports(run: Run, folder: Path) -> list[Path]:
    """Writes every report of a run, each whole or not at all. Returns where they are.

    Args:
        run: with its arrays, for the pictures.
        folder: of the run.

    Raises:
        HarnessError: when a file cannot be written.
    """
    paths = []
    for name, make in REPORTS.items():
        write_atomically(folder / name, make(run).encode())
        paths.append(folder / name)
    return paths
