"""One scenario in ``report.md``: what every pair came to, and what every subject really used."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from harness.engine.record import CaseRecord
from harness.report.causes import advised
from harness.report.curves import Curves
from harness.report.expectation import expected_text
from harness.report.markdown_text import code, escaped, table
from harness.report.markdown_training import apart, libraries, measured, objectives, pictures
from harness.report.matrix import BY_INTEREST, in_table_order, pair_of
from harness.report.settings import data_text, model_text, point_text, setting_names, training_text, used
from harness.report.text import count, figure
from harness.vocabulary import Comparison, Verdict

_MOST_VALUES = 4

Group = list[tuple[CaseRecord, Comparison]]


def scenario_section(
    records: Sequence[CaseRecord], numbers: Sequence[int], curves: Mapping[int, Curves]
) -> Iterable[str]:
    """The section of one scenario.

    Args:
        records: its cases.
        numbers: their positions in the run.
        curves: by position.
    """
    case = records[0].case
    yield from (f"### {escaped(case.scenario)}", "")
    if case.summary:
        yield from (escaped(case.summary), "")
    tags = f", tags {', '.join(map(code, case.tags))}" if case.tags else ""
    yield from (f"{count(len(records), 'case')} of kind {case.kind}, {code(case.location.file)}{tags}.", "")
    yield from _comparisons(records)
    if case.kind == "perturbation":
        yield from _outcomes(records)
        yield from apart(records)
    else:
        yield from _failed(records)
        yield from objectives(records)
        yield from apart(records)
        yield from measured(records)
        yield from libraries(records)
        yield from pictures(records, numbers, curves)
    yield from _problem(records)


def _comparisons(records: Sequence[CaseRecord]) -> list[str]:
    """One row for the pairs that came to the same in the same cases, for the same reason."""
    rows = []
    for group in _groups(records):
        record, worst = max(group, key=lambda one: _excess(one[1]))
        bold = "**" if worst.status == "unexpected" else ""
        expected = f"{escaped(expected_text(record, worst))}: {escaped(worst.because)}" if worst.expected else ""
        rows.append(
            (
                "<br>".join(dict.fromkeys(escaped(" | ".join(pair_of(comparison))) for _, comparison in group)),
                f"{bold}{worst.verdict}{bold}",
                _cases([record for record, _ in group], len(records)),
                f"{bold}{worst.status}{bold}",
                expected,
                _worst(record, worst) if worst.verdict is not Verdict.EQUAL or ";" in worst.sentence else "",
            )
        )
    return table(("pairs", "verdict", "cases", "status", "expectation", "the worst of them"), rows) if rows else []


def _groups(records: Sequence[CaseRecord]) -> list[Group]:
    """Comparisons that can share a row; the unexpected first, then those that say most."""
    by_pair: dict[tuple[Any, ...], Group] = {}
    for record in records:
        for one in record.comparisons:
            key = (pair_of(one), one.verdict, one.status, expected_text(record, one), one.because)
            by_pair.setdefault(key, []).append((record, one))
    groups: dict[tuple[Any, ...], Group] = {}
    for (_, *alike), group in by_pair.items():
        groups.setdefault((*alike, tuple(record.case.id for record, _ in group)), []).extend(group)
    return sorted(groups.values(), key=lambda group: _rank(group[0][1]))


def _rank(comparison: Comparison) -> tuple[bool, int]:
    return comparison.status != "unexpected", BY_INTEREST.index(comparison.verdict)


def _excess(comparison: Comparison) -> float:
    needed = comparison.metrics.get("roundoff_to_pass", comparison.metrics.get("times_twin", 0.0))
    return math.inf if needed is None else needed


def _cases(records: Sequence[CaseRecord], total: int) -> str:
    """``all 12``, or how many and which."""
    points = list(dict.fromkeys(point_text(record.case.point) for record in records))
    if len(points) == total:
        return f"all {total}" if total > 1 else "1"
    rest = [f"and {len(points) - _MOST_VALUES:,} more"] if len(points) > _MOST_VALUES else []
    return "<br>".join([f"{len(points)}:", *map(code, points[:_MOST_VALUES]), *rest])


def _worst(record: CaseRecord, comparison: Comparison) -> str:
    pair, point = escaped(" | ".join(pair_of(comparison))), code(point_text(record.case.point))
    return f"{pair}{f' at {point}' if point else ''}: {escaped(advised(comparison))}"


def _outcomes(records: Sequence[CaseRecord]) -> list[str]:
    """One row a subject: the values of each setting over the cases, and figures of the outcomes."""
    subjects = in_table_order({outcome.subject for record in records for outcome in record.outcomes})
    names = setting_names(outcome for record in records for outcome in record.outcomes)
    rows = []
    for subject in subjects:
        outcomes = [outcome for record in records for outcome in record.outcomes if outcome.subject == subject]
        settings = [used(outcome) for outcome in outcomes if outcome.settings]
        values = [
            _values([f"{one[name].text}{' *' if one[name].default else ''}" for one in settings if name in one])
            for name in names
        ]
        accuracy = [_change(outcome.summary, "accuracy") for outcome in outcomes if outcome.summary]
        states = [outcome.status for outcome in outcomes]
        status = ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states))
        rows.append((escaped(subject), status, *values, _values(accuracy)))
    return table(("subject", "outcomes", *map(escaped, names), "accuracy, clean to adversarial"), rows)


def _failed(records: Sequence[CaseRecord]) -> Iterable[str]:
    """Why there is nothing of a subject, one line for the cases in which it is the same."""
    reasons: dict[str, int] = {}
    for record in records:
        for outcome in record.outcomes:
            if outcome.status != "ok":
                text = f"- {escaped(outcome.subject)}: {outcome.status}: {escaped(outcome.reason)}"
                reasons[text] = reasons.get(text, 0) + 1
    for text, times in reasons.items():
        yield text if times == len(records) else f"{text} ({count(times, 'case')})"
    if reasons:
        yield ""


def _change(summary: Any, name: str) -> str:
    return f"{figure(summary['clean'][name], 3)} to {figure(summary['adversarial'][name], 3)}"


def _values(values: Sequence[str]) -> str:
    """The different values, a few of them."""
    different = list(dict.fromkeys(values))
    shown = [escaped(value) for value in different[:_MOST_VALUES]]
    rest = len(different) - len(shown)
    return "<br>".join([*shown, *([f"and {rest:,} more"] if rest else [])])


def _problem(records: Sequence[CaseRecord]) -> Iterable[str]:
    models = dict.fromkeys(model_text(record.case.model) for record in records)
    data = dict.fromkeys(data_text(record.case.data) for record in records)
    yield from (f"- model: {escaped(text)}" for text in models)
    yield from (f"- data: {escaped(text)}" for text in data)
    trainings = list(dict.fromkeys(training_text(record.case.training) for record in records if record.case.training))
    yield from (f"- training: {escaped(text)}" for text in trainings[:_MOST_VALUES])
    if len(trainings) > _MOST_VALUES:
        yield f"- and {len(trainings) - _MOST_VALUES:,} more"
    for name in ("weights", "data"):
        hashes = dict.fromkeys(record.identity[name] for record in records if name in record.identity)
        some = ", ".join(code(digest[:16]) for digest in list(hashes)[:_MOST_VALUES])
        rest = f" and {len(hashes) - _MOST_VALUES:,} more" if len(hashes) > _MOST_VALUES else ""
        yield (
            f"- every subject got {name} with the hash {some}{rest}"
            if len(hashes) == 1
            else (f"- in each case every subject got the same {name}; hashes over the cases: {some}{rest}")
        )
    yield ""
