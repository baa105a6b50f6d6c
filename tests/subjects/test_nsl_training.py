"""Subject ``nsl`` reports the numbers that its library returns when it is called directly."""

import numpy as np
import pytest

from harness.engine.work import WorkerModels
from harness.subjects import nsl as subject
from harness.subjects.protocol import Batch
from harness.vocabulary import Unsupported

from .nsl_cases import AS_STATED, CASES, CROSS_ENTROPY, Case
from .steps import (
    BATCH,
    BEFORE,
    BIAS,
    DENSE,
    DROPOUT,
    KERNEL,
    LABELS,
    MOVING,
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


@pytest.fixture(scope="module")
def nsl():
    return subject.import_nsl()


@pytest.fixture(autouse=True)
def _begin():
    tf.keras.utils.set_random_seed(0)


@pytest.fixture(scope="module")
def evidence():
    return {name: case.evidence() for name, case in CASES.items()}


@pytest.fixture(scope="module")
def library(nsl):
    return {name: case.by_the_library(nsl) for name, case in CASES.items()}


@pytest.mark.parametrize("name", CASES)
def test_losses_and_gradients_are_those_of_the_library(evidence, library, name):
    found, (losses, gradients) = evidence[name], library[name]
    assert losses_of(found.losses) == pytest.approx(losses, rel=1e-6)
    scale = max(np.abs(gradient).max() for gradient in gradients)
    assert_near(found.gradients.values(), gradients, tolerance=1e-6 * max(scale, 1.0))
    assert {array.dtype for array in found.gradients.values()} == {np.dtype(np.float32)}
    with_normalisation = ["00-gamma", "01-beta", "02-kernel", "03-bias"]
    assert list(found.gradients) == (with_normalisation if len(gradients) == 4 else ["00-kernel", "01-bias"])


@pytest.mark.parametrize("name", sorted(set(CASES) - {"stated", "normalised", "penalised", "probabilities"}))
def test_every_setting_can_be_told_from_the_stated_case(library, name):
    other = library["normalised" if name == "training-mode" else "stated"][1]
    assert furthest(library[name][1], other) > 1e-3


@pytest.mark.parametrize("name", CASES)
def test_the_wrapper_has_the_same_losses(evidence, library, name):
    found, (losses, _) = evidence[name].figures["wrapper"], library[name]
    multiplier = {"adversarial-only": 0.2}.get(name, CASES[name].adversarial)
    clean, adversarial, _ = losses
    assert found["clean"] == pytest.approx(clean, rel=1e-6)
    assert found["adversarial"] == (pytest.approx(adversarial, rel=1e-5) if multiplier else None)
    penalty = 0.1 * float(np.sum(KERNEL**2)) if name == "penalised" else 0.0  # only the wrapper adds it
    assert found["total"] == pytest.approx(clean + multiplier * adversarial + penalty, rel=1e-6)


def test_settings_are_those_used(evidence):
    objectives = {
        "defaults": (1.0, 0.2, 1.0),
        "stated": (1.0, 0.5, 1.0),
        "weighting": (1.0, 0.25, 2.0),
        "adversarial-only": (0.0, 1.0, 2.0),
        "clean-only": (1.0, 0.0, 1.0),
    }
    for name, objective in objectives.items():
        names = ("clean", "adversarial", "scale")
        assert evidence[name].settings["objective"] == pytest.approx(dict(zip(names, objective, strict=True)))
    of_library = {"epsilon": 0.001, "norm": "l2", "labels": "given", "gradient_flow": "stopped", "mode": "inference"}
    found = evidence["defaults"]
    assert {name: found.settings[name] for name in of_library} == of_library
    assert {"weighting", "epsilon", "norm", "gradient_flow", "mode", "attack_mode"} <= set(found.defaulted)
    assert [evidence["training-mode"].settings[name] for name in ("mode", "attack_mode")] == ["training", "training"]
    assert evidence["training-mode"].settings["statistics"] == "updated"
    assert evidence["normalised"].settings["statistics"] == "kept"
    assert evidence["penalised"].settings["regularization"] == "not added"


def test_without_match_scale_the_factor_is_left():
    training = {"weighting": {"clean": 2.0, "adversarial": 0.5}, "match_scale": False}
    assert Case(training=training).evidence().settings["objective"]["scale"] == 1.0


def test_inputs_with_names_are_attacked_and_clipped_together(nsl):
    batch = Batch({"left": X[:, :2], "right": X[:, 2:]}, LABELS, 3)
    models = WorkerModels(DENSE, [KERNEL, BIAS], [], {"left": (2,), "right": (2,)})
    attack = {**STATED, "norm": "l2", "clip": [-0.5, 0.25]}
    found = subject.loss_evidence(models, batch, attack, WEIGHTING)
    config = {**AS_STATED, "adv_grad_norm": "l2", "clip_value_min": -0.5, "clip_value_max": 0.25}
    losses, gradients = Case(config=config).by_the_library(nsl)
    assert losses_of(found.losses) == pytest.approx(losses, rel=1e-6)
    assert_near(found.gradients.values(), gradients)
    assert list(found.figures["wrapper"].values()) == pytest.approx(losses, rel=1e-5)


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_weights_before_the_perturbed_input_have_gradients_too(nsl, norm):
    section = {**DENSE, "before": [{"kind": "dense", "units": 4}]}
    models = models_of(section, before=BEFORE)
    found = subject.loss_evidence(models, BATCH, {**STATED, "norm": norm}, WEIGHTING)
    config = nsl.configs.make_adv_reg_config(adv_step_size=0.3, adv_grad_norm={"linf": "infinity", "l2": "l2"}[norm])
    weights = [tf.Variable(tf.constant(array)) for array in (*BEFORE, KERNEL, BIAS)]

    def model(x):
        return x @ weights[2] + weights[3]

    with tf.GradientTape() as tape:
        x = X @ weights[0] + weights[1]
        adversarial = nsl.keras.adversarial_loss(x, LABELS, model, CROSS_ENTROPY, adv_config=config)
        total = CROSS_ENTROPY(LABELS, model(x)) + 0.5 * adversarial
    assert float(found.losses.total) == pytest.approx(float(total), rel=1e-6)
    assert list(found.gradients) == ["before-00-kernel", "before-01-bias", "00-kernel", "01-bias"]
    assert_near(found.gradients.values(), tape.gradient(total, weights), tolerance=1e-5)
    assert found.figures == {}


# Kind training.


def trained(name, training=None, batches=None, **attack):
    case = CASES[name]
    stated = {"optimizer": SGD, **case.training, **(training or {})}
    stated.pop("mode", None)
    trainer = subject.trainer(case.models, case.batch, {**case.attack, **attack}, stated)
    return trainer, trajectory(trainer, case.models.weights, batches or [case.batch])


@pytest.mark.parametrize(
    "name", ["weighting", "l2", "sum", "smoothing", "sample-weights", "training-mode", "clean-only"]
)
def test_a_step_descends_along_the_gradients_of_kind_loss_and_returns_the_losses_before_it(library, name):
    trainer, ((losses, after),) = trained(name)
    (clean, adversarial, total), gradients = library[name]
    assert losses == pytest.approx(
        [clean, adversarial if name != "clean-only" else np.nan, total], rel=1e-5, nan_ok=True
    )
    scale = 2.0 if name == "weighting" else 1.0
    trainable = [0, 1, 4, 5] if name == "training-mode" else [0, 1]  # moving statistics stand between
    expected = [CASES[name].models.weights[i] - 0.5 * scale * g for i, g in zip(trainable, gradients, strict=True)]
    assert_near([after[index] for index in trainable], expected, tolerance=1e-5)
    assert trainer.settings["objective"]["scale"] == scale
    assert trainer.settings["objective"]["rate"] == pytest.approx(0.5 * scale)
    assert [trainer.settings[mode] for mode in ("mode", "attack_mode")] == ["training", "training"]
    assert trainer.settings["optimizer"] == SGD


def test_a_step_runs_the_model_in_training_mode_twice_and_each_pass_moves_the_statistics(library):
    trainer, ((losses, after),) = trained("training-mode")
    assert losses != pytest.approx(library["normalised"][0], rel=1e-3)
    mean = MOVING[0] * 0.99 + 0.01 * X.mean(axis=0)
    np.testing.assert_array_less(1e-4, np.abs(after[2] - mean))  # once more, towards the adversarial examples' mean
    assert trainer.settings["statistics"] == "updated"
    offset = (after[2] - mean * 0.99) / 0.01 - X.mean(axis=0)
    np.testing.assert_array_less(np.abs(offset), 0.3 + 1e-3)


def test_the_models_own_losses_are_added_once(library):
    trainer, ((losses, after),) = trained("penalised")
    clean, adversarial, total = library["penalised"][0]
    assert losses == pytest.approx([clean, adversarial, total + 0.1 * np.sum(KERNEL**2)], rel=1e-5)
    of_kernel, of_bias = library["penalised"][1]
    assert_near(after, [KERNEL - 0.5 * (of_kernel + 0.2 * KERNEL), BIAS - 0.5 * of_bias], tolerance=1e-5)
    assert trainer.settings["regularization"] == "added"


def test_every_step_starts_where_the_last_one_ended_and_a_batch_may_be_smaller():
    _, steps = trained("stated", batches=[BATCH, SMALLER, BATCH])
    before = [KERNEL, BIAS]
    for batch, (losses, after) in zip([BATCH, SMALLER, BATCH], steps, strict=True):
        models = models_of(DENSE, before)
        found = subject.loss_evidence(models, batch, STATED, WEIGHTING)
        assert losses == pytest.approx(losses_of(found.losses), rel=1e-5)
        moved = [weight - 0.5 * gradient for weight, gradient in zip(before, found.gradients.values(), strict=True)]
        assert_near(after, moved, tolerance=1e-5)
        before = after


@pytest.mark.parametrize("name", ["stated", "training-mode", "sample-weights"])
def test_steps_have_the_bits_of_train_on_batch(name):
    """Which makes a data set of every batch; the step that it then takes is the one that is taken here."""
    case, batches = CASES[name], [CASES[name].batch] * 3
    training = {"optimizer": {**SGD, "kind": "adam", "rate": 0.05}, **case.training}
    training.pop("mode", None)
    both = []
    for of_keras in (True, False):
        trainer = subject.trainer(case.models, case.batch, case.attack, training)
        trainer.begin(case.models.weights)
        multiplier = trainer.wrapper.adv_config.multiplier
        steps = []
        for batch in batches:
            features = subject._features(batch, training)
            losses = (
                subject.wrapper_losses(trainer.wrapper.train_on_batch(features, return_dict=True), multiplier)
                if of_keras
                else trainer.step(batch)
            )
            steps.append((losses_of(losses), trainer.weights()))
        both.append(bytes_of(steps))
    assert both[0] == both[1]


@pytest.mark.parametrize("kind", ["sgd", "adam", "rmsprop"])
def test_a_new_beginning_forgets_earlier_steps_and_draws_the_same_numbers(kind):
    optimizer = {**SGD, "kind": kind, "rate": 0.05, "momentum": 0.0 if kind == "adam" else 0.9}
    models = models_of(DROPOUT)
    trainer = subject.trainer(models, BATCH, STATED, {"optimizer": optimizer, **WEIGHTING})
    first, other, again = (trajectory(trainer, [KERNEL + i, BIAS], [BATCH] * 3) for i in (0, 1, 0))
    assert bytes_of(first) == bytes_of(again) != bytes_of(other)


def test_dropout_draws_new_numbers_at_every_step():
    models = models_of(DROPOUT)
    trainer = subject.trainer(models, BATCH, STATED, {"optimizer": {**SGD, "rate": 0.0}, **WEIGHTING})
    steps = trajectory(trainer, [KERNEL, BIAS], [BATCH] * 3)
    assert len({tuple(losses) for losses, _ in steps}) == 3


@pytest.mark.parametrize(
    ("reason", "attack", "training", "by"),
    [
        ("ascends the training loss", {"labels": "predicted"}, {}, "both"),
        ("stops the gradient at", {"norm": "l2"}, {"gradient_flow": "through"}, "both"),
        ("one mode serves both", {}, {"mode": "training", "attack_mode": "inference"}, "both"),
        ("one mode serves both", {}, {"mode": "inference", "attack_mode": "training"}, "loss"),
        ("one mode serves both", {}, {"attack_mode": "training"}, "loss"),
        ("one mode serves both", {}, {"attack_mode": "inference"}, "training"),
        ("in training mode", {}, {"mode": "inference"}, "training"),
        ("the clean loss is always there", {}, {"weighting": {"clean": 0.0, "adversarial": 1.0}}, "training"),
    ],
)
def test_what_it_cannot_express_is_unsupported(reason, attack, training, by):
    arguments = (CASES["stated"].models, BATCH, {**STATED, **attack})
    if by != "training":
        with pytest.raises(Unsupported, match=reason):
            subject.loss_evidence(*arguments, {**WEIGHTING, **training})
    if by != "loss":
        with pytest.raises(Unsupported, match=reason):
            subject.trainer(*arguments, {"optimizer": SGD, **WEIGHTING, **training})


@pytest.mark.parametrize("norm", ["linf", "l1"])
def test_under_linf_and_l1_there_is_no_gradient_to_stop(norm):
    training = {**WEIGHTING, "gradient_flow": "through"}
    found = subject.loss_evidence(CASES["stated"].models, BATCH, {**STATED, "norm": norm}, training)
    assert found.settings["gradient_flow"] == "through"
