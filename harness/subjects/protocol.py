"""What a subject is: a description that needs no library, and one function for each kind of case.

A case's settings come as ``attack`` and ``training``, with the keys that ``harness.vocabulary.Case`` documents.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np


@dataclass(frozen=True)
class Environment:
    """What a process must look like for a library to run in it. One environment, one process.

    Attributes:
        name: of the environment; workers are shared by the subjects of one environment.
        variables: set before TensorFlow is imported.
        paths: go first on ``sys.path``.
        begin: called before each problem: brings the process to the state that it finds, whatever ran before.
    """

    name: str
    begin: Callable[[], None]
    variables: Mapping[str, str] = field(default_factory=dict)
    paths: tuple[str, ...] = ()


@dataclass(frozen=True)
class Batch:
    """The data of a problem.

    Attributes:
        inputs: by name, each ``(batch, ...)``, float32 or float64. A model with one input has it under ``"x"``.
        labels: int32 ``(batch,)``, class indices.
        classes: how many classes there are.
        sample_weights: float32 ``(batch,)``, or ``None``: every example counts the same.
    """

    inputs: Mapping[str, np.ndarray]
    labels: np.ndarray
    classes: int
    sample_weights: np.ndarray | None = None

    @property
    def dtype(self) -> str:
        return str(next(iter(self.inputs.values())).dtype)

    @property
    def one_hot(self) -> np.ndarray:
        """The labels with one column a class, ``(batch, classes)``, in the dtype of the inputs."""
        return np.eye(self.classes, dtype=self.dtype)[self.labels]


class Models(Protocol):
    """Makes the model of a problem. The weights are the problem's own, whatever the dtype."""

    output: str
    """``"logits"`` or ``"probabilities"``: what the problem's model returns."""
    declared: bool
    """Whether the model is declared by layers, so that it can be had with either output."""

    def get(self, *, dtype: str = "float32", output: str | None = None) -> Any:
        """The Keras model, kept for the next case with the same weights."""
        ...

    def build(self, *, dtype: str = "float32") -> Any:
        """A new Keras model in the current graph."""
        ...

    def build_before(self, *, dtype: str = "float32") -> Any:
        """A new Keras model of the layers that stand before the perturbed input; ``None`` where there are none."""
        ...


@dataclass(frozen=True)
class Perturbation:
    """What a subject returns for a case of kind perturbation.

    Attributes:
        adversarial: by input name, shapes and dtypes as the library returned them.
        settings: what was really used, as JSON values.
        defaulted: the names of the settings that were left to the library.
        clean_output: what the model returns for the inputs, ``(batch, classes)``.
        adversarial_output: what it returns for the adversarial examples.
        seconds: wall time of the call into the implementation alone.
        evidence: further arrays by name; the yardstick's ``uncertainty`` and ``undetermined``.
    """

    adversarial: Mapping[str, np.ndarray]
    settings: Mapping[str, Any]
    defaulted: tuple[str, ...]
    clean_output: np.ndarray
    adversarial_output: np.ndarray
    seconds: float
    evidence: Mapping[str, np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True)
class Losses:
    """The losses of one batch, each a number or a 0-d array; NaN where the library computes none.

    Attributes:
        clean: on the examples as they are.
        adversarial: on the adversarial examples.
        total: what is minimised.
    """

    clean: Any
    adversarial: Any
    total: Any


@dataclass(frozen=True)
class LossEvidence:
    """What a subject returns for a case of kind loss: one training step's evidence.

    Attributes:
        losses: 0-d arrays as the library returned them.
        gradients: of the total loss with respect to every trainable weight, by the names of ``translate.weight_names``;
            those of weights that stand before the perturbed input first.
        settings: what was really used, as JSON values; ``objective`` has ``clean``, ``adversarial`` and ``scale``.
        defaulted: the names of the settings that were left to the library.
        seconds: wall time of the calls into the implementation.
        evidence: further arrays by name; the yardstick's ``uncertainty/NAME``.
        figures: further figures, as JSON values.
    """

    losses: Losses
    gradients: Mapping[str, np.ndarray]
    settings: Mapping[str, Any]
    defaulted: tuple[str, ...]
    seconds: float
    evidence: Mapping[str, np.ndarray] = field(default_factory=dict)
    figures: Mapping[str, Any] = field(default_factory=dict)

    @property
    def loss_arrays(self) -> dict[str, np.ndarray]:
        """The losses as they are stored: ``clean_loss``, ``adversarial_loss``, ``total_loss``."""
        return {f"{name}_loss": np.asarray(getattr(self.losses, name)) for name in ("clean", "adversarial", "total")}

    @property
    def gradient_arrays(self) -> dict[str, np.ndarray]:
        """The gradients as they are stored: ``gradient/NAME``."""
        return {f"gradient/{name}": gradient for name, gradient in self.gradients.items()}


class Trainer(Protocol):
    """One subject's training of one model. The same trainer serves several trajectories, one after the other."""

    settings: Mapping[str, Any]
    """What is really used, as JSON values; ``objective`` has ``clean``, ``adversarial``, ``scale`` and ``rate``."""
    defaulted: tuple[str, ...]
    """The names of the settings that were left to the library."""

    def begin(self, weights: Sequence[np.ndarray]) -> None:
        """Gives the model these weights, in the order of ``model.weights``, and forgets everything of earlier steps:
        the state of the optimizer and the random numbers drawn."""
        ...

    def step(self, batch: Batch) -> Losses:
        """One step. Returns the losses before the update."""
        ...

    def weights(self) -> list[np.ndarray]:
        """The model's weights, in the order of ``model.weights``."""
        ...


class Subject(Protocol):
    """A module under ``harness.subjects``. Importing it imports no library."""

    LIBRARY: str
    """Distribution name of the library, as pip knows it."""
    API: str
    """The function under comparison, dotted."""
    ENVIRONMENT: Environment

    def version(self) -> str:
        """Version of the library. Raises ``Unavailable`` where it is not installed."""
        ...

    def perturb(self, models: Models, batch: Batch, attack: Mapping[str, Any]) -> Perturbation:
        """Adversarial examples for the batch, under the stated settings and the library's defaults for the rest.

        Raises:
            harness.vocabulary.Unsupported: if the library cannot express the case.
            Exception: whatever the library raises.
        """
        ...

    def loss_evidence(
        self, models: Models, batch: Batch, attack: Mapping[str, Any], training: Mapping[str, Any]
    ) -> LossEvidence:
        """Losses and gradients of one training step on the batch. Raises as ``perturb`` does."""
        ...

    def trainer(
        self, models: Models, example: Batch, attack: Mapping[str, Any], training: Mapping[str, Any]
    ) -> Trainer:
        """A trainer for batches like the example, whose last one may be smaller. Raises as ``perturb`` does."""
        ...


class Unavailable(Exception):  # noqa: N818  (a state of the machine, not a mistake)
    """The library of a subject is not set up. The message says so and how to mend it."""
