"""What ``report.md`` says of a scenario of kind loss or training: objectives, losses, accuracies, the libraries."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from harness.engine.record import CaseRecord
from harness.report.accuracies import Accuracy, accuracies
from harness.report.curves import Curves, file_name
from harness.report.differences import differences_of, setting_columns
from harness.report.equivalence import answer_text, condition_text, tests_of
from harness.report.losses import losses_of, nonfinite_text
from harness.report.markdown_text import code, escaped, table
from harness.report.matrix import in_table_order, is_library, pair_of
from harness.report.settings import OBJECTIVE, point_text, used
from harness.report.text import figure
from harness.vocabulary import Comparison, Outcome

_ALWAYS = (OBJECTIVE, "labels", "epsilon", "norm", "gradient_flow", "mode", "attack_mode", "composed")
"""Settings that make the objective: they have a column even where they are the same for all."""

_MOST_ROWS = 60
_MOST_POINTS = 4


def objectives(records: Sequence[CaseRecord]) -> Iterable[str]:
    """What every subject minimised, one row for the cases in which it is the same.

    Args:
        records: the cases of a scenario.
    """
    computed = [(record, outcome) for record in records for outcome in record.outcomes if outcome.settings]
    if not computed:
        return
    names, alike = setting_columns([outcome for _, outcome in computed], _ALWAYS)
    groups: dict[tuple[str, ...], list[CaseRecord]] = {}
    for subject in in_table_order({outcome.subject for _, outcome in computed}):
        for record, outcome in computed:
            if outcome.subject == subject:
                groups.setdefault((escaped(subject), *_settings(outcome, names)), []).append(record)
    several = len(records) > 1
    rows = [(*texts, *([_points(cases, len(records))] if several else [])) for texts, cases in groups.items()]
    yield from ("What each subject minimised:", "")
    yield from table(("subject", *map(escaped, names), *(["cases"] if several else [])), rows)
    if alike:
        yield from (f"The same for all: {escaped(', '.join(f'{name} {text}' for name, text in alike.items()))}.", "")


def _settings(outcome: Outcome, names: Sequence[str]) -> list[str]:
    found = used(outcome)
    cells = []
    for name in names:
        # As code, in which the asterisks of the objective are none that mark a default.
        text = (code if name == OBJECTIVE else escaped)(found[name].text) if name in found else ""
        cells.append(f"{text} \\*" if name in found and found[name].default else text)
    return cells


def apart(records: Sequence[CaseRecord]) -> Iterable[str]:
    """In which settings each two libraries differ; one sentence for the cases in which it is the same."""
    texts: dict[str, list[CaseRecord]] = {}
    for record in records:
        for text in differences_of(record).values():
            texts.setdefault(text, []).append(record)
    for text, cases in texts.items():
        where = f" (at {_points(cases, len(records))})" if len(cases) < len(records) else ""
        yield f"- {escaped(text)}{where}."
    if texts:
        yield ""


def _points(records: Sequence[CaseRecord], total: int) -> str:
    """``all 3``, or which."""
    if len(records) == total:
        return f"all {total}"
    shown = [code(point_text(record.case.point) or record.case.id) for record in records[:_MOST_POINTS]]
    rest = len(records) - len(shown)
    return ", ".join([*shown, *([f"and {rest:,} more"] if rest else [])])


def measured(records: Sequence[CaseRecord]) -> Iterable[str]:
    """One row an outcome: losses; of kind training also accuracies at the end."""
    computed = [(record, outcome) for record in records for outcome in record.outcomes if outcome.status == "ok"]
    subjects = in_table_order({outcome.subject for _, outcome in computed})
    shown = sorted(computed, key=lambda one: subjects.index(one[1].subject))
    if not shown:
        return
    training = records[0].case.kind == "training"
    heads = ["subject", *(["case"] if len(records) > 1 else []), "clean loss", "adversarial loss", "total loss"]
    conditions = list(dict.fromkeys(one.name for _, outcome in shown for one in accuracies(outcome)))
    if training:
        heads += ["not finite from step", *(condition_text(name) for name in conditions)]
    rows = []
    for record, outcome in shown[:_MOST_ROWS]:
        row = [escaped(outcome.subject)]
        row += [code(point_text(record.case.point) or record.case.id)] if len(records) > 1 else []
        row += [figure(losses_of(outcome).get(f"{name}_loss")) for name in ("clean", "adversarial", "total")]
        if training:
            found = {one.name: one for one in accuracies(outcome)}
            row.append(nonfinite_text(outcome))
            row += [_accuracy(found.get(name)) for name in conditions]
        rows.append(row)
    yield from ("Losses of the last step, accuracies at the end:" if training else "Losses of the step:", "")
    yield from table([escaped(head) for head in heads], rows)
    if len(shown) > _MOST_ROWS:
        yield from (f"{len(shown) - _MOST_ROWS:,} more are in `report.html`.", "")


def _accuracy(one: Accuracy | None) -> str:
    if one is None:
        return ""
    between = f" ({100 * one.interval[0]:.1f} to {100 * one.interval[1]:.1f})" if one.interval else ""
    return f"{100 * one.mean:.1f} %{between}"


def libraries(records: Sequence[CaseRecord]) -> Iterable[str]:
    """One row for each two libraries and case: how far the gradients, or the trained models, are apart."""
    found = [
        (record, comparison)
        for record in records
        for comparison in record.comparisons
        if comparison.metrics and is_library(comparison.left) and is_library(comparison.right)
    ]
    if not found:
        return
    shape: Callable[[Sequence[Comparison]], dict[str, Callable[[Comparison], str]]]
    shape = _of_training if records[0].case.kind == "training" else _of_loss
    columns = shape([comparison for _, comparison in found])
    rows = [
        (
            escaped(" | ".join(pair_of(comparison))),
            *([code(point_text(record.case.point) or record.case.id)] if len(records) > 1 else []),
            *(make(comparison) for make in columns.values()),
        )
        for record, comparison in found[:_MOST_ROWS]
    ]
    yield from ("The libraries among themselves:", "")
    yield from table(("pair", *(["case"] if len(records) > 1 else []), *map(escaped, columns)), rows)
    if len(found) > _MOST_ROWS:
        yield from (f"{len(found) - _MOST_ROWS:,} more are in `report.html`.", "")


def _of_loss(_: Sequence[Comparison]) -> dict[str, Callable[[Comparison], str]]:
    def difference(name: str) -> Callable[[Comparison], str]:
        return lambda one: figure(one.metrics["loss_difference"].get(name))

    return {
        "verdict": lambda one: str(one.verdict),
        "distance of the gradients": lambda one: figure(one.metrics["relative_distance"]),
        "cosine": lambda one: figure(one.metrics["cosine"], 6),
        "factor between them": lambda one: figure(one.metrics["scale"], 6),
        **{f"difference of the {name} loss": difference(name) for name in ("clean", "adversarial", "total")},
    }


def _of_training(comparisons: Sequence[Comparison]) -> dict[str, Callable[[Comparison], str]]:
    def answer(name: str) -> Callable[[Comparison], str]:
        return lambda one: escaped(answer_text(tests_of(one).get(name)))

    conditions = dict.fromkeys(name for one in comparisons for name in tests_of(one))
    return {
        "verdict": lambda one: str(one.verdict),
        "times the noise twin": lambda one: figure(one.metrics["times_twin"]),
        "at step": lambda one: figure(one.metrics["times_twin_step"]),
        "distance at the end": lambda one: figure(one.metrics["final_distance"]),
        "equal predictions": lambda one: _agreement(one.metrics),
        **{condition_text(name): answer(name) for name in conditions},
    }


def _agreement(metrics: Mapping[str, Any]) -> str:
    """The share of equal predictions: at the end over all seeds, and of the first seed at the evaluated steps."""
    steps = sorted((int(step), share) for step, share in (metrics.get("agreement_by_step") or {}).items())
    by_step = ", ".join(f"{_percent(share)} at {step:,}" for step, share in steps)
    return f"{_percent(metrics['agreement'])}<br>{by_step}" if len(steps) > 2 else _percent(metrics["agreement"])


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.1f} %"


def pictures(records: Sequence[CaseRecord], numbers: Sequence[int], curves: Mapping[int, Curves]) -> Iterable[str]:
    """A picture a case, from its file beside the report.

    Args:
        records: the cases of a scenario.
        numbers: their positions in the run.
        curves: by position.
    """
    for record, number in zip(records, numbers, strict=True):
        one = curves.get(number)
        if one and one.svg:
            # A bracket that closes nothing is harmless elsewhere; here it would end the words.
            words = escaped(one.words).replace("]", "\\]")
            yield from (f"![{words}]({file_name(number, record.case.id)})", "")
        elif one and one.missing:
            yield from (f"No curves of {code(record.case.id)}: {escaped(one.missing)}", "")
