"""``harness report``: makes a report of a finished run again."""

from __future__ import annotations

import sys
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from harness.engine.record import Run


class Format(str, Enum):
    """What a report can be."""

    HTML = "html"
    MARKDOWN = "md"
    CSV = "csv"
    PARQUET = "parquet"
    JSON = "json"
    JUNIT = "junit"
    TEXT = "text"


def report(
    folder: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder: one that has a run.json.")],
    form: Annotated[Format, typer.Option("--format", help="What to make.")] = Format.TEXT,
    output: Annotated[
        str,
        typer.Option("-o", "--output", metavar="FILE", help="Where it goes; - is standard output.", show_default="-"),
    ] = "-",
    strict: Annotated[
        bool, typer.Option("--strict", help="With junit: what is unstated, and what vanished, is a failure.")
    ] = False,
) -> None:
    """Make a report of a finished run again."""
    from harness.engine.record import load_run
    from harness.engine.store import write_atomically

    if form is Format.HTML and output != "-":
        _page(load_run(folder), Path(output))
        return
    if form is Format.PARQUET:
        from harness.report.tables import parquet

        content = parquet(load_run(folder))
    else:
        content = _maker(form, folder, output, strict=strict)(load_run(folder)).encode()
    if output != "-":
        write_atomically(Path(output), content)
    elif form is Format.PARQUET:
        sys.stdout.buffer.write(content)
    else:
        sys.stdout.write(content.decode())


def _maker(form: Format, folder: Path, output: str, *, strict: bool) -> Callable[[Run], str]:
    """What turns the run of a folder into text; only what it takes is imported."""
    if form is Format.TEXT:
        from harness.report.summary import summary_text

        return lambda run: summary_text(run, folder)
    if form is Format.JSON:
        return lambda run: (folder / "run.json").read_text(encoding="utf-8")  # loading the run has checked the file
    if form is Format.MARKDOWN:
        return lambda run: _markdown(run, output)
    if form is Format.CSV:
        from harness.report.tables import csv

        return csv
    if form is Format.JUNIT:
        from harness.report.junit import junit

        return lambda run: junit(run, strict=strict)
    from harness.report.html import html

    return html


def _markdown(run: Run, output: str) -> str:
    """The report, and beside its file the curves that it links to. A run folder has them already."""
    from harness.report.curves import draw_curves
    from harness.report.markdown import markdown_with
    from harness.report.write import write_curves

    curves = draw_curves(run)
    if output != "-":
        write_curves(run, curves, Path(output).parent)
    return markdown_with(run, curves)


def _page(run: Run, path: Path) -> None:
    """The page, and beside its file the details of many cases. On standard output it has them all in it."""
    from harness.report.curves import draw_curves
    from harness.report.html import write_html

    write_html(run, draw_curves(run), path)
