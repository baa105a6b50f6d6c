"""What came of a run, in lines for a terminal or a log."""

from __future__ import annotations

import io
from collections import Counter
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.engine.record import CaseRecord, Run
from harness.report.causes import advised, unexplained
from harness.report.expectation import expected_text
from harness.report.headline import failures, headline, libraries, totals_line, unexpected, unstated
from harness.report.known import known_differences
from harness.report.matrix import SYMBOLS, Cell, in_table_order, matrix_of
from harness.report.standing import standing_lines
from harness.report.text import count, encodable, printable
from harness.vocabulary import Comparison, Verdict

REPORTS = ("report.html", "report.md", "differences.md", "comparisons.csv", "junit.xml", "run.json")
"""Files of a run folder that a reader may want to open."""

_MOST_LISTED = 50
_FEW = 10

_STYLES = {
    Verdict.EQUAL: "green",
    Verdict.CLOSE: "cyan",
    Verdict.DIVERGED: "yellow",
    Verdict.UNSUPPORTED: "dim",
    Verdict.ERROR: "bold red",
}
_TONES = {"good": "bold green", "bad": "bold red", "open": "bold yellow"}


def summary_text(run: Run, folder: Path, *, width: int = 120) -> str:
    """The summary as plain text."""
    stream = io.StringIO()
    print_summary(run, folder, Console(file=stream, width=width, highlight=False, force_terminal=False))
    return stream.getvalue()


def print_summary(run: Run, folder: Path, console: Console) -> None:
    """Prints what is unexplained, what is not as expected (a line each), failures, the matrix, verdict and totals."""
    _print_unexplained(run, console)
    _print_unexpected(run, console)
    _print_unstated(run, console)
    _print_failures(run, console)
    for line in standing_lines(run.standing) if run.standing else ():
        _say(console, *line)
    if run.totals["comparisons"]:
        _print_matrix(run, console)
    verdict = headline(run)
    _say(console, (verdict.sentence, _TONES[verdict.tone]))
    for detail in verdict.details:
        _say(console, (detail, "yellow"))
    for cell in libraries(run):
        _say(console, (f"{cell.left} and {cell.right}: ", "bold"), (cell.in_words(), ""))
        for known in known_differences(run, (cell.left, cell.right))[:_FEW]:
            _say(console, (f"  {count(len(known.cases), 'case')}: {known.words}", "dim"))
    _say(console, (totals_line(run), "dim"))
    first, *others = [name for name in REPORTS if (folder / name).exists()] or [""]
    if first:
        beside = f"  beside it: {', '.join(others)}" if others else ""
        _say(console, (f"report: {folder / first}", "bold"), (beside, "dim"))


def _print_unexplained(run: Run, console: Console) -> None:
    groups = unexplained(run)
    for group in groups[:_FEW]:
        record, comparison = group.found[0]
        others = f"  and {count(len(group.found) - 1, 'further comparison')}" if len(group.found) > 1 else ""
        _say(
            console,
            ("unexplained ", "bold red"),
            *_comparison(record, comparison),
            (f": {group.reason}", ""),
            (others, "dim"),
        )
    if len(groups) > _FEW:
        _say(console, (f"unexplained  and {count(len(groups) - _FEW, 'further reason')}, all in report.md", "bold red"))


def _print_unexpected(run: Run, console: Console) -> None:
    found = unexpected(run)
    for record, comparison in found[:_MOST_LISTED]:
        expectation = record.case.expectations.get(f"{comparison.left}|{comparison.right}")
        _say(
            console,
            ("unexpected  ", "bold red"),
            *_comparison(record, comparison),
            (f", expected {expected_text(record, comparison)}", "bold"),
            (f" ({comparison.because})" if comparison.because else "", ""),
            (f": {advised(comparison)}", ""),
            (f"  {expectation.location}" if expectation else "", "dim"),
        )
    if len(found) > _MOST_LISTED:
        _say(console, (f"unexpected  and {len(found) - _MOST_LISTED:,} more, all in report.html", "bold red"))


def _print_unstated(run: Run, console: Console) -> None:
    found = unstated(run)
    if len(found) <= _FEW:
        for record, comparison in found:
            _say(
                console,
                ("unstated    ", "yellow"),
                *_comparison(record, comparison),
                (f": {advised(comparison)}", ""),
            )
        return
    counted = Counter(str(comparison.verdict) for _, comparison in found)
    verdicts = " and ".join(f"{number:,} {verdict}" for verdict, number in counted.most_common())
    scenarios = list(dict.fromkeys(printable(record.case.scenario) for record, _ in found))
    named = ", ".join(scenarios[:_FEW]) + (", ..." if len(scenarios) > _FEW else "")
    _say(console, ("unstated    ", "yellow"), (f"{verdicts} of which no scenario says what to expect, in {named}", ""))


def _comparison(record: CaseRecord, comparison: Comparison) -> list[tuple[str, str]]:
    return [
        (f"{record.case.id}  ", "bold"),
        (f"{comparison.left} | {comparison.right}  ", ""),
        (str(comparison.verdict), _STYLES[comparison.verdict]),
    ]


def _print_failures(run: Run, console: Console) -> None:
    found = [failure for failure in failures(run) if not failure.expected]
    for failure in found[:_FEW]:
        _say(
            console,
            (f"{failure.outcome.status:<12}", "bold red"),
            (f"{failure.outcome.subject}  ", "bold"),
            (failure.outcome.reason, ""),
            (f"  in {count(len(failure.cases), 'case')}, first in {failure.cases[0]}", "dim"),
        )
    if len(found) > _FEW:
        _say(console, (f"error       and {count(len(found) - _FEW, 'further reason')}, all in report.html", "bold red"))


def _print_matrix(run: Run, console: Console) -> None:
    """Rows and columns are subjects; columns by number, since their names are longer than what stands below them."""
    subjects, cells = in_table_order(run.subjects), matrix_of(run)
    table = Table(box=box.SIMPLE_HEAD if console.is_terminal else None, pad_edge=False, show_edge=False)
    table.add_column("", no_wrap=True)
    for number, _ in enumerate(subjects[1:], start=2):
        table.add_column(str(number))
    for row, left in enumerate(subjects[:-1], start=1):
        shown = [_cell(cells.get((left, right))) for right in subjects[1:]]
        table.add_row(Text(encodable(f"{row} {left}", console.encoding)), *shown)
    table.add_row(Text(encodable(f"{len(subjects)} {subjects[-1]}", console.encoding)))
    console.print()
    console.print(table)
    legend = "  ".join(f"{symbol} {verdict}" for verdict, symbol in SYMBOLS.items())
    _say(console, (legend, "dim"))
    console.print()


def _cell(cell: Cell | None) -> Text:
    if cell is None:
        return Text("")
    counts = " ".join(f"{number}{SYMBOLS[verdict]}" for verdict, number in cell.verdicts.items())
    text = Text.assemble((str(cell.worst), _STYLES[cell.worst]), "\n", (counts, ""))
    return text.append(f"\n{cell.unexpected} unexpected", "bold red") if cell.unexpected else text


def _say(console: Console, *parts: tuple[str, str]) -> None:
    """One line, wrapped only where there is a terminal to wrap it for."""
    line = Text()
    for words, style in parts:
        line.append(encodable(words, console.encoding), style)
    console.print(line, soft_wrap=not console.is_terminal)
