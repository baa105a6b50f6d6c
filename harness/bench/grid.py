"""Grids of any size: the scenario ``grid.yaml`` with more or fewer models, a hundred cases each, so that a case of a
large grid has as large a share in preparing its model as one of a small grid."""

from __future__ import annotations

import re
from pathlib import Path

from harness.engine.store import write_atomically
from harness.scenario.matrix import MOST_CASES

SOURCE = Path(__file__).with_name("grid.yaml")
PER_MODEL = 100


def write_grid(folder: Path, cases: int) -> list[Path]:
    """Writes the scenario files of a grid; with more than ``MOST_CASES`` there are several. Returns where they are.

    Args:
        folder: in which to write them.
        cases: how many, in hundreds.

    Raises:
        ValueError: not in hundreds.
    """
    models, rest = divmod(cases, PER_MODEL)
    if rest or not models:
        raise ValueError(f"a grid has its cases in hundreds: {cases}")
    text, most = SOURCE.read_text(encoding="utf-8"), MOST_CASES // PER_MODEL
    written = []
    for first in range(0, models, most):
        seeds = list(range(first, min(first + most, models)))
        path = folder / f"grid-{first // most:03d}.yaml"
        changed, replaced = re.subn(r"(model\.init\.seed: )\[.*\]", rf"\g<1>{seeds}", text)
        assert replaced == 1
        write_atomically(path, changed.encode())
        written.append(path)
    return written
