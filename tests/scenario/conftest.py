"""Scenario files for the tests."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from harness.scenario.cases import read_cases
from harness.scenario.complaints import ScenarioError
from harness.scenario.paths import Permissions
from harness.vocabulary import Case

SUMMARY = "summary: A test.\n"
KIND = "kind: perturbation\n"
MODEL = "model: {layers: [{dense: 8}, relu, {dense: 10}]}\n"
DATA = "data: {source: digits}\n"
ATTACK = "attack: {epsilon: 0.1}\n"

Read = Callable[..., list[Case]]
Complaints = Callable[..., list[str]]


def save_model(path: Path, config: Mapping[str, object] | None = None) -> None:
    """Writes what Keras would take for a ``.keras`` file, with this ``config.json``."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", json.dumps(config or {}))


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Reads a text as the scenario ``test``; sections that it does not have are ordinary ones."""

    def read(text: str = "", *, whole: bool = False, name: str = "test", **permissions: bool) -> list[Case]:
        file = tmp_path / f"{name}.yaml"
        parts = {"summary": SUMMARY, "kind": KIND, "model": MODEL, "data": DATA, "attack": ATTACK}
        has = {key: any(line.startswith(f"{key}:") for line in text.splitlines()) for key in parts}
        ordinary = "".join(part for key, part in parts.items() if not (has[key] or whole))
        file.write_text(text + ordinary, encoding="utf-8")
        return read_cases(file, Permissions(**permissions))

    return read


@pytest.fixture
def complaints(read: Read, tmp_path: Path) -> Complaints:
    """The complaints about a text, as ``line:column: message``; the text comes first, so that lines can be counted."""

    def complaints(text: str = "", **options: object) -> list[str]:
        with pytest.raises(ScenarioError) as caught:
            read(text, **options)
        return [str(complaint).removeprefix(f"{tmp_path / 'test.yaml'}:") for complaint in caught.value.complaints]

    return complaints
