"""How soon the commands that run nothing answer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from harness.bench.processes import HARNESS, measure
from harness.bench.rows import Row

SECTION = "start-up"
LIMIT = 0.3
"""Seconds, of the whole process."""


def rows(*, scenarios: Path, repetitions: int) -> Iterator[Row]:
    """Measures each command in turn, over and over."""
    commands = {
        "harness --help": ["--help"],
        "harness list": ["list", str(scenarios)],
        "harness validate": ["validate", str(scenarios)],
        "harness schema": ["schema"],
    }
    for arguments in commands.values():
        measure([*HARNESS, *arguments])  # compiles the modules and warms the disk's cache
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(repetitions):
        for name, arguments in commands.items():
            seconds[name].append(measure([*HARNESS, *arguments]).seconds)
    for name, values in seconds.items():
        yield Row(SECTION, name, tuple(values), "s", LIMIT)
