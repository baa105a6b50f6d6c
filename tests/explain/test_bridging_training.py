"""Bridges between trainings: NSL and the reimplementation of both libraries, on iris."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from harness.engine.record import save_run
from harness.engine.run import Options, complete, execute
from harness.explain.explaining import explain_run
from harness.report.causes import because, said

SGD = {"kind": "sgd", "rate": 0.5, "momentum": 0.0, "nesterov": False, "weight_decay": 0.0, "clip_norm": None}
ADAM = {**SGD, "kind": "adam", "rate": 0.01}
TRAINING = {
    **{"match_scale": False, "optimizer": SGD, "steps": 10, "batch_size": 32, "seeds": 1, "seed": 0},
    **{"evaluate": {"every": 0, "epsilons": [0.2]}, "margin": 1.0},
}
LINF = {"epsilon": 0.1, "norm": "linf", "labels": "given"}
PAIR = ("nsl", "reference-cleverhans")


@pytest.fixture(scope="module")
def run(make_case, workers, tmp_path_factory):
    """The cases of this file, run and explained: with two causes, with many and many steps, and with masks."""
    options = Options(store=tmp_path_factory.mktemp("store"), jobs=1)

    def case(name, subjects=PAIR, *, attack: Any = LINF, layers=(), **changed):
        model = {
            "layers": [{"kind": "dense", "units": 8}, {"kind": "relu"}, *layers, {"kind": "dense", "units": 3}],
            "output": "logits",
            "init": {"scheme": "glorot_uniform", "seed": 0, "scale": 1.0},
        }
        training = {**TRAINING, **changed}
        return make_case(
            name,
            kind="training",
            attack=attack,
            data={"source": "iris"},
            model=model,
            training=training,
            subjects=subjects,
        )

    # Of weights 1 : 0.2 and 0.5 : 0.5 both the ratio and the sum differ.
    cases = [
        case("two"),
        case("defaults", attack={"epsilon": 0.1}, steps=90, seeds=2),
        case("masks", layers=[DROPOUT], mode="training"),
        case("overflow", match_scale=True, steps=1, weighting={"clean": 1e-38, "adversarial": 3.0}),
    ]
    found = complete(execute(cases, options, shared=workers), lambda event: None)
    return options, found, explain_run(found, options, workers)


DROPOUT = {"kind": "dropout", "rate": 0.5}


def explained(run, name) -> Any:
    record = next(record for record in run.cases if record.case.id == name)
    return record.comparisons[0]


def shares(comparison):
    return {one["code"]: one["share"] for one in comparison.causes}


def test_a_second_run_takes_the_same_from_the_store_to_the_byte(run, workers, tmp_path):
    options, found, explained = run
    cases = [record.case for record in found.cases]
    again = explain_run(complete(execute(cases, options, shared=workers), lambda event: None), options, workers)
    assert save_run(again, tmp_path / "second").digest == save_run(explained, tmp_path / "first").digest


def test_two_causes_at_once_share_the_distance_of_the_final_weights(run):
    found = explained(run[-1], "two")
    bridge = found.metrics["bridge"]
    assert {end["verdict"] for end in bridge["ends"].values()} == {"EQUAL"}
    assert (bridge["measure"], bridge["step"], bridge["of_steps"], bridge["evaluated"]) == ("l2", 10, 10, 4)
    assert set(shares(found)) >= {"loss-weighting", "learning-rate"}
    assert min(shares(found)[code] for code in ("loss-weighting", "learning-rate")) > 0.05
    assert sum(shares(found).values()) == pytest.approx(1)
    left, right = bridge["differing"]["loss-weighting"]
    assert (left["adversarial"] / left["clean"], right["adversarial"] / right["clean"]) == (0.2, 1.0)
    assert because(found).startswith("because: ")
    assert "steps" not in because(found)


def test_each_setting_has_its_part_of_the_difference_of_the_accuracies(run):
    bridge = explained(run[-1], "defaults").metrics["bridge"]
    assert set(bridge["accuracy"]) == {"clean", "0.2"}
    for name, (left, right) in bridge["accuracy"].items():
        parts = [one["accuracy"][name] for one in bridge["settings"].values()]
        assert sum(parts) == pytest.approx(right - left, abs=1e-12)
    assert any(one["accuracy"]["0.2"] for one in bridge["settings"].values())


def test_with_many_combinations_the_causes_are_those_at_an_earlier_step_of_the_first_seed(run):
    found = explained(run[-1], "defaults")
    bridge = found.metrics["bridge"]
    assert {"norm", "label-source", "loss-weighting", "learning-rate"} <= set(shares(found))
    assert sum(shares(found).values()) == pytest.approx(1)
    assert bridge["evaluated"] * bridge["step"] <= 1200
    assert 0 < bridge["step"] < 90
    assert said(found).endswith(f" (after {bridge['step']} of 90 steps, of the first of 2 seeds)")


def test_masks_that_both_draw_alike_are_repeated(run):
    found = explained(run[-1], "masks")
    assert {end["verdict"] for end in found.metrics["bridge"]["ends"].values()} <= {"EQUAL", "CLOSE"}
    assert {"training-mode", "loss-weighting"} <= set(shares(found))


@pytest.mark.parametrize("row", [4, 10])
def test_a_trajectory_that_no_stance_leads_to_is_unexplained_from_its_step_on(run, workers, row):
    """As if NSL had done something else after some steps: what it returned is what the run has of it."""
    options, plain, _ = run
    record = next(record for record in plain.cases if record.case.id == "two")
    outcome = record.outcome("nsl")
    arrays = dict(plain.arrays(outcome.arrays))
    factors = np.where(np.arange(11) < row, 1, 1.001).astype(np.float32)[:, None]
    arrays["trajectory"] = arrays["trajectory"] * factors
    arrays["final_weights"] = arrays["trajectory"][-1:]
    changed = replace(outcome, arrays=plain.store.put_arrays(arrays))
    outcomes = tuple(changed if one is outcome else one for one in record.outcomes)
    found = explained(explain_run(replace(plain, cases=(replace(record, outcomes=outcomes),)), options, workers), "two")
    assert found.causes == ({"code": "unexplained", "share": 1.0},)
    ends = found.metrics["bridge"]["ends"]
    assert {name: end["verdict"] for name, end in ends.items()} == {"nsl": "DIVERGED", PAIR[1]: "EQUAL"}
    reason = found.metrics["bridge"]["reason"]
    assert reason.startswith("the reimplementation under the settings of nsl does not meet nsl: ")
    assert reason.endswith(f", from step {row} on")


def test_a_factor_that_overflows_on_the_losses_and_not_in_the_rate_is_a_cause(run):
    """As a stance of its own it means the same, so it is asked only after all that does not."""
    found = explained(run[-1], "overflow")
    assert (found.metrics["left_nonfinite"], found.metrics["right_nonfinite"]) == (1, None)
    assert shares(found) == {"learning-rate": pytest.approx(1.0)}
    assert {end["verdict"] for end in found.metrics["bridge"]["ends"].values()} == {"EQUAL"}
