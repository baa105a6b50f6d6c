"""The real command line, as a process of its own."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
SCENARIO = """\
summary: A test.
kind: perturbation
tags: [smoke]
model: {layers: [{dense: 10}]}
data: {source: digits}
matrix: {attack.norm: [linf, l2]}
"""

Harness = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def scenarios(tmp_path: Path) -> Path:
    """A working folder with ``scenarios/a.yaml``, which has two cases."""
    (tmp_path / "scenarios").mkdir()
    (tmp_path / "scenarios" / "a.yaml").write_text(SCENARIO)
    return tmp_path


@pytest.fixture(scope="session")
def harness_in() -> Harness:
    """Runs ``harness`` in a folder with arguments. ``after`` is Python that runs when the command has returned."""

    def harness(folder: Path, *arguments: str, after: str = "") -> subprocess.CompletedProcess[str]:
        code = f"from harness.cli.main import main; main(); {after}"
        environment = {**os.environ, "PYTHONPATH": str(CHECKOUT), "COLUMNS": "100", "NO_COLOR": "1"}
        command = [sys.executable, "-c", code, *arguments]
        return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)

    return harness


@pytest.fixture
def harness(scenarios: Path, harness_in: Harness) -> Harness:
    """The same in the working folder."""
    return functools.partial(harness_in, scenarios)
