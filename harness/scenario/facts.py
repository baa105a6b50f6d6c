"""What is known of the shipped data sets without loading them, so that a scenario can be checked at once."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

DEFAULT_BATCH = 64


@dataclass(frozen=True)
class Facts:
    """What a model and an attack have to fit.

    Attributes:
        name: of the source, for messages.
        shape: of one example.
        classes: how many there are.
        examples: how many there are before the split.
    """

    name: str
    shape: tuple[int, ...]
    classes: int
    examples: int

    @property
    def features(self) -> int:
        """Numbers in one example."""
        return prod(self.shape)


SHIPPED = {
    facts.name: facts
    for facts in (
        Facts("digits", (8, 8, 1), 10, 1797),
        Facts("iris", (4,), 3, 150),
        Facts("wine", (13,), 3, 178),
        Facts("breast_cancer", (30,), 2, 569),
        Facts("blobs", (8,), 3, 600),
    )
}
"""By name of the source."""


def split_size(examples: int, split: str) -> int:
    """How many of ``examples`` are in a split: the test split is a third of them, rounded down."""
    test = examples // 3
    return {"test": test, "train": examples - test, "all": examples}[split]
