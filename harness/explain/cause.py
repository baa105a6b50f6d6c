"""What a cause is: a named reason for a divergence, and what is known of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

NSL = "nsl 1.4.0"
CLEVERHANS_4 = "cleverhans 4.0.0"
CLEVERHANS_3 = "cleverhans 3.1.0"

Nature = Literal["default", "convention", "arithmetic", "missing feature", "defect", "measurement"]


@dataclass(frozen=True)
class Behaviour:
    """What one library does, where a cause is at work.

    Attributes:
        library: its name and version: ``NSL``, ``CLEVERHANS_4`` or ``CLEVERHANS_3``.
        function: where, as a dotted name that can be looked up in the library's source.
        does: what, in one sentence.
    """

    library: str
    function: str
    does: str


@dataclass(frozen=True)
class Cause:
    """A named reason for a divergence.

    Attributes:
        code: stable, never reused; in ``run.json`` as ``comparisons[].causes[].code``.
        title: one line.
        nature: ``default``: what holds when the user says nothing. ``convention``: a choice between forms that are all
            right. ``arithmetic``: the same formula, rounded elsewhere. ``missing feature``: one side cannot express it.
            ``defect``: a side does not do what it documents. ``measurement``: a word of this harness about what it saw.
        behaviours: what each library does.
        matters: when it matters, and how much.
        alike: how to set the libraries alike.
        scenario: the shipped scenario that isolates it; empty for what no scenario can.
        where: the settings of the scenario's matrix at which nothing else is at work.
        beside: codes of the causes that are at work there all the same.
        option: what stands for it in ``harness.reference``; empty where nothing does.
    """

    code: str
    title: str
    nature: Nature
    behaviours: tuple[Behaviour, ...] = ()
    matters: str = ""
    alike: str = ""
    scenario: str = ""
    where: Mapping[str, Any] = field(default_factory=dict)
    beside: tuple[str, ...] = ()
    option: str = ""
