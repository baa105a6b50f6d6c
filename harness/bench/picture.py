"""The table of the bench as a picture: ratios to the bare computation, cost and memory against size, limits.

``python -m harness.bench.picture bench.json FILE`` draws the table that a run has left.
"""

from __future__ import annotations

import io
import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.bench import attacks, scale, simulation, training
from harness.bench.attack_calls import BARE
from harness.bench.rows import Row
from harness.bench.table import figure as figure_of
from harness.bench.training_steps import LEAST
from harness.engine.store import write_atomically
from harness.vocabulary import SUBJECTS

_COLORS = ("#1f6fb2", "#d1762b", "#4c9a5b", "#8a5fa8")
_LIMIT = "#b02a2a"
_SHADES = 64
_MOST_SHOWN = 1.5
"""Share of a limit; what takes more is drawn so far, and its figure says the rest."""
_SIZED = re.compile(r"(?P<cases>[\d,]+) cases(, -j \d+)?: (?P<what>.*)")

Curves = Mapping[str, Sequence[tuple[int, float]]]
"""By label: numbers of cases, each with a figure."""


def draw(rows: Sequence[Row], file: Path) -> None:
    """Writes the picture, a PNG. What was not measured is left out of it.

    Args:
        rows: of the table.
        file: to write.

    Raises:
        HarnessError: the file cannot be written.
    """
    from matplotlib.figure import Figure

    limited = [row for row in rows if row.limit is not None]
    heights = (4.2, 0.8 + 0.17 * len(limited))
    figure = Figure(figsize=(12, sum(heights)), dpi=100, layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=heights)
    ratio, cost, memory = above.subplots(1, 3)
    _draw_ratios(ratio, rows)
    _draw_curves(cost, costs(rows), "milliseconds a case")
    _draw_curves(memory, memories(rows), "most memory in MB")
    _draw_limits(below.subplots(), limited)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    write_atomically(file, _in_few_colors(buffer))


def _in_few_colors(picture: io.BytesIO) -> bytes:
    """The same PNG with a palette: a third of the size."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.open(picture).convert("RGB").quantize(_SHADES).save(buffer, format="png", optimize=True)
    return buffer.getvalue()


def costs(rows: Iterable[Row]) -> Curves:
    """Milliseconds a case, by number of cases."""
    found: dict[str, list[tuple[int, float]]] = {}
    for cases, what, row in _sized(rows):
        if what in ("a case, whole run", "a case, first to last"):
            found.setdefault(f"first run, {what.partition(', ')[2]}", []).append((cases, row.median))
        elif what.startswith("second run, "):
            found.setdefault("second run", []).append((cases, 1e3 * row.median / cases))
        elif what == "a case":
            found.setdefault("simulated: subjects that cost nothing", []).append((cases, row.median))
    return found


def memories(rows: Iterable[Row]) -> Curves:
    """Megabytes, by number of cases."""
    found: dict[str, list[tuple[int, float]]] = {}
    for cases, what, row in _sized(rows):
        if row.section == simulation.SIMULATED:
            if what.endswith("after reporting"):
                found.setdefault("simulated: starting process", []).append((cases, row.median))
        elif what == "largest worker, most memory":
            found.setdefault("largest worker", []).append((cases, row.median))
        elif what == "starting process, most memory":
            found.setdefault("starting process", []).append((cases, row.median))
    return found


def _sized(rows: Iterable[Row]) -> Iterable[tuple[int, str, Row]]:
    for row in rows:
        match = _SIZED.fullmatch(row.name)
        if match and row.section in (scale.SECTION, simulation.SIMULATED):
            yield int(match["cases"].replace(",", "")), match["what"], row


def _draw_ratios(axes: Any, rows: Sequence[Row]) -> None:
    """One group of bars for each subject: attack and training step, small model and large one."""
    least = {attacks.SECTION: (attacks.WORKS, BARE), training.SECTION: (training.WORKS, LEAST)}
    series = [(section, str(work), name) for section, (works, name) in least.items() for work in works]
    medians = {(row.section, row.name): row for row in rows}
    height = 0.8 / len(series)
    for place, (section, work, name) in enumerate(series):
        found = {
            index: medians[section, f"{work}: {subject} / {name}"]
            for index, subject in enumerate(SUBJECTS)
            if (section, f"{work}: {subject} / {name}") in medians
        }
        at = [index + (place - (len(series) - 1) / 2) * height for index in found]
        values = [row.median for row in found.values()]
        axes.barh(at, values, height, color=_COLORS[place], label=f"{section}, {work}")
        for where, row in zip(at, found.values(), strict=True):
            axes.plot(row.spread, (where, where), color="#333333", linewidth=0.8)
            if row.limit is not None:
                axes.plot((row.limit, row.limit), (where - height / 2, where + height / 2), color=_LIMIT, linewidth=2)
    axes.axvline(1.0, color="#333333", linewidth=0.8)
    axes.set_xscale("log")
    axes.set_yticks(range(len(SUBJECTS)), SUBJECTS)
    axes.invert_yaxis()
    axes.set_title("time / bare compiled computation", fontsize=10)
    axes.tick_params(labelsize=8)
    axes.legend(fontsize=7, loc="upper center", bbox_to_anchor=(0.5, -0.08), ncols=2, frameon=False)
    _plain_numbers(axes.xaxis)


def _draw_limits(axes: Any, rows: Sequence[Row]) -> None:
    """How much of its limit each figure takes; of a limit that is a least, how much of the figure the limit takes."""
    for place, row in enumerate(rows):
        share, low, high = (_share(row, value) for value in (row.median, *row.spread))
        axes.barh(place, min(share, _MOST_SHOWN), 0.7, color=_COLORS[0] if row.holds else _LIMIT)
        axes.plot((min(low, _MOST_SHOWN), min(high, _MOST_SHOWN)), (place, place), color="#333333", linewidth=0.8)
        text = f"{figure_of(row.median, row.unit)}  {row.bound} {figure_of(row.limit or 0.0, row.unit)}"
        axes.text(_MOST_SHOWN + 0.02, place, text, fontsize=7, verticalalignment="center")
    axes.axvline(1.0, color=_LIMIT, linewidth=1.5)
    axes.set_yticks(range(len(rows)), [f"{row.section}: {row.name}" for row in rows], fontsize=7)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlim(0, _MOST_SHOWN + 0.35)
    axes.tick_params(axis="x", labelsize=8)
    axes.set_title("figures that have a limit, as a share of it", fontsize=10)


def _share(row: Row, value: float) -> float:
    assert row.limit is not None
    return value / row.limit if row.bound == "<=" else row.limit / value


def _draw_curves(axes: Any, curves: Curves, title: str) -> None:
    for color, (label, points) in zip(_COLORS, curves.items(), strict=False):
        numbers, values = zip(*sorted(points), strict=True)
        axes.plot(numbers, values, marker="o", markersize=4, color=color, label=label)
    axes.set_title(f"{title}, by number of cases", fontsize=10)
    axes.grid(color="#dddddd", linewidth=0.5)
    if curves:
        axes.set_xscale("log")
        axes.set_yscale("log")
        low, high = axes.get_ylim()
        axes.set_ylim(min(low, high / 12), high)  # a decade and more: numbers on the axis, and nothing looks steep
        axes.tick_params(labelsize=8)
        axes.legend(fontsize=7, loc="upper center", bbox_to_anchor=(0.5, -0.08), ncols=2, frameon=False)
        _plain_numbers(axes.xaxis)
        _plain_numbers(axes.yaxis)


def _plain_numbers(axis: Any) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axis.set_major_locator(LogLocator(subs=(1.0,) if axis.axis_name == "x" else (1.0, 2.0, 5.0)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
    axis.set_minor_formatter(NullFormatter())


def read_rows(file: Path) -> list[Row]:
    """The table that a run has left in its file."""
    fields = ("section", "name", "unit", "limit")
    return [
        Row(**{name: row[name] for name in fields}, values=tuple(row["values"]), bound=row.get("bound") or "<=")
        for row in json.loads(file.read_bytes())["rows"]
    ]


if __name__ == "__main__":
    table, picture = sys.argv[1:]
    draw(read_rows(Path(table)), Path(picture))
