"""Whether a subject conforms to another one: for a terminal, and as Markdown to paste."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from harness.engine.conformance import Asked, Conformance
from harness.engine.record import Run
from harness.report.markdown_text import code, escaped, sentence, table
from harness.report.reproduce import reproduction
from harness.report.text import count, printable
from harness.vocabulary import Verdict

_MOST_FAILURES = 50
_MOST_IN_MARKDOWN = 5


def conform_lines(result: Conformance) -> Iterator[str]:
    """What fails, smallest case first; then what is known to fail, what no longer does, and what was not asked."""
    for one in result.failures[:_MOST_FAILURES]:
        yield f"FAILED  {_named(one)}"
        yield f"        {reproduction(one.record, one.comparison)}"
    if len(result.failures) > _MOST_FAILURES:
        yield f"FAILED  and {len(result.failures) - _MOST_FAILURES:,} more, all in report.html"
    for one in result.known:
        yield f"known   {_named(one)} ({printable(one.known)})"
    for one in result.mended:
        yield f"mended  {printable(one.record.case.id)} conforms now. Remove it from the known failures."
    for outcome in result.lost:
        yield f"lost    {outcome.subject}: {outcome.status}: {printable(outcome.reason)}"
    yield verdict(result)
    for part in _unasked(result):
        yield f"Not asked: {part}."


def conform_markdown(run: Run, result: Conformance) -> str:
    """A summary that a maintainer can paste: the verdict, counts, versions and the worst failures."""
    counted = Counter(one.comparison.verdict for one in result.asked)
    known = Counter(one.comparison.verdict for one in result.known)
    rows = [(str(verdict), str(counted[verdict]), str(known[verdict])) for verdict in Verdict if counted[verdict]]
    lines = [f"**{escaped(verdict(result))}**", "", *table(("verdict", "cases", "of these known"), rows)]
    lines += [f"- not asked: {escaped(part)}" for part in _unasked(result)]
    lines += [f"- {code(name)}: {_version(run.subjects[name])}" for name in (result.subject, result.like)]
    frameworks = ("python", "platform", "tensorflow", "numpy")
    versions = [f"{name} {run.environment[name]}" for name in frameworks if name in run.environment]
    lines += [f"- {escaped(', '.join(versions))}", ""]
    worst = sorted(result.failures, key=_gravity)[:_MOST_IN_MARKDOWN]
    if worst:
        lines += [f"The worst of {count(len(result.failures), 'failure')}:", ""]
        lines += [
            f"- {code(one.record.case.id)} **{one.comparison.verdict}**: {sentence(one.comparison.sentence)}"
            for one in worst
        ]
    return "\n".join(lines).rstrip() + "\n"


def verdict(result: Conformance) -> str:
    """The whole in one sentence."""
    asked, failed, known = len(result.asked), len(result.failures), len(result.known)
    if not asked:
        return f"{result.subject} was asked nothing: there is no case that {result.like} computed."
    cases, also = count(asked, "case"), f"; {known:,} more known to" if known else ""
    if failed:
        return f"{result.subject} does not conform to {result.like}: it fails in {failed:,} of {cases}{also}."
    if known:
        return f"{result.subject} conforms to {result.like} in {asked - known:,} of {cases}; {known:,} known to fail."
    return f"{result.subject} conforms to {result.like} in {'the one case' if asked == 1 else f'all {cases}'}."


def _named(one: Asked) -> str:
    compared = one.comparison
    words = f"{printable(one.record.case.id)}  {compared.verdict}  {printable(compared.sentence)}"
    return f"{words} ({count(one.elements, 'element')})"


def _unasked(result: Conformance) -> list[str]:
    return [f"{count(len(ids), 'case')}: {why}" for why, ids in result.unasked.items()]


def _version(description: Mapping[str, Any]) -> str:
    return escaped(f"{description['library']} {description['version']}")


def _gravity(one: Asked) -> tuple[int, float, tuple[int, int, str]]:
    """Failed before differed, the largest difference first."""
    compared = one.comparison
    worst = compared.metrics.get("roundoff_to_pass", compared.metrics.get("times_twin"))
    order = (Verdict.ERROR, Verdict.UNSUPPORTED, Verdict.DIVERGED)
    return order.index(compared.verdict), -(worst if worst is not None else float("inf")), one.size
