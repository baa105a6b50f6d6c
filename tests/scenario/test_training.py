"""The section ``training`` of kinds loss and training: its canonical form, and each of its mistakes."""

from __future__ import annotations

from typing import Any

import pytest

LOSS = "kind: loss\n"
KIND = "kind: training\n"
SGD = {"kind": "sgd", "rate": 0.1, "momentum": 0.0, "nesterov": False, "weight_decay": 0.0, "clip_norm": None}
LEAST = {
    **{"match_scale": True, "optimizer": SGD, "steps": 10, "batch_size": 32, "seeds": 1, "seed": 0, "margin": 1.0},
    "evaluate": {"every": 0, "epsilons": [0.1]},
}


def train(further: str = "", optimizer: str = "{sgd: 0.1}") -> str:
    """A section with what kind training needs, and further keys."""
    return f"training: {{optimizer: {optimizer}, steps: 10, batch_size: 32{further and ', '}{further}}}\n"


def test_kind_training_with_the_least_that_it_needs(read) -> None:
    (case,) = read(train() + KIND)
    assert (case.kind, case.training) == ("training", LEAST)
    assert case.data == {"source": "digits"}
    assert case.attack == {"epsilon": 0.1}


def test_kind_loss_needs_nothing(read) -> None:
    (case,) = read(LOSS)
    assert (case.kind, case.training) == ("loss", {"match_scale": True})
    assert case.data == {"source": "digits", "split": "test", "batch": 64, "seed": 0}
    assert read(LOSS) == read(LOSS + "training: {}\n")


def test_kind_perturbation_has_none(read) -> None:
    (case,) = read()
    assert case.training == {}


SHARED = [
    ("weighting: {clean: 1, adversarial: 0.2}", {"weighting": {"clean": 1.0, "adversarial": 0.2}}),
    ("weighting: {clean: 0, adversarial: 1}", {"weighting": {"clean": 0.0, "adversarial": 1.0}}),
    ("weighting: {clean: 1, adversarial: 0}", {"weighting": {"clean": 1.0, "adversarial": 0.0}}),
    ("match_scale: false", {"match_scale": False}),
    ("smoothing: 0", {"smoothing": 0.0}),
    ("smoothing: 0.1", {"smoothing": 0.1}),
    ("sample_weights: {low: 0.5, high: 2}", {"sample_weights": {"low": 0.5, "high": 2.0, "seed": 0}}),
    ("sample_weights: {low: 0, high: 1, seed: 7}", {"sample_weights": {"low": 0.0, "high": 1.0, "seed": 7}}),
    ("gradient_flow: through", {"gradient_flow": "through"}),
    ("mode: inference", {"mode": "inference"}),
    ("attack_mode: training", {"attack_mode": "training"}),
]


@pytest.mark.parametrize(("stated", "canonical"), SHARED)
def test_settings_of_both_kinds(read, stated: str, canonical: dict[str, Any]) -> None:
    (loss,) = read(f"{LOSS}training: {{{stated}}}\n")
    assert loss.training == {"match_scale": True, **canonical}
    (training,) = read(KIND + train(stated))
    assert training.training == {**LEAST, **canonical}


@pytest.mark.parametrize(
    ("stated", "canonical"),
    [
        ("seeds: 10", {"seeds": 10}),
        ("seed: 3", {"seed": 3}),
        ("margin: 2", {"margin": 2.0}),
        ("evaluate: {every: 5}", {"evaluate": {"every": 5, "epsilons": [0.1]}}),
        ("evaluate: {every: 10}", {"evaluate": {"every": 10, "epsilons": [0.1]}}),
        ("evaluate: {epsilons: [8/255, 0.3]}", {"evaluate": {"every": 0, "epsilons": [8 / 255, 0.3]}}),
        ("evaluate: {}", {}),
    ],
)
def test_settings_of_kind_training(read, stated: str, canonical: dict[str, Any]) -> None:
    (case,) = read(KIND + train(stated))
    assert case.training == {**LEAST, **canonical}


@pytest.mark.parametrize(("attack", "epsilon"), [("{epsilon: 8/255}", 8 / 255), ("{epsilon: 0}", 0.0), ("{}", 0.1)])
def test_the_attack_of_the_evaluation_is_as_strong_as_the_one_trained_with(read, attack: str, epsilon: float) -> None:
    (case,) = read(f"{KIND}{train()}attack: {attack}\n")
    assert case.training["evaluate"] == {"every": 0, "epsilons": [epsilon]}


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("{sgd: 1}", {"rate": 1.0}),
        ("{sgd: {rate: 0.1}}", {}),
        (
            "{sgd: {rate: 0.1, momentum: 0.9, nesterov: true, weight_decay: 1.0e-4, clip_norm: 1}}",
            {"momentum": 0.9, "nesterov": True, "weight_decay": 1e-4, "clip_norm": 1.0},
        ),
        ("{sgd: {rate: 0.1, clip_norm: null}}", {}),
        ("{adam: 1.0e-3}", {"kind": "adam", "rate": 1e-3}),
        (
            "{adam: {rate: 0.1, weight_decay: 0.01, clip_norm: 2}}",
            {"kind": "adam", "weight_decay": 0.01, "clip_norm": 2},
        ),
        ("{rmsprop: {rate: 0.1, momentum: 0.5}}", {"kind": "rmsprop", "momentum": 0.5}),
    ],
)
def test_optimizers_have_all_settings_whatever_is_written(read, written: str, canonical: dict[str, Any]) -> None:
    (case,) = read(KIND + train(optimizer=written))
    assert case.training["optimizer"] == SGD | canonical


OPTIMIZER = "1:23: training.optimizer"


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("sgd", f"{OPTIMIZER}: expected a mapping with the keys sgd, adam, rmsprop, got the text 'sgd'."),
        ("{}", f"{OPTIMIZER}: expected exactly one of sgd, adam, rmsprop, got an empty mapping."),
        ("{sgd: 1, adam: 1}", f"{OPTIMIZER}: expected exactly one of sgd, adam, rmsprop, got a mapping with the"),
        ("{sdg: 1}", "1:24: training.optimizer.sdg: is not a key here. Did you mean 'sgd'? Valid: sgd, adam, rmsprop."),
        ("{sgd: 0}", "1:29: training.optimizer.sgd.rate: expected a finite number, above 0, got the number 0."),
        ("{adam: fast}", "1:30: training.optimizer.adam.rate: expected a finite number, above 0, got the text 'fast'."),
        ("{sgd: {momentum: 0.9}}", "1:29: training.optimizer.sgd.rate: is missing. The learning rate."),
        ("{sgd: {rate: 1, rho: 2}}", "1:39: training.optimizer.sgd.rho: is not a key here. Valid: rate, momentum, ne"),
        (
            "{sgd: {rate: 1, momentum: 1}}",
            "1:49: training.optimizer.sgd.momentum: expected a finite number, at least 0, below 1, got the number 1.",
        ),
        (
            "{sgd: {rate: 1, nesterov: yes}}",
            "1:49: training.optimizer.sgd.nesterov: expected true or false, got the text 'yes'.",
        ),
        (
            "{sgd: {rate: 1, nesterov: true}}",
            "1:49: training.optimizer.sgd.nesterov: needs a momentum above 0. State one, or remove it.",
        ),
        (
            "{adam: {rate: 1, momentum: 0.9}}",
            "1:40: training.optimizer.adam.momentum: goes with sgd or rmsprop, not with adam. Remove it.",
        ),
        (
            "{rmsprop: {rate: 1, nesterov: false}}",
            "1:43: training.optimizer.rmsprop.nesterov: goes with sgd, not with rmsprop. Remove it.",
        ),
        ("{sgd: {rate: 1, weight_decay: -1}}", "1:53: training.optimizer.sgd.weight_decay: expected a finite number,"),
        ("{sgd: {rate: 1, clip_norm: 0}}", "1:50: training.optimizer.sgd.clip_norm: expected a finite number, above"),
    ],
)
def test_optimizers_that_are_none(complaints, written: str, message: str) -> None:
    (found,) = complaints(train(optimizer=written) + KIND)
    assert found.startswith(message)


@pytest.mark.parametrize(
    ("stated", "message"),
    [
        (
            "weighting: 1",
            "training.weighting: expected a mapping with the keys clean, adversarial, got the number 1.",
        ),
        (
            "weighting: {clean: 1}",
            "training.weighting.adversarial: is missing. The weight of the adversarial loss.",
        ),
        (
            "weighting: {clean: 0, adversarial: 0}",
            "training.weighting: expected at least one weight above 0, got 0 for",
        ),
        (
            "weighting: {clean: -1, adversarial: 1}",
            "training.weighting.clean: expected a finite number, at least 0, got",
        ),
        (
            "weighting: {clean: 1, adversarial: 1, adversary: 1}",
            "training.weighting.adversary: is not a key here. Did you mean 'adv",
        ),
        ("match_scale: 1", "training.match_scale: expected true or false, got the number 1."),
        ("smoothing: 1", "training.smoothing: expected a finite number, at least 0, below 1, got the number 1."),
        ("sample_weights: 2", "training.sample_weights: expected a mapping with the keys low, high, seed, got the"),
        ("sample_weights: {low: 1}", "training.sample_weights.high: is missing. The largest weight, above low."),
        (
            "sample_weights: {low: 1, high: 1}",
            "training.sample_weights.high: expected more than training.sample_weights.low, 1, got 1.",
        ),
        (
            "sample_weights: {low: -1, high: 1}",
            "training.sample_weights.low: expected a finite number, at least 0, got",
        ),
        (
            "gradient_flow: stop",
            "training.gradient_flow: 'stop' is not a gradient flow. Did you mean 'stopped'? Valid: stopped, through.",
        ),
        ("mode: train", "training.mode: 'train' is not a mode. Did you mean 'training'? Valid: training, inference."),
        ("attack_mode: true", "training.attack_mode: true is not a mode. Valid: training, inference."),
        (
            "weigting: 1",
            "training.weigting: is not a key here. Did you mean 'weighting'? Valid: weighting, match_scale,",
        ),
    ],
)
def test_mistakes_in_settings_of_both_kinds(complaints, stated: str, message: str) -> None:
    for text, kind in ((f"training: {{{stated}}}\n", LOSS), (train(stated), KIND)):
        (found,) = complaints(text + kind)
        place, _, said = found.partition(": ")
        assert said.startswith(message)
        line, column = map(int, place.split(":"))
        assert line == 1
        assert column > text.index(stated)  # the value or a key of it, not the section


@pytest.mark.parametrize(
    ("stated", "message"),
    [
        ("seeds: 0", "1:69: training.seeds: expected a whole number, from 1 to 1000, got the number 0."),
        ("seed: -1", "1:68: training.seed: expected a whole number, from 0 to 4294967295, got the number -1."),
        ("margin: 0", "1:70: training.margin: expected a finite number, above 0, below 100, got the number 0."),
        ("evaluate: 5", "1:72: training.evaluate: expected a mapping with the keys every, epsilons, got the number 5."),
        ("evaluate: {every: -1}", "1:80: training.evaluate.every: expected a whole number, from 0 to 1000000, got the"),
        ("evaluate: {every: 11}", "1:80: training.evaluate.every: expected at most training.steps, 10, got 11."),
        ("evaluate: {epsilons: []}", "1:83: training.evaluate.epsilons: expected a list of at least one epsilon, got"),
        ("evaluate: {epsilons: [0.1, 1/10]}", "1:89: training.evaluate.epsilons[1]: the number 0.1 stands twice."),
        (
            "evaluate: {epsilons: [-1]}",
            "1:84: training.evaluate.epsilons[0]: expected a finite number of at least 0 or",
        ),
    ],
)
def test_mistakes_in_settings_of_kind_training(complaints, stated: str, message: str) -> None:
    (found,) = complaints(train(stated) + KIND)
    assert found.startswith(message)


def test_kind_training_says_what_it_lacks(complaints) -> None:
    found = complaints(KIND)
    assert [message.split(".")[:2] for message in found] == [
        ["1:1: training", "optimizer: is missing"],
        ["1:1: training", "steps: is missing"],
        ["1:1: training", "batch_size: is missing"],
    ]
    (found,) = complaints("training: {optimizer: {sgd: 1}, steps: 10}\n" + KIND)
    assert found.startswith("1:11: training.batch_size: is missing. Kind training: examples in one step; the last")


@pytest.mark.parametrize("steps", ["0", "1000001", "1.5"])
def test_steps_have_limits(complaints, steps: str) -> None:
    (found,) = complaints(f"training: {{optimizer: {{sgd: 1}}, steps: {steps}, batch_size: 32}}\n{KIND}")
    assert found.startswith("1:40: training.steps: expected a whole number, from 1 to 1000000, got the number")
