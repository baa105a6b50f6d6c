"""Whether a subject does what another one does, in every case that the other one computes."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harness.engine.judging import meets
from harness.engine.record import CaseRecord, Run
from harness.vocabulary import YARDSTICK, Case, Comparison, Expectation, HarnessError, Kind, Outcome, Verdict


@dataclass(frozen=True)
class Asked:
    """A case that was asked of both subjects.

    Attributes:
        record: the case with what came of it.
        comparison: of the two.
        elements: numbers in the inputs of its batch, or of all its examples where it trains.
        known: why a failure in it is known; empty where none is.
    """

    record: CaseRecord
    comparison: Comparison
    elements: int
    known: str = ""

    @property
    def conforms(self) -> bool:
        """Whether the subject does what the other one does, but for round-off."""
        return self.comparison.verdict in (Verdict.EQUAL, Verdict.CLOSE)

    @property
    def size(self) -> tuple[int, int, str]:
        """What to sort by: the smallest case is the easiest to look into."""
        case = self.record.case
        return self.elements, len(case.attack) + len(case.training), case.id


@dataclass(frozen=True)
class Conformance:
    """What came of it.

    Attributes:
        subject: that was asked whether it conforms.
        like: to this one.
        asked: the cases that ``like`` computes, smallest first.
        unasked: why a case was not asked, to the ids of those cases.
        lost: cases in which ``like`` did not come to an end: nothing is known of them.
    """

    subject: str
    like: str
    asked: tuple[Asked, ...]
    unasked: Mapping[str, tuple[str, ...]]
    lost: tuple[Outcome, ...]

    @property
    def failures(self) -> list[Asked]:
        """That are not known."""
        return [one for one in self.asked if not one.conforms and not one.known]

    @property
    def known(self) -> list[Asked]:
        """Failures that are known."""
        return [one for one in self.asked if not one.conforms and one.known]

    @property
    def mended(self) -> list[Asked]:
        """Cases of which a failure is known, and that conform now."""
        return [one for one in self.asked if one.conforms and one.known]


FORM = "form"
"""Tag of scenarios that tell two forms of the same arithmetic apart, both of them right: nobody is held to these."""


def binds(case: Case, like: str) -> bool:
    """Whether an implementation that is like a subject has to agree with it in this case."""
    return like in case.subjects and FORM not in case.tags


def questions(cases: Iterable[Case], subject: str, like: str, kinds: Collection[Kind]) -> list[Case]:
    """The cases of these kinds that bind whoever is like ``like``, with both subjects and the yardstick in them.

    Raises:
        HarnessError: there is none.
    """
    selected = []
    for case in cases:
        if not binds(case, like) or case.kind not in kinds:
            continue
        # What float32 could know excuses nothing of a training.
        beside = () if case.kind == "training" else (YARDSTICK,)
        taking_part = tuple(dict.fromkeys((subject, like, *beside)))
        expected = {
            pair: expectation
            for pair, expectation in case.expectations.items()
            if set(pair.split("|")) <= set(taking_part)
        }
        selected.append(replace(case, subjects=taking_part, expectations=expected))
    if not selected:
        raise HarnessError(
            f"nothing selected: no case of kind {' or '.join(kinds)} has {like} among its subjects. "
            "harness list shows all cases."
        )
    return selected


def with_labels_stated(case: Case, of_like: Outcome) -> Case:
    """The case with the labels stated that ``like`` took by itself.

    To a function of its signature nothing else is said then. But the yardstick, which has a default of its own, is
    asked the same question, and knows what float32 cannot.
    """
    if "labels" in case.attack or "labels" not in of_like.settings:
        return case
    return replace(case, attack={**case.attack, "labels": of_like.settings["labels"]})


def conformance(run: Run, subject: str, like: str, known: Mapping[str, str]) -> Conformance:
    """What a run of ``questions`` says.

    Args:
        run: with the comparisons of the subject.
        subject, like: of the questions.
        known: ids of cases with a known failure to its reason.
    """
    asked: list[Asked] = []
    unasked: dict[str, list[str]] = {}
    lost: list[Outcome] = []
    for record in run.cases:
        other = record.outcome(like)
        reason = _not_asked(record.case, other)
        if other.status in ("timeout", "crash"):
            lost.append(other)
        elif reason:
            unasked.setdefault(reason, []).append(record.case.id)
        else:
            comparison = next(one for one in record.comparisons if {one.left, one.right} == {subject, like})
            elements = sum(array.size for array in run.inputs(record).values())
            asked.append(Asked(record, comparison, elements, known.get(record.case.id, "")))
    ordered = tuple(sorted(asked, key=lambda one: one.size))
    return Conformance(subject, like, ordered, {why: tuple(ids) for why, ids in unasked.items()}, tuple(lost))


def _not_asked(case: Case, other: Outcome) -> str:
    """Why a case says nothing of the subject, or nothing. ``other`` is the outcome of the one that it is held to."""
    if other.status == "unsupported":
        return f"unsupported by {other.subject}"
    if other.status != "ok":
        return f"{other.subject} fails"
    layers = [*case.model.get("before", ()), *case.model.get("layers", ())]
    in_training = "training" in (other.settings.get("mode"), other.settings.get("attack_mode"))
    if in_training and any(layer["kind"] == "dropout" for layer in layers):
        return "dropout draws random numbers, in an order of each implementation's own"
    return ""


def as_expected(run: Run, result: Conformance) -> Run:
    """The run with an expectation for every case that was asked, so that all reports show what conforms."""
    stated = {one.record.case.id: _stated(one, result.like) for one in result.asked}
    return replace(run, cases=tuple(stated.get(record.case.id, record) for record in run.cases))


def _stated(one: Asked, like: str) -> CaseRecord:
    verdict, because = Verdict.CLOSE, f"it is held to {like}"
    if one.known and not one.conforms:
        verdict, because = one.comparison.verdict, f"known: {one.known}"
    case, compared = one.record.case, one.comparison
    expectation = Expectation(verdict, because, case.location)
    status = "expected" if meets(compared.verdict, verdict) else "unexpected"
    comparison = replace(compared, expected=str(verdict), because=because, status=status)
    return replace(
        one.record,
        case=replace(case, expectations={**case.expectations, f"{compared.left}|{compared.right}": expectation}),
        comparisons=tuple(comparison if each is compared else each for each in one.record.comparisons),
    )


_BETWEEN = re.compile(r"\s*#\s*|\s+")


def read_known(path: Path, ids: Sequence[str]) -> dict[str, str]:
    """The known failures of a file: one id of a case a line, then why, behind ``#`` if you like.

    Empty lines, and lines that begin with ``#``, say nothing.

    Args:
        path: of the file.
        ids: of all cases that there are.

    Raises:
        HarnessError: it cannot be read, or any of its lines has no reason, or an id that is twice or that no case has.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise HarnessError(f"{path}: cannot be read: {error.strerror or error}.") from error
    except UnicodeDecodeError as error:
        raise HarnessError(f"{path}: is not UTF-8 text: {error}. Save the file as UTF-8.") from error
    known: dict[str, str] = {}
    wrong = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        case, reason = _parts(line.strip())
        if case not in ids:
            wrong.append(f"{path}:{number}: there is no case '{_shown(case)}'. {_near(case, ids)}")
        elif not reason:
            wrong.append(f"{path}:{number}: expected an id and a reason, got '{case}' alone. Say why it fails.")
        elif case in known:
            wrong.append(f"{path}:{number}: {case} stands twice. Remove one of the lines.")
        else:
            known[case] = reason
    if wrong:
        raise HarnessError("\n".join(wrong))
    return known


def _parts(line: str) -> tuple[str, str]:
    case, *reason = _BETWEEN.split(line, maxsplit=1)
    return case, reason[0] if reason else ""


def _shown(text: str) -> str:
    visible = "".join(one if one.isprintable() else repr(one)[1:-1] for one in text)
    return visible if len(visible) <= _LONGEST else f"{visible[:_LONGEST]}..."


_LONGEST = 120


def _near(case: str, ids: Sequence[str]) -> str:
    import difflib  # here, so that nobody waits for it who makes no mistake

    near = difflib.get_close_matches(case, ids, n=1, cutoff=0.5)
    return f"Did you mean '{near[0]}'?" if near else "harness list shows the ids."
