"""The page of figures names every figure."""

import re
from pathlib import Path

import numpy as np
import pytest

import harness
from harness.oracle import gradients, metrics, trajectories
from harness.oracle.equivalence import equivalence

PAGE = (Path(harness.__file__).parent / "docs" / "METRICS.md").read_text(encoding="utf-8")


def named(heading):
    """Names of figures in the tables of one chapter, with those that begin with a dot joined to nothing."""
    chapter = re.split(r"^## ", PAGE, flags=re.MULTILINE)
    text = next(part for part in chapter if part.startswith(heading))
    cells = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]
    return {name.partition(".")[0] for cell in cells for name in re.findall(r"`([^`]+)`", cell)} - {""}


def perturbation():
    x = {"x": np.zeros((1, 1), np.float32)}
    return metrics.compare(x, x, x, epsilon=0.1, yardstick=None)


def loss():
    side = {name: np.zeros((), np.float32) for name in ("clean_loss", "adversarial_loss", "total_loss")}
    return gradients.compare(side, side, left_scale=1.0, right_scale=1.0, uncertainty=None)


def training():
    one = np.ones((1, 1))
    side = dict.fromkeys(("total_loss", "trajectory", "final_weights"), one)
    side = {**side, "steps": np.array([0], np.int32), "twin_distance": np.ones(1)}
    return {**trajectories.compare(side, side), **equivalence([0.5, 0.5], [0.5, 0.5], margin=1.0)}


@pytest.mark.parametrize("kind", [perturbation, loss, training])
def test_every_figure_of_a_comparison_is_on_the_page(kind):
    assert named(f"Of a comparison, kind `{kind.__name__}`") == set(kind())
