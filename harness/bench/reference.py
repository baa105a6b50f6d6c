"""The functions of ``harness.reference`` against the least that they could cost, and against the libraries' own.

``python -m harness.bench.reference PART REPETITIONS FILE`` measures a part in its own process, which must have the
environment's variables set, and leaves the rows in FILE. ``rows`` starts such processes.
"""

from __future__ import annotations

import dataclasses
import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from harness.bench.attack_calls import compiled_gradient
from harness.bench.processes import measure
from harness.bench.rows import Row, ratios
from harness.bench.training_steps import seconds_in_a_row
from harness.subjects.environments import TENSORFLOW_2
from harness.subjects.nsl import import_nsl

SECTION = "reimplementation"
OVER_BARE = 1.05
"""The most that ``fast_gradient_method`` may take over one compiled gradient with respect to the input."""
OVER_NSL = 0.5
"""The most that ``adversarial_loss`` may take over NSL's in eager mode."""
OVER_DRAWS = 3.0
"""The most that the yardstick may take over as many double-precision gradients as it draws."""

_IN_A_ROW = 3
"""Calls that are one measurement."""

_IMAGE = (28, 28, 1)
_CLASSES = 10


def rows(*, repetitions: int, processes: int) -> Iterator[Row]:
    """Measures everything in processes of its own.

    Args:
        repetitions: of each function in each process, taken in turn, so that a slow moment of the machine hits all.
        processes: of each part, in turn. Where its memory comes to lie makes a process up to a tenth slower or faster,
            all its life, and so does what another part has left there.

    Raises:
        HarnessError: a process failed.
    """
    found: dict[str, Row] = {}
    for part in [*PARTS] * processes:
        for row in _of_one_process(part, repetitions):
            values = (*found[row.name].values, *row.values) if row.name in found else row.values
            found[row.name] = dataclasses.replace(row, values=values)
    yield from found.values()


def _of_one_process(part: str, repetitions: int) -> Iterator[Row]:
    with tempfile.TemporaryDirectory(prefix="harness-bench-") as folder:
        file = Path(folder, "rows.json")
        command = [sys.executable, "-m", "harness.bench.reference", part, str(repetitions), str(file)]
        measure(command, variables=TENSORFLOW_2.variables)
        for row in json.loads(file.read_text()):
            yield Row(**{**row, "values": tuple(row["values"])})


def _fast_gradient_method(repetitions: int) -> Iterator[Row]:
    from cleverhans.tf2.attacks.fast_gradient_method import fast_gradient_method as cleverhans

    from harness.reference import fast_gradient_method

    model = _convolutional()
    x, y = _batch(256)
    bare = compiled_gradient(model)
    attacks = {"reference": fast_gradient_method, "cleverhans-v4": cleverhans}
    labels = {"given": y, "predicted": None}
    calls: dict[str, Callable[[], Any]] = {"bare": lambda: bare(x, y)}
    for name, attack in attacks.items():
        for source, given in labels.items():
            calls[f"{name}, {source} labels"] = lambda attack=attack, given=given: attack(
                model, x, 0.1, np.inf, y=given
            )
    seconds = _in_turn(calls, repetitions, in_a_row=_IN_A_ROW)
    yield Row(SECTION, "CNN, batch 256: bare compiled gradient", seconds["bare"], "s")
    for name in list(calls)[1:]:
        limit = OVER_BARE if name.startswith("reference") else None
        yield Row(SECTION, f"fast gradient method of {name} / bare", ratios(seconds[name], seconds["bare"]), "x", limit)


def _adversarial_loss(repetitions: int) -> Iterator[Row]:
    import tensorflow as tf

    from harness.reference import adversarial_loss

    nsl = import_nsl()
    loss = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    config = nsl.configs.make_adv_reg_config()
    x, y = _batch(64)
    for kind, model in (("MLP", _dense()), ("CNN", _convolutional())):
        calls: dict[str, Callable[[], Any]] = {}
        for name, function in (("nsl", nsl.keras.adversarial_loss), ("reference", adversarial_loss)):
            calls[name] = lambda f=function, model=model: f(x, y, model, loss, adv_config=config)
        seconds = _in_turn(calls, repetitions, in_a_row=_IN_A_ROW)
        yield Row(SECTION, f"{kind}, batch 64: eager adversarial_loss of nsl", seconds["nsl"], "s")
        ratio = ratios(seconds["reference"], seconds["nsl"])
        yield Row(SECTION, f"{kind}, batch 64: eager adversarial_loss, reference / nsl", ratio, "x", OVER_NSL)


def _yardstick(repetitions: int) -> Iterator[Row]:
    """It takes seconds, and varies less."""
    import tensorflow as tf

    from harness.reference import yardstick
    from harness.reference.float64 import DRAWS

    model = _convolutional(dtype="float64")
    x, y = (array.numpy() for array in _batch(64))
    double = tf.constant(x, tf.float64)
    bare = compiled_gradient(model)
    seconds = _in_turn(
        {
            "bare": lambda: [bare(double, y) for _ in range(DRAWS)],
            "yardstick": lambda: yardstick(model, x, y, epsilon=0.1, norm="l2"),
        },
        max(repetitions // 8, 3),
    )
    name = f"CNN, batch 64: yardstick / {DRAWS} compiled gradients in double precision"
    yield Row(SECTION, name, ratios(seconds["yardstick"], seconds["bare"]), "x", OVER_DRAWS)


PARTS: Mapping[str, Callable[[int], Iterator[Row]]] = {
    "fast_gradient_method": _fast_gradient_method,
    "adversarial_loss": _adversarial_loss,
    "yardstick": _yardstick,
}
"""What is measured, each in processes of its own, from a number of repetitions."""


def _in_turn(
    calls: Mapping[str, Callable[[], Any]], repetitions: int, *, in_a_row: int = 1
) -> dict[str, tuple[float, ...]]:
    """Wall seconds of each call, the mean of some in a row, over and over, one kind after another.

    Before them it is made once untimed, so that they find caches and memory as their own kind leaves them: so a
    training or a sweep calls it. Right after another function, both sides of a ratio would pay for what that one left.
    """
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    seconds_in_a_row(calls, 1)  # compiles
    for _ in range(repetitions):
        for name, one in seconds_in_a_row(calls, in_a_row).items():
            seconds[name].append(one)
    return {name: tuple(values) for name, values in seconds.items()}


def _batch(size: int) -> tuple[Any, Any]:
    import tensorflow as tf

    random = np.random.default_rng(0)
    x = random.uniform(size=(size, *_IMAGE)).astype(np.float32)
    return tf.constant(x), tf.constant(random.integers(0, _CLASSES, size))


def _dense() -> Any:
    from tensorflow import keras

    layers = keras.layers
    return keras.Sequential([keras.Input(_IMAGE), layers.Flatten(), layers.Dense(64, "relu"), layers.Dense(_CLASSES)])


def _convolutional(*, dtype: str = "float32") -> Any:
    from tensorflow import keras

    layers = keras.layers
    body = [
        layers.Conv2D(32, 3, activation="relu", dtype=dtype),
        layers.MaxPool2D(dtype=dtype),
        layers.Conv2D(64, 3, activation="relu", dtype=dtype),
        layers.MaxPool2D(dtype=dtype),
        layers.Flatten(dtype=dtype),
        layers.Dense(_CLASSES, dtype=dtype),
    ]
    return keras.Sequential([keras.Input(_IMAGE, dtype=dtype), *body])


if __name__ == "__main__":
    part, number, file = sys.argv[1:]
    Path(file).write_text(json.dumps([dataclasses.asdict(row) for row in PARTS[part](int(number))]))
