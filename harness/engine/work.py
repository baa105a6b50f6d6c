"""The unit of work: one subject's outcome for one case, a plain function of serialisable values, run in a worker."""

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
from harness.engine.trajectory import Course, finite, training_outcome
from harness.oracle.classification import classification
from harness.oracle.metrics import describe
from harness.scenario import data as data_room
from harness.scenario import models as models_room
from harness.subjects.protocol import Batch, Perturbation, Subject
from harness.subjects.registry import load_subject
from harness.subjects.translate import misfit
from harness.vocabulary import Case, HarnessError, Outcome, Unsupported, canonical_json, is_own, plain


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


@dataclass
class WorkerModels:
    """The models of one problem. See ``harness.subjects.protocol.Models``."""

    section: Mapping[str, Any]
    weights: Sequence[np.ndarray]
    weights_before: Sequence[np.ndarray]
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
        shapes = self.shapes
        if "before" in self.section:
            shapes = {data_room.SINGLE_INPUT: tuple(self.build_before(dtype=dtype).output_shape[1:])}
        model = models_room.build(self.section, shapes, dtype=dtype, output=output)
        models_room.set_weights(model, _in_dtype(self.weights, dtype))
        return model

    def restore(self) -> None:
        """Gives the kept models the problem's weights again: a pass in training mode moves statistics."""
        for (dtype, _), model in self.kept.items():
            models_room.set_weights(model, _in_dtype(self.weights, dtype))

    def build_before(self, *, dtype: str = "float32") -> Any:
        before = models_room.build_before(self.section, self.shapes, dtype=dtype)
        if before is not None:
            models_room.set_weights(before, _in_dtype(self.weights_before, dtype))
        return before


def _in_dtype(weights: Sequence[np.ndarray], dtype: str) -> list[np.ndarray]:
    return [array.astype(dtype) if array.dtype == np.float32 else array for array in weights]


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
    arrays = sorted(Store(store_root).get_arrays(weights).items())
    # Of kind training those of the first seed; the trainer is given the weights of every seed anyway.
    own = [array for name, array in arrays if name.rpartition("/")[0] in ("", "000")]
    before = [array for name, array in arrays if name.startswith("before/")]
    return WorkerModels(json.loads(section), own, before, dict(shapes))


@functools.cache
def _spare_the_frameworks() -> None:
    """Takes what is there by now out of all later collections of garbage: it stays, and going through it is slow."""
    gc.collect()
    gc.freeze()


def compute_outcome(store_root: Path, case: Case, problem: Problem, subject: str) -> dict[str, Any]:
    """What a subject returns for a case, as a plain ``Outcome``. Whatever the library raises is an outcome, too."""
    store = Store(store_root)
    implementation = load_subject(subject)
    begin = implementation.ENVIRONMENT.begin
    arrays = store.get_arrays(problem.batch)
    models, batch = in_hand(store_root, case, problem, arrays, begin)
    if not models.declared:
        begin()  # code of the user's may draw random numbers; declared layers draw none outside of training
    try:
        if case.kind == "loss":
            begin()  # dropout draws
            return plain(_loss_outcome(store, subject, implementation, models, batch, case))
        if case.kind == "training":
            weights = store.get_arrays(problem.weights)
            return plain(training_outcome(store, subject, implementation, models, Course(batch, arrays), weights, case))
        try:
            perturbation = implementation.perturb(models, batch, case.attack)
        finally:
            if is_own(subject):
                models.restore()  # a call in training mode moves statistics
        return plain(_stored(store, subject, perturbation, batch, output=models.output))
    except Unsupported as reason:
        return plain(Outcome(subject, "unsupported", reason=str(reason)))
    except (MemoryError, OSError, HarnessError):
        raise  # the machine's state, not the subject's answer: not to be kept for the next run
    except Exception as error:  # a library may raise anything; it costs its one outcome, not the run
        return plain(Outcome(subject, "error", reason=in_one_line(error)))


def in_hand(
    store_root: Path, case: Case, problem: Problem, arrays: Mapping[str, np.ndarray], begin: Callable[[], None]
) -> tuple[WorkerModels, Batch]:
    """The models of a case and its batch.

    Args:
        store_root: of the store.
        case: the case.
        problem: what it hands to every subject.
        arrays: of its batch.
        begin: see ``Environment``; called where the problem is a new one.
    """
    inputs = {name.partition("/")[2]: array for name, array in arrays.items() if name.startswith("input/")}
    batch = Batch(inputs, arrays["labels"], problem.classes, arrays.get("sample_weights"))
    shapes = tuple((name, array.shape[1:]) for name, array in inputs.items())
    return _models(store_root, canonical_json(case.model), problem.weights, shapes, begin), batch


def _stored(store: Store, subject: str, perturbation: Perturbation, batch: Batch, *, output: str) -> Outcome:
    wrong = misfit(batch.inputs, perturbation.adversarial)
    if wrong:
        return Outcome(subject, "error", reason=wrong)
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


def _loss_outcome(
    store: Store, subject: str, implementation: Subject, models: WorkerModels, batch: Batch, case: Case
) -> Outcome:
    try:
        evidence = implementation.loss_evidence(models, batch, case.attack, case.training)
    finally:
        models.restore()
    losses, gradients = evidence.loss_arrays, evidence.gradient_arrays
    return Outcome(
        subject,
        "ok",
        seconds=evidence.seconds,
        settings=dict(evidence.settings),
        defaulted=evidence.defaulted,
        arrays=store.put_arrays({**losses, **gradients, **evidence.evidence}),
        summary={
            "losses": {name: finite(value) for name, value in losses.items()},
            "gradient_norm": {name: finite(np.linalg.norm(g.astype(np.float64))) for name, g in gradients.items()},
            **evidence.figures,
        },
    )


def in_one_line(error: Exception) -> str:
    """Type and message of what a library raised, without the stack traces that TensorFlow puts around it."""
    message = str(error).partition("[[{{node")[0]
    if message.startswith("Graph execution error") and "\nNode: " in message:
        message = message.rpartition("\nNode: ")[2].partition("\n")[2]
    message = " ".join(message.split())
    return f"{type(error).__name__}: {message[:400]}{'...' if len(message) > 400 else ''}"
