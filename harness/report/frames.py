"""A run as tables: one row a comparison, one row an outcome, every figure in a column of its own.

pandas is imported when a table is asked for, not before.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from harness.engine.record import CaseRecord, Run
from harness.vocabulary import Comparison, Outcome, canonical_json

if TYPE_CHECKING:
    import pandas as pd

_NORMS = ("linf", "l2", "l1")
_SPREAD = ("min", "median", "max")

_COUNTS = {
    "elements", "differing", "sign_flips", "sign_flips_undetermined", "undetermined", "incomparable", "unperturbed",
    "nonfinite", "left_unperturbed", "right_unperturbed", "left_nonfinite", "right_nonfinite",
}  # fmt: skip
"""Columns of whole numbers, which may be missing."""

_TEXTS = {
    "case", "scenario", "kind", "subject", "left", "right", "verdict", "status", "expected", "because", "sentence",
    "reason", "left_status", "right_status", "left_norm", "right_norm", "worst_input", "worst_index", "defaulted",
    "arrays", "weights", "data",
}  # fmt: skip

_METRICS = (
    "elements", "differing", "differing_share", "max_absolute", "mean_absolute", "max_roundoff", "roundoff_to_pass",
    "worst_input", "worst_index", "worst_left", "worst_right", "worst_x", "sign_flips", "sign_flips_undetermined",
    "undetermined", "cosine", "min_cosine", "incomparable",
)  # fmt: skip
"""There in every run, also in one without a single comparison of arrays."""

_SIDE = (
    "status", "seconds", "epsilon", "norm",
    *(f"perturbation_{norm}_{part}" for norm in _NORMS for part in _SPREAD),
    "unperturbed", "nonfinite", "clean_loss", "adversarial_loss", "loss_increase", "clean_accuracy",
    "adversarial_accuracy",
)  # fmt: skip


def comparisons_frame(run: Run) -> pd.DataFrame:
    """One row for each comparison.

    Columns: ``case``, ``scenario``, ``kind``, the matrix settings as ``point.NAME``, ``left``, ``right``, ``verdict``,
    ``status``, ``expected``, ``because``, ``sentence``; every metric (``worst`` as ``worst_input``, ``worst_index``,
    ``worst_left``, ``worst_right``, ``worst_x``); the tolerance as ``tolerance_NAME``; and of each side, with ``left_``
    or ``right_`` before it, its status, seconds, epsilon, norm, perturbation norms (``perturbation_linf_max``, in units
    of x), examples left unperturbed, non-finite values, and loss and accuracy before and after.

    A figure that does not exist is missing (``NaN`` or ``NA``).
    """
    rows = [
        _comparison_row(record, comparison, {outcome.subject: outcome for outcome in record.outcomes})
        for record in run.cases
        for comparison in record.comparisons
    ]
    first = ("case", "scenario", "kind", *_points(run), "left", "right", "verdict", "status", "expected", "because")
    sides = [f"{side}_{name}" for side in ("left", "right") for name in _SIDE]
    return _frame(rows, [*first, "sentence", *_METRICS, *sides])


def outcomes_frame(run: Run) -> pd.DataFrame:
    """One row for each outcome.

    Columns: ``case``, ``scenario``, ``kind``, the matrix settings as ``point.NAME``, ``subject``, ``status``,
    ``reason``, ``seconds``, ``from_store``; what the subject used as ``settings.NAME``, and in ``defaulted`` the names
    of those left to its defaults; perturbation norms, examples left unperturbed, non-finite values, loss and accuracy
    before and after; and the hashes ``arrays``, ``weights``, ``data``.
    """
    rows = [_outcome_row(record, outcome) for record in run.cases for outcome in record.outcomes]
    first = (
        "case",
        "scenario",
        "kind",
        *_points(run),
        "subject",
        "status",
        "reason",
        "seconds",
        "from_store",
        "defaulted",
    )
    figures = [name for name in _SIDE if name not in ("status", "seconds", "epsilon", "norm")]
    return _frame(rows, [*first, *figures, "arrays", "weights", "data"])


def _comparison_row(record: CaseRecord, comparison: Comparison, outcomes: Mapping[str, Outcome]) -> dict[str, Any]:
    sides = {
        f"{side}_{name}": value
        for side, subject in (("left", comparison.left), ("right", comparison.right))
        for name, value in _side(outcomes[subject]).items()
    }
    return {
        **_case(record),
        "left": comparison.left,
        "right": comparison.right,
        "verdict": str(comparison.verdict),
        "status": comparison.status,
        "expected": comparison.expected,
        "because": comparison.because,
        "sentence": comparison.sentence,
        **_flat("", comparison.metrics),
        **_flat("tolerance_", comparison.tolerance),
        **sides,
    }


def _outcome_row(record: CaseRecord, outcome: Outcome) -> dict[str, Any]:
    return {
        **_case(record),
        "subject": outcome.subject,
        "status": outcome.status,
        "reason": outcome.reason,
        "seconds": outcome.seconds if outcome.status == "ok" else None,
        "from_store": outcome.from_store,
        "defaulted": ";".join(outcome.defaulted),
        **{f"settings.{name}": _scalar(value) for name, value in outcome.settings.items()},
        **_figures(outcome),
        "arrays": outcome.arrays,
        "weights": record.identity.get("weights", ""),
        "data": record.identity.get("data", ""),
    }


def _case(record: CaseRecord) -> dict[str, Any]:
    case = record.case
    point = {f"point.{name}": _scalar(value) for name, value in case.point.items()}
    return {"case": case.id, "scenario": case.scenario, "kind": case.kind, **point}


def _side(outcome: Outcome) -> dict[str, Any]:
    return {
        "status": outcome.status,
        "seconds": outcome.seconds if outcome.status == "ok" else None,
        "epsilon": outcome.settings.get("epsilon"),
        "norm": outcome.settings.get("norm", ""),
        **_figures(outcome),
    }


def _figures(outcome: Outcome) -> dict[str, Any]:
    """The summary of an outcome, flat: perturbation norms as smallest, median and largest."""
    summary = outcome.summary
    figures: dict[str, Any] = {}
    for norm, spread in summary.get("perturbation", {}).items():
        figures |= {f"perturbation_{norm}_{part}": value for part, value in zip(_SPREAD, spread, strict=True)}
    figures |= {name: value for name, value in summary.items() if not isinstance(value, (Mapping, list, tuple))}
    for when in ("clean", "adversarial"):
        figures |= {f"{when}_{name}": value for name, value in summary.get(when, {}).items()}
    before, after = figures.get("clean_loss"), figures.get("adversarial_loss")
    figures["loss_increase"] = after - before if before is not None and after is not None else None
    return figures


def _flat(prefix: str, values: Mapping[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in values.items():
        flat |= _flat(f"{prefix}{name}_", value) if isinstance(value, Mapping) else {f"{prefix}{name}": _scalar(value)}
    return flat


def _scalar(value: Any) -> Any:
    """A value that fits a cell: lists and mappings as JSON text."""
    return canonical_json(value) if isinstance(value, (Mapping, list, tuple)) else value


def _points(run: Run) -> list[str]:
    return list(dict.fromkeys(f"point.{name}" for record in run.cases for name in record.case.point))


def _frame(rows: list[dict[str, Any]], columns: list[str]) -> pd.DataFrame:
    """The rows as a table with at least these columns, in this order, each of one type."""
    import pandas as pd

    frame = pd.DataFrame(rows)
    further = [name for name in frame.columns if name not in columns]
    frame = frame.reindex(columns=[*columns, *further])
    for name in frame.columns:
        if name in _COUNTS:
            frame[name] = frame[name].astype("Int64")
        elif name in _TEXTS:
            frame[name] = frame[name].fillna("").astype(object)
        elif name == "from_store":
            frame[name] = frame[name].astype(bool)
        elif name in columns and not name.startswith("point."):
            frame[name] = frame[name].astype(float)  # also "nan" and "inf", which JSON cannot hold as numbers
    return frame
