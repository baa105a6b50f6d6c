"""``differences.md``: what differs between NSL and CleverHans, from what a run measured, the largest effect first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.engine.record import Run
from harness.explain.cause import Cause
from harness.explain.causes import CAUSES
from harness.explain.measured import Evidence, NotExpressed, evidence_for, not_expressed
from harness.report.markdown_text import code, escaped, table
from harness.report.text import count

_HEAD = """\
# What differs between NSL and CleverHans

A row is a cause of divergence: `harness explain CODE` says more of it. What was measured is its largest effect in the
comparisons of two libraries in this run, as the distance of the two sides relative to the longer one: of perturbations,
of the weights' gradients, of final weights. What is unexplained comes first, then the largest; what a library cannot
express has no size and comes last. A plus names causes that are at work in the same place.
"""


def differences_page(run: Run) -> str:
    """The page as Markdown; nothing for a run without two libraries on a shipped scenario that isolates a cause."""
    isolating = {cause.scenario for cause in CAUSES.values() if cause.scenario}
    if not any(record.case.scenario in isolating for record in run.cases):
        return ""
    rows = [_Row(cause, evidence_for(cause, run), not_expressed(cause, run)) for cause in CAUSES.values()]
    shown = sorted((row for row in rows if row.seen), key=lambda row: row.order)
    if not shown:
        return ""
    hidden = [code(row.cause.code) for row in rows if not row.seen]
    head = ("what differs", "nature", "NSL 1.4.0", "CleverHans", "measured", "case")
    lines = [_HEAD, *table(head, (row.cells() for row in shown))]
    if hidden:
        lines += [f"Without effect in this run, or not in it: {', '.join(hidden)}.", ""]
    return "\n".join(lines)


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
        effect = self.evidence[0].effect if self.evidence else 0.0
        return self.cause.code != "unexplained", not self.evidence, -effect, -self.missing.cases

    def cells(self) -> tuple[str, ...]:
        nsl = [one.does for one in self.cause.libraries if one.library.startswith("nsl")]
        others = [one for one in self.cause.libraries if not one.library.startswith("nsl")]
        return (
            f"{escaped(self.cause.title)}<br>{code(self.cause.code)}",
            self.cause.nature,
            "<br>".join(map(escaped, nsl)),
            "<br>".join(escaped(f"{one.library.partition(' ')[2]}: {one.does}") for one in others),
            *self._measured(),
        )

    def _measured(self) -> tuple[str, str]:
        if not self.evidence:
            return f"{count(self.missing.cases, 'case')} without a result on a side", self._scenario()
        first = self.evidence[0]
        record, comparison = first.record, first.comparison
        beside = () if first.established or not self.cause.isolation else self.cause.isolation.beside
        pair = f"{escaped(comparison.left)} and {escaped(comparison.right)}"
        return (
            f"{pair}: {escaped(first.in_words())}",
            " + ".join([code(record.case.id), *map(code, beside)]),
        )

    def _scenario(self) -> str:
        return code(self.cause.scenario)
