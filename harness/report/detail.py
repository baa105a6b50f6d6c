"""What the page shows of one case behind a click, as JSON for its script."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from harness.engine.record import CaseRecord
from harness.report.accuracies import accuracies
from harness.report.causes import said
from harness.report.curves import Curves
from harness.report.differences import differences_of
from harness.report.equivalence import condition_text, tests_of
from harness.report.expectation import expected_text
from harness.report.filmstrips import Filmstrips
from harness.report.losses import losses_of, nonfinite_text
from harness.report.pictures import Pictures, as_json
from harness.report.proposed import settings_text
from harness.report.settings import data_text, model_text, setting_names, setting_text, training_text, used
from harness.report.text import printable
from harness.report.waterfall import waterfall
from harness.vocabulary import Comparison, Outcome, Verdict

_DIGITS = 6
"""Of figures in the page. All digits are in ``run.json`` and ``comparisons.csv``."""


_ALLOWED = {"perturbation": "max_roundoff", "loss": "max_gradient_roundoff", "training": "max_times_twin"}
"""The part of the tolerance that a verdict of each kind is judged with."""

_SHOWN_ELSEWHERE = ("worst", "steps", "distance", "twin", "equivalence", "bridge", "proposal")
"""Metrics that the page shows as part of a sentence, as curves, or as a table of their own."""


def detail(record: CaseRecord, pictures: Pictures, curves: Curves, filmstrips: Filmstrips) -> dict[str, Any]:
    """One case: what was asked, the identity of its problem, outcomes, comparisons, pictures, curves.

    Of what may change while nothing is computed there is nothing in it, so that it can be kept: which outcomes came
    from the store is in the page's index.
    """
    case = record.case
    return {
        "id": case.id,
        "kind": case.kind,
        "location": str(case.location),
        "asked": {name: setting_text(value) for name, value in case.attack.items()},
        "model": model_text(case.model),
        "data": data_text(case.data),
        "training": training_text(case.training),
        "identity": dict(record.identity),
        "settings": setting_names(record.outcomes),
        "outcomes": [_outcome(outcome) for outcome in record.outcomes],
        "comparisons": [_comparison(record, comparison, filmstrips) for comparison in record.comparisons],
        "strips": filmstrips.strips,
        "apart": list(differences_of(record).values()),
        "sheets": [as_json(sheet) for sheet in pictures.sheets],
        "missing": pictures.missing or filmstrips.missing,
        "curves": {"svg": curves.svg, "words": curves.words} if curves.svg else None,
        "undrawn": curves.missing,
    }


def _outcome(outcome: Outcome) -> dict[str, Any]:
    return {
        "subject": outcome.subject,
        "status": outcome.status,
        "reason": outcome.reason,
        "seconds": outcome.seconds,
        "epsilon": outcome.settings.get("epsilon"),
        "norm": outcome.settings.get("norm"),
        "used": {name: [one.text, one.default] for name, one in used(outcome).items()},
        "summary": {name: value for name, value in outcome.summary.items() if name != "evaluation"},
        "losses": losses_of(outcome),
        "nonfinite": nonfinite_text(outcome),
        "accuracies": [[condition_text(one.name), one.mean, one.interval] for one in accuracies(outcome)],
        "arrays": outcome.arrays,
    }


def _comparison(record: CaseRecord, comparison: Comparison, filmstrips: Filmstrips) -> dict[str, Any]:
    return {
        "left": comparison.left,
        "right": comparison.right,
        "verdict": str(comparison.verdict),
        "status": comparison.status,
        "expected": expected_text(record, comparison),
        "because": comparison.because,
        "sentence": said(comparison),
        "metrics": {name: value for name, value in comparison.metrics.items() if name not in _SHOWN_ELSEWHERE},
        "tests": [[condition_text(name), one] for name, one in tests_of(comparison).items()],
        "waterfall": waterfall(comparison),
        "film": filmstrips.of(comparison.left, comparison.right),
        "proposal": _proposal(comparison),
        "allowed": comparison.tolerance.get(_ALLOWED[record.case.kind]),
    }


def _proposal(comparison: Comparison) -> dict[str, Any] | None:
    proposal = comparison.metrics.get("proposal")
    if not proposal or comparison.verdict is not Verdict.DIVERGED:
        return None
    return {**proposal, "words": settings_text(proposal["settings"])}


def island(value: Any) -> str:
    """JSON for the inside of a ``<script>`` element: no character in it means anything to HTML."""
    text = json.dumps(_shown(value), separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _shown(value: Any) -> Any:
    """A JSON value with every text in it, keys too, made printable, and every number short."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, float):
        return float(f"{value:.{_DIGITS}g}")
    if value is None or isinstance(value, int):
        return value
    if isinstance(value, Mapping):
        return {printable(name): _shown(one) for name, one in value.items()}
    return [_shown(one) for one in value] if isinstance(value, (list, tuple)) else value
