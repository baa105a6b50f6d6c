"""A measured figure, repeated, with its spread and with the limit that it has to keep."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        section: what it belongs to.
        name: what was measured.
        values: one for each repetition, at least one.
        unit: ``s``, ``ms``, ``MB``, ``kB``, ``/s`` for a rate, or ``x`` for a ratio.
        limit: what the median has to keep; ``None`` where nothing is demanded.
        bound: whether the limit is the most that the median may be, or the least.
    """

    section: str
    name: str
    values: tuple[float, ...]
    unit: str
    limit: float | None = None
    bound: Literal["<=", ">="] = "<="

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def spread(self) -> tuple[float, float]:
        """The smallest and the largest value."""
        return min(self.values), max(self.values)

    @property
    def holds(self) -> bool | None:
        """Whether the median keeps the limit; ``None`` where there is none."""
        if self.limit is None:
            return None
        return self.median <= self.limit if self.bound == "<=" else self.median >= self.limit

    def to_json(self) -> dict[str, Any]:
        """The row as plain data."""
        low, high = self.spread
        return {
            "section": self.section,
            "name": self.name,
            "unit": self.unit,
            "median": self.median,
            "min": low,
            "max": high,
            "values": list(self.values),
            "limit": self.limit,
            "bound": None if self.limit is None else self.bound,
            "holds": self.holds,
        }


def ratios(above: Sequence[float], below: Sequence[float]) -> tuple[float, ...]:
    """Each of the first over that of the second which was measured next to it.

    A machine that is slower for a while slows both sides of such a ratio, so it repeats better than a ratio of medians.
    """
    return tuple(one / other for one, other in zip(above, below, strict=True))
