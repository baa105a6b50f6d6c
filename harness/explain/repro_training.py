"""Kind training: a loop of steps on the same batches in the same order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from harness.engine.record import CaseRecord, Run
from harness.explain.repro_calls import Question
from harness.vocabulary import Comparison, HarnessError


@dataclass(frozen=True)
class Course:
    """What a script of this kind has besides.

    Attributes:
        arrays: by the names of the script.
        constants: lines that say what the comparison needs to know.
    """

    arrays: Mapping[str, np.ndarray]
    constants: Sequence[str]


def course_of(run: Run, record: CaseRecord, comparison: Comparison) -> Course:
    """The order of the batches and the steps that are compared."""
    raise HarnessError(f"{record.case.id}: a reproduction of kind training is not written yet.")


def training_source(subject: str, question: Question) -> str:
    """The function that trains as the subject does."""
    raise NotImplementedError
