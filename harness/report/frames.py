"""A run as tables: one row a comparison, one row an outcome, every figure in a column of its own.

pandas is imported when a table is asked for, not before.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from harness.engine.record import CaseRecord, Run
from harness.report.expectation import expected_answer
from harness.report.figures import NORMS, SPREAD, comparison_figures, outcome_figures, scalar
from harness.vocabulary import Comparison, Outcome

if TYPE_CHECKING:
    import pandas as pd

_COUNTS = {
    "elements", "differing", "sign_flips", "sign_flips_undetermined", "undetermined", "incomparable", "unperturbed",
    "nonfinite", "left_unperturbed", "right_unperturbed", "left_nonfinite", "right_nonfinite", "first_difference",
    "times_twin_step", "differing_seeds", "incomparable_seeds", "seeds", "nonfinite_step", "nonfinite_seeds",
    "left_nonfinite_step", "right_nonfinite_step", "left_nonfinite_seeds", "right_nonfinite_seeds",
    "equivalence_clean_seeds", "equivalence_clean_seeds_to_decide",
}  # fmt: skip
"""Columns of whole numbers, which may be missing."""

_TEXTS = {
    "case", "scenario", "kind", "subject", "left", "right", "verdict", "status", "expected", "because", "sentence",
    "causes", "reason", "left_status", "right_status", "left_norm", "right_norm", "worst_input", "worst_index",
    "defaulted", "arrays", "weights", "data", "expected_answer", "worst_name", "equivalence_clean_answer",
}  # fmt: skip

_TEST = ("answer", "difference", "interval_low", "interval_high", "margin", "seeds", "seeds_to_decide")

_METRICS = (
    "elements", "differing", "differing_share", "max_absolute", "mean_absolute", "max_roundoff", "roundoff_to_pass",
    "worst_input", "worst_index", "worst_left", "worst_right", "worst_x", "sign_flips", "sign_flips_undetermined",
    "undetermined", "cosine", "min_cosine", "incomparable",
    "worst_name", "relative_distance", "scale",
    *(f"loss_difference_{name}" for name in ("clean", "adversarial", "total")),
    "first_difference", "final_distance", "max_distance", "times_twin", "times_twin_step", "agreement", "seeds",
    "differing_seeds", "incomparable_seeds",
    *(f"equivalence_clean_{name}" for name in _TEST),
)  # fmt: skip
"""There in every run, also in one without a single comparison of arrays."""

_SIDE = (
    "status", "seconds", "epsilon", "norm",
    *(f"perturbation_{norm}_{part}" for norm in NORMS for part in SPREAD),
    "unperturbed", "nonfinite", "clean_loss", "adversarial_loss", "loss_increase", "clean_accuracy",
    "adversarial_accuracy", "total_loss", *(f"objective_{name}" for name in ("clean", "adversarial", "scale", "rate")),
    "nonfinite_step", "nonfinite_seeds",
)  # fmt: skip


def comparisons_frame(run: Run) -> pd.DataFrame:
    """One row for each comparison.

    Columns: ``case``, ``scenario``, ``kind``, the matrix settings as ``point.NAME``, ``left``, ``right``, ``verdict``,
    ``status``, ``expected``, ``because``, ``sentence``, ``causes`` (``CODE=SHARE``, the largest first); every metric
    (``worst`` as ``worst_input``, ``worst_index``, ``worst_left``, ``worst_right``, ``worst_x`` or ``worst_name``) but
    those of which there is one for each weight or recorded step; the answers over seeds as
    ``equivalence_clean_answer``, ``equivalence_0.1_difference`` and so on, and what is expected of all together as
    ``expected_answer``; the tolerance as ``tolerance_NAME``; and of each side, with ``left_`` or ``right_`` before it,
    its status, seconds, epsilon, norm, and the figures that ``outcomes_frame`` has.

    A figure that does not exist, or not for the kind of the case, is missing (``NaN`` or ``NA``).
    """
    rows = (
        _comparison_row(record, comparison, {outcome.subject: outcome for outcome in record.outcomes})
        for record in run.cases
        for comparison in record.comparisons
    )
    first = ("case", "scenario", "kind", *_points(run), "left", "right", "verdict", "status", "expected", "because")
    sides = [f"{side}_{name}" for side in ("left", "right") for name in _SIDE]
    return _frame(rows, [*first, "sentence", "causes", "expected_answer", *_METRICS, *sides])


def outcomes_frame(run: Run) -> pd.DataFrame:
    """One row for each outcome.

    Columns: ``case``, ``scenario``, ``kind``, the matrix settings as ``point.NAME``, ``subject``, ``status``,
    ``reason``, ``seconds``, ``from_store``; what the subject used as ``settings.NAME``, and in ``defaulted`` the names
    of those left to its defaults; and the hashes ``arrays``, ``weights``, ``data``.

    Figures of kind perturbation: perturbation norms (``perturbation_linf_max``, in units of x), examples left
    unperturbed, non-finite values, loss and accuracy before and after. Of kind loss: ``clean_loss``,
    ``adversarial_loss``, ``total_loss``, and the objective as ``objective_clean`` and so on. Of kind training the same,
    with the losses of the last step of the first seed, ``nonfinite_step`` of the first seed, ``nonfinite_seeds`` of
    all; and at the end, as mean over the seeds, ``clean_accuracy`` and ``adversarial_accuracy_EPSILON``.
    """
    rows = (_outcome_row(record, outcome) for record in run.cases for outcome in record.outcomes)
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
        "causes": ";".join(f"{one['code']}={one['share']:.4g}" for one in comparison.causes),
        "expected_answer": expected_answer(record, comparison),
        **sides,
        **comparison_figures(comparison),
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
        **{f"settings.{name}": scalar(value) for name, value in outcome.settings.items()},
        **outcome_figures(outcome),
        "arrays": outcome.arrays,
        "weights": record.identity.get("weights", ""),
        "data": record.identity.get("data", ""),
    }


def _case(record: CaseRecord) -> dict[str, Any]:
    case = record.case
    point = {f"point.{name}": scalar(value) for name, value in case.point.items()}
    return {"case": case.id, "scenario": case.scenario, "kind": case.kind, **point}


def _side(outcome: Outcome) -> dict[str, Any]:
    return {
        "status": outcome.status,
        "seconds": outcome.seconds if outcome.status == "ok" else None,
        "epsilon": outcome.settings.get("epsilon"),
        "norm": outcome.settings.get("norm", ""),
        **outcome_figures(outcome),
    }


def _points(run: Run) -> list[str]:
    return list(dict.fromkeys(f"point.{name}" for record in run.cases for name in record.case.point))


def _frame(rows: Iterable[dict[str, Any]], columns: list[str]) -> pd.DataFrame:
    """The rows as a table with at least these columns, in this order, each of one type."""
    import pandas as pd

    frame = pd.DataFrame(_columns(rows))
    further = [name for name in frame.columns if name not in columns]
    frame = frame.reindex(columns=[*columns, *further])
    for name in frame.columns:
        if name in _COUNTS:
            frame[name] = frame[name].astype("Int64")
        elif name in _TEXTS or name.endswith("_answer"):
            frame[name] = frame[name].fillna("").astype(object)
        elif name == "from_store":
            frame[name] = frame[name].astype(bool)
        elif name in columns and not name.startswith("point."):
            frame[name] = frame[name].astype(float)  # also "nan" and "inf", which JSON cannot hold as numbers
    return frame


def _columns(rows: Iterable[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """The values of each name, NaN where a row lacks it. As a list of rows they would take ten times the memory."""
    columns: dict[str, list[Any]] = {}
    for number, row in enumerate(rows):
        for name in row:
            if name not in columns:
                columns[name] = [math.nan] * number
        for name, values in columns.items():
            values.append(row.get(name, math.nan))
    return columns
