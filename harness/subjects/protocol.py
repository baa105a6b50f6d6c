"""What a subject is: a description that needs no library, and one function for each kind of case."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
    """

    inputs: Mapping[str, np.ndarray]
    labels: np.ndarray
    classes: int

    @property
    def dtype(self) -> str:
        return str(next(iter(self.inputs.values())).dtype)


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


class Unavailable(Exception):  # noqa: N818  (a state of the machine, not a mistake)
    """The library of a subject is not set up. The message says so and how to mend it."""
