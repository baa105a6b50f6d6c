"""Runs the shipped scenarios on mutants beside the original, and says which cases told them apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from harness.engine.events import Event
from harness.engine.record import CaseRecord
from harness.engine.run import Options, complete, execute
from harness.engine.workers import Workers
from harness.vocabulary import YARDSTICK, Case, Comparison, Kind, Outcome, Verdict
from tests.mutants.kinds import Mutant


@dataclass(frozen=True)
class Family:
    """Mutants of one signature.

    Attributes:
        module: where they are.
        like: the subject that runs the original.
        kind: of the cases that they are asked. A training is many steps; what a step shows needs none.
    """

    module: str
    like: str
    kind: Kind


FAMILIES = (
    Family("tests.mutants.fgm", "cleverhans-v4", "perturbation"),
    Family("tests.mutants.adversarial_loss", "nsl", "loss"),
)


@dataclass(frozen=True)
class Found:
    """What became of one mutant.

    Attributes:
        mutant: itself.
        against: its comparisons with the original by case id, in every case that the original computes, the smallest
            case first.
    """

    mutant: Mutant
    against: dict[str, Comparison]

    @property
    def told_apart(self) -> dict[str, Comparison]:
        """The comparisons in which it is not the original."""
        passed = (Verdict.EQUAL, Verdict.CLOSE)
        return {case: comparison for case, comparison in self.against.items() if comparison.verdict not in passed}

    @property
    def verdicts(self) -> Counter[str]:
        """How often it was told apart, by verdict."""
        return Counter(str(comparison.verdict) for comparison in self.told_apart.values())

    @property
    def as_it_should_be(self) -> bool:
        """Whether a defect is caught, and a rewriting left in peace in at least one case."""
        return bool(self.against) and bool(self.told_apart) != self.mutant.correct


def conduct(
    mutants: Sequence[Mutant],
    family: Family,
    cases: Sequence[Case],
    options: Options,
    listen: Callable[[Event], None] = lambda event: None,
) -> list[Found]:
    """Runs the cases of the family's kind on its mutants.

    Args:
        mutants: of the family.
        family: whose original they are held against.
        cases: of any kind; who takes part in them is settled here.
        options: how to run.
        listen: gets the events.

    Raises:
        KeyboardInterrupt: it was interrupted.
    """
    workers = Workers()

    def run(chosen: Sequence[Case], subjects: tuple[str, ...]) -> list[CaseRecord]:
        taking_part = [replace(case, subjects=(*subjects, family.like, YARDSTICK), expectations={}) for case in chosen]
        events = execute(taking_part, replace(options, against=family.like), shared=workers)
        finished = complete(events, listen)
        if finished.interrupted:
            raise KeyboardInterrupt
        return sorted(finished.cases, key=_size)

    try:
        of_original = run([case for case in cases if case.kind == family.kind], ())
        # What the original cannot do, nobody is asked.
        computed = [record for record in of_original if record.outcome(family.like).status == "ok"]
        asked = [_labels_stated(record.case, record.outcome(family.like)) for record in computed]
        records = run(asked, tuple(mutant.subject for mutant in mutants))
    finally:
        workers.close()
    return [
        Found(
            mutant,
            {
                record.case.id: comparison
                for record in records
                for comparison in record.comparisons
                if mutant.subject in (comparison.left, comparison.right)
            },
        )
        for mutant in mutants
    ]


def _labels_stated(case: Case, of_original: Outcome) -> Case:
    """The case with the labels that the original takes by itself stated: to a function of its signature nothing else
    is said then, but the yardstick is asked the same question and knows what float32 cannot."""
    return replace(case, attack={**case.attack, "labels": of_original.settings["labels"]})


def _size(record: CaseRecord) -> tuple[int, int, str]:
    """Examples, then settings."""
    data, point = record.case.data, record.case.point
    return int(data.get("batch") or np.shape(data.get("x", ()))[0]), len(point), record.case.id
