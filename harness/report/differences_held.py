"""Whether an accepted page of differences, or the table made of it, still holds; and how a new one is accepted."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

from harness.engine.baseline_figures import Room
from harness.explain.causes import CAUSES
from harness.explain.measured import ROUNDING
from harness.report.differences_page import TITLE
from harness.vocabulary import HarnessError

BEGIN, END = "<!-- differences -->", "<!-- /differences -->"
"""What stands before and after the table in a file with other text."""

_CELLS = re.compile(r"(?<!\\) \| ")
_CODE = re.compile(r"<br>`([a-z0-9-]+)`$")
_NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?")
_SIZE = re.compile(r"([\d.e-]+) % of the(?:ir)? length")
_ROOMS = {
    # As in a baseline, and for its reasons: examples of a batch are predicted otherwise where trained weights have
    # other last bits, and shares move with them. A percentage under a tenth is near round-off.
    "%": Room(factor=2.0, floor=0.1),
    "": Room(factor=2.0, floor=4),
}


def changes(accepted: str, measured: str) -> list[str]:
    """What no longer holds of an accepted page or table, in words; empty where all of it does.

    Words must be the same. Numbers may move as far as another machine moves them; those of rounding are not compared,
    and such a row may be missing, since another processor may round alike.

    Args:
        accepted: a page or table, as Markdown.
        measured: the same of a run.
    """
    was, now = _rows(accepted), _rows(measured)
    found = [
        f"{code}: in the page, and nothing of it in the run"
        for code, cells in was.items()
        if code not in now and not cells.is_rounding(code)
    ]
    found += [
        f"{code}: in the run, and not in the page"
        for code, cells in now.items()
        if code not in was and not cells.is_rounding(code)
    ]
    for code, cells in now.items():
        if code in was:
            found += _changed(code, was[code], cells)
    return found + _out_of_order([code for code in was if code in now], now)


def with_table(text: str, table: str) -> str:
    """The text with the table between the two marks. Raises ``HarnessError`` where they are not there."""
    before, _, rest = text.partition(BEGIN)
    _, mark, after = rest.partition(END)
    if not mark:
        raise HarnessError(f"expected a page of differences or a file with {BEGIN} and {END}, each on a line.")
    return f"{before}{BEGIN}\n\n{table}\n{END}{after}"


def between_marks(text: str) -> str:
    """The table of a text, or nothing."""
    return text.partition(BEGIN)[2].partition(END)[0]


def is_page(text: str) -> bool:
    """Whether a text is a page of differences."""
    return text.startswith(TITLE)


@dataclass(frozen=True)
class _Cells:
    """Of a row: what is said, what was measured, and where."""

    told: tuple[str, ...]
    measured: str
    case: str

    @property
    def size(self) -> float:
        found = _SIZE.search(self.measured)
        return float(found[1]) if found else 0.0

    def is_rounding(self, code: str) -> bool:
        return CAUSES[code].nature in ROUNDING and 0 < self.size < _ROOMS["%"].floor


def _rows(text: str) -> dict[str, _Cells]:
    rows = {}
    for line in text.splitlines():
        if line.startswith("| ") and line.endswith(" |"):
            *told, measured, case = _CELLS.split(line[2:-2])
            found = _CODE.search(told[0]) if told else None
            if found and found[1] in CAUSES:
                rows[found[1]] = _Cells(tuple(told), measured, case)
    return rows


def _changed(code: str, was: _Cells, now: _Cells) -> list[str]:
    if was.told != now.told:
        return [f"{code}: what is said of it has changed"]
    if was.is_rounding(code) and now.is_rounding(code):
        return []
    if was.case != now.case:
        return [f"{code}: measured in {now.case}, accepted in {was.case}"]
    words = [_NUMBER.sub("#", one.measured) for one in (was, now)]
    if words[0] != words[1] or not all(
        _ROOMS["%" if after else ""].holds(float(left.replace(",", "")), float(right.replace(",", "")))
        for (left, after), (right, _) in zip(_numbers(was.measured), _numbers(now.measured), strict=True)
    ):
        return [f"{code}: {now.measured}; accepted {was.measured}"]
    return []


def _numbers(text: str) -> list[tuple[str, bool]]:
    """Every number, and whether it is a percentage."""
    return [(found[0], text.startswith(" %", found.end())) for found in _NUMBER.finditer(text)]


def _out_of_order(order: list[str], now: dict[str, _Cells]) -> list[str]:
    """Rows that stand before larger ones."""
    sized = [(code, now[code].size) for code in order if now[code].size and not now[code].is_rounding(code)]
    room = _ROOMS["%"]
    return [
        f"{code}: stands before {other}, which is larger"
        for (code, size), (other, larger) in pairwise(sized)
        if larger > size and not room.holds(size, larger)
    ]
