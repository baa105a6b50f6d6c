"""What is recorded of a training, held against the same training in NumPy."""

import itertools

import numpy as np
import pytest

from harness.engine.trajectory import MOST_NUMBERS, MOST_RECORDED, recorded_steps

RATE, EPSILON = 0.5, 0.1


def batches(data, seed):
    ends = itertools.accumulate(data["sizes"].tolist())
    for end, size in zip(ends, data["sizes"].tolist(), strict=True):
        chosen = data["order"][seed, end - size : end]
        yield data["input/x"][chosen].astype(np.float64), data["labels"][chosen]


@pytest.fixture
def data(first, record_of):
    return first.arrays(record_of("alike").identity["data"])


def test_a_short_training_is_recorded_at_every_step():
    assert recorded_steps(10, 67, 0) == list(range(11))
    assert recorded_steps(MOST_RECORDED - 1, 67, 0) == list(range(MOST_RECORDED))
    assert recorded_steps(1, MOST_NUMBERS, 0) == [0, 1]


@pytest.mark.parametrize("steps", [MOST_RECORDED, 1000, 100_000])
def test_a_long_one_at_the_first_steps_and_evenly_spaced_ones(steps):
    recorded = recorded_steps(steps, 67, 0)
    assert recorded[:16] == list(range(16))
    assert (recorded[-1], sorted(set(recorded))) == (steps, recorded)
    assert 0.9 * MOST_RECORDED < len(recorded) <= MOST_RECORDED
    gaps = np.diff(recorded[17:])
    assert gaps.max() - gaps.min() <= 1


def test_evaluated_steps_are_recorded_whatever_the_spacing():
    recorded = recorded_steps(1000, 67, 333)
    assert {333, 666, 999, 1000} <= set(recorded)
    assert len(recorded) <= MOST_RECORDED + 3


@pytest.mark.parametrize("most", [2, 3, 10, 16, 17, 18, 40])
def test_a_large_model_is_recorded_less_often(most):
    recorded = recorded_steps(1000, MOST_NUMBERS // most, 0)
    assert 2 <= len(recorded) <= most
    assert (recorded[0], recorded[-1]) == (0, 1000)
    assert recorded_steps(1000, 10 * MOST_NUMBERS, 0) == [0, 1000]


def test_the_trajectory_of_a_long_training_has_these_steps(record_of, arrays_of):
    arrays = arrays_of("long", "reference-nsl")
    assert arrays["steps"].dtype == np.int32
    assert arrays["steps"].tolist() == recorded_steps(3000, 67, 700)
    assert arrays["trajectory"].shape == (len(arrays["steps"]), 67)
    assert arrays["total_loss"].shape == (1, 3000)
    assert record_of("long").outcome("reference-nsl").summary["evaluation"]["steps"] == [0, 700, 1400, 2100, 2800, 3000]


@pytest.mark.parametrize("subject", ["nsl", "cleverhans-v3", "reference-nsl", "reference-cleverhans"])
def test_losses_are_of_each_step_before_its_update(record_of, arrays_of, data, network, subject):
    arrays = arrays_of("alike", subject)
    objective = record_of("alike").outcome(subject).settings["objective"]
    for step, (x, labels) in enumerate(batches(data, 0)):
        model = network(arrays["trajectory"][step])
        attacked = model.attacked(x, labels, EPSILON)
        clean, adversarial = model.loss(x, labels), model.loss(attacked, labels)
        assert arrays["clean_loss"][0, step] == pytest.approx(clean, rel=1e-5)
        assert arrays["adversarial_loss"][0, step] == pytest.approx(adversarial, rel=1e-5)
        total = objective["clean"] * clean + objective["adversarial"] * adversarial
        assert arrays["total_loss"][0, step] == pytest.approx(total, rel=1e-5)
        # What the scenario states: 1 : 1 at a rate of 0.5, with match_scale.
        change = RATE * (model.weight_gradient(x, labels) + model.weight_gradient(attacked, labels))
        assert arrays["trajectory"][step + 1] == pytest.approx(arrays["trajectory"][step] - change, abs=1e-6)


@pytest.mark.parametrize("subject", ["nsl", "cleverhans-v3", "reference-nsl", "reference-cleverhans"])
def test_every_seed_is_trained_from_its_own_weights_on_its_own_batches(
    first, record_of, arrays_of, data, network, subject
):
    arrays, weights = arrays_of("alike", subject), first.arrays(record_of("alike").identity["weights"])
    assert arrays["final_weights"][0].tobytes() == arrays["trajectory"][-1].tobytes()
    for seed in range(3):
        flat = np.concatenate([weights[f"{seed:03d}/{place:03d}"].ravel() for place in range(4)]).astype(np.float64)
        losses = []
        for x, labels in batches(data, seed):
            model = network(flat)
            attacked = model.attacked(x, labels, EPSILON)
            losses.append(model.loss(x, labels))
            flat = flat - RATE * (model.weight_gradient(x, labels) + model.weight_gradient(attacked, labels))
        assert arrays["clean_loss"][seed] == pytest.approx(losses, rel=1e-4)
        assert arrays["final_weights"][seed] == pytest.approx(flat, abs=1e-4)


def test_the_last_losses_are_in_the_summary(record_of, arrays_of):
    outcome, arrays = record_of("alike").outcome("nsl"), arrays_of("alike", "nsl")
    assert outcome.summary["final"] == {
        name: arrays[name][0, -1] for name in ("clean_loss", "adversarial_loss", "total_loss")
    }
    assert outcome.summary["nonfinite_step"] == [None, None, None]


def test_a_twin_starts_one_unit_in_the_last_place_away_in_every_weight_that_is_not_zero(starts):
    with np.load(starts["start"]) as start, np.load(starts["nudged"]) as nudged:
        for name in start.files:
            own, moved = start[name], nudged[name]
            up, down = (np.nextafter(own, np.float32(way)) for way in (np.inf, -np.inf))
            assert ((moved == up) | (moved == down))[own != 0].all()
            assert (moved[own == 0] == 0).all()
        assert start["0"][0, 0] == 0


def test_the_twin_is_the_same_training_from_there(arrays_of):
    """The training of weights nudged beforehand is the twin's: same batches, same state of the optimizer."""
    own, twin = (arrays_of(case, "reference-nsl") for case in ("start", "nudged"))
    lengths = [np.linalg.norm(side["trajectory"].astype(np.float64), axis=1) for side in (own, twin)]
    apart = np.linalg.norm(own["trajectory"].astype(np.float64) - twin["trajectory"], axis=1)
    assert own["twin_distance"] == pytest.approx(apart / np.maximum(*lengths), rel=1e-9)
    assert (own["twin_distance"] > 0).all()
    assert 1e-8 < own["twin_distance"][0] < 1e-7


def test_in_double_precision_the_unit_is_that_of_double_precision(first, record_of, arrays_of):
    """A unit of single precision would excuse a subject that computes in single precision where it must not."""
    for subject in record_of("double").case.subjects:
        arrays = arrays_of("double", subject)
        assert arrays["trajectory"].dtype == arrays["final_weights"].dtype == np.float64
        assert 2e-17 < arrays["twin_distance"][0] < 2e-16
        assert arrays["twin_distance"].max() < 1e-14


def test_a_training_that_breaks_tells_the_step(record_of, arrays_of):
    record = record_of("breaks")
    for outcome in record.outcomes:
        arrays = arrays_of("breaks", outcome.subject)
        assert np.isfinite(arrays["total_loss"][0, 0])
        assert not np.isfinite(arrays["total_loss"][0, 1])
        assert outcome.summary["nonfinite_step"] == [2]
        assert outcome.summary["final"]["total_loss"] is None
        assert arrays["steps"].tolist() == [0, 1, 2, 3, 4]  # it goes on to the end
        assert np.isnan(arrays["twin_distance"][-1])
        assert outcome.summary["evaluation"]["clean_accuracy"][-1] == 0  # no prediction is right that is none
    (comparison,) = record.comparisons
    assert (comparison.metrics["left_nonfinite"], comparison.metrics["right_nonfinite"]) == (2, 2)
    assert "become non-finite at step 2" in comparison.sentence
