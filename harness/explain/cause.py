"""What a cause is: a named reason for a divergence, and what is known of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Nature = Literal["default", "convention", "arithmetic", "missing feature", "defect", "measurement"]

ONE_SIDE = "as on one side"
"""Of a setting: what one of the two sides used, told to both."""

NATURES: Mapping[Nature, str] = {
    "default": "what holds when the user says nothing",
    "convention": "a choice between forms that are all right",
    "arithmetic": "the same formula, rounded elsewhere",
    "missing feature": "one library cannot express it",
    "defect": "a library does not do what it documents",
    "measurement": "a word of this tool about what it measured",
}
"""What each nature means."""


@dataclass(frozen=True)
class Behaviour:
    """What one library does where a cause is at work.

    Attributes:
        library: its name and version, e.g. ``nsl 1.4.0``.
        module: dotted, as it is imported.
        name: of the class, function or method in it.
        line: where that begins in the file, from 1.
        does: what it does there, in one sentence without its full stop.
    """

    library: str
    module: str
    name: str
    line: int
    does: str

    @property
    def function(self) -> str:
        """The dotted name of where it is done."""
        return f"{self.module}.{self.name}"

    @property
    def link(self) -> str:
        """The line in the library's repository, at the tag of the version."""
        return f"https://github.com/{_TREES[self.library]}/{self.module.replace('.', '/')}.py#L{self.line}"


_NSL, _CLEVERHANS_4, _CLEVERHANS_3 = "nsl 1.4.0", "cleverhans 4.0.0", "cleverhans 3.1.0"
_TREES = {
    _NSL: "tensorflow/neural-structured-learning/blob/v1.4.0",
    _CLEVERHANS_4: "cleverhans-lab/cleverhans/blob/v4.0.0",
    _CLEVERHANS_3: "cleverhans-lab/cleverhans/blob/v3.1.0",
}


def nsl(module: str, name: str, line: int, does: str) -> Behaviour:
    """What NSL does. ``module`` is what follows the package's name."""
    return Behaviour(_NSL, f"neural_structured_learning.{module}", name, line, does)


def cleverhans_4(module: str, name: str, line: int, does: str) -> Behaviour:
    """What CleverHans 4.0.0 does."""
    return Behaviour(_CLEVERHANS_4, f"cleverhans.{module}", name, line, does)


def cleverhans_3(module: str, name: str, line: int, does: str) -> Behaviour:
    """What CleverHans 3.1.0 does."""
    return Behaviour(_CLEVERHANS_3, f"cleverhans.{module}", name, line, does)


@dataclass(frozen=True)
class Isolation:
    """Where a cause can be measured.

    Attributes:
        scenario: the shipped scenario's name.
        where: settings of its matrix at which nothing but the cause is at work, dotted name to value.
        pair: the two subjects between which it is; empty for any two libraries.
    """

    scenario: str
    where: Mapping[str, Any] = field(default_factory=dict)
    pair: tuple[str, ...] = ()


@dataclass(frozen=True)
class Cause:
    """A named reason for a divergence.

    Attributes:
        code: stable, never reused; in ``run.json`` as ``comparisons[].causes[].code``.
        title: one line.
        nature: see ``NATURES``.
        libraries: what each library does.
        matters: when it matters, and how much.
        alike: how to set the libraries alike; the first sentence is the shortest way, which reports show.
        settings: of a scenario, dotted name to value as a file has it (``None``: left out), that make the cause vanish
            when both sides are told them; ``ONE_SIDE`` for what one side used. Empty where there are none.
        isolation: where it is measured; None for what no shipped scenario can have.
        unmeasured: why no shipped scenario can have it, in a sentence or two; empty where one has.
        option: what stands for it in ``harness.reference``, as ``Class.field`` or ``function``; empty where nothing
            does.
    """

    code: str
    title: str
    nature: Nature
    libraries: tuple[Behaviour, ...]
    matters: str
    alike: str
    isolation: Isolation | None
    unmeasured: str = ""
    option: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def shortest_way(self) -> str:
        """The first sentence of ``alike``, without its full stop."""
        return self.alike.partition(". ")[0].removesuffix(".")

    @property
    def scenario(self) -> str:
        """The name of the shipped scenario that has it, or nothing."""
        return self.isolation.scenario if self.isolation else ""
