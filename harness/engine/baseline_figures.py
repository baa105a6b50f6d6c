"""The figures of a divergence that a baseline keeps, and how far they may move before they count as changed.

Few, and such that another machine's last bits do not move them far: weights that are pretrained elsewhere differ a
little, so an example at the border of two classes may be predicted otherwise, and a share of the batch moves by one
example. What makes a divergence another one, a second cause or twice the epsilon, moves them by more than that. Of
what is equal or close there are none: all that could move is round-off.

The share of elements that differ in any bit is none of them: under l2 round-off alone makes it a tenth or all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness.engine.judging import answer_over_seeds
from harness.vocabulary import Comparison, Kind, Outcome, Verdict

_DIGITS = 3

Figure = float | str | None


@dataclass(frozen=True)
class Room:
    """How far a figure may move.

    Attributes:
        factor: between the two values, whichever is larger.
        floor: a difference that never counts, in the figure's own unit: what round-off comes to.
    """

    factor: float
    floor: float

    def holds(self, was: float, now: float) -> bool:
        """Whether a value is within reach of the other."""
        low, high = sorted((abs(was), abs(now)))
        same_sign = (was < 0) == (now < 0)
        return abs(was - now) <= self.floor or (same_sign and high <= self.factor * low)


ROOMS: dict[Kind, dict[str, Room]] = {
    "perturbation": {
        # In units of x. The mean is twice epsilon times the share of flipped signs, so it moves with single examples of
        # a batch of some dozen; the largest does not, unless another example becomes the worst.
        "mean_absolute": Room(factor=2.0, floor=1e-6),
        "max_absolute": Room(factor=1.5, floor=1e-6),
        # Elements. They come by whole examples, too.
        "incomparable": Room(factor=2.0, floor=4),
    },
    "loss": {
        # Relative to the longer gradient, of which round-off is a millionth.
        "relative_distance": Room(factor=2.0, floor=1e-5),
        # A least-squares factor: of gradients in the same direction it is stable to many digits, of others about 0.
        "scale": Room(factor=1.5, floor=0.2),
        "incomparable": Room(factor=2.0, floor=4),
    },
    "training": {
        # Relative to the longer weights. A trajectory multiplies a difference, but its first one is of the two
        # objectives, which another machine does not move.
        "final_distance": Room(factor=2.0, floor=1e-5),
        "incomparable_seeds": Room(factor=2.0, floor=1),
    },
}
"""By kind and name of a metric, see ``harness/docs/METRICS.md``."""

_ABSENT_WHEN_ZERO = ("incomparable", "incomparable_seeds")


def figures_of(kind: Kind, comparison: Comparison, outcomes: Mapping[str, Outcome]) -> dict[str, Figure]:
    """The figures that a baseline keeps of a comparison, to three digits; empty unless it diverged or failed.

    Of kind training also ``answer``, what the equivalence tests say together, and ``nonfinite``, which sides cease to
    be finite. Of what failed the statuses of both sides, ``left`` and ``right``.

    Args:
        kind: of the case.
        comparison: one of its comparisons.
        outcomes: of the case, by subject.
    """
    if comparison.verdict is Verdict.ERROR:
        return {"left": outcomes[comparison.left].status, "right": outcomes[comparison.right].status}
    if comparison.verdict is not Verdict.DIVERGED:
        return {}
    metrics = comparison.metrics
    numbers = {name: _rounded(metrics.get(name)) for name in ROOMS[kind]}
    words: dict[str, Figure] = {"answer": answer_over_seeds(comparison), "nonfinite": _nonfinite(metrics)}
    unsaid = {name for name in _ABSENT_WHEN_ZERO if numbers.get(name) == 0}
    return {
        **{name: value for name, value in numbers.items() if name not in unsaid},
        **{name: value for name, value in words.items() if value},
    }


def moved(kind: Kind, was: Mapping[str, Figure], now: Mapping[str, Figure]) -> list[str]:
    """What moved beyond its room, in words, each with what was accepted.

    An answer over seeds counts when it turns from equivalent to different or back: undecided lies between the two, and
    which side of its border a run is on is chance.
    """
    return [
        f"{name} {_word(now.get(name))}, accepted {_word(was.get(name))}"
        for name in dict.fromkeys((*was, *now))
        if not _holds(name, ROOMS[kind].get(name), _value(name, was), _value(name, now))
    ]


def _holds(name: str, room: Room | None, was: Figure, now: Figure) -> bool:
    if was == now:
        return True
    if name == "answer":
        return {was, now} != {"equivalent", "different"}
    return room is not None and isinstance(was, (int, float)) and isinstance(now, (int, float)) and room.holds(was, now)


def _value(name: str, figures: Mapping[str, Figure]) -> Figure:
    return figures.get(name, 0 if name in _ABSENT_WHEN_ZERO else None)


def _nonfinite(metrics: Mapping[str, Any]) -> str:
    sides = [side for side in ("left", "right") if metrics.get(f"{side}_nonfinite") is not None]
    return "both" if len(sides) > 1 else "".join(sides)


def _rounded(value: float | None) -> float | None:
    return value if value is None or isinstance(value, int) else float(f"{value:.{_DIGITS}g}")


def _word(value: Figure) -> str:
    return "none" if value is None else value if isinstance(value, str) else f"{value:.{_DIGITS}g}"
