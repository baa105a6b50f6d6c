"""``harness schema`` through the real command line."""

from __future__ import annotations

from pathlib import Path

STORED = Path(__file__).resolve().parents[2] / "harness" / "scenario" / "scenario.schema.json"


def test_it_prints_what_is_stored_for_editors(harness) -> None:
    shown = harness("schema")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert shown.stdout == STORED.read_text()
