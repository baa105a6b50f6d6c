"""The fixture ``harness_compare``, and comparisons held against a baseline."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.engine.accepting import accept
from harness.engine.baseline_file import Accepted, Baseline, write_baseline
from harness.engine.record import load_run
from harness.vocabulary import Verdict

from .conftest import DIVERGES, MATRIX, PLAIN, outcomes

OWN = """\
import os
from pathlib import Path

import tensorflow as tf


def right(model_fn, x, eps, norm, loss_fn=None, clip_min=None, clip_max=None, y=None):
    with Path("processes").open("a") as stream:
        stream.write(f"{os.getpid()}\\n")
    with tf.GradientTape() as tape:
        tape.watch(x)
        loss = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=model_fn(x))
    return x + eps * tf.sign(tape.gradient(loss, x))


def wrong(model_fn, x, eps, norm, loss_fn=None, clip_min=None, clip_max=None, y=None):
    return 2 * x - right(model_fn, x, eps, norm, loss_fn, clip_min, clip_max, y)
"""
TESTS = """\
from pathlib import Path


def test_right(harness_compare):
    run = harness_compare("own:right", "cleverhans-v4", scenarios="scenarios/matrix.yaml", keyword="linf")
    assert len(run.cases) == 1


def test_wrong(harness_compare):
    harness_compare("own:wrong", "cleverhans-v4", scenarios=Path("scenarios"), keyword="linf")


def test_nothing_to_be_like(harness_compare):
    harness_compare("own:right", "cleverhans-v4", scenarios="scenarios", keyword="plain")


def test_misspelt(harness_compare):
    harness_compare("own:right", "cleverhans-4", scenarios="scenarios")
"""


@pytest.fixture(scope="module")
def own(first, session, tmp_path_factory) -> tuple[str, Path]:
    """What pytest says of tests that use the fixture, and their folder."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "scenarios").mkdir()
    (folder / "scenarios" / "matrix.yaml").write_text(MATRIX)
    without_epsilon = PLAIN.replace("epsilon: 0.1, ", "")  # it is required in cleverhans-v4
    (folder / "scenarios" / "plain.yaml").write_text(without_epsilon)
    (folder / "own.py").write_text(OWN)
    (folder / "test_own.py").write_text(TESTS)
    return session("-v", folder=folder).stdout, folder


def test_one_line_compares_a_function_of_ones_own(own) -> None:
    assert outcomes(own[0]) == {
        "test_own.py::test_right": "PASSED",
        "test_own.py::test_wrong": "FAILED",
        "test_own.py::test_nothing_to_be_like": "FAILED",
        "test_own.py::test_misspelt": "FAILED",
    }


def test_a_failure_says_where_they_differ_and_shows_the_line_of_the_test_only(own) -> None:
    text = own[0]
    assert "E       AssertionError: own:wrong is not like cleverhans-v4 in 1 of 1 case:" in text
    assert "E       matrix[norm=linf]: DIVERGED" in text
    assert "48 of 48 elements differ" in text
    command = (
        "harness run scenarios/matrix.yaml -k 'matrix[norm=linf]' --subjects own:wrong,cleverhans-v4,reference-float64"
    )
    assert f"to reproduce: {command}" in text
    assert "compare.py" not in text


def test_what_could_not_be_computed_is_no_pass(own) -> None:
    assert "AssertionError: nothing was compared: cleverhans-v4 has an outcome in none of 1 case." in own[0]


def test_a_name_that_is_none_has_the_words_of_the_harness(own) -> None:
    assert "'cleverhans-4' is not a subject. Did you mean 'cleverhans-v4'?" in own[0]
    assert "HarnessError" not in own[0]


def test_all_tests_of_a_session_share_their_workers(own) -> None:
    processes = Path(own[1], "processes").read_text().split()
    assert len(processes) > 1
    assert len(set(processes)) == 1


def test_what_a_baseline_accepts_is_known_and_what_changed_fails(first, session, project) -> None:
    run, path = load_run(project / "reports" / "first"), project / "baseline.json"

    def result_with(baseline: Baseline) -> str:
        write_baseline(baseline)
        return session(
            *("--harness", "scenarios", "--harness-baseline", "baseline.json"), *("-v", "-rx", "-k", "plain and nsl")
        ).stdout

    said = result_with(accept(run, Baseline(path), {"plain": True}, reason="known since May").baseline)
    assert outcomes(said)[DIVERGES] == "XFAIL", said
    assert "accepted: known since May" in said
    assert "; baseline baseline.json\n" in said
    close = {"nsl|cleverhans-v4": Accepted(Verdict.CLOSE)}
    said = result_with(Baseline(path).with_case("plain", close, scenario="plain", file="scenarios/plain.yaml"))
    assert outcomes(said)[DIVERGES] == "FAILED"
    assert "\nDIVERGED, in the baseline CLOSE: " in said
