"""``report.md``: a run as a page that reads well in a terminal, a code review and a wiki."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from harness.engine.record import Run
from harness.report.causes import advised, unexplained
from harness.report.curves import Curves, draw_curves
from harness.report.expectation import expected_text
from harness.report.headline import failures, headline, libraries, totals_line, unexpected
from harness.report.known import known_differences
from harness.report.markdown_scenario import scenario_section
from harness.report.markdown_text import code, escaped, sentence, table
from harness.report.matrix import SYMBOLS, Cell, by_scenario, in_table_order, matrix_of
from harness.report.standing import standing_section
from harness.report.text import count

_MOST_LISTED = 100
_FIRST_CASES = 3


def markdown(run: Run) -> str:
    """The report of a run, see ``markdown_with``. The curves that it links to lie in the run's folder."""
    return markdown_with(run, draw_curves(run))


def markdown_with(run: Run, curves: Mapping[int, Curves]) -> str:
    """What is not as expected first, then the matrix, every scenario, and how it was run.

    Args:
        run: the run.
        curves: by the case's position, as ``draw_curves`` returns them; linked to, as files beside the report.
    """
    numbers = {id(record): number for number, record in enumerate(run.cases)}
    sections = [
        *_results(run),
        ["## Scenarios", "", "A setting marked with `*` was left to the subject's own default.", ""],
        *(
            scenario_section(records, [numbers[id(record)] for record in records], curves)
            for records in by_scenario(run).values()
        ),
        _subjects(run),
        _environment(run),
    ]
    return _joined(sections)


def overview(run: Run) -> str:
    """The report without its scenarios, and without pictures: what a summary has room for."""
    return _joined([*_results(run), _subjects(run), _environment(run)])


def _joined(sections: Iterable[Iterable[str]]) -> str:
    return "\n".join(line for section in sections for line in section).rstrip() + "\n"


def _results(run: Run) -> list[Iterable[str]]:
    return [
        _head(run),
        _unexplained(run),
        _unexpected(run),
        _failures(run),
        standing_section(run.standing) if run.standing else (),
        _matrix(run),
    ]


def _head(run: Run) -> Iterable[str]:
    verdict = headline(run)
    yield from (f"# {escaped(verdict.sentence)}", "")
    yield from (f"- {escaped(detail)}" for detail in verdict.details)
    for cell in libraries(run):
        yield f"- **{escaped(cell.left)}** and **{escaped(cell.right)}**: {cell.in_words()}."
        for known in known_differences(run, (cell.left, cell.right)):
            yield f"  - {count(len(known.cases), 'case')}: {escaped(known.words)}"
    yield from ("", f"{escaped(totals_line(run))}. Started {escaped(run.started)}.", "")


def _unexplained(run: Run) -> Iterable[str]:
    groups = unexplained(run)
    if not groups:
        return
    yield from ("## Unexplained", "", "Divergences of which no known setting is the cause.", "")
    for group in groups[:_MOST_LISTED]:
        record, comparison = group.found[0]
        others = f", and {count(len(group.found) - 1, 'further comparison')}" if len(group.found) > 1 else ""
        pair = f"{escaped(comparison.left)} \\| {escaped(comparison.right)}"
        yield f"- {code(record.case.id)} {pair}{others}: {sentence(group.reason)}"
    if len(groups) > _MOST_LISTED:
        yield f"- and {count(len(groups) - _MOST_LISTED, 'further reason')}, all in `run.json`"
    yield ""


def _unexpected(run: Run) -> Iterable[str]:
    found = unexpected(run)
    if not found:
        return
    yield from ("## Not as expected", "")
    for record, comparison in found[:_MOST_LISTED]:
        because = f" ({escaped(comparison.because)})" if comparison.because else ""
        yield (
            f"- {code(record.case.id)} {escaped(comparison.left)} \\| {escaped(comparison.right)}: "
            f"**{comparison.verdict}**, expected {escaped(expected_text(record, comparison))}{because}: "
            f"{sentence(advised(comparison))}"
        )
    if len(found) > _MOST_LISTED:
        yield f"- and {len(found) - _MOST_LISTED:,} more, all in `report.html` and `comparisons.csv`"
    yield ""


def _failures(run: Run) -> Iterable[str]:
    found = failures(run)
    if not found:
        return
    yield from ("## Subjects that failed", "")
    rows = [
        (
            escaped(failure.outcome.subject),
            failure.outcome.status,
            escaped(failure.outcome.reason),
            _some_cases(failure.cases),
            "yes" if failure.expected else "**no**",
        )
        for failure in found
    ]
    yield from table(("subject", "status", "reason", "cases", "expected"), rows)


def _some_cases(cases: Sequence[str]) -> str:
    rest = len(cases) - _FIRST_CASES
    return "<br>".join([*map(code, cases[:_FIRST_CASES]), *([f"and {rest:,} more"] if rest > 0 else [])])


def _matrix(run: Run) -> Iterable[str]:
    cells, subjects = matrix_of(run), in_table_order(run.subjects)
    if not cells:
        return
    legend = ", ".join(f"`{symbol}` {verdict}" for verdict, symbol in SYMBOLS.items())
    yield from ("## Subjects against subjects", "", f"Comparisons by verdict: {legend}.", "")
    rows = []
    for left in subjects[:-1]:
        row = [f"**{escaped(left)}**"]
        for right in subjects[1:]:
            row.append(_cell(cells.get((left, right))))
        rows.append(row)
    yield from table(("", *map(escaped, subjects[1:])), rows)


def _cell(cell: Cell | None) -> str:
    if cell is None:
        return ""
    counts = " ".join(f"{number}{SYMBOLS[verdict]}" for verdict, number in cell.verdicts.items())
    marked = f"<br>**{cell.unexpected:,} unexpected**" if cell.unexpected else ""
    return f"{cell.worst}<br>{escaped(counts)}{marked}"


def _subjects(run: Run) -> Iterable[str]:
    yield from ("## Subjects", "")
    rows = [
        (
            escaped(name),
            escaped(f"{description.get('library', '')} {description.get('version', '')}".strip()),
            code(description.get("api", "")),
            escaped(description.get("environment", "")),
            escaped(description.get("unavailable", "ready")),
        )
        for name, description in ((name, run.subjects[name]) for name in in_table_order(run.subjects))
    ]
    yield from table(("subject", "library", "function", "environment", "state"), rows)


def _environment(run: Run) -> Iterable[str]:
    yield from ("## Environment", "")
    yield from table(("", ""), [(escaped(name), escaped(value)) for name, value in run.environment.items()])
    for names, variables in _shared_variables(run):
        shown = " ".join(f"{name}={value}" for name, value in variables)
        yield from (f"Set for {escaped(', '.join(names))}: {code(shown)}", "")


def _shared_variables(run: Run) -> list[tuple[list[str], tuple[tuple[str, str], ...]]]:
    """Environment variables of the workers, and the subjects that share them."""
    alike: dict[tuple[tuple[str, str], ...], list[str]] = {}
    for name in in_table_order(run.subjects):
        variables = tuple(sorted(run.subjects[name].get("variables", {}).items()))
        if variables:
            alike.setdefault(variables, []).append(name)
    return [(names, variables) for variables, names in alike.items()]
