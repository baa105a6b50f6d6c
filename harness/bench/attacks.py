"""The attack of every subject against the bare compiled gradient, each library called as its users call it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from harness.bench.attack_calls import BARE, examples, seconds_a_call
from harness.bench.rows import Row, ratios
from harness.bench.training import in_both
from harness.bench.training_steps import Work
from harness.engine.workers import Workers
from harness.vocabulary import HarnessError

SECTION = "attack"
WORKS = {Work("MLP", 64): 20, Work("CNN", 256): 1}
"""What is attacked, and how many calls in a row are one measurement: enough for some ten milliseconds."""

_CLOSE = 1e-6
_FLIPPED = 1e-3
"""Share of elements that may differ: where a gradient is next to zero, its sign is a matter of round-off."""


def rows(*, repetitions: int, works: Mapping[Work, int] = WORKS) -> Iterator[Row]:
    """Measures all attacks in turn, those of TensorFlow 2 in one process, that of TensorFlow 1 in another.

    Args:
        repetitions: of each measurement.
        works: what is attacked, with the number of calls in a row.

    Raises:
        HarnessError: a process failed, or not all attacks return the same.
    """
    workers = Workers()

    try:
        for work, number in works.items():
            check_same_examples(in_both(workers, examples, work))
            measured = [in_both(workers, seconds_a_call, work, number) for _ in range(repetitions)]
            seconds = {name: tuple(one[name] for one in measured) for name in measured[0]}
            yield Row(SECTION, f"{work}: {BARE}", tuple(1e3 * value for value in seconds[BARE]), "ms")
            for name in list(seconds)[1:]:
                yield Row(SECTION, f"{work}: {name} / {BARE}", ratios(seconds[name], seconds[BARE]), "x")
    finally:
        workers.close()


def check_same_examples(found: Mapping[str, np.ndarray]) -> None:
    """Raises ``HarnessError`` unless all attacks return the same examples: else the ratios say nothing."""
    for name, array in found.items():
        differing = np.mean(~(np.abs(array - found[BARE]) <= _CLOSE))
        if differing > _FLIPPED:
            raise HarnessError(f"of the adversarial examples of {name}, {differing:.1%} are not those of {BARE}")
