"""Bridges between the real libraries: their divergences are explained, and a changed library is not."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.engine.record import save_run
from harness.engine.run import Options, complete, execute
from harness.engine.workers import Workers
from harness.explain.explaining import explain_run
from harness.report.causes import because, said, unexplained
from harness.scenario.select import load_cases
from harness.vocabulary import Verdict

SHIPPED = Path(__file__).parents[2] / "scenarios"
SUBJECTS = ["nsl", "cleverhans-v3", "reference-cleverhans"]
CASES = (
    ("perturbation/defaults.yaml", None),
    ("perturbation/tied-predictions.yaml", "linf"),
    ("perturbation/partly-nonfinite-gradients.yaml", "linf"),
    ("loss/step-defaults.yaml", None),
    ("loss/step-label-smoothing.yaml", "l2"),
    ("loss/step-dropout.yaml", "attack_mode=training"),
    ("loss/step-through-a-confident-model.yaml", None),
)


@pytest.fixture(scope="module")
def options(tmp_path_factory):
    return Options(store=tmp_path_factory.mktemp("store"), jobs=1)


@pytest.fixture(scope="module")
def plain(workers, options):
    """A run of shipped cases, not yet explained."""
    cases = [
        case for file, keyword in CASES for case in load_cases([SHIPPED / file], keyword=keyword, subjects=SUBJECTS)
    ]
    return complete(execute(cases, options, shared=workers), lambda event: None)


@pytest.fixture(scope="module")
def explained(plain, workers, options):
    return explain_run(plain, options, workers)


def between(run, scenario, left, right):
    record = next(record for record in run.cases if record.case.scenario == scenario)
    return next(one for one in record.comparisons if (one.left, one.right) == (left, right))


def shares(comparison):
    return {one["code"]: one["share"] for one in comparison.causes}


def test_every_divergence_is_explained_by_shares_that_add_up_to_the_whole(explained):
    compared = [(record, one) for record in explained.cases for one in record.comparisons]
    assert {one.verdict is Verdict.DIVERGED for _, one in compared} == {True, False}
    for record, one in compared:
        if one.verdict is Verdict.DIVERGED:
            assert sum(shares(one).values()) == pytest.approx(1, abs=1e-6)
            assert one.metrics["bridge"]["reason"] == ""
            drawn = {"DRAWN"} if record.case.scenario == "step-dropout" else set()
            met = {end["verdict"] for end in one.metrics["bridge"]["ends"].values()}
            assert met <= {"EQUAL", "CLOSE"} | drawn
        else:
            assert not one.causes
    assert unexplained(explained) == []


def test_what_a_second_run_takes_from_the_store_is_the_first_to_the_byte(explained, options, workers, tmp_path):
    cases = [record.case for record in explained.cases]
    again = explain_run(complete(execute(cases, options, shared=workers), lambda event: None), options, workers)
    assert again.totals["from_store"] == again.totals["outcomes"]
    first, second = save_run(explained, tmp_path / "first"), save_run(again, tmp_path / "second")
    assert first.digest == second.digest


def test_several_causes_at_once_are_told_apart(explained):
    """3.1.0 and NSL differ in epsilon, norm and labels by default."""
    found = between(explained, "defaults", "nsl", "cleverhans-v3")
    leading = [one["code"] for one in found.causes[:3]]
    assert leading == ["epsilon", "norm", "label-source"]
    settings = found.metrics["bridge"]["settings"]
    assert settings["epsilon"]["alone_makes"]
    assert not settings["epsilon"]["alone_removes"]
    assert found.metrics["bridge"]["differing"]["epsilon"] == [0.001, 0.3]
    assert because(found).startswith("because: epsilon 53 %, norm ")
    assert said(found).endswith(f", {because(found)}")


@pytest.mark.parametrize(
    ("scenario", "left", "right", "causes"),
    [
        ("step-dropout", "nsl", "cleverhans-v3", {"random-draws"}),
        ("tied-predictions", "cleverhans-v3", "reference-cleverhans", {"prediction-ties"}),
        ("partly-nonfinite-gradients", "nsl", "cleverhans-v3", {"nonfinite-gradient"}),
        ("step-label-smoothing", "nsl", "cleverhans-v3", {"label-smoothing", "gradient-flow"}),
        ("step-through-a-confident-model", "nsl", "cleverhans-v3", {"gradient-flow"}),
        ("step-defaults", "nsl", "cleverhans-v3", {"epsilon", "norm", "label-source", "loss-weighting"}),
    ],
)
def test_the_cause_that_a_scenario_isolates_is_found(explained, scenario, left, right, causes):
    found = shares(between(explained, scenario, left, right))
    assert {code for code, share in found.items() if share > 0.001} >= causes
    if len(causes) == 1:
        assert found[next(iter(causes))] == pytest.approx(1, abs=1e-4)


def test_causes_come_from_the_store_the_second_time(plain, explained, options):
    class NoWorkers(Workers):
        def submit(self, *arguments: Any, **keywords: Any) -> Any:
            raise AssertionError("computed again")

    assert explain_run(plain, options, NoWorkers()).cases == explained.cases


@pytest.mark.parametrize(
    ("scenario", "name", "factor", "words"),
    [
        ("defaults", "adversarial/x", 1.001, "does not meet cleverhans-v3: "),
        ("step-defaults", "gradient/00-kernel", 1.001, "the worst is at gradient/00-kernel"),
        ("step-dropout", "gradient/00-kernel", 3.0, "the worst is at gradient/00-kernel"),
    ],
)
def test_a_library_that_does_something_else_is_unexplained_and_named(
    plain, workers, options, scenario, name, factor, words
):
    """As if 3.1.0 had a constant a thousandth off: what it returned is what the run has of it."""
    record = next(record for record in plain.cases if record.case.scenario == scenario)
    outcome = record.outcome("cleverhans-v3")
    arrays = plain.arrays(outcome.arrays)
    changed = replace(outcome, arrays=plain.store.put_arrays({**arrays, name: arrays[name] * np.float32(factor)}))
    outcomes = tuple(changed if one is outcome else one for one in record.outcomes)
    run = replace(plain, cases=(replace(record, outcomes=outcomes),))
    found = between(explain_run(run, options, workers), scenario, "nsl", "cleverhans-v3")
    assert found.causes == ({"code": "unexplained", "share": 1.0},)
    ends = found.metrics["bridge"]["ends"]
    assert (ends["nsl"]["verdict"], ends["cleverhans-v3"]["verdict"]) == ("EQUAL", "DIVERGED")
    assert words in found.metrics["bridge"]["reason"]
    assert said(found).endswith(found.metrics["bridge"]["reason"])
