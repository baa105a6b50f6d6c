"""Runs the shipped scenarios on mutants beside the original, and says which cases told them apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from harness.engine.conformance import Asked, binds, conformance, with_labels_stated
from harness.engine.events import Event
from harness.engine.record import Run
from harness.engine.run import Options, complete, execute
from harness.engine.workers import Workers
from harness.vocabulary import YARDSTICK, Case, Kind
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
        asked: in every case that the original computes, as ``harness conform`` asks; smallest case first.
    """

    mutant: Mutant
    asked: tuple[Asked, ...]

    @property
    def told_apart(self) -> list[Asked]:
        """The cases in which it is not the original."""
        return [one for one in self.asked if not one.conforms]

    @property
    def verdicts(self) -> Counter[str]:
        """How often it was told apart, by verdict."""
        return Counter(str(one.comparison.verdict) for one in self.told_apart)

    @property
    def as_it_should_be(self) -> bool:
        """Whether a defect is caught, and a rewriting left in peace in at least one case."""
        return bool(self.asked) and bool(self.told_apart) != self.mutant.correct


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
        listen: gets the events of the run with the mutants.

    Raises:
        KeyboardInterrupt: it was interrupted.
    """
    workers = Workers()

    def run(chosen: Sequence[Case], subjects: Sequence[str], listen: Callable[[Event], None]) -> Run:
        taking_part = [replace(case, subjects=(*subjects, family.like, YARDSTICK), expectations={}) for case in chosen]
        finished = complete(execute(taking_part, replace(options, against=family.like), shared=workers), listen)
        if finished.interrupted:
            raise KeyboardInterrupt
        return finished

    try:
        selected = [case for case in cases if case.kind == family.kind and binds(case, family.like)]
        of_original = run(selected, [], lambda event: None)
        computed = [record for record in of_original.cases if record.outcome(family.like).status == "ok"]
        asked = [with_labels_stated(record.case, record.outcome(family.like)) for record in computed]
        finished = run(asked, [mutant.subject for mutant in mutants], listen)
    finally:
        workers.close()
    return [Found(mutant, conformance(finished, mutant.subject, family.like, known={}).asked) for mutant in mutants]
