"""From figures to verdicts. A verdict is a pure function of saved figures and a tolerance, so it can be asked again."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness.vocabulary import Kind, Verdict

_ROUNDOFF_LIMITS = {"perturbation": "max_roundoff", "loss": "max_gradient_roundoff"}


@dataclass(frozen=True)
class Tolerance:
    """What still counts as round-off.

    Attributes:
        max_roundoff: in units of round-off. Each side rounds when it scales the direction, when it adds it to x and,
            in NSL, once more when it subtracts x again: four roundings at most stand between two correct results.
        max_times_twin: of kind training, the distance between two trajectories over that of the noise twin. A twin
            starts with one rounding in each weight and goes on as its subject does; two implementations round anew in
            every step, and Adam's correction ``1 - 0.999^t`` cancels, so that two of its forms are tens of times as far
            apart after some dozen steps. Hundred leaves room for that; another objective, rate or label source is
            thousands of times as far within a few steps.
        max_gradient_roundoff: of kind loss, in units of round-off of a weight's whole gradient or of a loss, beyond
            what float32 cannot know. A gradient is a sum over the batch, and where a factor goes in at another place
            every term of it rounds anew: about the square root of the number of terms, and 16 for batches of some
            hundreds. It is a millionth of the gradient; a defect of weighting, labels, flow or mode is a thousandth.
    """

    max_roundoff: float = 4.0
    max_times_twin: float = 100.0
    max_gradient_roundoff: float = 16.0


def judge(metrics: Mapping[str, Any], tolerance: Tolerance, *, kind: Kind = "perturbation") -> Verdict:
    """The verdict on two outcomes of a kind that both have arrays."""
    if kind == "training":
        return _judge_training(metrics, tolerance)
    if metrics["differing"] == 0:
        return Verdict.EQUAL
    needed, limit = metrics["roundoff_to_pass"], getattr(tolerance, _ROUNDOFF_LIMITS[kind])
    return Verdict.CLOSE if needed is not None and needed <= limit else Verdict.DIVERGED


def _judge_training(metrics: Mapping[str, Any], tolerance: Tolerance) -> Verdict:
    if metrics["first_difference"] is None and metrics["differing_seeds"] == 0:
        return Verdict.EQUAL
    times = metrics["times_twin"]
    within = times is not None and times <= tolerance.max_times_twin and metrics["incomparable_seeds"] == 0
    return Verdict.CLOSE if within else Verdict.DIVERGED


def judge_statuses(left: str, right: str) -> Verdict | None:
    """The verdict that statuses alone decide; ``None`` when both sides have arrays.

    A side that failed outweighs one that cannot express the case: what could not be computed is never a pass.
    """
    statuses = {left, right}
    if statuses == {"ok"}:
        return None
    return Verdict.UNSUPPORTED if statuses <= {"ok", "unsupported"} else Verdict.ERROR


def sentence(verdict: Verdict, metrics: Mapping[str, Any], tolerance: Tolerance, *, kind: Kind = "perturbation") -> str:
    """The verdict in words: how many, the worst, where, what was allowed, and the tolerance that would have passed."""
    if kind == "training":
        return f"{_training(verdict, metrics, tolerance)}{_over_seeds(metrics['equivalence'])}"
    return _elements(kind, verdict, metrics, tolerance)


def _elements(kind: Kind, verdict: Verdict, metrics: Mapping[str, Any], tolerance: Tolerance) -> str:
    elements = "elements of losses and gradients" if kind == "loss" else "elements"
    if verdict is Verdict.EQUAL:
        return f"all {metrics['elements']:,} {elements} equal bit for bit"
    counted = f"{metrics['differing']:,} of {metrics['elements']:,} {elements} differ ({_percent(metrics)})"
    worst = metrics["worst"]
    index = f"[{', '.join(map(str, worst['index']))}]" if worst["index"] else ""
    values = f"{_figure(worst['left'])} against {_figure(worst['right'])}"
    if kind == "perturbation":
        place, values = f"{worst['input']}{index}", f"{values} (x = {_figure(worst['x'])})"
        only, further = "are finite on one side only", _flips(metrics)
    else:
        place = f"{worst['name']}{index}"
        only, further = "exist or are finite on one side only", _directions(metrics)
    if metrics["incomparable"]:
        counted_only = f"{metrics['incomparable']:,} {only}"
        return f"{counted}; {counted_only}, the first at {place}: {values}; no tolerance would pass"
    name, needed = _ROUNDOFF_LIMITS[kind], metrics["roundoff_to_pass"]
    allowed = f"{_figure(needed)} units of round-off where {_figure(getattr(tolerance, name))} are allowed"
    mend = "" if verdict is Verdict.CLOSE else f"; {name} {math.ceil(needed)} would pass"
    return f"{counted}; the worst is at {place}: {values}, {allowed}{further}{mend}"


def _flips(metrics: Mapping[str, Any]) -> str:
    if not metrics["sign_flips"]:
        return ""
    known = metrics["undetermined"] is not None
    decided = f", of which float32 cannot decide {metrics['sign_flips_undetermined']:,}" if known else ""
    return f"; {metrics['sign_flips']:,} signs flip{decided}"


def _directions(metrics: Mapping[str, Any]) -> str:
    if not metrics["relative_distance"]:
        return ""
    angle = "" if metrics["cosine"] is None else f", cosine {_figure(metrics['cosine'])}"
    return f"; the gradients are {_length(metrics['relative_distance'])} of their length apart{angle}"


def _training(verdict: Verdict, metrics: Mapping[str, Any], tolerance: Tolerance) -> str:
    end, seeds = metrics["steps"][-1], metrics["seeds"]
    if verdict is Verdict.EQUAL:
        others = f", and at the end of all {seeds:,} seeds" if seeds > 1 else ""
        records = _count(len(metrics["steps"]), "recorded step")
        return (
            f"all {metrics['elements']:,} weights equal bit for bit at {records} up to {end:,}{others}{_stops(metrics)}"
        )
    counted = f"{metrics['differing']:,} of {metrics['elements']:,} weights differ after {_count(end, 'step')}"
    if metrics["differing"] == 0:
        first, others = metrics["first_difference"], metrics["differing_seeds"]
        counted += f" (first difference at step {first:,})" if first is not None else ""
        counted += f" (but those of {others:,} of {seeds:,} seeds do)" if others else ""
    return f"{counted}{_stops(metrics)}{_beside_twin(verdict, metrics, tolerance)}"


def _beside_twin(verdict: Verdict, metrics: Mapping[str, Any], tolerance: Tolerance) -> str:
    times, limit = metrics["times_twin"], tolerance.max_times_twin
    if times is None:
        largest = metrics["max_distance"]
        known = f", at most {_length(largest)} of their length apart where both are finite" if largest else ""
        return f"; not comparable with the noise twin{known}; no tolerance would pass"
    step = metrics["times_twin_step"]
    distance = _length(metrics["distance"][metrics["steps"].index(step)])
    ratio = f"{_unlike(times, limit)} times the noise twin where {_figure(limit)} are allowed"
    words = f"; farthest at step {step:,}: {distance} of their length, {ratio}"
    if metrics["incomparable_seeds"]:
        only = f"{metrics['incomparable_seeds']:,} of {metrics['seeds']:,} seeds are finite at the end on one side only"
        return f"{words}; {only}; no tolerance would pass"
    return words if verdict is Verdict.CLOSE else f"{words}; max_times_twin {math.ceil(times)} would pass"


def _stops(metrics: Mapping[str, Any]) -> str:
    left, right = metrics["left_nonfinite"], metrics["right_nonfinite"]
    if left is None and right is None:
        return ""
    if left == right:
        return f"; both sides become non-finite at step {left:,}"
    sides = (
        f"the {side} side {'stays finite' if step is None else f'becomes non-finite at step {step:,}'}"
        for side, step in (("left", left), ("right", right))
    )
    return f"; {', '.join(sides)}"


def _over_seeds(equivalence: Mapping[str, Mapping[str, Any]] | None) -> str:
    if not equivalence:
        return ""
    answers = [
        f"{'clean accuracy' if name == 'clean' else f'accuracy at {name}'} is {_answer(one)}"
        for name, one in equivalence.items()
    ]
    return f"; over {_count(next(iter(equivalence.values()))['seeds'], 'seed')} {', '.join(answers)}"


def _answer(one: Mapping[str, Any]) -> str:
    margin = one["margin"]
    points = f"{margin:g} point{'' if margin == 1 else 's'}"
    low, high = (_points(limit, margin) for limit in one["interval"])
    figures = f"difference {_points(one['difference'], margin)}, 90 % interval {low} to {high}"
    if one["answer"] == "equivalent":
        return f"equivalent within {points} ({figures})"
    if one["answer"] == "different":
        return f"different by more than {points} ({figures})"
    seeds = one["seeds_to_decide"]
    mend = f"{seeds:,} seeds would decide it" if seeds else "no number of seeds would decide it"
    return f"undecided at {points} ({figures}; {mend})"


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def _percent(metrics: Mapping[str, Any]) -> str:
    share = 100 * metrics["differing_share"]
    return f"{share:.1f} %" if share >= 0.1 or share == 0 else f"{share:.1g} %"


def _length(value: float) -> str:
    """A distance relative to a length: two digits are enough, since no limit stands beside it."""
    if value == 0 or value >= 1e-3:
        return f"{value:.2g}"
    digits, exponent = f"{value:.1e}".split("e")
    return f"{digits}e{int(exponent)}"


def _unlike(value: float, limit: float) -> str:
    """As few digits of a ratio as leave it on its side of the limit."""
    texts = [f"{value:,.0f}" if value >= 99.5 else f"{value:.2g}", _figure(value), f"{value:.17g}"]
    return next((text for text in texts if _same_side(text, value, limit)), texts[-1])


def _points(value: float, margin: float) -> str:
    """Percentage points, two decimals unless these would put it on another side of the margin."""
    texts = [f"{value:.{decimals}f}" for decimals in (2, 4, 9)]
    text = next((text for text in texts if _same_side(text.removeprefix("-"), abs(value), margin)), texts[-1])
    return text.removeprefix("-") if float(text) == 0 else text


def _same_side(text: str, value: float, limit: float) -> bool:
    shown = float(text.replace(",", ""))
    return (shown < limit, shown > limit) == (value < limit, value > limit)


def _figure(value: float | str) -> str:
    """Enough digits that a value and its limit never look alike."""
    return value if isinstance(value, str) else f"{value:.9g}"
