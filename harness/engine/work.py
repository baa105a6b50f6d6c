"""The units of work: plain functions of serialisable values, run in a worker. They serve any pool of workers."""

from __future__ import annotations

import functools
import gc
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from harness.engine.store import Store
from harness.oracle.classification import classification
from harness.oracle.metrics import describe
from harness.scenario import data as data_room
from harness.scenario import models as models_room
from harness.subjects.environments import TENSORFLOW_2
from harness.subjects.protocol import Batch, Perturbation
from harness.subjects.registry import load_subject
from harness.vocabulary import Case, HarnessError, Outcome, Unsupported, canonical_json, plain


@dataclass(frozen=True)
class Problem:
    """What a case hands to every subject: hashes of its weights and batch, which lie in the store."""

    weights: str
    batch: str
    classes: int

    @property
    def identity(self) -> dict[str, str]:
        """The hashes that the report shows as proof that every subject got the same."""
        return {"weights": self.weights, "data": self.batch}


def prepare_batch(store_root: Path, case: Case) -> dict[str, Any]:
    """Stores the batch of a case. Returns its record: ``arrays`` and ``classes``."""
    examples = data_room.load_split(case.data, case.data.get("split", "test"))
    batch = data_room.select_batch(case.data, examples)
    dtype = case.attack.get("dtype", "float32")
    # Every dtype gets the float32 values: the question is what the computation does, not what the data was rounded to.
    inputs = {
        name: array.astype(np.float32).astype(dtype)
        for name, array in data_room.named_inputs(case.data, batch.x).items()
    }
    arrays = {f"input/{name}": array for name, array in inputs.items()} | {"labels": batch.labels}
    return {"arrays": Store(store_root).put_arrays(arrays), "classes": batch.classes}


def prepare_weights(store_root: Path, case: Case) -> dict[str, Any]:
    """Draws, loads or trains the weights of a case and stores them. Returns their record: ``arrays``."""
    from harness.scenario.pretrain import pretrain

    TENSORFLOW_2.begin()
    examples = data_room.load_split(
        case.data, "train" if case.model.get("pretrain") else case.data.get("split", "test")
    )
    shapes = {name: array.shape[1:] for name, array in data_room.named_inputs(case.data, examples.x[:1]).items()}
    # Trained on logits whatever the model's output is, so that both forms of output get the same weights.
    output = "logits" if "layers" in case.model else case.model.get("output", "logits")
    model = models_room.build(case.model, shapes, output=output)
    if "layers" in case.model:
        models_room.set_weights(model, models_room.draw_weights(model, case.model.get("init", {})))
    if case.model.get("weights"):
        with np.load(case.model["weights"], allow_pickle=False) as arrays:
            models_room.set_weights(model, [arrays[name] for name in arrays.files])
    if case.model.get("pretrain"):
        pretrain(model, case.data, examples, case.model["pretrain"], output=output)
    _check_fits(model, {name: (1, *shape) for name, shape in shapes.items()}, examples.classes)
    weights = {f"{index:03d}": array for index, array in enumerate(model.get_weights())}
    return {"arrays": Store(store_root).put_arrays(weights)}


def _check_fits(model: Any, shapes: Mapping[str, Sequence[int]], classes: int) -> None:
    inputs = {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}
    try:
        output = np.asarray(model(next(iter(inputs.values())) if len(inputs) == 1 else inputs))
    except Exception as error:  # Keras raises nearly anything for an input that does not fit
        raise HarnessError(f"model: it cannot be called with inputs of shapes {shapes}: {error}") from error
    if output.ndim != 2 or output.shape[1] < classes:
        raise HarnessError(
            f"model: its output has shape (batch, {', '.join(map(str, output.shape[1:]))}); "
            f"the labels need (batch, {classes}), one column a class"
        )


@dataclass
class WorkerModels:
    """The models of one problem. See ``harness.subjects.protocol.Models``."""

    section: Mapping[str, Any]
    weights: Sequence[np.ndarray]
    shapes: Mapping[str, Sequence[int]]
    kept: dict[tuple[str, str], Any] = field(default_factory=dict)
    output: str = field(init=False)
    declared: bool = field(init=False)

    def __post_init__(self) -> None:
        self.output = self.section.get("output", "logits")
        self.declared = "layers" in self.section

    def get(self, *, dtype: str = "float32", output: str | None = None) -> Any:
        key = (dtype, output or self.output)
        if key not in self.kept:
            self.kept[key] = self.build(dtype=dtype, output=output)
        return self.kept[key]

    def build(self, *, dtype: str = "float32", output: str | None = None) -> Any:
        model = models_room.build(self.section, self.shapes, dtype=dtype, output=output)
        cast = [array.astype(dtype) if array.dtype == np.float32 else array for array in self.weights]
        models_room.set_weights(model, cast)
        return model


@functools.lru_cache(maxsize=1)
def _models(
    store_root: Path,
    section: str,
    weights: str,
    shapes: tuple[tuple[str, tuple[int, ...]], ...],
    begin: Callable[[], None],
) -> WorkerModels:
    """The models of the problem in hand, kept for the next case: those with the same weights stand together.

    A new problem begins anew. Not every case does: it would cost more than most cases, since TensorFlow throws its
    compiled kernels away.
    """
    begin()
    _spare_the_frameworks()
    gc.collect()  # traces of the last models are full of cycles; left alone, they pile up by the hundred megabytes
    arrays = Store(store_root).get_arrays(weights)
    return WorkerModels(json.loads(section), [array for _, array in sorted(arrays.items())], dict(shapes))


@functools.cache
def _spare_the_frameworks() -> None:
    """Takes what is there by now out of all later collections of garbage: it stays, and going through it is slow."""
    gc.collect()
    gc.freeze()


def compute_outcome(store_root: Path, case: Case, problem: Problem, subject: str) -> dict[str, Any]:
    """What a subject returns for a case, as a plain ``Outcome``. Whatever the library raises is an outcome, too."""
    store = Store(store_root)
    implementation = load_subject(subject)
    arrays = store.get_arrays(problem.batch)
    inputs = {name.partition("/")[2]: array for name, array in arrays.items() if name.startswith("input/")}
    batch = Batch(inputs, arrays["labels"], problem.classes)
    shapes = tuple((name, array.shape[1:]) for name, array in inputs.items())
    begin = implementation.ENVIRONMENT.begin
    models = _models(store_root, canonical_json(case.model), problem.weights, shapes, begin)
    if not models.declared:
        begin()  # code of the user's may draw random numbers; declared layers draw none outside of training
    try:
        perturbation = implementation.perturb(models, batch, case.attack)
        return plain(_stored(store, subject, perturbation, batch, output=models.output))
    except Unsupported as reason:
        return plain(Outcome(subject, "unsupported", reason=str(reason)))
    except (MemoryError, OSError, HarnessError):
        raise  # the machine's state, not the subject's answer: not to be kept for the next run
    except Exception as error:  # a library may raise anything; it costs its one outcome, not the run
        return plain(Outcome(subject, "error", reason=in_one_line(error)))


def _stored(store: Store, subject: str, perturbation: Perturbation, batch: Batch, *, output: str) -> Outcome:
    wrong = {
        name: array.shape
        for name, array in perturbation.adversarial.items()
        if array.shape != batch.inputs[name].shape or array.dtype.kind != "f"
    }
    if wrong:
        wanted = {name: array.shape for name, array in batch.inputs.items()}
        return Outcome(subject, "error", reason=f"returned arrays of shapes {wrong}; the inputs have {wanted}")
    arrays = {f"adversarial/{name}": array for name, array in perturbation.adversarial.items()}
    return Outcome(
        subject,
        "ok",
        seconds=perturbation.seconds,
        settings=dict(perturbation.settings),
        defaulted=perturbation.defaulted,
        arrays=store.put_arrays(arrays | dict(perturbation.evidence)),
        summary={
            **describe(batch.inputs, perturbation.adversarial),
            "clean": classification(perturbation.clean_output, batch.labels, kind=output),
            "adversarial": classification(perturbation.adversarial_output, batch.labels, kind=output),
        },
    )


def in_one_line(error: Exception) -> str:
    """Type and message of what a library raised, without the stack traces that TensorFlow puts around it."""
    message = str(error).partition("[[{{node")[0]
    if message.startswith("Graph execution error") and "\nNode: " in message:
        message = message.rpartition("\nNode: ")[2].partition("\n")[2]
    message = " ".join(message.split())
    return f"{type(error).__name__}: {message[:400]}{'...' if len(message) > 400 else ''}"
