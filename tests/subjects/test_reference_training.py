"""Steps and trainings of the reimplementation: bit for bit nsl's, or NumPy's, and what float32 may know of them."""

import numpy as np
import pytest

from harness.subjects import nsl, reference_cleverhans, reference_float64, reference_nsl
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
    NORMALISED,
    PENALISED,
    PROBABILITIES,
    SGD,
    SMALLER,
    STATED,
    WEIGHTED,
    WEIGHTING,
    X,
    assert_near,
    bytes_of,
    losses_of,
    models_of,
    softmax,
    tf,
    trajectory,
)

IN_TRAINING_MODE = {**WEIGHTING, "mode": "training"}
LINEAR = softmax.LINEAR
BEHIND_A_LAYER = {**DENSE, "before": [{"kind": "dense", "units": 4}]}
DOUBLE = Batch({"x": X.astype(np.float64)}, LABELS, 3, WEIGHTED.sample_weights)
LONG_L2 = {"norm": "l2", "epsilon": 1.0}
ADAM = {**SGD, "kind": "adam", "rate": 0.05}


def evidence(subject, training=None, *, section=None, batch=BATCH, before=(), **attack):
    tf.keras.utils.set_random_seed(0)
    stated = {name: value for name, value in {**STATED, **attack}.items() if value is not None}
    training = WEIGHTING if training is None else training
    return subject.loss_evidence(models_of(section, before=before), batch, stated, training)


def training_of(subject, training=None, *, section=None, batches=(BATCH,) * 3, **attack):
    """A trainer, and its trajectory from the models' weights."""
    tf.keras.utils.set_random_seed(0)
    models, stated = models_of(section), {"optimizer": SGD, **WEIGHTING, **(training or {})}
    trainer = subject.trainer(models, batches[0], {**STATED, **attack}, stated)
    return trainer, trajectory(trainer, models.weights, batches)


# reference-nsl beside nsl.


@pytest.mark.parametrize(
    ("training", "data", "attack"),
    [
        ({}, {}, {"epsilon": None, "norm": None, "labels": None}),
        (WEIGHTING, {}, {}),
        ({"weighting": {"clean": 2.0, "adversarial": 0.2}}, {}, {"norm": "l2"}),
        ({"weighting": {"clean": 0.0, "adversarial": 2.0}}, {}, {"norm": "l1"}),
        ({"weighting": {"clean": 1.0, "adversarial": 0.0}}, {}, {}),
        ({**WEIGHTING, "smoothing": 0.3}, {}, {"clip": [-0.5, None], "loss_reduction": "sum"}),
        ({**WEIGHTING, **DRAWN}, {"batch": WEIGHTED}, {}),
        ({**WEIGHTING, **DRAWN}, {"batch": DOUBLE}, {"norm": "l2"}),
        (WEIGHTING, {"section": BEHIND_A_LAYER, "before": BEFORE}, {"norm": "l2"}),
        (IN_TRAINING_MODE, {"section": NORMALISED}, {}),
        (IN_TRAINING_MODE, {"section": DROPOUT}, {}),
        (WEIGHTING, {"section": PENALISED}, {}),
        (WEIGHTING, {"section": PROBABILITIES}, {"norm": "l2"}),
    ],
    ids=[
        "defaults", "stated", "l2", "adversarial-only", "clean-only", "smoothed-sum", "weighted", "double", "before",
        "normalised", "dropout", "penalised", "probabilities",
    ],
)  # fmt: skip
def test_the_step_of_nsl_is_met_bit_for_bit(training, data, attack):
    library, found = (evidence(subject, training, **data, **attack) for subject in (nsl, reference_nsl))
    assert losses_of(found.losses) == losses_of(library.losses)
    for name, gradient in library.gradients.items():
        np.testing.assert_array_equal(found.gradients[name], gradient, err_msg=name)
    assert list(found.gradients) == list(library.gradients)
    assert found.settings == library.settings
    assert found.defaulted == library.defaulted


@pytest.mark.parametrize(
    ("training", "data", "attack"),
    [
        ({"weighting": {"clean": 2.0, "adversarial": 0.2}}, {"batches": (BATCH, SMALLER, BATCH)}, {"norm": "l2"}),
        ({"optimizer": ADAM}, {"section": DROPOUT}, {}),
        ({"smoothing": 0.3, **DRAWN}, {"section": NORMALISED, "batches": (WEIGHTED,) * 3}, {}),
        ({}, {"section": PENALISED}, {"loss_reduction": "sum"}),
    ],
    ids=["l2", "dropout", "normalised", "penalised"],
)
def test_the_training_of_nsl_is_met(training, data, attack):
    library, expected = training_of(nsl, training, **data, **attack)
    found, steps = training_of(reference_nsl, training, **data, **attack)
    if data.get("section") is PENALISED:  # the penalty is added at another place, which rounds differently
        for (_, one), (_, other) in zip(steps, expected, strict=True):
            assert_near(one, other)
    else:
        assert [weights for _, weights in bytes_of(steps)] == [weights for _, weights in bytes_of(expected)]
    # The library's adversarial loss comes times the multiplier and is divided by it again.
    np.testing.assert_allclose([losses for losses, _ in steps], [losses for losses, _ in expected], rtol=1e-6)
    assert found.settings == library.settings
    assert found.defaulted == library.defaulted


# Beyond the library, and the loss of cleverhans 3.1.0.


def check(found, expected, weights=LINEAR, tolerance=1e-5):
    """Losses and gradients are those of NumPy."""
    assert losses_of(found.losses) == pytest.approx(expected.losses(weights), rel=tolerance)
    gradients = expected.gradients(weights).values()
    largest = max(np.abs(gradient).max() for gradient in gradients)
    assert_near(found.gradients.values(), gradients, tolerance=tolerance * max(largest, 1.0))


@pytest.mark.parametrize(
    ("training", "attack", "expected"),
    [
        ({}, {"labels": "predicted"}, {"labels": "predicted"}),
        ({"gradient_flow": "through"}, LONG_L2, {**LONG_L2, "flow": "through"}),
        ({"gradient_flow": "stopped"}, LONG_L2, LONG_L2),
    ],
    ids=["predicted", "through", "stopped"],
)
def test_reference_nsl_takes_on_what_nsl_cannot_express(training, attack, expected):
    found = evidence(reference_nsl, {**WEIGHTING, **training}, **attack)
    check(found, softmax.Expected(**expected))
    assert found.settings["gradient_flow"] == expected.get("flow", "stopped")
    assert found.settings["labels"] == expected.get("labels", "given")


@pytest.mark.parametrize("mode", [None, "inference", "training"])
@pytest.mark.parametrize("attack_mode", [None, "inference", "training"])
@pytest.mark.parametrize("subject", [reference_nsl, reference_cleverhans, reference_float64])
def test_losses_and_attack_have_each_their_mode(subject, mode, attack_mode):
    stated = {name: value for name, value in (("mode", mode), ("attack_mode", attack_mode)) if value}
    if subject is reference_float64 and len(stated) < 2:
        with pytest.raises(Unsupported, match="no default mode"):
            evidence(subject, {**WEIGHTING, **stated}, section=NORMALISED)
        return
    mode = mode or "inference"
    attack_mode = attack_mode or (mode if subject is reference_nsl else "inference")
    of_cleverhans = subject is reference_cleverhans
    expected = softmax.Expected(
        *((2 / 3, 1 / 3) if of_cleverhans else (1.0, 0.5)),
        own_loss=subject is not reference_nsl,
        mode=mode,
        attack_mode=attack_mode,
        statistics="kept" if of_cleverhans else "updated",
        momentum=0.99,
    )
    found = evidence(subject, {**WEIGHTING, **stated}, section=NORMALISED)
    check(found, expected, softmax.NORMALISED)
    moved = "training" in (mode, attack_mode) and not of_cleverhans
    assert found.settings["statistics"] == ("updated" if moved else "kept")
    assert [found.settings["mode"], found.settings["attack_mode"]] == [mode, attack_mode]


@pytest.mark.parametrize(
    ("training", "attack", "expected"),
    [
        ({}, {"epsilon": None, "norm": None, "labels": None}, {"labels": "predicted"}),
        ({}, {}, {}),
        ({"weighting": {"clean": 1.0, "adversarial": 3.0}}, {}, {"clean": 0.25, "adversarial": 0.75}),
        ({"weighting": {"clean": 0.0, "adversarial": 3.0}}, {}, {"clean": 0.0, "adversarial": 1.0}),
        ({}, LONG_L2, {**LONG_L2, "flow": "through"}),
        ({"gradient_flow": "stopped"}, LONG_L2, LONG_L2),
        ({"smoothing": 0.6}, LONG_L2, {**LONG_L2, "flow": "through", "smoothing": 0.6}),
        (DRAWN, {"loss_reduction": "sum"}, {"reduction": "sum", "sample_weights": softmax.SAMPLE_WEIGHTS}),
        ({}, {"clip": [-0.5, 0.25]}, {"clip": (-0.5, 0.25)}),
    ],
    ids=["defaults", "stated", "weighting", "adversarial-only", "l2", "stopped", "smoothing", "weighted-sum", "clip"],
)
def test_reference_cleverhans_weighs_one_minus_adv_coeff_to_adv_coeff(training, attack, expected):
    found = evidence(reference_cleverhans, training, batch=WEIGHTED if training == DRAWN else BATCH, **attack)
    expected = softmax.Expected(**{"clean": 0.5, "adversarial": 0.5, **expected}, own_loss=True)
    check(found, expected)
    scale = sum(training["weighting"].values()) if "weighting" in training else 1.0
    assert found.settings["objective"] == {"clean": expected.clean, "adversarial": expected.adversarial, "scale": scale}
    assert {"labels": found.settings["labels"], "norm": found.settings["norm"]} == {
        "labels": expected.labels,
        "norm": expected.norm,
    }


@pytest.mark.parametrize("subject", [reference_nsl, reference_cleverhans, reference_float64])
def test_a_step_descends_along_the_gradients_of_kind_loss_and_returns_the_losses_before_it(subject):
    training = {"weighting": {"clean": 2.0, "adversarial": 0.5}}
    trainer, ((losses, after), _) = training_of(subject, training, batches=(BATCH, SMALLER), norm="l2")
    found = evidence(subject, training, norm="l2")
    assert losses == pytest.approx(losses_of(found.losses), rel=1e-6)
    scale = {reference_nsl: 2.0, reference_cleverhans: 2.5, reference_float64: 1.0}[subject]
    gradients = found.gradients.values()
    assert_near(after, [one - 0.5 * scale * g for one, g in zip((KERNEL, BIAS), gradients, strict=True)])
    assert trainer.settings["objective"] == pytest.approx({**found.settings["objective"], "rate": 0.5 * scale})
    assert found.settings["objective"]["scale"] == scale


@pytest.mark.parametrize("subject", [reference_nsl, reference_cleverhans])
def test_a_new_beginning_forgets_earlier_steps_and_draws_the_same_numbers(subject):
    training = {"optimizer": ADAM, "mode": "training", "attack_mode": "training", **WEIGHTING}
    trainer = subject.trainer(models_of(DROPOUT), BATCH, STATED, training)
    first, other, again = (trajectory(trainer, [KERNEL + i, BIAS], [BATCH] * 3) for i in (0, 1, 0))
    assert bytes_of(first) == bytes_of(again) != bytes_of(other)


def test_the_models_own_losses_are_added_by_the_wrapper_only():
    own = 0.1 * np.sum(KERNEL**2)
    for subject, added in ((reference_nsl, own), (reference_cleverhans, 0.0), (reference_float64, 0.0)):
        trainer, ((losses, _),) = training_of(subject, section=PENALISED, batches=(BATCH,))
        found = evidence(subject, section=PENALISED)
        assert losses[2] == pytest.approx(float(found.losses.total) + added, rel=1e-6)
        assert trainer.settings["regularization"] == ("added" if added else "not added")
        assert found.settings["regularization"] == "not added"


# reference-float64.


@pytest.mark.parametrize("norm", ["linf", "l2", "l1"])
@pytest.mark.parametrize("flow", ["stopped", "through"])
def test_the_yardstick_is_the_stated_objective_in_double_precision(norm, flow):
    weighting = {"weighting": {"clean": 2.0, "adversarial": 0.5}, "gradient_flow": flow, "smoothing": 0.3}
    found = evidence(reference_float64, weighting, norm=norm)
    check(found, softmax.Expected(2.0, 0.5, norm, flow=flow, smoothing=0.3, own_loss=True), tolerance=1e-8)
    assert {array.dtype for array in found.gradients.values()} == {np.dtype(np.float64)}
    names = {"clean_loss", "adversarial_loss", "total_loss", "gradient/00-kernel", "gradient/01-bias"}
    assert set(found.evidence) == {f"uncertainty/{name}" for name in names}


def distances(found, exact):
    """How far the losses and gradients are from the yardstick's, by the names of its uncertainties."""
    names = ("clean_loss", "adversarial_loss", "total_loss")
    losses = zip(names, losses_of(found.losses), losses_of(exact.losses), strict=True)
    far = {name: np.asarray(one - other) for name, one, other in losses}
    far |= {f"gradient/{name}": found.gradients[name] - gradient for name, gradient in exact.gradients.items()}
    return {f"uncertainty/{name}": float(np.abs(value).max()) for name, value in far.items()}


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_uncertainty_bounds_float32_and_is_as_small_as_round_off_where_every_sign_is_determined(norm):
    exact = evidence(reference_float64, norm=norm)
    for subject in (nsl, reference_nsl):
        for name, distance in distances(evidence(subject, norm=norm), exact).items():
            # Twice, as a comparison allows: it is a sample.
            assert distance <= 2 * float(exact.evidence[name]), name
    assert all(0 < float(value) < 2e-6 for value in exact.evidence.values())


def error(x, label, kernel):
    """The probabilities less the label's column."""
    scores = np.exp(x @ kernel + BIAS)
    return scores / scores.sum() - np.eye(3)[label]


@pytest.mark.parametrize("label", [0, 1, 2])
def test_uncertainty_covers_a_sign_that_float32_cannot_know(label):
    """Classes alike in a feature: its gradient is the sum of ``p - y`` over the classes, which is 0."""
    kernel = KERNEL.copy()
    kernel[1] = kernel[1, 0]
    one = Batch({"x": X[:1]}, np.array([label], np.int32), 3)

    def of(subject):
        return subject.loss_evidence(models_of(DENSE, [kernel, BIAS]), one, STATED, WEIGHTING)

    exact, found = of(reference_float64), of(reference_nsl)
    attacked = X[0] + 0.3 * np.sign(kernel @ error(X[0], label, kernel))  # that feature's move changes no probability
    sensitivity = np.abs(error(attacked, label, kernel)).max()
    uncertainty = float(exact.evidence["uncertainty/gradient/00-kernel"])
    to_the_middle = 0.5 * 0.3 * sensitivity  # the adversarial loss counts half; a sign may also come out as 0
    assert 0.99 * to_the_middle < uncertainty < 2.01 * to_the_middle
    for name, distance in distances(found, exact).items():
        assert distance <= 2 * float(exact.evidence[name]), name


def test_uncertainty_holds_the_round_off_of_the_weights():
    """Float32 computes this loss nearly exactly, but knows the weights to 6e-5 only."""
    models = models_of(DENSE, [KERNEL, np.array([1000, 1000.5, 999.5], np.float32)])
    exact = reference_float64.loss_evidence(models, Batch({"x": 0 * X}, LABELS, 3), STATED, WEIGHTING)
    assert 1e-5 < float(exact.evidence["uncertainty/clean_loss"]) < 2e-4


@pytest.mark.parametrize(
    ("reason", "subject", "training", "data", "attack"),
    [
        ("no default weighting", reference_float64, {}, {}, {}),
        ("no default epsilon", reference_float64, WEIGHTING, {}, {"epsilon": None}),
        ("from logits", reference_float64, WEIGHTING, {"section": PROBABILITIES}, {}),
        ("dropout draws", reference_float64, {**IN_TRAINING_MODE, "attack_mode": "training"}, {"section": DROPOUT}, {}),
        ("logits only", reference_cleverhans, WEIGHTING, {"section": PROBABILITIES}, {}),
        *(
            ("2 named inputs", subject, WEIGHTING, {"batch": Batch({"left": X, "right": X}, LABELS, 3)}, {})
            for subject in (reference_nsl, reference_cleverhans, reference_float64)
        ),
    ],
)
def test_what_cannot_be_computed_is_unsupported(reason, subject, training, data, attack):
    with pytest.raises(Unsupported, match=reason):
        evidence(subject, training, **data, **attack)
