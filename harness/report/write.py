"""The reports of a run, as files beside its ``run.json``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from harness.engine.record import Run, save_run
from harness.engine.store import alone_in, write_atomically
from harness.report.curves import FILE_NAME, FOLDER, Curves, draw_curves, file_name
from harness.report.details import remove_stale
from harness.report.differences_page import differences_page
from harness.report.html import write_html
from harness.report.junit import junit
from harness.report.kept import remove_others
from harness.report.markdown import markdown_with
from harness.report.tables import TABLES, write_tables

PAGE = "report.html"

REPORTS: dict[str, Callable[[Run, Mapping[int, Curves]], str]] = {
    "report.md": markdown_with,
    "junit.xml": lambda run, _: junit(run),
    "differences.md": lambda run, _: differences_page(run),
}
"""The reports of a run but its page and its tables by file name, each made of the run and its curves; without text it
is none of this run's.

``run.json`` and the arrays are the run itself and are there already.
"""


def write_reports(run: Run, folder: Path, *, strict: bool = False) -> list[Path]:
    """Writes every report of a run, each whole or not at all, and the curves of its trainings. Returns where they are.

    Args:
        run: with its arrays, for the pictures.
        folder: of the run.
        strict: whether what is unstated, and what vanished, fails in ``junit.xml``.

    Raises:
        HarnessError: when a file cannot be written.
    """
    curves = draw_curves(run)
    paths = write_curves(run, curves, folder)  # first: the Markdown report links to them
    strictly = {"junit.xml": lambda run, _: junit(run, strict=True)} if strict else {}
    for name, make in {**REPORTS, **strictly}.items():
        text = make(run, curves)
        if text:
            write_atomically(folder / name, text.encode())
            paths.append(folder / name)
        else:
            (folder / name).unlink(missing_ok=True)
    paths += write_tables(run, folder)
    details = write_html(run, curves, folder / PAGE)
    paths.append(folder / PAGE)
    remove_stale(folder, details.files)
    remove_others(folder / FOLDER, FILE_NAME, {path.name for path in paths})
    return paths


def save_with_reports(run: Run, folder: Path, *, strict: bool = False) -> Run:
    """Saves a run in a folder and writes its reports there, alone in it. Returns the run as it lies there.

    Of a run that was interrupted there are no reports but the run itself: who presses Ctrl-C does not want to wait for
    them, and the same command goes on from there.

    Raises:
        HarnessError: when a file cannot be written.
    """
    with alone_in(folder):
        saved = save_run(run, folder)
        if saved.interrupted:
            _remove_reports(folder)
        else:
            write_reports(saved, folder, strict=strict)
    return saved


def _remove_reports(folder: Path) -> None:
    """Removes the reports of an earlier run, which tell of another one than ``run.json``."""
    for name in (PAGE, *REPORTS, *TABLES):
        (folder / name).unlink(missing_ok=True)
    remove_stale(folder, ())
    remove_others(folder / FOLDER, FILE_NAME, ())


def write_curves(run: Run, curves: Mapping[int, Curves], folder: Path) -> list[Path]:
    """Writes the curves of each case where ``report.md`` in this folder links to them. Returns where they are.

    Raises:
        HarnessError: when a file cannot be written.
    """
    paths = []
    for number, one in curves.items():
        if one.svg:
            paths.append(folder / file_name(number, run.cases[number].case.id))
            write_atomically(paths[-1], one.svg.encode())
    return paths
