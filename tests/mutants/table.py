"""The table of mutants: by which cases each defect was caught, and which rewriting was taken for one."""

from __future__ import annotations

from collections.abc import Sequence

from tests.mutants.conduct import Found

SHOWN = 3
"""How many of the cases are named."""


def table(found: Sequence[Found]) -> str:
    """Defects, then rewritings, in Markdown, and a line that sums them up."""
    defects = [one for one in found if not one.mutant.correct]
    rewritings = [one for one in found if one.mutant.correct]
    caught = sum(one.as_it_should_be for one in defects)
    alarms = sum(not one.as_it_should_be for one in rewritings)
    return "\n".join(
        [
            "| defect | caught by | the smallest of them | verdicts |",
            "| --- | --- | --- | --- |",
            *(_row(one, len(one.told_apart) or "NONE") for one in defects),
            "",
            "| correct rewriting | agrees in | false alarms | verdicts |",
            "| --- | --- | --- | --- |",
            *(_row(one, len(one.asked) - len(one.told_apart)) for one in rewritings),
            "",
            f"{caught} of {len(defects)} defects are caught; {alarms} of {len(rewritings)} correct rewritings are "
            f"taken for one.",
        ]
    )


def _row(one: Found, count: int | str) -> str:
    cases = ", ".join(f"`{told.record.case.id}`" for told in one.told_apart[:SHOWN])
    verdicts = ", ".join(f"{count} {verdict}" for verdict, count in one.verdicts.most_common())
    return f"| `{one.mutant.name}`: {one.mutant.what} | {count} of {len(one.asked)} | {cases} | {verdicts} |"


def failures(found: Sequence[Found]) -> str:
    """Of each mutant that is not as it should be, what was said of it."""
    lines = []
    for one in found:
        if one.as_it_should_be:
            continue
        lines.append(f"{one.mutant.subject} ({'correct' if one.mutant.correct else 'escaped'}): {one.mutant.what}")
        lines += [
            f"  {told.record.case.id}: {told.comparison.verdict}: {told.comparison.sentence}" for told in one.told_apart
        ]
    return "\n".join(lines)
