"""What the plugin keeps in the session's stash."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from harness.pytest_plugin.runs import Runs

RUNS: pytest.StashKey[Runs] = pytest.StashKey()
"""Runs the cases of the session; there once it is needed."""

FILES = pytest.StashKey[set[Path]]()
"""The scenario files to collect, resolved."""

MARKS = pytest.StashKey[set[str]]()
"""Marks that were there before any scenario's tags."""
