"""A case at another point is what the file with that point in its matrix gives."""

from pathlib import Path

import pytest

from harness.scenario.complaints import ScenarioError
from harness.scenario.select import load_cases
from harness.scenario.variant import variant

FILE = """
summary: One step.
kind: loss
model: {layers: [{dense: 3}]}
data: {source: iris, batch: 8}
attack: {norm: l2, labels: given}
training: {smoothing: 0.1}
"""
MATRIX = """
matrix:
  attack.epsilon: [8/255]
  attack.norm: [l1]
  training.weighting: [{clean: 1, adversarial: 0.2}]
"""


def cases(folder: Path, text: str):
    (folder / "one-step.yaml").write_text(text, encoding="utf-8")
    return load_cases([folder / "one-step.yaml"])


def test_it_is_the_case_of_a_matrix_with_these_settings(tmp_path) -> None:
    settings = {"attack.epsilon": "8/255", "attack.norm": "l1", "training.weighting": {"clean": 1, "adversarial": 0.2}}
    (plain,) = cases(tmp_path, FILE)
    (expected,) = cases(tmp_path, FILE + MATRIX)
    assert variant(plain, settings) == expected
    assert plain.attack == {"norm": "l2", "labels": "given"}  # and the first is as it was


def test_none_leaves_a_setting_out(tmp_path) -> None:
    (plain,) = cases(tmp_path, FILE)
    (expected,) = cases(tmp_path, FILE.replace("training: {smoothing: 0.1}", ""))
    changed = variant(plain, {"training.smoothing": None})
    assert changed.training == expected.training
    assert changed.id == "one-step[smoothing=none]"


def test_a_value_that_no_file_may_have_is_refused(tmp_path) -> None:
    (plain,) = cases(tmp_path, FILE)
    with pytest.raises(ScenarioError, match=r"attack\.norm"):
        variant(plain, {"attack.norm": "l3"})
