"""What happens in a run, as values. The engine yields them; the terminal and whoever else listens."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from harness.engine.record import CaseRecord, Run
from harness.vocabulary import Case, Outcome


@dataclass(frozen=True)
class Planned:
    """The work is known: how many problems to prepare, how many outcomes to compute or to take from the store, and of
    how many cases."""

    problems: int
    outcomes: int
    cases: int


@dataclass(frozen=True)
class ProblemReady:
    """The weights or the batch of a case are in the store."""

    case: Case


@dataclass(frozen=True)
class OutcomeBegun:
    """A worker has been given the outcome of a subject for a case, or its evaluation."""

    case: Case
    subject: str


@dataclass(frozen=True)
class Progressed:
    """A subject's training for a case has come so far: ``step`` of ``steps``, over all of its seeds."""

    case: Case
    subject: str
    step: int
    steps: int


@dataclass(frozen=True)
class Damaged:
    """A file of the store is not what was written there, or is gone; what it held is computed again."""

    path: Path


@dataclass(frozen=True)
class OutcomeReady:
    """A subject has an outcome for a case."""

    case: Case
    outcome: Outcome


@dataclass(frozen=True)
class CaseJudged:
    """All outcomes of a case are there and compared."""

    record: CaseRecord


@dataclass(frozen=True)
class Explaining:
    """Of so many cases, ``done`` of ``cases``, it is known why outcomes diverge; before the first one, of none.

    Attributes:
        what: ``causes``, or ``proposals`` where it is checked what makes them agree.
    """

    done: int
    cases: int
    what: str = "causes"


@dataclass(frozen=True)
class Finished:
    """The run is over, by itself or interrupted."""

    run: Run


Event: TypeAlias = (
    Planned | ProblemReady | OutcomeBegun | Progressed | Damaged | OutcomeReady | CaseJudged | Explaining | Finished
)
