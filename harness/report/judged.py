"""What judging a run again changed, and what tolerance each divergence would need."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from harness.engine.judging import Rejudged
from harness.engine.record import CaseRecord, Run
from harness.report.text import count, printable
from harness.vocabulary import Comparison, Kind, Verdict

_MOST_LISTED = 20

_NEEDED: dict[Kind, tuple[str, str]] = {
    "perturbation": ("--max-roundoff", "roundoff_to_pass"),
    "loss": ("--max-gradient-roundoff", "roundoff_to_pass"),
    "training": ("--max-times-twin", "times_twin"),
}
"""By kind the option of ``harness judge``, and the figure that it is a limit of."""


def changed_lines(changed: Sequence[Rejudged]) -> Iterable[str]:
    """One line for each comparison that came to something else."""
    for one in changed:
        before, after = one.before, one.after
        verdict = str(after.verdict) if before.verdict is after.verdict else f"{before.verdict} became {after.verdict}"
        status = after.status if before.status == after.status else f"{before.status} became {after.status}"
        yield printable(f"{one.record.case.id}  {after.left} | {after.right}  {verdict}, {status}: {after.sentence}")
    yield f"{count(len(changed), 'comparison')} changed" if changed else "every comparison is as it was"


def divergence_lines(run: Run, *, everything: bool) -> Iterable[str]:
    """Each divergence with the tolerance that would pass, those that come nearest to passing first.

    Args:
        run: the run.
        everything: else some of them, with how many more there are.
    """
    found = sorted(_divergences(run), key=lambda one: (_needed(*one) is None, _needed(*one) or 0.0))
    shown = found if everything else found[:_MOST_LISTED]
    for record, comparison in shown:
        needed = _needed(record, comparison)
        option = _NEEDED[record.case.kind][0]
        passing = "no tolerance would pass" if needed is None else f"{option} {math.ceil(needed)} would pass"
        yield printable(f"DIVERGED  {record.case.id}  {comparison.left} | {comparison.right}  {passing}")
    if len(found) > len(shown):
        yield f"DIVERGED  and {len(found) - len(shown):,} more that need a larger tolerance; --all shows them"


def _divergences(run: Run) -> list[tuple[CaseRecord, Comparison]]:
    return [(r, one) for r in run.cases for one in r.comparisons if one.verdict is Verdict.DIVERGED]


def _needed(record: CaseRecord, comparison: Comparison) -> float | None:
    """The limit that the figure must not exceed; ``None`` where no limit would do."""
    if comparison.metrics.get("incomparable_seeds"):
        return None
    return comparison.metrics[_NEEDED[record.case.kind][1]]
