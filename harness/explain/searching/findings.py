"""What in a case is news, and which cases show the same: one defect is one finding, however many cases show it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from harness.engine.record import CaseRecord
from harness.engine.work import in_one_line
from harness.vocabulary import Case, Comparison, HarnessError, Outcome, Verdict, content_hash

What = Literal["unexplained", "failure", "reference", "harness"]

MATES: dict[str, dict[str, str]] = {
    "perturbation": {"nsl": "reference-nsl", "cleverhans-v4": "reference-cleverhans"},
    "loss": {"nsl": "reference-nsl", "cleverhans-v3": "reference-cleverhans"},
    "training": {"nsl": "reference-nsl", "cleverhans-v3": "reference-cleverhans"},
}
"""By kind: the library that a reimplementation follows there."""

_FAILED = ("error", "timeout", "crash")
_NOT_BUILT = "building the bridge failed"
"""Begins the reason where no pair of a case has a bridge: took too long, too much memory, and the like."""

_MET = ("EQUAL", "CLOSE", "DRAWN")
_SETTINGS = ("norm", "dtype", "labels")


@dataclass(frozen=True)
class Known:
    """What a subject cannot do and is no news: whose, what its reason says, and why it is so."""

    subject: str
    reason: re.Pattern[str]
    why: str


KNOWN = (
    Known(
        "cleverhans-v3",
        re.compile(r"InvalidArgumentError: assertion failed: \[Condition x [<>]= y did not hold"),
        "3.1.0 asserts that inputs lie in the clip range",
    ),
    Known(
        "cleverhans-v3",
        re.compile(r"TypeError: Input 'y' of '\w+' Op has type float\d\d that does not match type float\d\d"),
        "3.1.0 has constants of float32 in its l2 and l1 steps and its clipping",
    ),
    Known(
        "nsl",
        re.compile(
            r"InvalidArgumentError: cannot compute (Greater|Less)Equal as input #1\(zero-based\) was expected to be"
        ),
        "NSL compares a feature mask with 0.0 and 1.0 of float32, which TensorFlow refuses for one of float64",
    ),
    Known(
        "reference-nsl",
        re.compile(r"reference-nsl takes one input tensor"),
        "one training step of the reimplementation perturbs one input; the attack alone takes several",
    ),
)


@dataclass(frozen=True)
class Finding:
    """Something that nothing explains, in one case.

    Attributes:
        what: ``unexplained``: a divergence; ``failure``: a subject failed; ``reference``: a reimplementation does not
            do what its library does; ``harness``: the case cannot be run.
        who: the sides that it is about.
        pair: the comparison that shows it, in table order; empty where there is none.
        sentence: in words, of this case.
        signature: equal for findings that count as one.
    """

    what: What
    who: tuple[str, ...]
    pair: tuple[str, ...]
    sentence: str
    signature: str

    @property
    def name(self) -> str:
        """Of its files: what, who, and the beginning of a hash of the signature."""
        who = (re.sub(r"[^A-Za-z0-9_.-]", ".", name) for name in self.who)
        return "-".join([self.what, *who, content_hash(self.signature)[:8]])


def findings_in(record: CaseRecord) -> list[Finding]:
    """What is news in a case that was run, compared and explained; each signature once."""
    found: dict[str, Finding] = {}
    for one in [*_failures(record), *_unexplained(record), *_references(record)]:
        found.setdefault(one.signature, one)
    return list(found.values())


def harness_fails(case: Case, error: Exception) -> Finding:
    """That a case cannot be run at all: its problem cannot be prepared, or the harness is broken."""
    of_file = str(error).partition(": ")  # whose name says nothing
    reason = (of_file[2] or of_file[0]) if isinstance(error, HarnessError) else in_one_line(error)
    return Finding("harness", (), (), reason, _signature(case, "harness", without_numbers(reason)))


def without_numbers(text: str) -> str:
    """A reason without what differs from case to case: numbers, quoted names, and what stands in brackets."""
    text = re.sub(r"\[[^\[\]]*\]|'[^']*'|\"[^\"]*\"", "*", text)
    text = re.sub(r"(?<![A-Za-z])[-+]?\d[\d.,]*(e[-+]?\d+)?", "#", text)
    return re.sub(r"(#\s*)+", "#", text)[:300]


def _failures(record: CaseRecord) -> list[Finding]:
    found = []
    for outcome in record.outcomes:
        if outcome.status not in _FAILED or _is_known(outcome):
            continue
        beside = _beside(record, outcome.subject)
        signature = _signature(record.case, outcome.subject, outcome.status, without_numbers(outcome.reason))
        sentence = f"{outcome.subject}: {outcome.status}: {outcome.reason}"
        found.append(Finding("failure", (outcome.subject,), beside, sentence, signature))
    return found


def _is_known(outcome: Outcome) -> bool:
    return any(known.subject == outcome.subject and known.reason.match(outcome.reason) for known in KNOWN)


def _beside(record: CaseRecord, subject: str) -> tuple[str, ...]:
    """The pair of the subject and another one that computed something, a library if there is one."""
    others = sorted(
        (one for one in record.comparisons if subject in (one.left, one.right)),
        key=lambda one: (
            record.outcome(one.left if one.right == subject else one.right).status != "ok",
            _rank(one),
        ),
    )
    return (others[0].left, others[0].right) if others else ()


def _unexplained(record: CaseRecord) -> list[Finding]:
    """Divergences without a cause, those of two libraries first: of these a reproduction can be written."""
    found = []
    for one in sorted(record.comparisons, key=_rank):
        if one.verdict is not Verdict.DIVERGED or not any(cause["code"] == "unexplained" for cause in one.causes):
            continue
        bridge: Mapping[str, Any] = one.metrics.get("bridge", {})
        ends: Mapping[str, Any] = bridge.get("ends", {})
        missed = tuple(name for name in (one.left, one.right) if name in ends and ends[name]["verdict"] not in _MET)
        failed = str(bridge.get("reason", "")).startswith(_NOT_BUILT)
        who = missed or (() if failed else (one.left, one.right))
        reason = "does not meet" if missed else without_numbers(str(bridge.get("reason", "")))
        sentence = f"{one.left} and {one.right}: {bridge.get('reason') or one.sentence}"
        pair = (one.left, one.right)
        # Of a side that is not met every pair is unexplained, and a reason that names no side is that of many pairs.
        for name in missed:
            signature = _signature(record.case, name, reason, _used(record, name))
            found.append(Finding("unexplained", (name,), pair, sentence, signature))
        if not missed:
            found.append(Finding("unexplained", who, pair, sentence, _signature(record.case, reason)))
    return found


def _references(record: CaseRecord) -> list[Finding]:
    outcomes = {outcome.subject: outcome for outcome in record.outcomes}
    found = []
    for library, reference in MATES[record.case.kind].items():
        if library not in outcomes or reference not in outcomes:
            continue
        compared = next(one for one in record.comparisons if {one.left, one.right} == {library, reference})
        statuses = (outcomes[library].status, outcomes[reference].status)
        # What it expresses beyond its library is no fault, and a failure of its own is a finding already.
        lacking = statuses == ("ok", "unsupported") and not _is_known(outcomes[reference])
        if lacking or (compared.verdict is Verdict.DIVERGED and not compared.causes):
            about = without_numbers(outcomes[reference].reason) if lacking else _used(record, library)
            signature = _signature(record.case, library, reference, about)
            pair = (compared.left, compared.right)
            found.append(Finding("reference", (library, reference), pair, compared.sentence, signature))
    return found


def _used(record: CaseRecord, subject: str) -> str:
    """The settings that a subject used and that decide which of its code runs."""
    settings = record.outcome(subject).settings
    values = {name: settings.get(name) for name in _SETTINGS}
    values["labels"] = "target" if isinstance(values["labels"], Mapping) else values["labels"]
    return " ".join(str(values[name]) for name in _SETTINGS)


def _signature(case: Case, *parts: str) -> str:
    return " | ".join([case.kind, case.model.get("output", "logits"), *parts])


def _rank(comparison: Comparison) -> int:
    """0 for two libraries, and one more for each reimplementation."""
    return sum(side.startswith("reference-") for side in (comparison.left, comparison.right))


def smallest(records: Sequence[CaseRecord]) -> CaseRecord:
    """The case to begin with: the one whose scenario says least."""
    return min(records, key=lambda record: len(str((record.case.model, record.case.data, record.case.attack))))
