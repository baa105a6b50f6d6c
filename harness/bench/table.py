"""The rows as one table of plain text."""

from __future__ import annotations

from collections.abc import Sequence

from harness.bench.rows import Row

_HEADINGS = ("", "median", "min", "max", "limit", "")


def table(rows: Sequence[Row]) -> str:
    """A line for each row, under the name of its section; figures stand below each other."""
    lines: list[Sequence[str]] = [_HEADINGS]
    section = ""
    for row in rows:
        if row.section != section:
            section = row.section
            lines.append((section, "", "", "", "", ""))
        lines.append(_cells(row))
    widths = [max(len(line[column]) for line in lines) for column in range(len(_HEADINGS))]
    return "\n".join(_aligned(line, widths) for line in lines)


def _cells(row: Row) -> Sequence[str]:
    low, high = (figure(value, row.unit) for value in row.spread)
    limit = "" if row.limit is None else f"{row.bound} {figure(row.limit, row.unit)}"
    verdict = {None: "", True: "holds", False: "DOES NOT HOLD"}[row.holds]
    return f"  {row.name}", figure(row.median, row.unit), low, high, limit, verdict


def _aligned(line: Sequence[str], widths: Sequence[int]) -> str:
    name, *figures, verdict = line
    cells = [cell.rjust(width) for cell, width in zip(figures, widths[1:-1], strict=True)]
    return "  ".join([name.ljust(widths[0]), *cells, verdict]).rstrip()


def figure(value: float, unit: str) -> str:
    """A value with its unit, to digits enough that value and limit do not look alike."""
    return f"{value:.{1 if unit in ('MB', '/s') else 3}f} {unit}"
