"""How outcomes of kinds loss and training become comparisons: of real runs, and of arrays made for the purpose."""

import numpy as np
import pytest

from harness.engine.comparing import compare_case
from harness.engine.store import Store
from harness.oracle.verdicts import Tolerance
from harness.vocabulary import YARDSTICK, Expectation, Location, Outcome, Verdict

PAIR = ("nsl", "reference-nsl")
SETTINGS = {
    **{"epsilon": 0.1, "norm": "linf", "labels": "given", "clip": None, "loss": "cross-entropy", "feature_mask": None},
    **{"loss_reduction": "mean", "smoothing": 0.0, "sample_weights": None, "dtype": "float32"},
    **{"mode": "inference", "attack_mode": "inference", "gradient_flow": "stopped"},
    "objective": {"clean": 1.0, "adversarial": 0.2, "scale": 1.0},
}


def verdicts(record):
    return {(one.left, one.right): one.verdict for one in record.comparisons}


# Of real runs.


def test_the_factor_between_the_objectives_is_folded_in(record_of):
    """NSL computes 1 : 0.2, CleverHans 0.833 : 0.167."""
    found = verdicts(record_of("ratio"))
    assert found["nsl", "reference-nsl"] is found["cleverhans-v3", "reference-cleverhans"] is Verdict.EQUAL
    assert set(found.values()) == {Verdict.EQUAL, Verdict.CLOSE}
    (apart,) = record_of("unmatched").comparisons
    assert apart.verdict is Verdict.DIVERGED
    assert apart.metrics["scale"] == pytest.approx(1 / 1.2)
    assert apart.metrics["cosine"] == pytest.approx(1.0)
    scales = {one.subject: one.settings["objective"]["scale"] for one in record_of("ratio").outcomes}
    nsl, cleverhans = dict.fromkeys(("nsl", "reference-nsl", YARDSTICK), 1.0), ("cleverhans-v3", "reference-cleverhans")
    assert scales == pytest.approx({**nsl, **dict.fromkeys(cleverhans, 1.2)})


def test_the_yardstick_is_in_the_units_of_the_stated_objective(record_of, arrays_of):
    exact, outcome = arrays_of("ratio", YARDSTICK), record_of("ratio").outcome("reference-cleverhans")
    single, scale = arrays_of("ratio", outcome.subject), outcome.settings["objective"]["scale"]
    for name in ("total_loss", "gradient/00-kernel", "gradient/03-bias"):
        assert np.abs(scale * single[name].astype(np.float64) - exact[name]).max() <= 2 * exact[f"uncertainty/{name}"]


def test_trainings_are_compared_at_every_step_and_over_all_seeds(record_of):
    comparison = record_of("alike").comparisons[0]
    assert (comparison.left, comparison.right, comparison.verdict) == ("nsl", "cleverhans-v3", Verdict.EQUAL)
    assert comparison.metrics["steps"] == list(range(11))
    assert comparison.metrics["agreement"] == 1.0
    assert comparison.metrics["agreement_by_step"] == {"0": 1.0, "4": 1.0, "8": 1.0, "10": 1.0}
    assert set(comparison.metrics["equivalence"]) == {"clean", "0.05", "0.2"}
    assert {(one["answer"], one["seeds"]) for one in comparison.metrics["equivalence"].values()} == {("equivalent", 3)}
    assert (comparison.expected, comparison.status) == ("EQUAL", "expected")
    assert record_of("breaks").comparisons[0].metrics["equivalence"] is None  # one seed proves nothing


# Of arrays made for the purpose: a difference of 2,000 units, half of which float32 cannot know on each side.


@pytest.fixture
def step(make_step, tmp_path):
    """Compares two outcomes beside a yardstick. Returns the verdict on the pair."""
    store = Store(tmp_path)

    def outcome(subject, value, changed, uncertainty=None):
        names = ("clean_loss", "adversarial_loss", "total_loss", "gradient/00-kernel")
        dtype = np.float32 if uncertainty is None else np.float64
        arrays = {name: np.full((2,) if "/" in name else (), value, dtype) for name in names}
        if uncertainty is not None:
            arrays |= {f"uncertainty/{name}": np.array(uncertainty) for name in names}
        return Outcome(subject, "ok", settings={**SETTINGS, **changed}, arrays=store.put_arrays(arrays))

    def verdict(*, left=None, right=None, yardstick=None, given=None, **fields):
        case = make_step(subjects=(*PAIR, YARDSTICK), **fields)
        outcomes = {"nsl": outcome("nsl", 1.0, left or {}), "reference-nsl": outcome(PAIR[1], 1.000244, right or {})}
        outcomes[YARDSTICK] = given or outcome(YARDSTICK, 1.000122, yardstick or {}, uncertainty=1.3e-4)
        first, *_ = compare_case(store, case, "", outcomes, Tolerance())
        assert (first.left, first.right) == PAIR
        return first.verdict

    return verdict


def test_what_float32_cannot_know_is_excused(step):
    assert step() is Verdict.CLOSE
    assert step(given=Outcome(YARDSTICK, "error", reason="failed")) is Verdict.DIVERGED
    assert step(given=Outcome(YARDSTICK, "unsupported", reason="draws random numbers")) is Verdict.DIVERGED


@pytest.mark.parametrize(
    "other",
    [
        {"epsilon": 0.2},
        {"norm": "l1"},
        {"labels": "predicted"},
        {"clip": [0, 1]},
        {"loss": "another"},
        {"feature_mask": [1, 0, 0, 0]},
        {"loss_reduction": "sum"},
        {"smoothing": 0.1},
        {"sample_weights": "uniform from 0.5 to 2, seed 0"},
    ],
    ids=str,
)
@pytest.mark.parametrize("side", ["left", "right", "yardstick"])
def test_but_not_where_a_side_was_asked_something_else(step, side, other):
    assert step(**{side: other}) is Verdict.DIVERGED


@pytest.mark.parametrize("setting", ["mode", "attack_mode"])
@pytest.mark.parametrize("side", ["left", "right", "yardstick"])
def test_the_mode_counts_where_the_model_depends_on_it(step, make_step, side, setting):
    plain = make_step().model
    other = {side: {setting: "training"}}
    assert step(model=plain, **other) is Verdict.CLOSE
    for layer in ({"kind": "dropout", "rate": 0.5}, {"kind": "batchnorm"}):
        assert step(model={**plain, "layers": [layer, *plain["layers"]]}, **other) is Verdict.DIVERGED
        assert step(model={**plain, "before": [layer]}, **other) is Verdict.DIVERGED
        assert step(model={**plain, "before": [layer]}) is Verdict.CLOSE
    assert step(model={"factory": "nobody:knows"}, **other) is Verdict.DIVERGED


@pytest.mark.parametrize(("norm", "verdict"), [("l2", "DIVERGED"), ("linf", "CLOSE"), ("l1", "CLOSE")])
@pytest.mark.parametrize("side", ["left", "right", "yardstick"])
def test_the_gradient_flow_counts_where_there_is_a_gradient(step, side, norm, verdict):
    settings = {name: {"norm": norm} for name in ("left", "right", "yardstick")}
    settings[side]["gradient_flow"] = "through"
    assert step(**settings) == verdict


@pytest.mark.parametrize(
    ("scales", "verdict"), [((1.0, 2.0), "EQUAL"), ((2.0, 1.0), "DIVERGED"), ((1.0, 1.0), "DIVERGED")]
)
def test_each_side_has_its_own_scale(make_step, tmp_path, scales, verdict):
    store, outcomes = Store(tmp_path), {}
    for subject, value, scale in zip(PAIR, (1.0, 0.5), scales, strict=True):
        losses = {name: np.array(1, np.float32) for name in ("clean_loss", "adversarial_loss")}
        scaled = {"total_loss": np.array(value, np.float32), "gradient/00-kernel": np.full(2, value, np.float32)}
        arrays = store.put_arrays({**losses, **scaled})
        settings = {**SETTINGS, "objective": {"clean": 1.0, "adversarial": 1.0, "scale": scale}}
        outcomes[subject] = Outcome(subject, "ok", settings=settings, arrays=arrays)
    (comparison,) = compare_case(store, make_step(subjects=PAIR), "", outcomes, Tolerance())
    assert comparison.verdict == verdict


SAME, LOWER, NOISY = [0.8, 0.7, 0.9, 0.8], [0.5, 0.4, 0.6, 0.5], [0.6, 0.9, 0.7, 1.0]


@pytest.fixture
def trained(make_training, tmp_path):
    """Compares two trainings whose weights are alike, with these accuracies on the right. Returns the comparison."""
    store = Store(tmp_path)

    def outcome(subject, accuracies, predictions, weights):
        arrays = {
            "total_loss": np.ones((4, 1)),
            "steps": np.array([0, 1], np.int32),
            "trajectory": np.array([[1.0], [weights]], np.float32),
            "twin_distance": np.array([1e-8, 1e-8]),
            "final_weights": np.full((4, 1), weights, np.float32),
        }
        clean, attacked = accuracies
        seeds = {"clean_accuracy": clean, "adversarial_accuracy": {"0.1": attacked}}
        ends = {"predictions": np.array(predictions), "predictions_by_step": np.array([[0] * 4, predictions[-1]])}
        evaluation = {"steps": [0, 1], "seeds": seeds, "arrays": store.put_arrays(ends)}
        summary = {"evaluation": evaluation}
        return Outcome(subject, "ok", settings=SETTINGS, arrays=store.put_arrays(arrays), summary=summary)

    def compare(clean=SAME, attacked=SAME, *, expected="", verdict=Verdict.EQUAL, last=(0, 1, 2, 0), weights=2.0):
        number = len(clean)
        expectation = Expectation(verdict, "measured", Location("x.yaml"), outcome=expected)
        case = make_training(seeds=4, subjects=PAIR, expectations={"|".join(PAIR): expectation})
        outcomes = {
            "nsl": outcome("nsl", (SAME[:number], SAME[:number]), [[0, 1, 2, 0]] * 4, 2.0),
            "reference-nsl": outcome("reference-nsl", (clean, attacked), [*[[0, 1, 2, 0]] * 3, last], weights),
        }
        (comparison,) = compare_case(store, case, "", outcomes, Tolerance())
        return comparison

    return compare


@pytest.mark.parametrize(
    ("clean", "attacked", "answer"),
    [
        (SAME, SAME, "equivalent"),
        (LOWER, LOWER, "different"),
        (NOISY, NOISY, "undecided"),
        (SAME, LOWER, "different"),
        (LOWER, SAME, "different"),
        (NOISY, LOWER, "different"),
        (SAME, NOISY, "undecided"),
        (NOISY, SAME, "undecided"),
    ],
)
def test_an_expectation_of_the_outcome_is_held_to_all_accuracies_together(trained, clean, attacked, answer):
    for expected in ("equivalent", "different", "undecided"):
        comparison = trained(clean, attacked, expected=expected)
        assert comparison.status == ("expected" if expected == answer else "unexpected")
    assert trained(clean, attacked).status == "expected"  # nothing was said of the outcome


def test_the_verdict_and_the_outcome_must_both_be_as_expected(trained):
    assert trained(expected="equivalent", weights=3.0).status == "unexpected"
    apart = trained(expected="equivalent", verdict=Verdict.DIVERGED, weights=3.0)
    assert (apart.verdict, apart.expected, apart.status) == (Verdict.DIVERGED, "DIVERGED", "expected")
    assert trained(LOWER, expected="equivalent", verdict=Verdict.DIVERGED, weights=3.0).status == "unexpected"


def test_an_outcome_that_no_test_could_tell_is_not_as_expected(trained):
    comparison = trained(SAME[:1], SAME[:1], expected="equivalent")
    assert comparison.metrics["equivalence"] is None
    assert comparison.status == "unexpected"
    assert trained(SAME[:1], SAME[:1]).status == "expected"


def test_the_difference_is_that_of_the_right_to_the_left_within_the_margin_of_the_case(trained):
    answers = trained(SAME, LOWER).metrics["equivalence"]
    assert {name: one["answer"] for name, one in answers.items()} == {"clean": "equivalent", "0.1": "different"}
    assert answers["0.1"]["difference"] == pytest.approx(-30)
    assert answers["0.1"]["margin"] == 1.0


def test_agreement_is_over_the_predictions_of_all_seeds(trained):
    assert trained().metrics["agreement"] == 1.0
    metrics = trained(last=[0, 1, 0, 0]).metrics
    assert metrics["agreement"] == 15 / 16
    assert metrics["agreement_by_step"] == {"0": 1.0, "1": 3 / 4}
