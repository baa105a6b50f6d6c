"""Draws the curves of a training. The only module that imports matplotlib, which is slow to import.

One figure serves all cases, since making its axes costs as much as drawing into them.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from harness.report.accuracies import Accuracy
from harness.report.curves import Course, Curve, thin
from harness.report.matrix import in_table_order, is_library
from harness.report.svg import finish
from harness.report.text import printable
from harness.vocabulary import SUBJECTS, is_own

_WIDTH, _HEIGHT = 792, 432
"""Points: the units of the picture."""
_PIXELS = 4 / 3
"""For a point, where nothing else says how large the picture is to be."""

_INK, _SOFT, _LINE, _PAPER = "#1a1d21", "#565d66", "#dfe1dd", "#ffffff"
_COLOURS = ("#1d5fa8", "#b3470a", "#98135a", "#0b6f6a", "#7a5c00", "#5b626b")
"""Of the subjects in table order, and of pairs: apart from each other with any common form of colour blindness."""
_OWN_COLOUR, _OWN_WIDTH = "#5a3fa6", 3.4
"""Of a user's own implementation, which lies below all others."""

DARK = {
    _OWN_COLOUR: "#b6a2f2", _INK: "#e4e6e8", _SOFT: "#a2a9b1", _LINE: "#33393f", _PAPER: "#1b1f23",
    **dict(zip(_COLOURS, ("#82b5ee", "#f5a15c", "#f28fc6", "#5fd0c5", "#dcbd45", "#a9b0b8"), strict=True)),
}  # fmt: skip
"""The colour of a dark theme in place of each of a light one: those of the page."""

_WIDTHS = (2.6, 1.7, 0.9)
"""Of the libraries' lines: the later ones are thinner, so that one below another can be seen."""
_REFERENCE_WIDTH = 1.0
_SHORT = 2.5
"""Points: a dash of a reimplementation's line. The next one's dashes lie in the gaps, where they agree."""
_PAIR_WIDTHS = (2.8, 2.2, 1.7, 1.3, 1.0, 0.7)
"""The same for pairs."""
_DASHES: tuple[Any, ...] = ("solid", (0, (4, 1.6)), (0, (1.2, 1.2)), (0, (5, 1.5, 1.2, 1.5)))

_SETTINGS = {
    "svg.fonttype": "none",
    "svg.hashsalt": "adversarial-harness",
    "text.parse_math": False,
    "font.size": 8.0,
    "axes.edgecolor": _LINE,
    "axes.linewidth": 0.8,
    "axes.labelcolor": _SOFT,
    "axes.titlecolor": _INK,
    "axes.titlesize": 8.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": _LINE,
    "grid.linewidth": 0.6,
    "xtick.labelcolor": _SOFT,
    "ytick.labelcolor": _SOFT,
    "path.simplify_threshold": 0.3,
    "lines.solid_capstyle": "butt",
}
_METADATA = {"Date": None, "Creator": None, "Format": None, "Type": None}

_LOGARITHMIC = 30.0
"""Ratio of the largest to the smallest loss from which an even scale would hide the small ones."""
_DECADES = 100.0
"""Ratio of largest to smallest from which powers of ten are marks enough."""
_LETTER = 4.6
"""Points: about the width of a letter, whichever font the reader has."""
_MOST_LETTERS = 28
_SAMPLE = 18
"""Points: the length of a line in a legend."""


class Sheet:
    """Five axes, drawn on again and again: total, clean and adversarial loss; distance; accuracy."""

    def __init__(self) -> None:
        with matplotlib.rc_context(_SETTINGS):
            self._figure = Figure(figsize=(_WIDTH / 72, _HEIGHT / 72), dpi=72, facecolor=_PAPER)
            FigureCanvasSVG(self._figure)
            lefts = (0.055, 0.385, 0.715)
            self._losses = [self._axes(left, 0.55, 0.275, 0.35) for left in lefts]
            self._distance = self._axes(0.055, 0.065, 0.37, 0.36)
            self._accuracy = self._axes(0.615, 0.065, 0.375, 0.34)
            for axes, name in zip(self._losses, ("Total loss", "Clean loss", "Adversarial loss"), strict=True):
                axes.set_title(f"{name} by step", loc="left", y=1.0)
            self._distance.set_title("Distance of the weights by step, relative to their length", loc="left", y=1.0)
        self._drawn: list[Artist] = []

    def _axes(self, left: float, bottom: float, width: float, height: float) -> Axes:
        axes = self._figure.add_axes((left, bottom, width, height), facecolor="none")
        axes.grid(axis="y")
        axes.set_axisbelow(True)
        axes.tick_params(length=0, pad=3)
        return axes

    def draw(self, course: Course, *, title: str, words: str) -> str:
        """The curves of one case as SVG.

        Args:
            course: what to draw.
            title: of the picture.
            words: the same for those who cannot see it.
        """
        for artist in self._drawn:
            artist.remove()
        self._drawn = []
        # A name may have letters that the measuring font lacks; the reader's has its own.
        with matplotlib.rc_context(_SETTINGS), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._legend(course.subjects)
            for axes, curves in zip(self._losses, course.losses.values(), strict=True):
                self._draw_losses(axes, curves, course.steps)
            self._draw_distances(course)
            self._draw_accuracies(course)
            target = io.StringIO()
            self._figure.savefig(target, format="svg", metadata=_METADATA)
        size = {"width": round(_WIDTH * _PIXELS), "height": round(_HEIGHT * _PIXELS)}
        return finish(target.getvalue(), **size, title=title, words=words, dark=DARK)

    def _keep(self, artists: Iterable[Artist]) -> None:
        self._drawn += artists

    def _say(self, x: float, y: float, text: str, *, colour: str = _INK, to: str = "right") -> None:
        """Words on the figure, in points from its upper left corner, that go on from there ``to`` the left or right."""
        side = "left" if to == "right" else "right"
        self._keep([self._figure.text(x / _WIDTH, 1 - y / _HEIGHT, text, color=colour, ha=side, va="center_baseline")])

    def _sample(self, x: float, y: float, *, colour: str, width: float, dashes: Any = "solid") -> None:
        """A piece of a line, before the words that say what it stands for."""
        line = Line2D((x / _WIDTH, (x + _SAMPLE) / _WIDTH), (1 - y / _HEIGHT,) * 2, color=colour, lw=width, ls=dashes)
        self._keep([self._figure.add_artist(line)])

    def _instead(self, axes: Axes, text: str) -> None:
        """Why there are no curves."""
        axes.yaxis.set_major_locator(NullLocator())
        self._keep([axes.text(0.5, 0.5, text, color=_SOFT, ha="center", transform=axes.transAxes)])

    def _legend(self, subjects: Sequence[str]) -> None:
        x = self._losses[0].get_position().x0 * _WIDTH
        for subject in subjects:
            name, style = _name(subject), _style(subject)
            self._sample(x, 14, colour=style.colour, width=style.width, dashes=style.dashes)
            self._say(x + _SAMPLE + 4, 14, name)
            x += _SAMPLE + 20 + _LETTER * len(name)

    def _draw_losses(self, axes: Axes, curves: Mapping[str, Curve], steps: int) -> None:
        values = [curve.values[np.isfinite(curve.values)] for curve in curves.values()]
        every = np.concatenate([np.empty(0), *values])
        _scale(axes, every, logarithmic=_is_wide(every))
        _count_steps(axes, 1, steps)
        if not every.size:
            self._instead(axes, "no subject computes it")
        for subject, curve in _below_first(curves):
            style = _style(subject)
            self._line(axes, curve, colour=style.colour, width=style.width, dashes=style.dashes)

    def _line(self, axes: Axes, curve: Curve, *, colour: str, width: float, dashes: Any = "solid") -> None:
        finite = np.isfinite(curve.values)
        # Nothing is drawn at zero on a logarithmic axis, where all weights are still the same.
        shown = finite & ((curve.values > 0) | (axes.get_yscale() == "linear"))
        self._keep(axes.plot(curve.steps, np.where(shown, curve.values, np.nan), color=colour, lw=width, ls=dashes))
        if finite.any() and not finite.all():
            last = np.flatnonzero(finite)[-1]
            end = axes.plot(
                curve.steps[last], curve.values[last], color=colour, marker="x", ms=6, mew=1.6, clip_on=False
            )
            self._keep(end)

    def _draw_distances(self, course: Course) -> None:
        axes = self._distance
        lines = [curve for one in course.distances for curve in (one.distance, one.twin)]
        values = np.concatenate([np.empty(0), *(curve.values for curve in lines)])
        _scale(axes, values[np.isfinite(values) & (values > 0)], logarithmic=True)
        _count_steps(axes, 0, course.steps)
        if not course.distances:
            self._instead(axes, "all weights equal bit for bit" if course.equal else "nothing was compared")
        place = axes.get_position()
        x, y = place.x1 * _WIDTH + 8, (1 - place.y1) * _HEIGHT + 4
        for one, colour, through in zip(course.distances, _COLOURS, _PAIR_WIDTHS, strict=False):
            for curve, width, dashes in ((one.twin, 1.0, _DASHES[2]), (one.distance, through, "solid")):
                self._line(axes, curve, colour=colour, width=width, dashes=dashes)
            self._sample(x, y, colour=colour, width=through)
            y = self._say_pair(x + _SAMPLE + 4, y, one.pair)
        if course.distances:
            self._sample(x, y, colour=_SOFT, width=1.0, dashes=_DASHES[2])
            self._say(x + _SAMPLE + 4, y, "its noise twin", colour=_SOFT)
            y += 14
        if course.equal:
            self._say(x, y, "equal bit for bit:", colour=_SOFT)
            y += 11
        for pair in course.equal:
            y = self._say_pair(x + _SAMPLE + 4, y, pair)

    def _say_pair(self, x: float, y: float, pair: tuple[str, str]) -> float:
        """Two lines of words. Returns where the next may begin."""
        self._say(x, y, f"{_name(pair[0])} |")
        self._say(x, y + 9, _name(pair[1]))
        return y + 21

    def _draw_accuracies(self, course: Course) -> None:
        axes = self._accuracy
        every = [
            100 * value for found in course.accuracies.values() for one in found for value in one.values + one.seeds
        ]
        _scale(axes, np.asarray(every), logarithmic=False)
        if course.over_seeds:
            self._draw_over_seeds(axes, course.accuracies)
        else:
            self._draw_over_steps(axes, course)

    def _draw_over_steps(self, axes: Axes, course: Course) -> None:
        axes.set_title("Accuracy in % by step", loc="left", y=1.0, pad=16)
        _count_steps(axes, 0, course.steps)
        names = list(dict.fromkeys(one.name for found in course.accuracies.values() for one in found))
        dashes = {name: _DASHES[place % len(_DASHES)] for place, name in enumerate(names)}
        for subject, found in _below_first(course.accuracies):
            style = _style(subject)
            for one in found:
                curve = thin(one.steps, [100 * value for value in one.values])
                self._line(axes, curve, colour=style.colour, width=style.width, dashes=dashes[one.name])
        place = axes.get_position()
        x, y = place.x0 * _WIDTH, (1 - place.y1) * _HEIGHT - 8
        for name in names:
            words = _condition(name)
            end = x + _SAMPLE + 4 + _LETTER * len(words)
            if end > place.x1 * _WIDTH:
                break
            self._sample(x, y, colour=_INK, width=1.2, dashes=dashes[name])
            self._say(x + _SAMPLE + 4, y, words)
            x = end + 10

    def _draw_over_seeds(self, axes: Axes, accuracies: Mapping[str, Sequence[Accuracy]]) -> None:
        seeds = max(len(one.seeds) for found in accuracies.values() for one in found)
        axes.set_title(f"Accuracy in % at the end: mean of {seeds:,} seeds, 90 % interval", loc="left", y=1.0, pad=6)
        names = list(dict.fromkeys(one.name for found in accuracies.values() for one in found))
        axes.set_xlim(-0.5, len(names) - 0.5)
        axes.set_xticks(range(len(names)), [_condition(name) for name in names])
        for place, (subject, found) in enumerate(accuracies.items()):
            beside = 0.7 * ((place + 0.5) / len(accuracies) - 0.5)
            for one in found:
                x, (low, high) = names.index(one.name) + beside, one.interval or (one.mean, one.mean)
                colour = _style(subject).colour
                self._keep(axes.plot((x, x), (100 * low, 100 * high), color=colour, lw=1.4))
                self._keep(axes.plot(x, 100 * one.mean, color=colour, marker="o", ms=3.6, mew=0))


@dataclass(frozen=True)
class _Style:
    colour: str
    width: float
    dashes: Any


def _style(subject: str) -> _Style:
    """Libraries are drawn through, reimplementations dashed above them, so that both can be seen where they agree."""
    if is_own(subject):
        return _Style(_OWN_COLOUR, _OWN_WIDTH, "solid")
    place = SUBJECTS.index(subject) if subject in SUBJECTS else len(SUBJECTS) - 1
    if is_library(subject):
        return _Style(_COLOURS[place], _WIDTHS[min(place, len(_WIDTHS) - 1)], "solid")
    return _Style(_COLOURS[place], _REFERENCE_WIDTH, (place * _SHORT, (_SHORT, 2 * _SHORT)))


def _below_first(by_subject: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """In table order, so that thin lines come after thick ones."""
    return [(subject, by_subject[subject]) for subject in in_table_order(by_subject)]


def _name(subject: str) -> str:
    name = printable(subject)
    return name if len(name) <= _MOST_LETTERS else f"{name[: _MOST_LETTERS - 3]}..."


def _condition(name: str) -> str:
    return name if name == "clean" else f"epsilon {_name(name)}"


def _is_wide(values: np.ndarray) -> bool:
    return bool(values.size and values.min() > 0 and values.max() / values.min() > _LOGARITHMIC)


def _scale(axes: Axes, values: np.ndarray, *, logarithmic: bool) -> None:
    """The vertical axis, with room for these values."""
    low, high = (float(values.min()), float(values.max())) if values.size else (0.1, 1.0)
    scale = "log" if logarithmic else "linear"
    if axes.get_yscale() != scale:  # it makes all ticks anew
        axes.set_yscale(scale)
    if logarithmic:
        room = max((high / low) ** 0.05, 1.2)
        axes.set_ylim(max(low / room, 1e-300), min(high * room, 1e300))
        axes.yaxis.set_major_locator(LogLocator(subs=(1.0,) if high / low > _DECADES else (1.0, 2.0, 5.0), numticks=6))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_formatter(FuncFormatter(_tick))
        return
    room = 0.05 * (high - low) or 0.05 * abs(high) or 1.0
    axes.set_ylim(low - room, high + room)
    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.yaxis.set_major_formatter(FuncFormatter(_tick))


def _count_steps(axes: Axes, first: int, last: int) -> None:
    """The horizontal axis."""
    room = 0.01 * max(last - first, 1)
    axes.set_xlim(first - room, last + room)
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))


def _tick(value: float, _: int) -> str:
    """``0.5``, ``20``, ``1e-7``."""
    if value == 0 or 1e-3 <= abs(value) < 1e4:
        return f"{value:g}"
    digits, exponent = f"{value:.3g}".split("e") if "e" in f"{value:.3g}" else (f"{value:.0e}".split("e"))
    return f"{digits}e{int(exponent)}"
