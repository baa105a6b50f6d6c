"""Kinds loss and training beside the section ``training``: what each kind refuses, the matrix, the expectations."""

from __future__ import annotations

import numpy as np
import pytest

from .conftest import save_model

LOSS = "kind: loss\n"
KIND = "kind: training\n"
SGD = {"kind": "sgd", "rate": 0.1, "momentum": 0.0, "nesterov": False, "weight_decay": 0.0, "clip_norm": None}
ONE_STEP = "goes with kind training: kind loss takes the gradients of one batch and updates no weight. Remove it."


def train(further: str = "") -> str:
    """A section with what kind training needs, and further keys."""
    return f"training: {{optimizer: {{sgd: 0.1}}, steps: 10, batch_size: 32{further and ', '}{further}}}\n"


@pytest.mark.parametrize(
    "stated",
    ["optimizer: {sgd: 1}", "steps: 1", "batch_size: 1", "seeds: 1", "seed: 1", "evaluate: {}", "margin: 1"],
)
def test_kind_loss_trains_nothing(complaints, stated: str) -> None:
    assert complaints(f"training: {{{stated}}}\n{LOSS}") == [f"1:12: training.{stated.split(':')[0]}: {ONE_STEP}"]


def test_what_kind_loss_refuses_is_not_looked_at_but_the_rest_is(complaints) -> None:
    found = complaints(f"training: {{steps: no, mode: no, smoothing: 2}}\n{LOSS}")
    assert found[0] == f"1:12: training.steps: {ONE_STEP}"
    assert [message.split(": ")[1] for message in found] == ["training.steps", "training.mode", "training.smoothing"]


def test_kind_perturbation_refuses_the_section(complaints) -> None:
    nothing = "kind perturbation trains nothing. Remove it, or state kind loss or training."
    for section in ("{steps: 3}", "{stepz: 3}", "{}", "null"):
        assert complaints(f"training: {section}\n") == [f"1:1: training: {nothing}"]
    found = complaints("matrix: {training.steps: [3]}\n")
    assert found == [f"1:27: training.steps: {nothing}"]


@pytest.mark.parametrize(
    ("stated", "message"),
    [
        ("split: train", "is fixed: training uses the train split, evaluation the test split. Remove it."),
        (
            "batch: 64",
            "does not go with kind training, whose batches have training.batch_size examples. Remove it.",
        ),
        ("seed: 0", "chooses nothing in kind training: training.seed orders the batches. Remove it."),
        ("seed: x", "chooses nothing in kind training: training.seed orders the batches. Remove it."),
    ],
)
def test_kind_training_chooses_its_own_batches(complaints, stated: str, message: str) -> None:
    assert complaints(f"data: {{source: digits, {stated}}}\n{KIND}{train()}") == [
        f"1:24: data.{stated.split(':')[0]}: {message}"
    ]
    name, value = stated.split(": ")
    (found,) = complaints(f"{KIND}{train()}matrix: {{data.{name}: [{value}]}}\n")
    assert found == f"3:{18 + len(name)}: data.{name}: {message}"


def test_a_batch_is_at_most_the_train_split(read, complaints, tmp_path) -> None:
    text = "training: {optimizer: {sgd: 1}, steps: 10, batch_size: %s}\n" + KIND
    assert read(text % 1198)[0].training["batch_size"] == 1198
    place = "1:56: training.batch_size: expected at most"
    assert complaints(text % 1199) == [f"{place} 1198, the size of the train split of digits, got 1199."]
    np.savez(tmp_path / "d.npz", x=np.zeros((5, 4)), y=np.arange(5) % 3)
    own = "data: {source: npz, path: d.npz}\nmodel: {layers: [{dense: 3}]}\n"
    (case,) = read(text % 5 + own)
    assert case.data == {"source": "npz", "path": str(tmp_path / "d.npz"), "classes": 3}
    assert complaints(text % 6 + own) == [f"{place} 5, the examples of npz, got 6."]


def test_inline_data_are_what_is_trained_on(read, complaints) -> None:
    inline = "data: {source: inline, x: [[0, 1], [1, 0], [1, 1]], y: [0, 1, 2]}\nmodel: {layers: [{dense: 3}]}\n"
    text = KIND + "training: {optimizer: {sgd: 1}, steps: 10, batch_size: %s}\n" + inline
    (case,) = read(text % 3)
    assert case.data == {"source": "inline", "classes": 3, "x": [[0, 1], [1, 0], [1, 1]], "y": [0, 1, 2]}
    (found,) = complaints(text % 4)
    assert found.endswith("expected at most 3, the examples of inline, got 4.")
    (found,) = complaints((text % 3).replace("y: [0, 1, 2]", "y: [0, 1, 2], batch: 3"))
    assert "data.batch: does not go with kind training" in found


@pytest.mark.parametrize("kind", ["loss", "training"])
def test_attacks_that_nobody_trains_with(read, complaints, kind: str) -> None:
    text = f"kind: {kind}\n" + (train() if kind == "training" else "training: {}\n") + "attack: {%s}\n"
    assert complaints(text % "loss_reduction: none") == [
        "3:26: attack.loss_reduction: one loss serves the attack and kind "
        f"{kind}, and must be one number. State mean or sum."
    ]
    for target in ("3", "99"):
        (found,) = complaints(text % f"labels: {{target: {target}}}")
        assert found == (
            "3:18: attack.labels: neither library trains towards a target class. "
            f"With kind {kind} state given or predicted."
        )
    assert complaints(text % "feature_mask: [0]") == [
        "3:10: attack.feature_mask: goes with kind perturbation. Remove it."
    ]
    attack = {"labels": "predicted", "loss_reduction": "sum", "dtype": "float64", "clip": [0.0, 1.0], "norm": "l2"}
    (case,) = read(text % "labels: predicted, loss_reduction: sum, dtype: float64, clip: [0, 1], norm: l2")
    assert case.attack == attack


BEFORE = "model: {before: [%s], layers: [{dense: 10}]}\n"


def test_layers_before_the_perturbed_input(read) -> None:
    (case,) = read(LOSS + BEFORE % "{conv: 2}, relu, flatten, {dense: 5}")
    assert case.model["before"] == [
        {"kind": "conv", "filters": 2, "kernel": 3, "strides": 1, "padding": "same"},
        {"kind": "relu"},
        {"kind": "flatten"},
        {"kind": "dense", "units": 5},
    ]
    assert case.model["layers"] == [{"kind": "dense", "units": 10}]
    assert "before" not in read(LOSS)[0].model


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (BEFORE % "", "1:17: model.before: expected a list of layers, e.g. [{dense: 16}, relu], got an empty list."),
        (BEFORE % "rulu", "1:18: model.before[0]: 'rulu' is not a layer. Did you mean 'relu'? Valid: dense,"),
        (
            BEFORE % "relu, flatten, {conv: 2}",
            "1:33: model.before[2]: conv expects images of shape (height, width, channels), got 64.",
        ),
        (
            "model: {before: [flatten], layers: [relu, {conv: 1}]}\n",
            "1:43: model.layers[1]: conv expects images of shape (height, width, channels), got 64.",
        ),
        ("model: {before: [{dense: 10}], layers: [{dense: 9}]}\n", "1:41: model.layers[0]: expected 10 outputs, one"),
        ("model: {before: [relu]}\n", "1:8: model: expected exactly one of layers, keras, factory, got none of them."),
        (
            "model: {before: [relu], keras: m.keras}\n",
            "1:9: model.before: does not go with model.keras. Remove one of the two.",
        ),
        (
            "model: {before: [relu], layers: [{dense: 10}], weights: m.npz}\n",
            "1:9: model.before: does not go with model.weights. Remove one of the two.",
        ),
    ],
)
def test_mistakes_before_the_perturbed_input(complaints, tmp_path, text: str, message: str) -> None:
    save_model(tmp_path / "m.keras")
    np.savez(tmp_path / "m.npz", kernel=np.zeros(3))
    (found,) = complaints(text + LOSS)
    assert found.startswith(message)


def test_layers_before_the_perturbed_input_go_with_kind_loss(complaints) -> None:
    message = "1:9: model.before: goes with kind loss, not with kind {}. Remove it."
    assert complaints(BEFORE % "relu") == [message.format("perturbation")]
    assert complaints(BEFORE % "relu" + KIND + train()) == [message.format("training")]


def test_a_penalty_on_the_weights_of_a_layer(read, complaints) -> None:
    (case,) = read(LOSS + "model: {layers: [{dense: {units: 8, l2: 1.0e-3}}, {dense: 10}]}\n")
    assert case.model["layers"] == [{"kind": "dense", "units": 8, "l2": 1e-3}, {"kind": "dense", "units": 10}]
    (found,) = complaints("model: {layers: [{dense: {units: 10, l2: 0}}]}\n")
    assert found == "1:42: model.layers[0].dense.l2: expected a finite number, above 0, got the number 0."


def test_every_setting_can_be_varied_and_asked_for(read) -> None:
    cases = read(
        KIND
        + train("weighting: {clean: 1, adversarial: 1}")
        + "matrix:\n"
        + "  training.weighting.adversarial: [0, 0.2]\n"
        + "  training.optimizer.sgd.momentum: [0, 0.9]\n"
        + "  training.evaluate.every: [0, 5]\n"
        + "exclude: [{training.evaluate.every: 5, training.weighting.adversarial: 0}]\n"
        + "expect:\n"
        + "  - {pair: [nsl, cleverhans-v4], verdict: CLOSE, because: a,\n"
        + "     where: {training.optimizer.sgd.momentum: 0, training.weighting: {clean: 1, adversarial: 0}}}\n"
        + "  - {pair: [nsl, cleverhans-v4], verdict: DIVERGED, because: b, where: {training.evaluate.every: [5, 6]}}\n"
        + "  - {pair: [nsl, cleverhans-v4], verdict: EQUAL, because: c, where: {training.optimizer.sgd.rate: 0.1}}\n"
    )
    assert len(cases) == 6
    assert [str(case.expectations["nsl|cleverhans-v4"].verdict) for case in cases] == [
        *("CLOSE", "EQUAL", "EQUAL", "DIVERGED", "EQUAL", "DIVERGED"),
    ]
    last = cases[-1]
    assert last.id == "test[every=5,momentum=0.9,adversarial=0.2]"
    assert last.training["weighting"] == {"clean": 1.0, "adversarial": 0.2}
    assert last.training["optimizer"] == SGD | {"momentum": 0.9}  # the rate is the file's, written as {sgd: 0.1}
    assert last.training["evaluate"] == {"every": 5, "epsilons": [0.1]}


@pytest.mark.parametrize(
    "where",
    [
        "training.optimizer: {sgd: 0.1}",
        "training.optimizer: {sgd: {rate: 0.1, momentum: 0}}",
        "training.optimizer: [{adam: 1}, {sgd: 0.1}]",
        "training.optimizer.sgd: 0.1",
        "training.optimizer.sgd.clip_norm: null",
        "training.match_scale: true, training.steps: 10, training.seeds: 1, training.margin: 1",
        "training.evaluate: {every: 0, epsilons: [1/10]}",
        "training.evaluate.epsilons: [0.1]",
    ],
)
def test_where_compares_canonical_values(read, where: str) -> None:
    (case,) = read(f"{KIND}{train()}expect: [{{pair: [nsl, any], verdict: EQUAL, where: {{{where}}}, because: a}}]\n")
    assert len(case.expectations) == 5


@pytest.mark.parametrize(
    "where", ["training.optimizer.adam: 0.1", "training.optimizer.adam.rate: 0.1", "training.mode: training"]
)
def test_where_does_not_meet_what_a_case_has_not(complaints, where: str) -> None:
    (found,) = complaints(
        f"{KIND}{train()}expect: [{{pair: [nsl, any], verdict: EQUAL, where: {{{where}}}, because: a}}]\n"
    )
    assert "says nothing: no case has training." in found


def test_points_that_differ_in_training_alone_are_different(read, complaints) -> None:
    text = KIND + train() + "matrix: {training.smoothing: [%s]}\n"
    assert [case.id for case in read(text % "0, 0.1")] == ["test[smoothing=0]", "test[smoothing=0.1]"]
    (found,) = complaints(text % "0.1, 1.0e-1")
    assert "has the same settings as test[smoothing=0.1]" in found


def test_a_mistake_at_some_points_names_the_first(complaints) -> None:
    found = complaints(
        KIND + train("evaluate: {every: 8}") + "matrix: {training.steps: [8, 7, 6], data.source: [digits]}\n"
    )
    place = "2:80: training.evaluate.every: expected at most training.steps"
    assert found == [
        f"{place}, 7, got 8. (In case test[source=digits,steps=7].)",
        f"{place}, 6, got 8. (In case test[source=digits,steps=6].)",
    ]


OUTCOME = "expect: [{pair: [nsl, any], verdict: DIVERGED, because: a, outcome: %s}]\n"


@pytest.mark.parametrize("answer", ["equivalent", "different", "undecided"])
def test_an_outcome_over_seeds_can_be_expected(read, answer: str) -> None:
    (case,) = read(OUTCOME % answer + KIND + train("seeds: 2"))
    assert {expectation.outcome for expectation in case.expectations.values()} == {answer}
    (case,) = read(OUTCOME.replace(", outcome: %s", "") + KIND + train("seeds: 2"))
    assert {expectation.outcome for expectation in case.expectations.values()} == {""}


@pytest.mark.parametrize(
    ("answer", "rest", "message"),
    [
        (
            "same",
            KIND + train("seeds: 2"),
            "1:69: expect[0].outcome: 'same' is not an answer of the equivalence test. "
            "Valid: equivalent, different, undecided.",
        ),
        (
            "equivalent",
            KIND + train(),
            "1:60: expect[0].outcome: needs training.seeds of at least 2, got 1. State more seeds, or remove it.",
        ),
        (
            "equivalent",
            KIND + train() + "matrix: {training.seeds: [3, 1]}\n",
            "1:60: expect[0].outcome: needs training.seeds of at least 2, got 1. State more seeds, or remove it.",
        ),
        ("equivalent", LOSS, "1:60: expect[0].outcome: goes with kind training, not with kind loss. Remove it."),
        ("equivalent", "", "1:60: expect[0].outcome: goes with kind training, not with kind perturbation. Remove it."),
    ],
)
def test_outcomes_that_cannot_be(complaints, answer: str, rest: str, message: str) -> None:
    assert complaints(OUTCOME % answer + rest) == [message]


def test_an_outcome_may_be_stated_where_there_are_seeds(read) -> None:
    one, two = read(
        OUTCOME.replace("}]", ", where: {training.seeds: 2}}]") % "different"
        + KIND
        + train()
        + "matrix: {training.seeds: [1, 2]}\n"
    )
    assert (one.expectations, two.expectations["nsl|cleverhans-v4"].outcome) == ({}, "different")


def test_all_mistakes_at_once(complaints) -> None:
    found = complaints(
        "kind: training\n"
        "model: {before: [relu], layers: [{dense: 10}]}\n"
        "data: {source: digits, batch: 0}\n"
        "attack: {labels: {target: 1}, loss_reduction: none, feature_mask: 3}\n"
        "training: {optimizer: {adam: 0}, batch_size: 9999, mode: both, weighting: {}}\n"
        "matrix: {training.optimizer.sdg: [1]}\n"
        "expect: [{pair: [nsl, any], verdict: EQUAL, because: a, outcome: no}]\n"
    )
    assert [message.split(": ")[1] for message in found] == [
        *("model.before", "data.batch", "attack.labels", "attack.loss_reduction", "attack.feature_mask"),
        *("training.steps", "training.optimizer.adam.rate", "training.mode"),
        *("training.weighting.clean", "training.weighting.adversarial"),
        *("matrix.training.optimizer.sdg", "expect[0].outcome"),
    ]


def test_a_kind_that_is_none_is_the_only_mistake(complaints) -> None:
    (found,) = complaints("kind: trainings\n" + train("seed: 3") + BEFORE % "relu" + OUTCOME % "different")
    assert (
        found == "1:7: kind: 'trainings' is not a kind. Did you mean 'training'? Valid: perturbation, loss, training."
    )


def test_training_follows_attack_and_data_at_each_point(read, complaints) -> None:
    one, two = read(KIND + train() + "matrix: {attack.epsilon: [0.1, 0.2]}\n")
    assert [case.training["evaluate"]["epsilons"] for case in (one, two)] == [[0.1], [0.2]]
    text = "training: {optimizer: {sgd: 1}, steps: 10, batch_size: 110}\n" + KIND + "model: {layers: [{dense: 3}]}\n"
    (found,) = complaints(text + "matrix: {data.source: [wine, iris]}\n")
    assert found == (
        "1:56: training.batch_size: expected at most 100, the size of the train split of iris, got 110. "
        "(In case test[source=iris].)"
    )
