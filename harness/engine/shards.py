"""A share of the cases for each of several machines that know nothing of each other, as jobs of CI are."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.engine import fingerprint
from harness.vocabulary import Case, HarnessError, canonical_json, content_hash

_STEPS_OF_AN_ATTACK = 10
"""Training steps that take as long as one attack, about."""


@dataclass(frozen=True)
class Shard:
    """The share ``index`` (from 1) of ``of`` shares."""

    index: int
    of: int

    def __str__(self) -> str:
        return f"{self.index}/{self.of}"


def parse_shard(text: str) -> Shard:
    """Reads ``I/N``. Raises ``HarnessError`` for anything else."""
    found = re.fullmatch(r"([0-9]{1,6})/([0-9]{1,6})", text)
    shard = Shard(int(found[1]), int(found[2])) if found else Shard(0, 0)
    if not 1 <= shard.index <= shard.of:
        raise HarnessError(f"--shard: expected I/N with I from 1 to N, e.g. 1/3 for the first of three; got '{text}'")
    return shard


def take_shard(cases: Sequence[Case], shard: Shard) -> tuple[list[Case], dict[str, Any]]:
    """The cases of one shard, in their order, and what a run records of it.

    The split depends on the cases alone, not on their order. Cases of a scenario with the same model stay together,
    unless they are more than a shard's share; shards take about equally long.

    Args:
        cases: all that are selected.
        shard: which share.

    Returns:
        The cases, and ``index``, ``of``, ``cases`` (how many are selected), ``positions`` (among them, of
        this shard's by id), ``selection`` (hash of what is selected) and ``code`` (of the harness).

    Raises:
        HarnessError: there are fewer cases than shards, or so unequal ones that this shard has none.
    """
    mine = set(_split(cases, shard.of)[shard.index - 1])
    positions = {case.id: position for position, case in enumerate(cases) if case.id in mine}
    if not positions:
        raise HarnessError(
            f"--shard {shard}: {len(cases)} selected case{'s' * (len(cases) != 1)} cannot be shared among {shard.of}, "
            f"and this shard would have none. Name fewer shards."
        )
    described = {
        **{"index": shard.index, "of": shard.of, "cases": len(cases), "positions": positions},
        "selection": content_hash(sorted(_identity(case) for case in cases)),
        "code": code_of_the_harness(),
    }
    return [cases[position] for position in positions.values()], described


@functools.cache
def code_of_the_harness() -> str:
    """Hash of the code that outcomes and comparisons come out of."""
    root = Path(fingerprint.__file__).parents[1]
    rooms = ("engine", "explain", "oracle", "reference", "scenario", "subjects")
    code = sorted(path for room in rooms for path in (root / room).rglob("*.py"))
    return fingerprint.code_hash([root / "vocabulary.py", *code])[:12]


def _split(cases: Sequence[Case], shards: int) -> list[list[str]]:
    """Ids of the cases of each shard: the longest group goes first, and to the shard that has least so far."""
    share = sum(map(_cost, cases)) / shards
    groups: dict[tuple[str, str], list[Case]] = {}
    for case in sorted(cases, key=lambda case: case.id):
        groups.setdefault((case.scenario, canonical_json(case.model)), []).append(case)
    pieces = [piece for group in groups.values() for piece in _pieces(group, share)]
    loads = [0.0] * shards
    split: list[list[str]] = [[] for _ in range(shards)]
    for cost, ids in sorted(((sum(map(_cost, piece)), [case.id for case in piece]) for piece in pieces), key=_place):
        least = loads.index(min(loads))
        loads[least] += cost
        split[least] += ids
    return split


def _place(piece: tuple[float, list[str]]) -> tuple[float, list[str]]:
    return -piece[0], piece[1]


def _pieces(group: Sequence[Case], share: float) -> list[list[Case]]:
    """A group as it is, or, if it is more than a share, in pieces of a quarter of one, neighbours together."""
    whole = sum(map(_cost, group))
    count = 1 if whole <= share else min(len(group), math.ceil(4 * whole / share))
    pieces: list[list[Case]] = [[] for _ in range(count)]
    before = 0.0
    for case in group:
        pieces[min(count - 1, int(before / whole * count))].append(case)
        before += _cost(case)
    return [piece for piece in pieces if piece]


def _cost(case: Case) -> float:
    """What a case takes, in attacks."""
    steps: Mapping[str, Any] = case.training if case.kind == "training" else {}
    each = steps.get("steps", 0) * steps.get("seeds", 1) / _STEPS_OF_AN_ATTACK
    return max(1, len(case.subjects)) * max(1.0, each)


def _identity(case: Case) -> list[str]:
    """What tells a case from another one under the same id, wherever its files lie."""
    return [case.id, case.kind, *case.subjects, canonical_json([dict(case.attack), dict(case.training)])]
