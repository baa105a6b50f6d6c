"""How good the trained models are: the harness's accuracies against the same models in NumPy."""

import numpy as np
import pytest


@pytest.fixture
def held_out(first, record_of):
    data = first.arrays(record_of("alike").identity["data"])
    return data["test/input/x"].astype(np.float64), data["test/labels"]


def evaluation_of(record, subject):
    return record.outcome(subject).summary["evaluation"]


@pytest.mark.parametrize("subject", ["nsl", "cleverhans-v3", "reference-nsl", "reference-cleverhans"])
def test_accuracies_at_chosen_steps_and_of_every_seed(record_of, arrays_of, held_out, network, subject):
    evaluation, arrays = evaluation_of(record_of("alike"), subject), arrays_of("alike", subject)
    assert evaluation["steps"] == [0, 4, 8, 10]
    at_steps = [network(arrays["trajectory"][step]) for step in (0, 4, 8, 10)]
    by_seed = [network(weights) for weights in arrays["final_weights"]]
    for found, models in ((evaluation, at_steps), (evaluation["seeds"], by_seed)):
        assert found["clean_accuracy"] == [model.accuracy(*held_out) for model in models]
        assert list(found["adversarial_accuracy"]) == ["0.05", "0.2"]
        for epsilon, accuracies in found["adversarial_accuracy"].items():
            x, labels = held_out
            attacked = [model.attacked(x, labels, float(epsilon)) for model in models]
            assert accuracies == [model.accuracy(x, labels) for model, x in zip(models, attacked, strict=True)]
    accuracies = evaluation["seeds"]
    assert len({*accuracies["clean_accuracy"], *accuracies["adversarial_accuracy"]["0.2"]}) > 3  # there is a difference


def test_predictions_are_of_every_seed_at_the_end_and_of_the_first_at_chosen_steps(
    first, record_of, arrays_of, held_out, network
):
    for subject in ("nsl", "cleverhans-v3"):
        found, arrays = first.arrays(evaluation_of(record_of("alike"), subject)["arrays"]), arrays_of("alike", subject)
        for name, weights in (("", arrays["final_weights"]), ("_by_step", arrays["trajectory"][[0, 4, 8, 10]])):
            predictions = found[f"predictions{name}"]
            assert predictions.dtype == np.int32
            models = [network(one) for one in weights]
            assert predictions.tolist() == [model.logits(held_out[0]).argmax(axis=1).tolist() for model in models]


def test_the_attack_has_the_norm_and_the_clip_range_of_the_case(record_of, arrays_of, held_out, network):
    """Also of a model that returns probabilities."""
    evaluation = evaluation_of(record_of("clipped"), "reference-nsl")
    start, end = (network(arrays_of("clipped", "reference-nsl")["trajectory"][step]) for step in (0, -1))
    x, labels = held_out

    def accuracies(model, **attack):
        return [model.accuracy(model.attacked(x, labels, epsilon, **attack), labels) for epsilon in (0.1, 0.2, 0.4)]

    columns = [accuracies(model, norm="l2", clip=[0.2, 0.7]) for model in (start, end)]
    assert list(zip(*evaluation["adversarial_accuracy"].values(), strict=True)) == [tuple(one) for one in columns]
    assert columns[1] not in [accuracies(end, clip=[0.2, 0.7]), accuracies(end, norm="l2")]


def test_a_model_of_several_inputs_is_attacked_in_all_of_them(record_of, arrays_of, held_out, network):
    model = network(arrays_of("named", "nsl")["final_weights"][0])
    x, labels = held_out
    seeds = evaluation_of(record_of("named"), "nsl")["seeds"]
    assert seeds["clean_accuracy"] == [model.accuracy(x, labels)]
    assert seeds["adversarial_accuracy"] == {"0.2": [model.accuracy(model.attacked(x, labels, 0.2), labels)]}


def test_subjects_that_trained_the_same_bits_share_one_evaluation(first, store, record_of):
    trained = [
        (record.case.id, outcome.arrays)
        for record in first.cases
        for outcome in record.outcomes
        if record.case.kind == "training"
    ]
    assert record_of("alike").outcome("nsl").arrays == record_of("alike").outcome("reference-nsl").arrays
    assert len(set(trained)) < len(trained)
    assert len(list((store / "evaluation").rglob("*.json"))) == len(set(trained))
    assert evaluation_of(record_of("alike"), "nsl") == evaluation_of(record_of("alike"), "reference-nsl")
