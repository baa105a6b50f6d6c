"""From figures to verdicts. A verdict is a pure function of saved figures and a tolerance, so it can be asked again."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness.vocabulary import Verdict


@dataclass(frozen=True)
class Tolerance:
    """What still counts as round-off.

    Attributes:
        max_roundoff: in units of round-off. Each side rounds when it scales the direction, when it adds it to x and,
            in NSL, once more when it subtracts x again: four roundings at most stand between two correct results.
    """

    max_roundoff: float = 4.0


def judge(metrics: Mapping[str, Any], tolerance: Tolerance) -> Verdict:
    """The verdict on two outcomes that both have arrays."""
    if metrics["differing"] == 0:
        return Verdict.EQUAL
    needed = metrics["roundoff_to_pass"]
    return Verdict.CLOSE if needed is not None and needed <= tolerance.max_roundoff else Verdict.DIVERGED


def judge_statuses(left: str, right: str) -> Verdict | None:
    """The verdict that statuses alone decide; ``None`` when both sides have arrays.

    A side that failed outweighs one that cannot express the case: what could not be computed is never a pass.
    """
    statuses = {left, right}
    if statuses == {"ok"}:
        return None
    return Verdict.UNSUPPORTED if statuses <= {"ok", "unsupported"} else Verdict.ERROR


def sentence(verdict: Verdict, metrics: Mapping[str, Any], tolerance: Tolerance) -> str:
    """The verdict in words: how many, the worst, where, what was allowed, and the tolerance that would have passed."""
    if verdict is Verdict.EQUAL:
        return f"all {metrics['elements']:,} elements equal bit for bit"
    counted = f"{metrics['differing']:,} of {metrics['elements']:,} elements differ ({_percent(metrics)})"
    worst = metrics["worst"]
    place = f"{worst['input']}[{', '.join(map(str, worst['index']))}]"
    values = f"{_figure(worst['left'])} against {_figure(worst['right'])} (x = {_figure(worst['x'])})"
    if metrics["incomparable"]:
        only = f"{metrics['incomparable']:,} are finite on one side only"
        return f"{counted}; {only}, the first at {place}: {values}; no tolerance would pass"
    largest = f"the worst is at {place}: {values}"
    allowed = (
        f"{_figure(metrics['roundoff_to_pass'])} units of round-off where {_figure(tolerance.max_roundoff)} are allowed"
    )
    flips = _flips(metrics)
    if verdict is Verdict.CLOSE:
        return f"{counted}; {largest}, {allowed}{flips}"
    return f"{counted}; {largest}, {allowed}{flips}; max_roundoff {math.ceil(metrics['roundoff_to_pass'])} would pass"


def _flips(metrics: Mapping[str, Any]) -> str:
    if not metrics["sign_flips"]:
        return ""
    known = metrics["undetermined"] is not None
    decided = f", of which float32 cannot decide {metrics['sign_flips_undetermined']:,}" if known else ""
    return f"; {metrics['sign_flips']:,} signs flip{decided}"


def _percent(metrics: Mapping[str, Any]) -> str:
    share = 100 * metrics["differing_share"]
    return f"{share:.1f} %" if share >= 0.1 or share == 0 else f"{share:.1g} %"


def _figure(value: float | str) -> str:
    """Enough digits that a value and its limit never look alike."""
    return value if isinstance(value, str) else f"{value:.9g}"
