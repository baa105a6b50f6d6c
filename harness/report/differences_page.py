"""``differences.md``: what differs between NSL and CleverHans, from what a run measured, the largest effect first.

``differences_table`` is the same for the README, with fewer columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.engine.record import Run
from harness.explain.cause import Behaviour, Cause
from harness.explain.causes import CAUSES
from harness.explain.measured import Evidence, NotExpressed, evidence_for, not_expressed
from harness.report.markdown_text import code, escaped, table
from harness.report.text import count

TITLE = "# What differs between NSL and CleverHans"
_HEAD = f"""\
{TITLE}

A row is a cause of divergence: `harness explain CODE` says more of it. What was measured is its effect in the scenario
that isolates it, or else its largest one between two libraries in this run, as the distance of the two sides relative
to the longer one: of perturbations, of the weights' gradients, of final weights. What is unexplained comes first, then
the largest; what a library cannot express has no size and comes last.
"""
_UNMEASURED = "What no shipped scenario can have:"


def differences_page(run: Run) -> str:
    """The page as Markdown; nothing for a run without two libraries on a shipped scenario that isolates a cause."""
    shown, hidden = _rows(run)
    if not shown:
        return ""
    head = ("what differs", "nature", "NSL 1.4.0", "CleverHans", "measured", "case")
    lines = [_HEAD, *table(head, (row.cells() for row in shown))]
    if hidden:
        lines += [f"Without effect in this run, or not in it: {', '.join(code(one.code) for one in hidden)}.", ""]
    unmeasured = [cause for cause in CAUSES.values() if cause.isolation is None and cause.libraries]
    head = (*head[:4], "why not")
    lines += [_UNMEASURED, "", *table(head, ((*_told(cause), escaped(cause.unmeasured)) for cause in unmeasured))]
    return "\n".join(lines)


def differences_table(run: Run) -> str:
    """The rows of the page with what differs, its nature, its size and its case; empty where there is no page."""
    head = ("what differs", "nature", "measured", "case")
    return "\n".join(table(head, (row.short_cells() for row in _rows(run)[0]))) if _rows(run)[0] else ""


def _rows(run: Run) -> tuple[list[_Row], list[Cause]]:
    """The rows in order, and the causes that a scenario would show but that have none."""
    isolating = {cause.scenario for cause in CAUSES.values() if cause.scenario}
    if not any(record.case.scenario in isolating for record in run.cases):
        return [], []
    rows = [_Row(cause, evidence_for(cause, run), not_expressed(cause, run)) for cause in CAUSES.values()]
    shown = sorted((row for row in rows if row.seen), key=lambda row: row.order)
    return shown, [row.cause for row in rows if not row.seen and row.cause.isolation]


@dataclass(frozen=True)
class _Row:
    cause: Cause
    evidence: Sequence[Evidence]
    missing: NotExpressed

    @property
    def seen(self) -> bool:
        return bool(self.evidence or self.missing.cases)

    @property
    def order(self) -> tuple[bool, bool, float, int]:
        """By the size as it is shown: what differs in later digits keeps the order of the causes."""
        effect = float(f"{self.evidence[0].effect:.2g}") if self.evidence else 0.0
        return self.cause.code != "unexplained", not self.evidence, -effect, -self.missing.cases

    def cells(self) -> tuple[str, ...]:
        return (*_told(self.cause), *self._measured())

    def short_cells(self) -> tuple[str, ...]:
        told = _told(self.cause)
        if not self.evidence:
            return (*told[:2], *self._measured())
        first = self.evidence[0]
        return (*told[:2], escaped(first.in_short()), code(first.record.case.id))

    def _measured(self) -> tuple[str, str]:
        if not self.evidence:
            return f"{count(self.missing.cases, 'case')} without a result on a side", code(self.cause.scenario)
        first = self.evidence[0]
        pair = f"{escaped(first.comparison.left)} and {escaped(first.comparison.right)}"
        return f"{pair}: {escaped(first.in_words())}", code(first.record.case.id)


def _told(cause: Cause) -> tuple[str, ...]:
    """What differs, its nature, and what each library does, and where."""
    nsl = [one for one in cause.libraries if one.library.startswith("nsl")]
    others = [one for one in cause.libraries if not one.library.startswith("nsl")]
    return (
        f"{escaped(cause.title)}<br>{code(cause.code)}",
        cause.nature,
        "<br>".join(_does(one) for one in nsl),
        "<br>".join(f"{one.library.partition(' ')[2]}: {_does(one)}" for one in others),
    )


def _does(behaviour: Behaviour) -> str:
    return f"{escaped(behaviour.does)} ([{code(behaviour.name)}]({behaviour.link}))"
