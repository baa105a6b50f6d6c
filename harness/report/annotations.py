"""What to remark on the lines of scenario files after a run: what fails, and what is news."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

from harness.engine.record import Run
from harness.engine.standing import Deviation
from harness.report.github import Annotation
from harness.report.grade import Grader, place_of
from harness.report.matrix import BY_INTEREST
from harness.report.reproduce import reproduction
from harness.report.text import count
from harness.vocabulary import Location, Verdict

_MOST_NAMED = 5

_VANISHED, _NEWS = (True, len(BY_INTEREST)), (True, len(BY_INTEREST) + 1)
"""Less grave than any verdict."""

Level = Literal["error", "warning"]


class _Remark(NamedTuple):
    """One thing to remark, before those of one place are made one annotation."""

    level: Level
    gravity: tuple[bool, int]
    what: str
    place: Location | None
    lines: tuple[str, ...]


def annotations_of(run: Run, *, strict: bool = False) -> list[Annotation]:
    """One for each place in a scenario file of which there is something to say, the gravest first.

    What makes the run fail is an error. A warning is what differs or failed and nobody spoke of, and what is news to
    the baseline.

    Args:
        run: the run.
        strict: whether what is unstated, and what vanished, makes the run fail.
    """
    places: dict[tuple[Level, Location | None], list[_Remark]] = {}
    vanished = _vanished(run.standing.vanished, strict) if run.standing else ()
    for one in sorted([*_compared(run, strict), *vanished], key=lambda one: (one.level, one.gravity)):
        places.setdefault((one.level, one.place), []).append(one)
    return [_annotation(found) for found in places.values()]


def _compared(run: Run, strict: bool) -> Iterable[_Remark]:
    grader = Grader(run.standing, strict=strict)
    news = {one.key for one in run.standing.new} if run.standing else set()
    for record in run.cases:
        for one in record.comparisons:
            graded = grader.grade(record, one)
            level: Level = "error" if graded.fails else "warning"
            gravity, place = (one.status == "unstated", BY_INTEREST.index(one.verdict)), place_of(record, one)
            what = f"{record.case.id}: {one.left} | {one.right}: {one.verdict}"
            unsettled = graded.result == "skipped" and one.verdict is not Verdict.UNSUPPORTED
            if graded.fails or unsettled:
                lines = (graded.reason, f"to reproduce: {reproduction(record, one)}")
                yield _Remark(level, gravity, what, place, lines)
            elif (record.case.id, one.left, one.right) in news:
                words = "new: the baseline does not know it; harness baseline accept adds it"
                yield _Remark(level, _NEWS, what, place, (words,))


def _vanished(vanished: Iterable[Deviation], strict: bool) -> Iterable[_Remark]:
    for one in vanished:
        pair = f": {one.left} | {one.right}" if one.left else ""
        level: Level = "error" if strict else "warning"
        yield _Remark(level, _VANISHED, f"{one.case}{pair}: vanished", one.location, (one.sentence,))


def _annotation(found: Sequence[_Remark]) -> Annotation:
    first, *others = found
    more = f" and {count(len(others), 'other')}" if others else ""
    lines = [*first.lines, *(other.what for other in others[:_MOST_NAMED])]
    if len(others) > _MOST_NAMED:
        lines.append(f"and {len(others) - _MOST_NAMED:,} more")
    return Annotation(first.level, f"{first.what}{more}", tuple(lines), first.place)
