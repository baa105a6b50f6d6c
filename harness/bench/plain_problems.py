"""The problems of the plain script: each model trained once, each batch selected once, handed on as ``.npz`` files."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from harness.scenario import data as data_room
from harness.scenario import models as models_room
from harness.subjects.protocol import Batch
from harness.vocabulary import Case


@dataclass(frozen=True)
class Answer:
    """What an implementation gave for a case: arrays by input name, or none where it raised."""

    case: str
    subject: str
    adversarial: Mapping[str, np.ndarray] = field(default_factory=dict)


def by_weights(cases: Iterable[Case]) -> list[list[Case]]:
    """The cases in groups that share their weights: a user goes through one model after another."""
    groups: dict[str, list[Case]] = {}
    for case in cases:
        groups.setdefault(_weights_of(case), []).append(case)
    return list(groups.values())


def _weights_of(case: Case) -> str:
    # The form of the output and the choice of the batch leave the weights as they are.
    model = {name: value for name, value in case.model.items() if name != "output"}
    data = {name: value for name, value in case.data.items() if name not in ("batch", "seed", "split")}
    return json.dumps([model, data], sort_keys=True)


def trained(case: Case) -> list[np.ndarray]:
    """The weights of a case's model, declared by layers: drawn, and trained where the case asks for it."""
    from harness.scenario.pretrain import pretrain

    settings = case.model.get("pretrain")
    examples = data_room.load_split(case.data, "train" if settings else case.data.get("split", "test"))
    shapes = {name: array.shape[1:] for name, array in data_room.named_inputs(case.data, examples.x[:1]).items()}
    model = models_room.build(case.model, shapes, output="logits")
    model.set_weights(models_room.draw_weights(model, case.model["init"]))
    if settings:
        pretrain(model, case.data, examples, settings, output="logits")
    return model.get_weights()


def selected(case: Case) -> Batch:
    """The batch of a case."""
    examples = data_room.load_split(case.data, case.data.get("split", "test"))
    batch = data_room.select_batch(case.data, examples)
    dtype = case.attack.get("dtype", "float32")
    inputs = data_room.named_inputs(case.data, batch.x)
    return Batch(
        {name: array.astype(np.float32).astype(dtype) for name, array in inputs.items()}, batch.labels, batch.classes
    )


class Batches:
    """The batches of all cases, each made once and written to a folder, or read from it by the second process."""

    def __init__(self, folder: Path, cases: Iterable[Case]):
        names = dict.fromkeys(map(_batch_of, cases))
        self._paths = {name: folder / f"batch-{number}.npz" for number, name in enumerate(names)}
        self._kept: dict[str, Batch] = {}

    def of(self, case: Case) -> Batch:
        """The batch of a case."""
        name = _batch_of(case)
        if name not in self._kept:
            path = self._paths[name]
            if not path.exists():
                batch = selected(case)
                arrays: Mapping[str, Any] = {**batch.inputs, "labels": batch.labels, "classes": batch.classes}
                np.savez(path, **arrays)
            self._kept[name] = _read_batch(path)
        return self._kept[name]


def _batch_of(case: Case) -> str:
    return json.dumps([case.data, case.attack.get("dtype")], sort_keys=True)


def _read_batch(path: Path) -> Batch:
    with np.load(path, allow_pickle=False) as arrays:
        inputs = dict(arrays)
    return Batch(labels=inputs.pop("labels"), classes=int(inputs.pop("classes")), inputs=inputs)


class Models:
    """The models with one set of weights: one for each form of output and dtype, each made once."""

    def __init__(self, weights: Sequence[np.ndarray]):
        self._weights = weights
        self._kept: dict[tuple[str, str], Any] = {}

    def of(self, case: Case, batch: Batch, *, dtype: str, output: str) -> Any:
        """A Keras model of a case, in the current graph."""
        if (output, dtype) not in self._kept:
            shapes = {name: array.shape[1:] for name, array in batch.inputs.items()}
            model = models_room.build(case.model, shapes, dtype=dtype, output=output)
            model.set_weights([array.astype(dtype) for array in self._weights])
            self._kept[output, dtype] = model
        return self._kept[output, dtype]


def write_weights(folder: Path, number: int, weights: Sequence[np.ndarray]) -> None:
    """Leaves the weights of a group of cases for the script's second process."""
    arrays: Mapping[str, np.ndarray] = {f"{index:03d}": array for index, array in enumerate(weights)}
    np.savez(folder / f"weights-{number}.npz", **arrays)  # type: ignore[arg-type]


def read_weights(folder: Path, number: int) -> list[np.ndarray]:
    """The weights of a group of cases."""
    with np.load(folder / f"weights-{number}.npz", allow_pickle=False) as arrays:
        return [arrays[name] for name in sorted(arrays)]
