"""``harness reduce`` through the real command line and the real libraries."""

import json

from harness.scenario.select import load_cases

SCENARIO = """\
summary: Labels that are left to each library, on a model of three layers.
kind: perturbation
model: {layers: [{dense: 16}, relu, {dense: 3}]}
data: {source: iris, batch: 12}
attack: {epsilon: 0.137}
matrix: {attack.norm: [linf, l2]}
"""


def test_a_divergence_comes_down_to_a_handful_of_numbers(harness_in, tmp_path):
    (tmp_path / "labels.yaml").write_text(SCENARIO)
    case = ("labels[norm=linf]", "labels.yaml", "--pair", "cleverhans-v4,nsl")
    done = harness_in(tmp_path, "reduce", *case, "-o", "small/labels-small.yaml", "--seconds", "30")
    assert done.returncode == 0, done.stderr
    assert "run it: harness run small/labels-small.yaml" in done.stdout
    (small,) = load_cases([tmp_path / "small"])
    assert small.subjects == ("nsl", "cleverhans-v4", "reference-float64")
    assert len(small.data["y"]) * len(small.data["x"][0]) <= 2
    assert len(small.model["layers"]) == 1
    assert small.attack["epsilon"] == 1
    assert "labels" not in small.attack
    ran = harness_in(tmp_path, "run", "small/labels-small.yaml")
    assert ran.returncode == 0, ran.stdout
    (judged,) = json.loads((tmp_path / "reports/latest/run.json").read_text())["cases"]
    compared = next(one for one in judged["comparisons"] if one["right"] == "cleverhans-v4")
    assert (compared["verdict"], compared["status"]) == ("DIVERGED", "expected")


def test_what_cannot_be_reduced_is_said_before_anything_runs(harness_in, tmp_path):
    (tmp_path / "labels.yaml").write_text(SCENARIO)
    for arguments, message in (
        (("labels", "labels.yaml", "--pair", "nsl,cleverhans-v4"), "expected one case, got 2"),
        (("labels[norm=l2]", "labels.yaml", "--pair", "nsl,nsl"), "expected two different subjects"),
        (("labels[norm=l2]", "labels.yaml", "--pair", "nsl,cleverhans-v4", "-o", "a.txt"), "-o: expected a file"),
    ):
        done = harness_in(tmp_path, "reduce", *arguments)
        assert (done.returncode, message in done.stderr) == (2, True), done.stderr
