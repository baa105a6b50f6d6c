"""The step at which a library leaves the reimplementation, on results that are altered in one step each."""

from __future__ import annotations

import numpy as np
import pytest

from harness.explain.leaving import Attacked, Stepped, leaving_of_attack, leaving_of_step

EPSILON = 0.1
CLASSES = 4


def attack(norm="l2", *, epsilon=EPSILON, floor=1e-6, labels=None, clip=None, weakest=1.0, tie="share"):
    """An attack on a linear softmax model, written out: adversarial examples, steps, and x, float32 as libraries do."""
    drawn = np.random.default_rng(0)
    x = drawn.uniform(0.2, 0.8, (16, 6)).astype(np.float32)
    weights = drawn.normal(size=(6, CLASSES))
    own = drawn.integers(0, CLASSES, 16)
    chosen = own if labels is None else labels(own)
    probabilities = np.exp(x @ weights) / np.exp(x @ weights).sum(axis=1, keepdims=True)
    gradient = (probabilities - np.eye(CLASSES)[chosen]) @ weights.T
    gradient[8:] *= weakest  # of examples on which the model is confident
    if norm == "l1":
        gradient[:, 1] = gradient[:, 0] = np.abs(gradient).max(axis=1)
    if norm == "linf":
        direction = np.sign(gradient)
    elif norm == "l2":
        direction = gradient / np.maximum(np.linalg.norm(gradient, axis=1, keepdims=True), floor)
    else:
        largest = np.abs(gradient) == np.abs(gradient).max(axis=1, keepdims=True)
        if tie == "first":
            largest = largest & (np.cumsum(largest, axis=1) == 1)
        direction = np.sign(gradient) * largest / largest.sum(axis=1, keepdims=True)
    step = epsilon * direction
    low, high = clip or (-np.inf, np.inf)
    return np.clip((x + step).astype(np.float32), low, high), step, x


def leaving(norm="l2", *, clip=None, weakest=1.0, **changed):
    """Where an attack that is changed leaves one that is not."""
    _, step, x = attack(norm, weakest=weakest)
    altered = {"clip": clip, "weakest": weakest, **changed}
    real, _, _ = attack(norm, **altered)
    others = {
        f"class {one}": attack(norm, weakest=weakest, labels=lambda own, one=one: np.full_like(own, one))[1]
        for one in range(CLASSES)
    }
    limits = 4 * np.spacing(np.maximum(np.abs(x), np.float32(EPSILON))).astype(np.float64)
    return leaving_of_attack(
        Attacked(
            x=x.astype(np.float64),
            real=real.astype(np.float64),
            step=step,
            others=others,
            bounds=clip or (None, None),
            epsilon=EPSILON,
            norm=norm,
            limits=limits,
        )
    )


@pytest.mark.parametrize("norm", ["linf", "l2", "l1"])
def test_the_same_attack_leaves_nowhere(norm) -> None:
    assert leaving(norm).step == "round-off"
    assert leaving(norm, clip=(0.25, 0.75)).step == "round-off"


@pytest.mark.parametrize("norm", ["linf", "l2", "l1"])
@pytest.mark.parametrize("clip", [None, (0.25, 0.75)])
def test_a_constant_a_thousandth_off_is_the_scale_of_all(norm, clip) -> None:
    found = leaving(norm, clip=clip, epsilon=EPSILON * 1.001)
    assert found.step == "scale"
    assert found.words.startswith("the scale (epsilon): ")
    assert found.words.endswith(" examples, first example 0, whose perturbation is 1.001 times as long")


def test_another_floor_is_the_scale_of_those_below_it() -> None:
    found = leaving("l2", weakest=1e-4, floor=1e-3)
    assert found.step == "scale"
    assert found.words.startswith("the scale (the norm and its floor): 8 of 16 examples, first example 8, whose ")


def test_where_all_are_below_both_floors_it_is_not_epsilon() -> None:
    (_, step, x), (real, _, _) = attack(floor=100.0), attack(floor=200.0)
    one = Attacked(x.astype(float), real.astype(float), step, {}, (None, None), EPSILON, "l2", np.full(x.shape, 4e-8))
    assert leaving_of_attack(one).words.startswith("the scale (the norm and its floor): ")


@pytest.mark.parametrize("norm", ["linf", "l2", "l1"])
def test_other_labels_are_named(norm) -> None:
    def third_is_wrong(labels):
        changed = labels.copy()
        changed[3] = (labels[3] + 1) % CLASSES
        return changed

    found = leaving(norm, labels=third_is_wrong)
    assert found.step == "labels"
    assert found.words.startswith("the labels: 1 of 16 examples, first example 3, which follows the gradient of class ")


def test_another_rule_for_ties_of_the_gradient_is_the_direction() -> None:
    found = leaving("l1", tie="first")
    assert found.step == "direction"
    assert found.words.startswith("the direction of the gradient: ")
    assert found.words.endswith(" of 96 elements, first in example 0")


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_another_clip_is_the_clip(norm) -> None:
    _, step, x = attack(norm)
    inside = attack(norm, clip=(0.25, 0.75))[0]
    for bounds, real in (((None, None), inside), ((0.25, 0.75), attack(norm)[0]), ((0.2, 0.8), inside)):
        found = leaving_of_attack(
            Attacked(
                x.astype(np.float64), real.astype(np.float64), step, {}, bounds, EPSILON, norm, np.full(x.shape, 1e-7)
            )
        )
        assert found.step == "clip"


def test_what_is_no_number_on_one_side_comes_first() -> None:
    _, step, x = attack()
    real = attack(epsilon=0.2)[0]
    real[5, 2] = np.nan
    one = Attacked(x.astype(float), real.astype(float), step, {}, (None, None), EPSILON, "l2", np.full(x.shape, 1e-7))
    found = leaving_of_attack(one)
    assert found.words == "elements that are finite on one side only: 1 of 96 elements, first in example 5"


@pytest.mark.parametrize(
    ("changed", "step", "words"),
    [
        ({}, "round-off", "the last bits alone"),
        ({"clean_loss": 1.5, "total_loss": 2.0}, "clean loss", "the clean loss: 1.5 where the reimplementation has 1"),
        ({"adversarial_loss": 2.1}, "adversarial loss", "the adversarial loss: 2.1 where the reimplementation has 2"),
        ({"clean_loss": np.nan, "total_loss": 1.6}, "weighting", "the weighting of the two losses: 1.6 where"),
        ({"gradient/00-kernel": 7.0}, "gradient", "the gradient of 00-kernel: 1 of 6 elements, first at [1, 2]"),
    ],
)
def test_the_part_of_a_training_step_is_named(changed, step, words) -> None:
    own = {"clean_loss": np.array(1.0), "adversarial_loss": np.array(2.0), "total_loss": np.array(1.4)}
    own |= {"gradient/00-kernel": np.arange(6.0).reshape(2, 3), "gradient/01-bias": np.ones(3)}
    real = {name: array.copy() for name, array in own.items()}
    for name, value in changed.items():
        real[name][(-1,) * real[name].ndim] = value
    found = leaving_of_step(Stepped(real, own, 16.0))
    assert found.step == step
    assert found.words.startswith(words)
