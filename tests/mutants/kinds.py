"""What a mutant is: an implementation that is wrong in one thing, or in none."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True)
class Mutant:
    """One implementation, as the table shows it.

    Attributes:
        subject: its name as a subject, ``module:function``.
        what: what was put wrong, or how it is written otherwise.
        correct: whether it is a rewriting that must agree with the original.
    """

    subject: str
    what: str
    correct: bool

    @property
    def name(self) -> str:
        """Module and function, without the package."""
        return self.subject.rpartition(".")[2]


def marked(function: Function, what: str, *, correct: bool) -> Function:
    """The function, told apart from the helpers of its module. Its docstring says what is done otherwise."""
    function.__doc__ = what
    function.__dict__["is_correct"] = correct
    return function


def mutants_of(modules: Sequence[str]) -> list[Mutant]:
    """All mutants of the modules, in the order in which they stand there. Imports TensorFlow, as they do."""
    return [
        Mutant(f"{module}:{name}", str(value.__doc__), value.is_correct)
        for module in modules
        for name, value in vars(importlib.import_module(module)).items()
        if hasattr(value, "is_correct")
    ]
