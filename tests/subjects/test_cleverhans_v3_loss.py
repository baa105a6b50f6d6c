"""``cleverhans.loss.CrossEntropy`` in its own environment, held to the same loss written in NumPy."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from harness.engine.work import WorkerModels
from harness.subjects import cleverhans_v3
from harness.subjects.environments import TENSORFLOW_1
from harness.subjects.protocol import Batch
from harness.vocabulary import Unsupported

GENERATOR = np.random.default_rng(4)
X = GENERATOR.normal(size=(12, 4)).astype(np.float32)
LABELS = GENERATOR.integers(3, size=12).astype(np.int32)
KERNEL, BIAS = GENERATOR.normal(size=(4, 3)).astype(np.float32), GENERATOR.normal(size=3).astype(np.float32)
BEFORE = [GENERATOR.normal(size=(4, 4)).astype(np.float32), GENERATOR.normal(size=4).astype(np.float32)]
BATCH = Batch({"x": X}, LABELS, 3)

DENSE = {"layers": [{"kind": "dense", "units": 3}]}
NORMALISED = {"layers": [{"kind": "batchnorm"}, {"kind": "dense", "units": 3}]}
MOVING = [np.array([0.5, -0.5, 1, 0], np.float32), np.array([2, 1, 0.5, 1], np.float32)]
NORMALISATION = [np.array([1, 2, 0.5, 1], np.float32), np.array([0, 1, 0, -1], np.float32), *MOVING]

ATTACK = {"epsilon": 0.3, "norm": "linf", "labels": "given"}


# In the worker, which runs this file.


def loss_evidence(section, weights, before_weights, batch, attack, training):
    TENSORFLOW_1.begin()
    shapes = {name: array.shape[1:] for name, array in batch.inputs.items()}
    return cleverhans_v3.loss_evidence(WorkerModels(section, weights, before_weights, shapes), batch, attack, training)


@pytest.fixture(scope="module")
def evidence(in_tensorflow_1):
    def make(training=None, *, section=DENSE, weights=(KERNEL, BIAS), before=(), batch=BATCH, **attack):
        stated = {name: value for name, value in {**ATTACK, **attack}.items() if value is not None}
        return in_tensorflow_1(loss_evidence, section, list(weights), list(before), batch, stated, training or {})

    return make


# The same in NumPy, in double precision.


@dataclass(frozen=True)
class Expected:
    """The losses of a linear softmax model, behind a batch normalisation where ``weights`` has one.

    Attributes:
        clean, adversarial: weights of the two losses.
        seen_by_attack: the labels that the attack ascends, one column a class; None: those given.
        stopped: the weights that the adversarial examples are made with; None: those of the model.
    """

    clean: float = 0.5
    adversarial: float = 0.5
    norm: str = "linf"
    epsilon: float = 0.3
    smoothing: float = 0.0
    clip: tuple[float, float] = (-np.inf, np.inf)
    labels: str = "given"
    smoothed_attack: bool = False
    mode: str = "inference"
    attack_mode: str = "inference"
    stopped: Any = None

    def losses(self, weights, x=X, labels=LABELS, before=()):
        x = x @ before[0] + before[1] if before else x.astype(np.float64)
        one_hot = np.eye(3)[labels]
        smooth = one_hot - self.smoothing * (one_hot - 1 / 3)
        attacked = self.attacked(weights if self.stopped is None else self.stopped, x, one_hot, smooth)
        clean = cross_entropy(logits(weights, x, self.mode), smooth).mean()
        adversarial = cross_entropy(logits(weights, attacked, self.mode), smooth).mean()
        return clean, adversarial, self.clean * clean + self.adversarial * adversarial

    def attacked(self, weights, x, one_hot, smooth):
        if self.labels == "predicted":
            one_hot = np.eye(3)[logits(weights, x, self.attack_mode).argmax(axis=1)]
        one_hot = smooth if self.smoothed_attack else one_hot
        gradient = input_gradient(weights, x, one_hot, self.attack_mode)
        if self.norm == "linf":
            direction = np.sign(gradient)
        elif self.norm == "l1":
            largest = np.abs(gradient) == np.abs(gradient).max(axis=1, keepdims=True)
            direction = np.sign(gradient) * largest
        else:
            direction = gradient / np.sqrt(np.maximum(1e-12, np.sum(gradient**2, axis=1, keepdims=True)))
        return np.clip(x + self.epsilon * direction, *self.clip)

    def gradient(self, weights=(KERNEL, BIAS), **data):
        """Of the total with respect to kernel and bias, and to gamma and beta where there are such."""
        weights = as_double(weights)
        return derivatives(lambda changed: self.losses(changed, **data)[2], weights, trainable(weights))


def as_double(weights):
    return [np.asarray(array, np.float64) for array in weights]


def trainable(weights):
    return [0, 1] if len(weights) == 2 else [0, 1, 4, 5]  # batch normalisation's moving statistics stand between


def logits(weights, x, mode):
    if len(weights) > 2:
        gamma, beta, mean, variance = weights[:4]
        if mode == "training":
            mean, variance = x.mean(axis=0), x.var(axis=0)
        x = gamma * (x - mean) / np.sqrt(variance + 1e-3) + beta
    return x @ weights[-2] + weights[-1]


def cross_entropy(scores, labels):
    return np.log(np.exp(scores).sum(axis=1)) * labels.sum(axis=1) - np.sum(labels * scores, axis=1)


def input_gradient(weights, x, labels, mode):
    if mode == "training":  # an example's loss depends on the whole batch
        (gradient,) = derivatives(lambda moved: cross_entropy(logits(weights, moved[0], mode), labels).sum(), [x], [0])
        return gradient
    scores = np.exp(logits(weights, x, mode))
    factor = weights[0] / np.sqrt(weights[3] + 1e-3) if len(weights) > 2 else 1.0
    return (scores / scores.sum(axis=1, keepdims=True) - labels) @ np.transpose(weights[-2]) * factor


def derivatives(function: Callable[[list[np.ndarray]], float], arrays, chosen, step=1e-5):
    """Central differences with respect to the chosen arrays."""
    found = []
    for index in chosen:
        derivative = np.zeros_like(arrays[index])
        for place in np.ndindex(derivative.shape):
            up, down = ([array.copy() for array in arrays] for _ in range(2))
            up[index][place] += step
            down[index][place] -= step
            derivative[place] = (function(up) - function(down)) / (2 * step)
        found.append(derivative)
    return found


def check(found, expected, weights=(KERNEL, BIAS), **data):
    """Losses and gradients are the expected ones."""
    assert losses_of(found) == pytest.approx(expected.losses(as_double(weights), **data), rel=1e-5)
    assert_near(found.gradients.values(), expected.gradient(weights, **data))


def losses_of(found):
    return [float(loss) for loss in (found.losses.clean, found.losses.adversarial, found.losses.total)]


def assert_near(found, expected, tolerance=1e-5):
    for one, other in zip(found, expected, strict=True):
        assert one == pytest.approx(other, abs=tolerance)


def assert_other(found, expected):
    """What is expected here could not be taken for what was found: the case tells them apart."""
    assert max(np.abs(one - other).max() for one, other in zip(found, expected, strict=True)) > 1e-3


@pytest.mark.parametrize("norm", ["linf", "l2", "l1"])
@pytest.mark.parametrize(
    ("weighting", "coefficient"),
    [(None, 0.5), ((1, 0.2), 1 / 6), ((0.2, 1.8), 0.9), ((0, 2), 1.0), ((3, 0), 0.0)],
)
def test_losses_are_weighed_one_minus_adv_coeff_to_adv_coeff(evidence, norm, weighting, coefficient):
    training = {} if weighting is None else {"weighting": dict(zip(("clean", "adversarial"), weighting, strict=True))}
    found = evidence(training, norm=norm)
    check(found, Expected(1 - coefficient, coefficient, norm))
    scale = 1.0 if weighting is None else sum(weighting)
    assert found.settings["objective"] == pytest.approx(
        {"clean": 1 - coefficient, "adversarial": coefficient, "scale": scale}
    )
    assert ("weighting" in found.defaulted) == (weighting is None)
    assert list(found.gradients) == ["00-kernel", "01-bias"]
    assert {array.dtype for array in found.gradients.values()} == {np.dtype(np.float32)}


def test_without_match_scale_the_factor_is_left(evidence):
    found = evidence({"weighting": {"clean": 1, "adversarial": 3}, "match_scale": False})
    assert found.settings["objective"] == {"clean": 0.25, "adversarial": 0.75, "scale": 1.0}


def test_what_is_left_out_is_left_to_the_library(evidence):
    found = evidence({}, epsilon=None, norm=None, labels=None)
    check(found, Expected(labels="predicted"))
    settings = {"epsilon": 0.3, "norm": "linf", "labels": "predicted", "clip": None, "loss_reduction": "mean"}
    further = {"gradient_flow": "stopped", "mode": "inference", "attack_mode": "inference", "smoothing": 0.0}
    assert {name: found.settings[name] for name in (*settings, *further)} == settings | further
    assert {"epsilon", "norm", "labels", "clip", "weighting", "gradient_flow", "mode"} <= set(found.defaulted)


def test_the_attack_gets_the_labels_or_takes_those_predicted(evidence):
    given, predicted = evidence(labels="given"), evidence(labels="predicted")
    check(given, Expected())
    check(predicted, Expected(labels="predicted"))
    assert_other(predicted.gradients.values(), Expected().gradient())
    assert [given.settings["labels"], predicted.settings["labels"]] == ["given", "predicted"]


def test_label_smoothing_is_not_seen_by_the_attack(evidence):
    found = evidence({"smoothing": 0.6}, norm="l2", epsilon=1.0)
    check(found, Expected(norm="l2", epsilon=1.0, smoothing=0.6))
    assert_other(
        found.gradients.values(), Expected(norm="l2", epsilon=1.0, smoothing=0.6, smoothed_attack=True).gradient()
    )
    assert found.settings["smoothing"] == 0.6


def test_the_clip_range_is_used(evidence):
    batch = Batch({"x": np.clip(X, -1, 1)}, LABELS, 3)
    found = evidence(batch=batch, clip=[-1.0, 1.0])
    check(found, Expected(clip=(-1.0, 1.0)), x=batch.inputs["x"])
    assert_other(found.gradients.values(), Expected().gradient(x=batch.inputs["x"]))
    assert found.settings["clip"] == [-1.0, 1.0]


def test_under_l2_gradients_pass_through_the_perturbation(evidence):
    found = evidence(norm="l2", epsilon=1.0)
    check(found, Expected(norm="l2", epsilon=1.0))
    stopped = Expected(norm="l2", epsilon=1.0, stopped=as_double((KERNEL, BIAS)))
    assert_other(found.gradients.values(), stopped.gradient())
    assert found.settings["gradient_flow"] == "through"
    with pytest.raises(Unsupported, match="differentiates through the perturbation"):
        evidence({"gradient_flow": "stopped"}, norm="l2")


@pytest.mark.parametrize("norm", ["linf", "l1"])
@pytest.mark.parametrize("flow", ["stopped", "through"])
def test_under_linf_and_l1_there_is_no_gradient_to_stop(evidence, norm, flow):
    found = evidence({"gradient_flow": flow}, norm=norm)
    assert_near(found.gradients.values(), Expected(norm=norm, stopped=as_double((KERNEL, BIAS))).gradient())
    assert found.settings["gradient_flow"] == flow


@pytest.mark.parametrize("mode", [None, "inference", "training"])
@pytest.mark.parametrize("attack_mode", [None, "inference", "training"])
def test_losses_and_attack_have_each_their_mode(evidence, mode, attack_mode):
    training = {name: value for name, value in {"mode": mode, "attack_mode": attack_mode}.items() if value}
    found = evidence(training, section=NORMALISED, weights=(*NORMALISATION, KERNEL, BIAS))
    of_attack = attack_mode or "inference"
    of_losses = mode or of_attack  # nothing is passed, so the learning phase decides, which the attack's mode sets
    check(found, Expected(mode=of_losses, attack_mode=of_attack), weights=(*NORMALISATION, KERNEL, BIAS))
    assert [found.settings["mode"], found.settings["attack_mode"]] == [of_losses, of_attack]
    assert list(found.gradients) == ["00-gamma", "01-beta", "02-kernel", "03-bias"]


def test_modes_can_be_told_apart():
    weights = (*NORMALISATION, KERNEL, BIAS)
    modes = [(mode, attack_mode) for mode in ("inference", "training") for attack_mode in ("inference", "training")]
    totals = [Expected(mode=mode, attack_mode=attack_mode).losses(as_double(weights))[2] for mode, attack_mode in modes]
    assert np.diff(np.sort(totals)).min() > 1e-3


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_weights_before_the_perturbed_input_have_gradients_too(evidence, norm):
    section = {**DENSE, "before": [{"kind": "dense", "units": 4}]}
    found = evidence(section=section, before=BEFORE, norm=norm)
    expected = Expected(norm=norm)
    before = as_double(BEFORE)
    assert losses_of(found) == pytest.approx(expected.losses(as_double((KERNEL, BIAS)), before=before), rel=1e-5)
    of_before = derivatives(lambda changed: expected.losses((KERNEL, BIAS), before=changed)[2], before, [0, 1])
    assert list(found.gradients) == ["before-00-kernel", "before-01-bias", "00-kernel", "01-bias"]
    assert_near(found.gradients.values(), [*of_before, *expected.gradient(before=before)], tolerance=3e-5)


def test_the_losses_of_the_model_itself_are_not_added(evidence):
    found = evidence(section={"layers": [{"kind": "dense", "units": 3, "l2": 0.1}]})
    check(found, Expected())
    assert found.settings["regularization"] == "not added"
    assert evidence().settings["regularization"] is None


def test_in_double_precision(evidence):
    batch = Batch({"x": X.astype(np.float64)}, LABELS, 3)
    found = evidence(batch=batch)
    expected = Expected()
    assert losses_of(found) == pytest.approx(expected.losses(as_double((KERNEL, BIAS))), rel=1e-12)
    assert_near(found.gradients.values(), expected.gradient(), tolerance=1e-9)
    assert found.settings["dtype"] == "float64"
    with pytest.raises(TypeError, match="float64"):  # the library's floor under the norm is float32
        evidence(batch=batch, norm="l2")


@pytest.mark.parametrize(
    ("reason", "attack", "training", "section"),
    [
        ("takes the mean", {"loss_reduction": "sum"}, {}, DENSE),
        ("no sample weights", {}, {"sample_weights": {"low": 0.5, "high": 2.0, "seed": 0}}, DENSE),
        ("both sides of the clip range", {"clip": [0.0, None]}, {}, DENSE),
        ("no feature mask", {"feature_mask": [1, 0, 1, 0]}, {}, DENSE),
        ("names a target", {"labels": {"target": 1}}, {}, DENSE),
        ("logits only", {}, {}, {**DENSE, "output": "probabilities"}),
    ],
)
def test_what_it_cannot_express_is_unsupported(evidence, reason, attack, training, section):
    with pytest.raises(Unsupported, match=reason):
        evidence(training, section=section, **attack)


def test_two_inputs_are_unsupported(evidence):
    with pytest.raises(Unsupported, match="2 named inputs"):
        evidence(batch=Batch({"left": X, "right": X}, LABELS, 3))
