"""What sets two runs apart, as text, Markdown and JSON."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from harness.engine.difference import Difference, OutcomeDifference
from harness.engine.known_differences import Assessment, Finding
from harness.report.markdown_text import code, escaped, sentence, table
from harness.report.text import cleaned, count, printable
from harness.vocabulary import FORMAT_VERSION, Verdict

_MOST_LISTED = 50
_FEW = 10


def text(found: Difference, assessment: Assessment) -> str:
    """What a terminal shows: the differences that count first, the sum last."""
    lines = [f"differs     {_name(one)}  {_words(one)}" for one in assessment.failing[:_MOST_LISTED]]
    lines += _more("differs", assessment.failing)
    for reason, number in Counter(reason for _, reason in assessment.known).most_common():
        lines.append(f"known       {count(number, 'difference')}: {reason}")
    lines += [
        f"known       line {one.line} fits no difference any more: {one.case} {one.subject}"
        for one in assessment.unused
    ]
    for label, missing in (("only before", found.only_before), ("only after", found.only_after)):
        lines += [f"{label:<12}{one}" for one in missing[:_FEW]]
        lines += [f"{label:<12}and {len(missing) - _FEW:,} more"] if len(missing) > _FEW else []
    lines += [
        f"{'environment':<12}{name}: {before}, then {after}" for name, (before, after) in found.environment.items()
    ]
    return "\n".join(printable(line) for line in [*lines, *_sums(found, assessment)]) + "\n"


def markdown(found: Difference, assessment: Assessment) -> str:
    """The same as a page, for a summary in CI or a review."""
    head, *rest = _sums(found, assessment)
    lines = [f"# {escaped(head)}", "", *(f"- {escaped(line)}" for line in rest), ""]
    if assessment.failing:
        lines += ["## Differences", ""]
        lines += [f"- {_name_md(one)}: {sentence(_words(one))}" for one in assessment.failing[:_MOST_LISTED]]
        lines += [f"- {escaped(line)}" for line in _more("", assessment.failing)] + [""]
    if assessment.known:
        lines += ["## Known", ""]
        for reason, number in Counter(reason for _, reason in assessment.known).most_common():
            lines.append(f"- {count(number, 'difference')}: {escaped(reason)}")
        lines.append("")
    for title, missing in (("Only in the first run", found.only_before), ("Only in the second run", found.only_after)):
        if missing:
            more = [f"- and {len(missing) - _FEW:,} more"] if len(missing) > _FEW else []
            lines += [f"## {title}", "", *(f"- {code(one)}" for one in missing[:_FEW]), *more, ""]
    if found.environment:
        rows = [(escaped(name), escaped(a), escaped(b)) for name, (a, b) in found.environment.items()]
        lines += ["## Environment", "", *table(("", "first run", "second run"), rows)]
    return "\n".join(lines).rstrip() + "\n"


def as_json(found: Difference, assessment: Assessment) -> str:
    """Everything, for other programs. ``status`` is ``alike``, ``differs`` or ``known``."""
    known = {id(one): reason for one, reason in assessment.known}
    failing = {id(one) for one in assessment.failing}

    def status(one: Finding) -> dict[str, Any]:
        if id(one) in known:
            return {"status": "known", "reason": known[id(one)]}
        return {"status": "differs" if id(one) in failing else "alike"}

    body = {
        "format_version": FORMAT_VERSION,
        "outcomes": [{**vars(one), "verdict": str(one.verdict), **status(one)} for one in found.outcomes],
        "verdicts": [
            {**vars(one), "before": str(one.before), "after": str(one.after), **status(one)} for one in found.verdicts
        ],
        "only_before": list(found.only_before),
        "only_after": list(found.only_after),
        "environment": {name: list(pair) for name, pair in found.environment.items()},
    }
    return json.dumps(cleaned(body), indent=1, allow_nan=False) + "\n"


def _sums(found: Difference, assessment: Assessment) -> Iterable[str]:
    compared = Counter(one.verdict for one in found.outcomes if one.state == "compared")
    total = sum(compared.values())
    verdicts = ", ".join(f"{compared[verdict]:,} {verdict}" for verdict in Verdict if compared[verdict])
    differing = len(assessment.failing)
    known = f"{len(assessment.known):,} known" if assessment.known else ""
    if differing:
        yield f"The two runs differ: {count(differing, 'difference')}{f' besides {known}' if known else ''}."
    else:
        yield f"The two runs agree{f', but for {known} differences' if known else ''}."
    yield f"{count(total, 'outcome')} compared array by array{f': {verdicts}' if verdicts else ''}"
    states = Counter(one.state for one in found.outcomes)
    for state, words in (
        ("other problem", "of other weights, data or settings, so that their arrays say nothing"),
        ("other status", "with arrays in one run only"),
        ("unsupported", "that the subject can express in neither run"),
        ("failed", "that failed in both runs"),
    ):
        if states[state]:
            yield f"{count(states[state], 'outcome')} {words}"
    round_off = sum(one.only_round_off for one in found.verdicts)
    yield f"{count(len(found.verdicts) - round_off, 'verdict')} changed"
    if round_off:
        yield f"{count(round_off, 'pair')} equal bit for bit in one run and within round-off in the other"


def _name(one: Finding) -> str:
    return f"{one.case}  {one.subject.replace('|', ' | ')}"


def _name_md(one: Finding) -> str:
    return f"{code(one.case)} {escaped(one.subject.replace('|', ' | '))}"


def _words(one: Finding) -> str:
    if not isinstance(one, OutcomeDifference):
        return f"{one.before} became {one.after}: {one.sentence}"
    settings = "; ".join(f"{name} {before}, then {after}" for name, (before, after) in one.settings.items())
    used = f"; other settings: {settings}" if settings else ""
    return f"{one.verdict if one.state == 'compared' else one.state}: {one.sentence}{used}"


def _more(label: str, found: Sequence[Finding]) -> list[str]:
    rest = len(found) - _MOST_LISTED
    return [f"{label:<12}and {rest:,} more, all with --format json".lstrip()] if rest > 0 else []
