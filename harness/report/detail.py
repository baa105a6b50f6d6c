"""What the page shows of one case behind a click, as JSON for its script."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from harness.engine.record import CaseRecord
from harness.report.pictures import Pictures, as_json
from harness.report.settings import data_text, model_text, setting_names, setting_text, used
from harness.report.text import cleaned
from harness.vocabulary import Comparison, Outcome

_DIGITS = 6
"""Of figures in the page. All digits are in ``run.json`` and ``comparisons.csv``."""


def detail(record: CaseRecord, pictures: Pictures) -> dict[str, Any]:
    """One case: what was asked, the identity of its problem, outcomes, comparisons, pictures."""
    case = record.case
    return {
        "id": case.id,
        "location": str(case.location),
        "asked": {name: setting_text(value) for name, value in case.attack.items()},
        "model": model_text(case.model),
        "data": data_text(case.data),
        "identity": dict(record.identity),
        "settings": setting_names(record.outcomes),
        "outcomes": [_outcome(outcome) for outcome in record.outcomes],
        "comparisons": [_comparison(comparison) for comparison in record.comparisons],
        "sheets": [as_json(sheet) for sheet in pictures.sheets],
        "missing": pictures.missing,
    }


def _outcome(outcome: Outcome) -> dict[str, Any]:
    return {
        "subject": outcome.subject,
        "status": outcome.status,
        "reason": outcome.reason,
        "seconds": outcome.seconds,
        "stored": outcome.from_store,
        "epsilon": outcome.settings.get("epsilon"),
        "norm": outcome.settings.get("norm"),
        "used": {name: [one.text, one.default] for name, one in used(outcome).items()},
        "summary": outcome.summary,
        "arrays": outcome.arrays,
    }


def _comparison(comparison: Comparison) -> dict[str, Any]:
    return {
        "left": comparison.left,
        "right": comparison.right,
        "verdict": str(comparison.verdict),
        "status": comparison.status,
        "expected": comparison.expected,
        "because": comparison.because,
        "sentence": comparison.sentence,
        "metrics": {name: value for name, value in comparison.metrics.items() if name != "worst"},
        "allowed": comparison.tolerance.get("max_roundoff"),
    }


def island(value: Any) -> str:
    """JSON for the inside of a ``<script>`` element: no character in it means anything to HTML."""
    text = json.dumps(_rounded(cleaned(value)), separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.{_DIGITS}g}")
    if isinstance(value, Mapping):
        return {name: _rounded(one) for name, one in value.items()}
    return [_rounded(one) for one in value] if isinstance(value, list) else value
