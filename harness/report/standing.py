"""How a run stands to its baseline, for people: what is new, changed, gone, left out, expired, and what is accepted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from harness.engine.accepting import Acceptance
from harness.engine.baseline_file import Accepted, Baseline, scenario_of
from harness.engine.standing import GROUPS, Deviation, Standing
from harness.report.markdown_text import code, escaped, sentence
from harness.report.text import count, printable
from harness.vocabulary import Verdict

LABELS = {"not_run": "not run"}
"""Names of groups that are not words themselves."""

_MOST_LISTED = 50
_FEW = 10

_TONES = {"changed": "bold red", "expired": "bold red", "vanished": "yellow", "new": "yellow", "accepted": "dim"}

Line = list[tuple[str, str]]
"""Parts of a line: words, and their style."""


def baseline_line(standing: Standing) -> str:
    """All groups in one line: ``2 new, 1 changed, 15 not run``; or that there is nothing to say."""
    counted = [f"{_total(standing, name):,} {label(name)}" for name in GROUPS if getattr(standing, name)]
    return f"Against the baseline {standing.file}: {', '.join(counted) if counted else 'nothing has changed'}."


def label(group: str) -> str:
    """The name of a group as a reader sees it."""
    return LABELS.get(group, group)


def standing_lines(standing: Standing) -> Iterable[Line]:
    """What a terminal shows: changed, expired and new alarms one by one, the rest counted."""
    for name in ("changed", "expired", "new"):
        yield from _each(name, [one for one in getattr(standing, name) if one.fails])
    harmless = [one for one in standing.new if not one.fails]
    if harmless:
        yield _counted("new", harmless, "as expected, or equal")
    if len(standing.vanished) <= _FEW:
        yield from _each("vanished", standing.vanished)
    else:
        yield _counted("vanished", standing.vanished, "no longer in the scenario files")
    if standing.not_run:
        yield _counted("not_run", standing.not_run, "of the baseline not in this run")
    for reason, number in Counter(one.reason for one in standing.accepted).most_common(_FEW):
        yield [(f"{'accepted':<12}", "dim"), (f"{count(number, 'comparison')}: {reason}", "")]


def standing_section(standing: Standing) -> Iterable[str]:
    """The section of the Markdown report."""
    yield from ("## Against the baseline", "", escaped(baseline_line(standing)), "")
    for name in GROUPS:
        found: Sequence[Deviation] = getattr(standing, name)
        if not found:
            continue
        yield from (f"### {label(name).capitalize()}", "")
        if name == "not_run":
            yield from (escaped(_scenarios(found)), "")
            continue
        yield from (_item(one) for one in found[:_MOST_LISTED])
        if len(found) > _MOST_LISTED:
            yield f"- and {len(found) - _MOST_LISTED:,} more, in {escaped(_scenarios(found[_MOST_LISTED:]))}"
        yield ""


def accepted_lines(acceptance: Acceptance) -> Iterable[str]:
    """What ``harness baseline accept`` says it did."""
    changed = f"{acceptance.entries:,} {'entry' if acceptance.entries == 1 else 'entries'}"
    where = printable(acceptance.baseline.file)
    yield f"accepted {count(acceptance.cases, 'case')} in {where}: {changed} new or changed"
    for one in acceptance.divergences:
        yield printable(f"accepted  {one.case}  {one.left} | {one.right}  {one.now}: {one.reason}")


def pruned_lines(baseline: Baseline, gone: Sequence[Deviation]) -> Iterable[str]:
    """What ``harness baseline prune`` removed."""
    for one in gone:
        yield printable(f"removed  {one.case}{f'  {one.left} | {one.right}' if one.left else ''}: {one.sentence}")
    if not gone:
        yield printable(f"{baseline.file}: nothing to remove, the scenario files of the run have all of it")


def divergence_lines(baseline: Baseline) -> Iterable[str]:
    """What a baseline holds, in one line, and each divergence that is accepted for a reason of its own."""
    entries = [one for pairs in baseline.accepted.values() for one in pairs.values()]
    counted = Counter(str(one.verdict) for one in entries)
    verdicts = ", ".join(f"{counted[str(verdict)]:,} {verdict}" for verdict in Verdict if counted[str(verdict)])
    yield printable(
        f"{baseline.file}: {count(len(baseline.accepted), 'case')}, {count(len(entries), 'comparison')}: {verdicts}"
    )
    for case, pairs in sorted(baseline.accepted.items()):
        for pair, one in sorted(pairs.items()):
            if one.reason:
                yield printable(f"{case}  {pair.replace('|', ' | ')}  {_entry(one)}")
    if not any(one.reason for one in entries):
        yield "no divergence but those that the scenarios expect"


def case_lines(case: str, accepted: Mapping[str, Accepted]) -> Iterable[str]:
    """What a baseline holds of one case."""
    yield printable(case)
    for pair, one in sorted(accepted.items()):
        yield printable(f"  {pair.replace('|', ' | '):44}  {_entry(one)}")


def _entry(one: Accepted) -> str:
    figures = ", ".join(f"{name} {'none' if value is None else value}" for name, value in one.figures.items())
    until = f", until {one.expires}" if one.expires else ""
    reason = f": {one.reason} ({one.date}{until})" if one.reason else ""
    return f"{one.verdict}{f' ({figures})' if figures else ''}{reason}"


def _item(one: Deviation) -> str:
    pair = f" {escaped(one.left)} \\| {escaped(one.right)}" if one.left else ""
    reason = f" Accepted: {sentence(one.reason)}" if one.reason else ""
    verdicts = f" **{_verdicts(one)}**" if one.was or one.now else ""
    return f"- {code(one.case)}{pair}:{verdicts} {sentence(one.sentence)}{reason}"


def _each(name: str, found: Sequence[Deviation]) -> Iterable[Line]:
    for one in found[:_MOST_LISTED]:
        pair = f"{one.left} | {one.right}  " if one.left else ""
        yield [
            (f"{label(name):<12}", _TONES[name]),
            (f"{one.case}  ", "bold"),
            (pair, ""),
            (_verdicts(one), "bold"),
            (f"{': ' if one.was or one.now else ''}{one.sentence}", ""),
            (f" (accepted: {one.reason})" if one.reason else "", "dim"),
            (f"  {one.location}" if one.location else "", "dim"),
        ]
    if len(found) > _MOST_LISTED:
        yield [(f"{label(name):<12}", _TONES[name]), (f"and {len(found) - _MOST_LISTED:,} more, in report.md", "")]


def _verdicts(one: Deviation) -> str:
    if one.was and one.now and one.was != one.now:
        return f"{one.was} became {one.now}"
    return one.now or one.was


def _counted(name: str, found: Sequence[Deviation], words: str) -> Line:
    return [(f"{label(name):<12}", _TONES.get(name, "dim")), (f"{_size(found)} {words}, in {_scenarios(found)}", "")]


def _scenarios(found: Sequence[Deviation]) -> str:
    names = list(dict.fromkeys(scenario_of(one.case) for one in found))
    return ", ".join(names[:_FEW]) + (f" and {len(names) - _FEW:,} more scenarios" if len(names) > _FEW else "")


def _size(found: Sequence[Deviation]) -> str:
    whole, pairs = sum(not one.left for one in found), sum(bool(one.left) for one in found)
    parts = [count(whole, "case")] if whole else []
    return " and ".join([*parts, *([count(pairs, "comparison")] if pairs else [])])


def _total(standing: Standing, name: str) -> int:
    return len(getattr(standing, name))
