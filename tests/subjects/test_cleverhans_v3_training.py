"""Training with ``cleverhans.loss.CrossEntropy``: each step is the optimizer's on the gradients of kind loss."""

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
BATCH = Batch({"x": X}, LABELS, 3)

DENSE = {"layers": [{"kind": "dense", "units": 3}]}
DROPOUT = {"layers": [{"kind": "dropout", "rate": 0.5}, {"kind": "dense", "units": 3}]}
NORMALISED = {"layers": [{"kind": "batchnorm"}, {"kind": "dense", "units": 3}]}
NORMALISATION = [np.ones(4, np.float32), np.zeros(4, np.float32)]
MOVING = [np.array([0.5, -0.5, 1, 0], np.float32), np.array([2, 1, 0.5, 1], np.float32)]

ATTACK = {"epsilon": 0.3, "norm": "l2", "labels": "given"}
SGD = {"kind": "sgd", "rate": 0.5, "momentum": 0.0, "nesterov": False, "weight_decay": 0.0, "clip_norm": None}


# In the worker, which runs this file.


def trajectories(section, starts, batches, attack, training):
    """Of each start: losses of all steps, and weights after each. Then settings and names of what is defaulted."""
    TENSORFLOW_1.begin()
    models = WorkerModels(section, starts[0], [], {"x": X.shape[1:]})
    trainer = cleverhans_v3.trainer(models, batches[0], attack, training)
    found = []
    for start in starts:
        trainer.begin(start)
        steps = [(losses_of(trainer.step(batch)), trainer.weights()) for batch in batches]
        found.append(([losses for losses, _ in steps], [weights for _, weights in steps]))
    return found, dict(trainer.settings), trainer.defaulted


def evidence_along(section, weights, batches, attack, training):
    """Losses and gradients, by kind loss, of each batch at the weights that belong to it."""
    TENSORFLOW_1.begin()
    found = []
    for given, batch in zip(weights, batches, strict=True):
        models = WorkerModels(section, given, [], {"x": X.shape[1:]})
        evidence = cleverhans_v3.loss_evidence(models, batch, attack, training)
        found.append((losses_of(evidence.losses), list(evidence.gradients.values())))
    return found


def losses_of(losses):
    return [float(loss) for loss in (losses.clean, losses.adversarial, losses.total)]


@pytest.fixture(scope="module")
def train(in_tensorflow_1):
    def make(training, starts=((KERNEL, BIAS),), batches=(BATCH,) * 3, section=DENSE, **attack):
        stated = {"optimizer": SGD, **training}
        starts = [list(start) for start in starts]
        return in_tensorflow_1(trajectories, section, starts, list(batches), {**ATTACK, **attack}, stated)

    return make


class Descent:
    """Keras's optimizers, after their documentation: what each subtracts from the weights, in double precision."""

    def __init__(self, rate, *, kind="sgd", momentum=0.0, nesterov=False, clip_norm=None):
        self.rate, self.kind, self.momentum, self.nesterov, self.clip_norm = rate, kind, momentum, nesterov, clip_norm
        self.first, self.second, self.steps = [0.0, 0.0], [0.0, 0.0], 0

    def __call__(self, gradients):
        self.steps += 1
        gradients = [np.asarray(gradient, np.float64) for gradient in gradients]
        if self.clip_norm is not None:
            norm = np.sqrt(sum(np.sum(gradient**2) for gradient in gradients))
            gradients = [gradient * min(1.0, self.clip_norm / norm) for gradient in gradients]
        return [self.change(index, gradient) for index, gradient in enumerate(gradients)]

    def change(self, index, gradient):
        if self.kind == "adam":
            self.first[index] = 0.9 * self.first[index] + 0.1 * gradient
            self.second[index] = 0.999 * self.second[index] + 0.001 * gradient**2
            rate = self.rate * np.sqrt(1 - 0.999**self.steps) / (1 - 0.9**self.steps)
            return rate * self.first[index] / (np.sqrt(self.second[index]) + 1e-7)
        step = self.rate * gradient
        if self.kind == "rmsprop":
            self.second[index] = 0.9 * self.second[index] + 0.1 * gradient**2
            step = step / np.sqrt(self.second[index] + 1e-7)
        self.first[index] = self.momentum * self.first[index] + step
        return self.momentum * self.first[index] + step if self.nesterov else self.first[index]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"momentum": 0.9},
        {"momentum": 0.9, "nesterov": True},
        {"clip_norm": 0.1},
        {"kind": "adam", "rate": 0.05},
        {"kind": "rmsprop", "rate": 0.05},
        {"kind": "rmsprop", "rate": 0.05, "momentum": 0.5},
    ],
    ids=str,
)
@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_each_step_is_that_of_the_optimizer_on_the_gradients(in_tensorflow_1, train, norm, options):
    optimizer, weighting = {**SGD, **options}, {"weighting": {"clean": 1, "adversarial": 0.2}}
    # The last one smaller.
    batches = [BATCH, Batch({"x": X[::-1]}, LABELS, 3), Batch({"x": X[:5]}, LABELS[:5], 3)]
    ((losses, after),), settings, _ = train({"optimizer": optimizer, **weighting}, batches=batches, norm=norm)
    before = [[KERNEL, BIAS], *after[:-1]]
    evidence = in_tensorflow_1(evidence_along, DENSE, before, batches, {**ATTACK, "norm": norm}, weighting)

    assert losses == [expected for expected, _ in evidence]  # of before the update, bit for bit
    rate = optimizer["rate"] * 1.2
    descent = Descent(rate, **{name: value for name, value in options.items() if name != "rate"})
    for first, second, (_, gradients) in zip(before, after, evidence, strict=True):
        for one, other, change in zip(first, second, descent(gradients), strict=True):
            assert other == pytest.approx(one - change, abs=1e-6)
            assert np.abs(change).max() > 1e-3
    objective = {"clean": 1 / 1.2, "adversarial": 0.2 / 1.2, "scale": 1.2, "rate": rate}
    assert settings["objective"] == pytest.approx(objective)
    assert settings["optimizer"] == optimizer


def test_without_match_scale_the_rate_is_the_stated_one(train):
    weighting = {"weighting": {"clean": 1, "adversarial": 3}}
    (matched,), _, _ = train({**weighting, "optimizer": {**SGD, "rate": 0.125}}, batches=[BATCH])
    (unmatched,), settings, _ = train({**weighting, "match_scale": False}, batches=[BATCH])
    assert settings["objective"] == {"clean": 0.25, "adversarial": 0.75, "scale": 1.0, "rate": 0.5}
    assert bytes_of(matched) == bytes_of(unmatched)  # 4 * 0.125


@pytest.mark.parametrize("kind", ["sgd", "adam", "rmsprop"])
def test_a_new_beginning_forgets_earlier_steps_and_draws_the_same_numbers(train, kind):
    optimizer = {**SGD, "kind": kind, "rate": 0.05, "momentum": 0.0 if kind == "adam" else 0.9}
    first, other = (KERNEL, BIAS), (KERNEL + 1, BIAS)
    found, _, _ = train({"optimizer": optimizer, "mode": "training"}, starts=[first, other, first], section=DROPOUT)
    assert bytes_of(found[0]) == bytes_of(found[2]) != bytes_of(found[1])


def bytes_of(trajectory):
    losses, weights = trajectory
    return np.asarray(losses).tobytes(), [array.tobytes() for step in weights for array in step]


def test_dropout_draws_new_numbers_at_every_step_in_training_mode(train):
    still = {"optimizer": {**SGD, "rate": 0.0}}
    ((training, _),), _, _ = train({**still, "mode": "training"}, section=DROPOUT)
    ((inference, _),), settings, defaulted = train(still, section=DROPOUT)
    assert len({tuple(losses) for losses in training}) == 3
    assert len({tuple(losses) for losses in inference}) == 1
    assert settings["mode"] == "inference"
    assert "mode" in defaulted


def test_moving_statistics_stay_as_they_were_in_training_mode_too(train):
    start = (*NORMALISATION, *MOVING, KERNEL, BIAS)
    ((_, after),), settings, _ = train({"mode": "training", "attack_mode": "training"}, [start], section=NORMALISED)
    gamma, _, *moving, kernel, _ = after[-1]
    assert [array.tobytes() for array in moving] == [array.tobytes() for array in MOVING]
    assert not np.array_equal(gamma, NORMALISATION[0])
    assert not np.array_equal(kernel, KERNEL)
    assert [settings["mode"], settings["attack_mode"]] == ["training", "training"]


def test_what_cannot_be_trained_is_unsupported(train):
    with pytest.raises(Unsupported, match="no weight decay"):
        train({"optimizer": {**SGD, "weight_decay": 1e-4}})
    with pytest.raises(Unsupported, match="takes the mean"):
        train({}, loss_reduction="sum")
    with pytest.raises(Unsupported, match="differentiates through the perturbation"):
        train({"gradient_flow": "stopped"})
