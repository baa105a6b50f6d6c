"""A compiled training step of the reimplementation against the least that it could cost; the libraries' beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from harness.bench.rows import Row, ratios
from harness.bench.training_steps import LEAST, Work, first_losses, seconds_a_step
from harness.engine.work import in_one_line
from harness.engine.workers import Workers
from harness.subjects.environments import TENSORFLOW_1, TENSORFLOW_2
from harness.subjects.protocol import Environment
from harness.vocabulary import HarnessError

SECTION = "training step"
OVER_LEAST = 1.05
"""The most that the reimplementation's step may take over two forward and two backward passes."""
WORKS = {Work("MLP", 64): 20, Work("CNN", 256): 1}
"""What is trained, and how many steps in a row are one measurement: enough for some ten milliseconds."""

_CHECKED = 5
_TOLERANCE = 1e-4
"""Relative. Round-off is below it; a single update left out, or another weight of the losses, is above it."""
_HOUR = 3600.0


def rows(*, repetitions: int, works: Mapping[Work, int] = WORKS) -> Iterator[Row]:
    """Measures all steps in turn, those of TensorFlow 2 in one process, that of TensorFlow 1 in another.

    Args:
        repetitions: of each measurement.
        works: what is trained, with the number of steps in a row.

    Raises:
        HarnessError: a process failed, or not all steps do the same.
    """
    workers = Workers()

    try:
        for work, number in works.items():
            check_same_losses(in_both(workers, first_losses, work, _CHECKED))
            measured = [in_both(workers, seconds_a_step, work, number) for _ in range(repetitions)]
            seconds = {name: tuple(one[name] for one in measured) for name in measured[0]}
            for name, values in seconds.items():
                yield Row(SECTION, f"{work}: {name}", tuple(1e3 * value for value in values), "ms")
            for name in list(seconds)[1:]:
                limit = OVER_LEAST if name == "reference-nsl" else None
                yield Row(SECTION, f"{work}: {name} / {LEAST}", ratios(seconds[name], seconds[LEAST]), "x", limit)
    finally:
        workers.close()


def check_same_losses(losses: Mapping[str, list[float]]) -> None:
    """Raises ``HarnessError`` unless all steps go through the losses of the least one: else the ratios say nothing."""
    for name, values in losses.items():
        if not np.allclose(values, losses[LEAST], rtol=_TOLERANCE, atol=0.0):
            raise HarnessError(f"the first losses of {name} are {values}; those of {LEAST} {losses[LEAST]}")


def in_both(workers: Workers, function: Callable[..., dict[str, Any]], *arguments: Any) -> dict[str, Any]:
    """What a function returns in the workers of both environments, TensorFlow 2 first; its first argument is which."""
    return {
        name: value
        for environment in (TENSORFLOW_2, TENSORFLOW_1)
        for name, value in in_worker(workers, environment, function, *arguments).items()
    }


def in_worker(workers: Workers, environment: Environment, function: Callable[..., Any], *arguments: Any) -> Any:
    """Calls a function in the one worker of an environment, whose name is its first argument."""
    try:
        return workers.submit(environment, function, environment.name, *arguments, workers=1, timeout=_HOUR).result()
    except Exception as error:  # a library may raise anything, and a worker may die
        raise HarnessError(f"{function.__name__} in a worker for {environment.name}: {in_one_line(error)}") from error
