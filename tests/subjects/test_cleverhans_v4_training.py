"""Subject ``cleverhans-v4`` composes a step as its library's tutorial does: the attack stands outside of the tape."""

import functools
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from harness.subjects import cleverhans_v4 as subject
from harness.subjects.protocol import Batch
from harness.vocabulary import Unsupported

from .steps import (
    BATCH,
    BEFORE,
    BIAS,
    DENSE,
    DRAWN,
    DROPOUT,
    KERNEL,
    LABELS,
    MOVING,
    NORMALISED,
    PENALISED,
    PROBABILITIES,
    SAMPLE_WEIGHTS,
    SGD,
    SMALLER,
    STATED,
    WEIGHTING,
    X,
    assert_near,
    bytes_of,
    furthest,
    losses_of,
    models_of,
    tf,
    trajectory,
)

ONLY_ADVERSARIAL: dict[str, Any] = {}
CROSS_ENTROPY = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)


@pytest.fixture(scope="module")
def attack():
    from cleverhans.tf2.attacks.fast_gradient_method import fast_gradient_method

    return fast_gradient_method


@pytest.fixture(autouse=True)
def _begin():
    tf.keras.utils.set_random_seed(0)


@dataclass(frozen=True)
class Case:
    """What the subject is told, and what the tutorial's composition is made of for it.

    Attributes:
        attack, training: the settings.
        arguments: of the library's attack.
        clean, adversarial: factors of the losses; a clean one of 0: that loss is not computed.
        loss: the Keras loss.
        training_mode, attack_in_training_mode: how the model is called.
        through: whether the attack is put inside of the tape, which the tutorial does not.
    """

    attack: dict[str, Any] = field(default_factory=lambda: STATED)
    training: dict[str, Any] = field(default_factory=lambda: WEIGHTING)
    arguments: dict[str, Any] = field(default_factory=lambda: {"norm": np.inf, "y": LABELS})
    clean: float = 1.0
    adversarial: float = 0.5
    loss: Any = CROSS_ENTROPY
    training_mode: bool = False
    attack_in_training_mode: bool = False
    through: bool = False
    section: dict[str, Any] = field(default_factory=lambda: DENSE)
    sample_weights: np.ndarray | None = None
    one_hot: bool = False

    @property
    def batch(self):
        return Batch({"x": X}, LABELS, 3, self.sample_weights)

    def evidence(self):
        return subject.loss_evidence(models_of(self.section), self.batch, self.attack, self.training)

    def composed(self, attack):
        """Clean, adversarial and total loss, and the total's gradients."""
        model = models_of(self.section).build()
        attacked_model = functools.partial(model, training=True) if self.attack_in_training_mode else model
        labels = np.eye(3, dtype=np.float32)[LABELS] if self.one_hot else LABELS
        call = functools.partial(model, training=self.training_mode)
        outside = None if self.through else attack(attacked_model, X, 0.3, **self.arguments)
        with tf.GradientTape() as tape:
            attacked = attack(attacked_model, X, 0.3, **self.arguments) if outside is None else outside
            adversarial = self.loss(labels, call(attacked), self.sample_weights)
            clean = self.loss(labels, call(X), self.sample_weights) if self.clean else np.nan
            total = self.adversarial * adversarial + (self.clean * clean if self.clean else 0.0)
        gradients = tape.gradient(total, model.trainable_variables)
        return [float(clean), float(adversarial), float(total)], [gradient.numpy() for gradient in gradients]


L2 = {"norm": 2, "y": LABELS}
IN_TRAINING_MODE = {**WEIGHTING, "mode": "training"}
CASES = {
    "stated": Case(),
    "adversarial-only": Case(training=ONLY_ADVERSARIAL, clean=0.0, adversarial=1.0),
    "weighting": Case(training={"weighting": {"clean": 2.0, "adversarial": 0.5}}, clean=2.0),
    "adversarial-weighed": Case(training={"weighting": {"clean": 0.0, "adversarial": 2.0}}, clean=0.0, adversarial=2.0),
    "clean-only": Case(training={"weighting": {"clean": 1.0, "adversarial": 0.0}}, adversarial=0.0),
    "labels-left-out": Case({"epsilon": 0.3, "norm": "linf"}, arguments={"norm": np.inf}),
    "predicted": Case({**STATED, "labels": "predicted"}, arguments={"norm": np.inf}),
    "l2": Case({**STATED, "norm": "l2"}, arguments=L2),
    "l1": Case({**STATED, "norm": "l1"}, arguments={"norm": 1, "y": LABELS}),
    "clip": Case(
        {**STATED, "clip": [-0.5, 0.25]},
        arguments={"norm": np.inf, "y": LABELS, "clip_min": -0.5, "clip_max": 0.25},
    ),
    "sum": Case(
        {**STATED, "loss_reduction": "sum"},
        loss=tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="sum"),
    ),
    "smoothing": Case(
        training={**WEIGHTING, "smoothing": 0.6},
        loss=tf.keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.6),
        one_hot=True,
    ),
    "sample-weights": Case(training={**WEIGHTING, **DRAWN}, sample_weights=SAMPLE_WEIGHTS),
    "probabilities": Case(section=PROBABILITIES, loss=tf.keras.losses.SparseCategoricalCrossentropy()),
    "normalised": Case(section=NORMALISED),
    "training-mode": Case(training=IN_TRAINING_MODE, section=NORMALISED, training_mode=True),
    "attack-in-training-mode": Case(
        training={**WEIGHTING, "attack_mode": "training"}, section=NORMALISED, attack_in_training_mode=True
    ),
    "both-in-training-mode": Case(
        training={**IN_TRAINING_MODE, "attack_mode": "training"},
        section=NORMALISED,
        training_mode=True,
        attack_in_training_mode=True,
    ),
    "penalised": Case(section=PENALISED),
}
ALIKE = {"labels-left-out": "predicted", "penalised": "stated"}


@pytest.fixture(scope="module")
def evidence():
    return {name: case.evidence() for name, case in CASES.items()}


@pytest.fixture(scope="module")
def composed(attack):
    return {name: case.composed(attack) for name, case in CASES.items()}


@pytest.mark.parametrize("name", CASES)
def test_losses_and_gradients_are_those_of_the_composition(evidence, composed, name):
    found, (losses, gradients) = evidence[name], composed[name]
    assert losses_of(found.losses) == pytest.approx(losses, rel=1e-6, nan_ok=True)
    largest = max(np.abs(gradient).max() for gradient in gradients)
    assert_near(found.gradients.values(), gradients, tolerance=1e-6 * max(largest, 1.0))
    assert {array.dtype for array in found.gradients.values()} == {np.dtype(np.float32)}
    with_normalisation = ["00-gamma", "01-beta", "02-kernel", "03-bias"]
    assert list(found.gradients) == (with_normalisation if len(gradients) == 4 else ["00-kernel", "01-bias"])


def test_every_case_can_be_told_from_the_others(composed):
    for name, other in ALIKE.items():
        assert furthest(composed[name][1], composed[other][1]) == 0
    distinct = [name for name in CASES if name not in ALIKE]
    for index, name in enumerate(distinct):
        for other in distinct[:index]:
            if len(composed[name][1]) == len(composed[other][1]):
                assert furthest(composed[name][1], composed[other][1]) > 1e-3, (name, other)


def test_without_a_weighting_the_step_trains_on_adversarial_examples_only(evidence):
    found = evidence["adversarial-only"]
    assert found.settings["objective"] == {"clean": 0.0, "adversarial": 1.0, "scale": 1.0}
    assert np.isnan(found.losses.clean)
    assert found.losses.total == found.losses.adversarial
    assert "weighting" in found.defaulted


def test_a_weighting_is_taken_as_it_stands(evidence):
    assert evidence["weighting"].settings["objective"] == {"clean": 2.0, "adversarial": 0.5, "scale": 1.0}
    assert "weighting" not in evidence["weighting"].defaulted


def test_under_l2_the_gradient_stops_at_the_perturbation(attack, evidence, composed):
    inside = Case({**STATED, "norm": "l2"}, arguments=L2, through=True).composed(attack)
    assert furthest(composed["l2"][1], inside[1]) > 1e-3
    assert evidence["l2"].settings["gradient_flow"] == "stopped"


def test_the_reduction_is_that_of_the_loss_and_not_of_the_attack(attack):
    """A mean in the attack would make gradients so small that the floor under their norm shortens the step."""
    models, stated = models_of(DENSE, [KERNEL * 3e-6, BIAS]), {**STATED, "norm": "l2", "epsilon": 3e5}
    found = subject.loss_evidence(models, BATCH, {**stated, "loss_reduction": "mean"}, WEIGHTING)
    attacked = [attack(models.build(), X, 3e5, 2, y=LABELS, loss_fn=loss) for loss in (None, mean_of_losses)]
    expected, shortened = (float(CROSS_ENTROPY(LABELS, models.build()(examples))) for examples in attacked)
    assert float(found.losses.adversarial) == pytest.approx(expected, rel=1e-5)
    assert shortened < expected - 0.1


def mean_of_losses(labels, logits):
    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits))


def test_settings_are_those_used(evidence):
    found = evidence["labels-left-out"]
    of_library = {"epsilon": 0.3, "norm": "linf", "labels": "predicted", "clip": None, "loss_reduction": "mean"}
    assert {name: found.settings[name] for name in of_library} == of_library
    assert {"labels", "clip", "gradient_flow", "mode", "attack_mode"} <= set(found.defaulted)
    modes = {
        "normalised": ("inference", "inference", "kept"),
        "training-mode": ("training", "inference", "updated"),
        "attack-in-training-mode": ("inference", "training", "updated"),
        "both-in-training-mode": ("training", "training", "updated"),
    }
    for name, expected in modes.items():
        assert tuple(evidence[name].settings[key] for key in ("mode", "attack_mode", "statistics")) == expected
    assert evidence["sum"].settings["loss_reduction"] == "sum"
    assert evidence["penalised"].settings["regularization"] == "not added"
    assert "tutorial" in found.settings["composed"]


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_weights_before_the_perturbed_input_have_gradients_through_the_clean_loss_only(attack, norm):
    models = models_of({**DENSE, "before": [{"kind": "dense", "units": 4}]}, before=BEFORE)
    found = subject.loss_evidence(models, BATCH, {**STATED, "norm": norm}, WEIGHTING)
    weights = [tf.Variable(tf.constant(array)) for array in (*BEFORE, KERNEL, BIAS)]

    def model(x):
        return x @ weights[2] + weights[3]

    attacked = attack(model, X @ weights[0] + weights[1], 0.3, norm={"linf": np.inf, "l2": 2}[norm], y=LABELS)
    with tf.GradientTape() as tape:
        clean = CROSS_ENTROPY(LABELS, model(X @ weights[0] + weights[1]))
        total = clean + 0.5 * CROSS_ENTROPY(LABELS, model(attacked))
    assert list(found.gradients) == ["before-00-kernel", "before-01-bias", "00-kernel", "01-bias"]
    assert_near(found.gradients.values(), tape.gradient(total, weights), tolerance=1e-5)


# Kind training.


def trained(name, batches=None, **training):
    case = CASES[name]
    models = models_of(case.section)
    trainer = subject.trainer(models, case.batch, case.attack, {"optimizer": SGD, **case.training, **training})
    return trainer, trajectory(trainer, models.weights, batches or [case.batch])


@pytest.mark.parametrize(
    "name",
    ["adversarial-only", "weighting", "predicted", "l2", "sum", "smoothing", "sample-weights", "both-in-training-mode"],
)
def test_a_step_descends_along_the_gradients_of_kind_loss_and_returns_the_losses_before_it(composed, name):
    trainer, ((losses, after),) = trained(name)
    expected, gradients = composed[name]
    assert losses == pytest.approx(expected, rel=1e-5, nan_ok=True)
    trainable = [0, 1, 4, 5] if name == "both-in-training-mode" else [0, 1]  # moving statistics stand between
    before = models_of(CASES[name].section).weights
    moved = [before[index] - 0.5 * gradient for index, gradient in zip(trainable, gradients, strict=True)]
    assert_near([after[index] for index in trainable], moved, tolerance=1e-5)
    assert trainer.settings["objective"]["rate"] == 0.5
    assert trainer.settings["optimizer"] == SGD


@pytest.mark.parametrize("mode", ["training", "inference"])
def test_each_pass_in_training_mode_moves_the_statistics(attack, mode):
    other = {"training": "inference", "inference": "training"}[mode]
    _, ((_, after),) = trained("normalised", mode=mode, attack_mode=other)
    attacked = attack(models_of(NORMALISED).build(), X, 0.3, np.inf, y=LABELS)
    mean, variance = MOVING
    for x in (np.asarray(attacked), X) if mode == "training" else (X,):
        mean, variance = 0.99 * mean + 0.01 * x.mean(axis=0), 0.99 * variance + 0.01 * x.var(axis=0)
    assert_near(after[2:4], [mean, variance])


def test_every_step_starts_where_the_last_one_ended_and_a_batch_may_be_smaller():
    batches = [BATCH, SMALLER, BATCH]
    _, steps = trained("l2", batches)
    before = [KERNEL, BIAS]
    for batch, (losses, after) in zip(batches, steps, strict=True):
        found = subject.loss_evidence(models_of(DENSE, before), batch, CASES["l2"].attack, WEIGHTING)
        assert losses == pytest.approx(losses_of(found.losses), rel=1e-5)
        moved = [weight - 0.5 * gradient for weight, gradient in zip(before, found.gradients.values(), strict=True)]
        assert_near(after, moved, tolerance=1e-5)
        before = after


@pytest.mark.parametrize("kind", ["sgd", "adam"])
def test_a_new_beginning_forgets_earlier_steps_and_draws_the_same_numbers(kind):
    optimizer = {**SGD, "kind": kind, "rate": 0.05, "momentum": 0.0 if kind == "adam" else 0.9}
    training = {"optimizer": optimizer, "mode": "training", "attack_mode": "training", **WEIGHTING}
    trainer = subject.trainer(models_of(DROPOUT), BATCH, STATED, training)
    first, other, again = (trajectory(trainer, [KERNEL + i, BIAS], [BATCH] * 3) for i in (0, 1, 0))
    assert bytes_of(first) == bytes_of(again) != bytes_of(other)


@pytest.mark.parametrize(
    ("reason", "attack", "training", "batch"),
    [
        ("stops the gradient at", {"norm": "l2"}, {"gradient_flow": "through"}, BATCH),
        ("no feature mask", {"feature_mask": [1, 0, 1, 0]}, {}, BATCH),
        ("both sides of the clip range", {"clip": [0.0, None]}, {}, BATCH),
        ("casts its input to float32", {}, {}, Batch({"x": X.astype(np.float64)}, LABELS, 3)),
        ("2 named inputs", {}, {}, Batch({"left": X, "right": X}, LABELS, 3)),
    ],
)
def test_what_it_cannot_express_is_unsupported(reason, attack, training, batch):
    for run in (subject.loss_evidence, subject.trainer):
        with pytest.raises(Unsupported, match=reason):
            run(models_of(), batch, {**STATED, **attack}, {"optimizer": SGD, **WEIGHTING, **training})


def test_epsilon_and_norm_have_no_default():
    for left_out in ("epsilon", "norm"):
        stated = {name: value for name, value in STATED.items() if name != left_out}
        with pytest.raises(Unsupported, match=f"no default {left_out}"):
            subject.loss_evidence(models_of(), BATCH, stated, WEIGHTING)
