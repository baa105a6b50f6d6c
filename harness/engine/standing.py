"""How a run stands to a baseline: what a reader must hear of, and nothing that is as it was."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from harness.vocabulary import Location


@dataclass(frozen=True)
class Deviation:
    """One comparison, or one whole case, that does not stand in the run as it does in the baseline.

    Attributes:
        case: its id.
        left, right: the pair; both empty: the case as a whole.
        location: the expectation in the scenario file where there is one, else the file; ``None`` where it is unknown.
        was: the accepted verdict; empty where nothing is accepted.
        now: the verdict of the run; empty where there is none.
        sentence: what is to be said of it.
        reason: why the baseline accepts it, where it gives one.
        fails: whether a run with it is not as accepted.
    """

    case: str
    left: str = ""
    right: str = ""
    location: Location | None = None
    was: str = ""
    now: str = ""
    sentence: str = ""
    reason: str = ""
    fails: bool = False

    @property
    def key(self) -> tuple[str, str, str]:
        """The identity of the comparison."""
        return self.case, self.left, self.right


@dataclass(frozen=True)
class Standing:
    """A run held against a baseline.

    Attributes:
        file: the baseline, as the user named it.
        new: comparisons that the baseline does not know.
        changed: those of another verdict, or of figures beyond what another machine explains.
        vanished: what the baseline knows and the scenario files no longer have.
        not_run: what the baseline knows, and this run left out or did not come to.
        expired: divergences that were accepted until a day that has passed.
        accepted: comparisons that are not as their scenario expects, or of which it says nothing, and whose divergence
            or failure the baseline accepts with a reason.
    """

    file: str
    new: tuple[Deviation, ...] = ()
    changed: tuple[Deviation, ...] = ()
    vanished: tuple[Deviation, ...] = ()
    not_run: tuple[Deviation, ...] = ()
    expired: tuple[Deviation, ...] = ()
    accepted: tuple[Deviation, ...] = ()

    @property
    def failing(self) -> tuple[Deviation, ...]:
        """What makes a run fail: changed, new and not accepted, expired."""
        return tuple(one for group in (self.changed, self.new, self.expired) for one in group if one.fails)


GROUPS = tuple(field.name for field in fields(Standing) if field.name != "file")
"""The names of the groups of deviations, in the order in which they are told."""


def to_json(standing: Standing) -> dict[str, Any]:
    """As ``run.json`` has it: without what is empty, since a run of a few cases leaves out thousands."""
    groups = {name: [_to_json(one) for one in getattr(standing, name)] for name in GROUPS}
    return {"file": standing.file, **groups}


def from_json(body: Mapping[str, Any]) -> Standing:
    """The standing that ``to_json`` wrote. ``KeyError``, ``TypeError``, ``AttributeError``: another text."""
    groups = {name: tuple(_from_json(one) for one in body.get(name, ())) for name in GROUPS}
    return Standing(file=body["file"], **groups)


def _to_json(deviation: Deviation) -> dict[str, Any]:
    plain = {field.name: getattr(deviation, field.name) for field in fields(deviation)}
    if deviation.location:
        plain["location"] = vars(deviation.location)
    return {name: value for name, value in plain.items() if value}


def _from_json(body: Mapping[str, Any]) -> Deviation:
    location = body.get("location")
    return Deviation(**{**body, "location": Location(**location) if location else None})
