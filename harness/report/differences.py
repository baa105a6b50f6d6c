"""In which settings two subjects differ, in words."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.engine.record import CaseRecord
from harness.report.matrix import Pair, in_table_order, is_library, pairs_of
from harness.report.objective import coefficient, step_sizes, weighting_text
from harness.report.settings import OBJECTIVE, Used, setting_names, used
from harness.vocabulary import Outcome

_ABSENT = {"composed": Used("no", False)}
_NONE = Used("none", False)
"""Of a setting that only other subjects have."""


@dataclass(frozen=True)
class Difference:
    """A setting that two subjects did not share.

    Attributes:
        setting: its name.
        left, right: what each used.
    """

    setting: str
    left: Used
    right: Used

    def in_words(self) -> str:
        """``epsilon 0.001 (default) against 0.3``."""
        return f"{self.setting} {_value(self.left)} against {_value(self.right)}"


def differences(left: Outcome, right: Outcome) -> list[Difference]:
    """Every setting in which two outcomes differ, in the order of every table; the objective by its parts."""
    sides = (_by_part(left), _by_part(right))
    names = dict.fromkeys([*sides[0], *sides[1]])
    found = (Difference(name, *(_of(side, name) for side in sides)) for name in names)
    return [one for one in found if one.left.text != one.right.text]


def _by_part(outcome: Outcome) -> dict[str, Used]:
    parts = used(outcome)
    objective = outcome.settings.get(OBJECTIVE)
    if objective is None:
        return parts
    defaulted = parts.pop(OBJECTIVE).default
    split = {"weighting": Used(weighting_text(objective), defaulted)}
    if "rate" in objective:
        split["rate"] = Used(coefficient(objective["rate"]), False)
    else:
        split["factor to the stated objective"] = Used(coefficient(objective["scale"]), False)
    return split | parts


def differences_text(left: Outcome, right: Outcome) -> str:
    """``nsl and cleverhans-v3 differ in: epsilon 0.001 (default) against 0.3 (default), ...``; empty if in nothing."""
    found = differences(left, right)
    if not found:
        return ""
    words = ", ".join(one.in_words() for one in found)
    return f"{left.subject} and {right.subject} differ in: {words}{_same_step(left, right, found)}"


def _same_step(left: Outcome, right: Outcome, found: list[Difference]) -> str:
    """What a reader would have to work out: that weighting and rate differ, and their product does not."""
    if "weighting" not in {one.setting for one in found}:
        return ""
    steps = [step_sizes(side.settings[OBJECTIVE]) for side in (left, right)]
    same = all(math.isclose(a, b, rel_tol=1e-6) for a, b in zip(*steps, strict=True))
    factor = "rate" if "rate" in left.settings[OBJECTIVE] else "factor"
    return f"; weighting times {factor} is the same" if same else ""


def library_pairs(record: CaseRecord) -> list[tuple[Outcome, Outcome]]:
    """The outcomes of each two real libraries that both could be computed, in table order."""
    outcomes = {outcome.subject: outcome for outcome in record.outcomes if outcome.status == "ok"}
    names = in_table_order(name for name in outcomes if is_library(name))
    return [(outcomes[left], outcomes[right]) for left, right in pairs_of(names)]


def differences_of(record: CaseRecord) -> dict[Pair, str]:
    """What sets each two libraries apart in a case, see ``differences_text``; only of those that differ."""
    texts = {(left.subject, right.subject): differences_text(left, right) for left, right in library_pairs(record)}
    return {pair: text for pair, text in texts.items() if text}


def setting_columns(outcomes: Sequence[Outcome], always: tuple[str, ...]) -> tuple[list[str], dict[str, str]]:
    """Which settings need a column, and which one text says all of.

    Args:
        outcomes: of which ``settings`` are there.
        always: settings that get a column in any case, if any outcome has them.

    Returns:
        Names of those for columns; and by name the value of those that are the same everywhere.
    """
    shown = [used(outcome) for outcome in outcomes]
    columns, alike = [], {}
    for name in setting_names(outcomes):
        values = [_of(one, name) for one in shown]
        if name in always or len({value.text for value in values}) > 1:
            columns.append(name)
        else:
            by_default = {outcome.subject for outcome, value in zip(outcomes, values, strict=True) if value.default}
            everyone = by_default == {outcome.subject for outcome in outcomes}
            of = "" if everyone else f" of {', '.join(in_table_order(by_default))}"
            alike[name] = f"{values[0].text} (default{of})" if by_default else values[0].text
    return columns, alike


def _of(side: Mapping[str, Used], name: str) -> Used:
    return side.get(name, _ABSENT.get(name, _NONE))


def _value(one: Used) -> str:
    return f"{one.text} (default)" if one.default else one.text
