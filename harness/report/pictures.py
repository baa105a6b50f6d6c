"""Pictures of a case with image data: input, adversarial examples, perturbations, differences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from harness.engine.record import CaseRecord, Run
from harness.explain.step_pictures import is_image
from harness.report.matrix import pair_of
from harness.report.png import data_uri, diverging_levels, grey_levels
from harness.vocabulary import HarnessError, Verdict

EXAMPLES = 4
"""Examples of a batch that are drawn: those on which the subjects differ most."""


@dataclass(frozen=True)
class Row:
    """A row of pictures, one for each example.

    Attributes:
        kind: ``input``, ``adversarial``, ``perturbation`` or ``difference``.
        subjects: whose; none for the input, two for a difference (the first less the second).
        largest: absolute value that the ends of the diverging scale stand for, in units of x; 0.0 for grey pictures.
    """

    kind: str
    subjects: tuple[str, ...]
    largest: float = 0.0


@dataclass(frozen=True)
class Sheet:
    """All pictures of one input of a case, as one image: a row a ``Row``, a column an example.

    Attributes:
        input: name of the input.
        height, width: of one picture, in pixels.
        examples: positions in the batch.
        labels: their true classes.
        grey: the values that black and white stand for.
        rows: from top to bottom.
        image: a ``data:`` address.
    """

    input: str
    height: int
    width: int
    examples: tuple[int, ...]
    labels: tuple[int, ...]
    grey: tuple[float, float]
    rows: tuple[Row, ...]
    image: str


@dataclass(frozen=True)
class Pictures:
    """What there is to see of a case.

    Attributes:
        sheets: one for each input that is an image.
        missing: why there is none; empty for data that are no images.
    """

    sheets: tuple[Sheet, ...] = field(default=())
    missing: str = ""


def pictures_of(run: Run, record: CaseRecord) -> Pictures:
    """Draws a case. Empty for data that are no images, and for a case that has no adversarial examples."""
    if record.case.kind != "perturbation":
        return Pictures()
    try:
        inputs = {name: array for name, array in run.inputs(record).items() if is_image(array)}
        if not inputs:
            return Pictures()
        adversarial = {outcome.subject: run.adversarial(outcome) for outcome in record.outcomes if outcome.arrays}
        labels = run.labels(record)
    except HarnessError as reason:  # a report of the figures is worth having without the arrays
        return Pictures(missing=str(reason))
    if not adversarial:
        return Pictures()
    flat = [np.concatenate([_flat(one[name]) for name in inputs], axis=1) for one in adversarial.values()]
    chosen = _differ_most(flat)
    pairs = [
        pair_of(comparison)
        for comparison in record.comparisons
        if comparison.metrics and comparison.verdict is not Verdict.EQUAL
    ]
    sheets = []
    for name, x in inputs.items():
        images = {who: _image(one[name][chosen]) for who, one in adversarial.items()}
        sheets.append(_sheet(name, _image(x[chosen]), images, pairs, chosen, labels))
    return Pictures(tuple(sheets))


def _image(array: np.ndarray) -> np.ndarray:
    return array[..., 0].astype(np.float64)


def _flat(array: np.ndarray) -> np.ndarray:
    return array.reshape(len(array), -1).astype(np.float64)


def _differ_most(adversarial: Sequence[np.ndarray]) -> list[int]:
    """Positions of the examples on which the subjects are furthest apart; among equals, the first."""
    stacked = np.stack(adversarial)
    with np.errstate(invalid="ignore"):
        apart = (stacked.max(axis=0) - stacked.min(axis=0)).max(axis=1)
    apart = np.where(np.isnan(apart), np.inf, apart)
    return [int(position) for position in np.argsort(-apart, kind="stable")[:EXAMPLES]]


def _sheet(
    name: str,
    x: np.ndarray,
    adversarial: Mapping[str, np.ndarray],
    pairs: Sequence[tuple[str, str]],
    chosen: Sequence[int],
    labels: np.ndarray,
) -> Sheet:
    with np.errstate(invalid="ignore", over="ignore"):
        perturbations = {who: image - x for who, image in adversarial.items()}
        differences = {pair: adversarial[pair[0]] - adversarial[pair[1]] for pair in pairs}
    low, high = range_of([x, *adversarial.values()])
    largest = largest_of(list(perturbations.values()))
    rows = [(Row("input", ()), grey_levels(x, low, high))]
    for who, image in adversarial.items():
        rows.append((Row("adversarial", (who,)), grey_levels(image, low, high)))
        rows.append((Row("perturbation", (who,), largest), diverging_levels(perturbations[who], largest)))
    for pair, difference in differences.items():
        furthest = largest_of([difference])
        rows.append((Row("difference", pair, furthest), diverging_levels(difference, furthest)))
    return Sheet(
        input=name,
        height=x.shape[1],
        width=x.shape[2],
        examples=tuple(chosen),
        labels=tuple(int(labels[position]) for position in chosen),
        grey=(low, high),
        rows=tuple(row for row, _ in rows),
        image=data_uri(np.concatenate([np.concatenate(list(levels), axis=1) for _, levels in rows], axis=0)),
    )


def range_of(images: Sequence[np.ndarray]) -> tuple[float, float]:
    """The smallest and the largest finite value; 0.0 where there is none."""
    values = np.concatenate([image[np.isfinite(image)] for image in images])
    return (float(values.min()), float(values.max())) if values.size else (0.0, 0.0)


def largest_of(images: Sequence[np.ndarray]) -> float:
    """The largest finite absolute value; 0.0 where there is none."""
    low, high = range_of(images)
    return max(abs(low), abs(high))


def as_json(sheet: Sheet) -> dict[str, Any]:
    """A sheet as the page's script reads it."""
    rows = [{"kind": row.kind, "subjects": row.subjects, "largest": row.largest} for row in sheet.rows]
    return {**vars(sheet), "rows": rows}
