"""``junit.xml``: one test case a comparison, as CI systems read it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from harness.engine.record import CaseRecord, Run
from harness.engine.standing import Deviation
from harness.report.grade import Grade, Grader, place_of
from harness.report.matrix import by_scenario
from harness.report.reproduce import explanation
from harness.report.text import printable
from harness.vocabulary import Comparison, Verdict

_LONGEST_NAME = 250
"""Characters. CI systems keep names in columns of 255."""

_LONGEST_MESSAGE = 1_000
_LONGEST_LINE = 4_000

_COUNTED = {"failures": "failure", "errors": "error", "skipped": "skipped"}


def junit(run: Run, *, strict: bool = False) -> str:
    """The comparisons of a run as JUnit XML: a suite for each scenario.

    A comparison that is not as expected is a ``failure``, one that failed without being expected to an ``error``; one
    that a side cannot express, or that differs and of which no scenario says what to expect, is ``skipped``.

    Args:
        run: the run.
        strict: whether one of which nobody has said what to expect fails, and what has vanished from the baseline.
    """
    grader = Grader(run.standing, strict=strict)
    root = Element("testsuites", name="harness")
    for scenario, records in by_scenario(run).items():
        name = _name(f"harness.{records[0].case.kind}.{scenario}")
        # XML Schema's form without a zone, which some readers insist on. It is UTC.
        suite = SubElement(root, "testsuite", name=name, timestamp=run.started[: len("2000-01-01T00:00:00")])
        for record in records:
            for comparison in record.comparisons:
                suite.append(_test_case(name, record, comparison, grader.grade(record, comparison)))
        _count(suite, [suite])
        suite.set("time", _seconds(outcome.seconds for record in records for outcome in record.outcomes))
    if run.standing and run.standing.vanished:
        root.append(_vanished(run.standing.vanished, strict))
    _count(root, list(root))
    root.set("time", _seconds([run.seconds]))
    ElementTree.indent(root)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{ElementTree.tostring(root, encoding="unicode")}\n'


def _test_case(suite: str, record: CaseRecord, comparison: Comparison, graded: Grade) -> Element:
    place = place_of(record, comparison)
    sides = [outcome for outcome in record.outcomes if outcome.subject in (comparison.left, comparison.right)]
    element = Element(
        "testcase",
        classname=suite,
        name=_name(f"{record.case.id}: {comparison.left} vs {comparison.right}"),
        time=_seconds(side.seconds for side in sides),
        file=printable(place.file),
        line=str(place.line),
    )
    tag = _element_for(comparison, graded)
    if tag:
        reason = graded.reason or comparison.sentence
        told = SubElement(element, tag, type=str(comparison.verdict), message=_cut(printable(reason), _LONGEST_MESSAGE))
        told.text = "\n".join(_cut(printable(line), _LONGEST_LINE) for line in explanation(record, comparison))
    return element


def _vanished(vanished: Sequence[Deviation], strict: bool) -> Element:
    """What the baseline has and the scenario files no longer have."""
    name = "harness.baseline.vanished"
    suite = Element("testsuite", name=name)
    for one in vanished:
        pair = f": {one.left} vs {one.right}" if one.left else ""
        element = SubElement(suite, "testcase", classname=name, name=_name(f"{one.case}{pair}"), time=_seconds([]))
        message = _cut(printable(f"vanished: {one.sentence}"), _LONGEST_MESSAGE)
        SubElement(element, "failure" if strict else "skipped", type="vanished", message=message)
    _count(suite, [suite])
    return suite


def _element_for(comparison: Comparison, graded: Grade) -> str:
    """``failure``, ``error``, ``skipped``, or nothing for what passed."""
    if comparison.status != "expected" and comparison.verdict is Verdict.ERROR and graded.result != "accepted":
        return "error"  # what could not be computed is never a pass, whether or not the run fails for it
    if comparison.status == "expected" and comparison.verdict is Verdict.UNSUPPORTED:
        return "skipped"  # nothing was compared
    return {"failed": "failure", "error": "error", "skipped": "skipped", "accepted": "skipped"}.get(graded.result, "")


def _count(element: Element, suites: Iterable[Element]) -> None:
    """Sets how many test cases there are below the suites, and how many did not pass, by how."""
    cases = [case for suite in suites for case in suite.iter("testcase")]
    element.set("tests", str(len(cases)))
    for attribute, tag in _COUNTED.items():
        element.set(attribute, str(sum(case.find(tag) is not None for case in cases)))


def _seconds(seconds: Iterable[float]) -> str:
    return f"{sum(seconds):.3f}"


def _name(text: str) -> str:
    """A name on one line; of one that is too long the beginning, and a hash that tells it from others."""
    words = printable(text)
    if len(words) <= _LONGEST_NAME:
        return words
    digest = hashlib.sha256(words.encode()).hexdigest()[:8]
    return f"{words[: _LONGEST_NAME - len(digest) - 4]}...@{digest}"


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 3]}..."
