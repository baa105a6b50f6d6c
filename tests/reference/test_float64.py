"""The yardstick: exact where float32 is not, and right about what float32 can know."""

import numpy as np
import pytest
import tensorflow as tf

from harness.reference import fast_gradient_method, perturb, yardstick
from harness.reference.conventions import CLEVERHANS, NSL
from harness.reference.geometry import steepest_direction

NORMS = ["linf", "l2", "l1"]
CROSS_ENTROPY = tf.nn.sparse_softmax_cross_entropy_with_logits


def linear(weights, bias=0.0):
    weights = tf.constant(weights, tf.float64)
    return lambda x: tf.matmul(x, weights) + tf.constant(bias, tf.float64)


def test_the_gradient_does_not_cancel_however_confident_the_model_is():
    weights = np.random.default_rng(0).normal(size=(4, 3))
    for lead in (0.0, 10.0, 60.0, 500.0):
        bias = np.array([lead, 0.0, 1.0])
        x = np.random.default_rng(1).normal(size=(2, 4))
        others = np.exp((x @ weights + bias) - (x @ weights + bias).max(axis=1, keepdims=True))
        others /= others.sum(axis=1, keepdims=True)
        expected = np.einsum("bk,ik->bi", others[:, 1:], weights[:, 1:] - weights[:, :1])
        if lead == 0.0:
            softmax = np.eye(3)[[0, 0]]
            expected = (others - softmax) @ weights.T
        measured = yardstick(linear(weights, bias), x, np.zeros(2, int), epsilon=0.1, norm="linf")
        np.testing.assert_allclose(measured.gradient, expected, rtol=1e-11)
        np.testing.assert_array_equal(measured.adversarial, x + 0.1 * np.sign(expected))
        assert (measured.undetermined == (lead >= 60.0)).all()


def test_probabilities_are_as_good_as_logits(build, batch):
    x, y = batch(7)
    for scale in (1.0, 6.0):
        arguments = {"epsilon": 0.1, "norm": "linf"}
        by_logits = yardstick(build(dtype="float64", scale=scale), x, y, **arguments)
        softmax = build(dtype="float64", softmax=True, scale=scale)
        by_probabilities = yardstick(softmax, x, y, output="probabilities", **arguments)
        np.testing.assert_allclose(by_probabilities.gradient, by_logits.gradient, rtol=1e-7, atol=1e-300)
        if scale == 1.0:
            assert not by_probabilities.undetermined.any()
        else:
            assert 0 < by_probabilities.undetermined.mean() < 1


def float32_gradients(model, x, y):
    """The same gradient in float32, by ways that are all correct."""
    x, onehot = tf.constant(x), tf.one_hot(y, 5)

    def gradient(loss_of, x=x):
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(x)
            loss = loss_of(model(x))
        return tape.gradient(loss, x).numpy().astype(np.float64)

    def from_log_softmax(z):
        return -tf.reduce_sum(onehot * tf.nn.log_softmax(z), axis=-1)

    yield gradient(lambda z: CROSS_ENTROPY(y, z))
    yield gradient(lambda z: tf.reduce_mean(CROSS_ENTROPY(y, z))) * len(y)
    yield gradient(lambda z: tf.nn.softmax_cross_entropy_with_logits(onehot, z))
    yield gradient(from_log_softmax)
    yield gradient(lambda z: tf.reduce_logsumexp(z, axis=-1) - tf.reduce_sum(onehot * z, axis=-1))
    yield compiled(model, x, y)


def compiled(model, x, y):
    @tf.function
    def gradient(x):
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(x)
            loss = CROSS_ENTROPY(y, model(x))
        return tape.gradient(loss, x)

    return gradient(x).numpy().astype(np.float64)


@pytest.mark.parametrize("scale", [0.03, 1.0, 8.0, 30.0])
@pytest.mark.parametrize(
    ("kind", "activation"), [("mlp", "relu"), ("mlp", "tanh"), ("cnn", "relu"), ("normalised", "gelu")]
)
def test_float32_agrees_wherever_it_is_called_determined(build, batch, kind, activation, scale):
    single, double = (build(kind, activation=activation, dtype=d, scale=scale) for d in ("float32", "float64"))
    x, y = batch(32)
    results = {norm: yardstick(double, x, y, epsilon=0.1, norm=norm) for norm in NORMS}
    undetermined = results["linf"].undetermined
    assert undetermined.mean() < (0.001 if scale <= 1 else 0.9)
    unit = np.spacing(np.maximum(np.abs(x), np.float32(0.1)))
    for gradient in float32_gradients(single, x, y):
        wrong = np.sign(gradient) != np.sign(results["linf"].gradient)
        assert not (wrong & ~undetermined).any()
        for norm, measured in results.items():
            assert measured.adversarial.dtype == np.float64
            for conventions in (NSL, CLEVERHANS):
                # In units of its largest element, since the libraries' floors are not a matter of precision.
                largest = np.abs(gradient).max(axis=(1, 2, 3), keepdims=True)
                scaled = tf.constant(np.divide(gradient, largest, where=largest > 0, out=gradient * 0), tf.float32)
                (direction,) = steepest_direction([scaled], norm=norm, conventions=conventions)
                moved = np.abs(x + np.float32(0.1) * direction.numpy() - measured.adversarial)
                assert (moved <= measured.uncertainty + 4 * unit).all(), (norm, conventions)


def test_a_small_gradient_is_determined_and_a_large_one_need_not_be(build, batch):
    x, y = batch(32)
    small = yardstick(build(dtype="float64", scale=1e-4), x, y, epsilon=0.1, norm="linf")
    assert np.abs(small.gradient).max() < 1e-7
    assert not small.undetermined.any()
    confident = yardstick(build(dtype="float64", scale=5.0), x, y, epsilon=0.1, norm="linf")
    largest = np.abs(confident.gradient).max(axis=(1, 2, 3), keepdims=True)
    # Lost in float32 although it is the largest coordinate of its example, and no matter how it compares with others.
    assert (confident.undetermined & (np.abs(confident.gradient) == largest)).any()
    assert np.abs(confident.gradient[confident.undetermined]).max() > np.median(np.abs(small.gradient))


def test_what_saturates_inside_the_model_is_seen():
    """``1 - tanh(a)^2`` is 0 or a unit of round-off in float32 from a = 9 on; nothing at the logits tells."""
    inner, outer = np.array([[10.0, 1.0]]), np.array([[1.0, 0.0], [0.0, 1.0]])

    def model(x, dtype=tf.float64):
        return tf.matmul(tf.tanh(tf.matmul(x, tf.constant(inner, dtype))), tf.constant(outer, dtype))

    alone = yardstick(lambda x: model(x) * [[1.0, 0.0]], np.array([[1.0]]), [1], epsilon=0.1, norm="linf")
    assert alone.gradient[0, 0] > 0
    assert alone.undetermined.all()
    beside = yardstick(model, np.array([[1.0]]), [1], epsilon=0.1, norm="linf")
    assert not beside.undetermined.any()


def test_out_of_the_range_of_float32():
    weights = np.array([[1.0, -1.0], [1e-10, 0.0]])
    arguments = {"epsilon": 0.1, "norm": "linf"}
    for factor, expected in ((1e-10, [False, False]), (1e-28, [False, True]), (1e-45, [True, True])):
        measured = yardstick(linear(weights * factor), np.array([[0.5, 0.5]]), [0], **arguments)
        assert (measured.gradient != 0).all()
        assert measured.undetermined[0].tolist() == expected, factor
    overflowing = yardstick(linear(weights * 1e39), np.array([[0.5, 0.5]]), [1], **arguments)
    assert np.isfinite(overflowing.adversarial).all()
    assert overflowing.undetermined.all()
    np.testing.assert_allclose(overflowing.uncertainty, 0.2)
    nothing = yardstick(linear(weights * np.nan), np.array([[0.5, 0.5]]), [1], **arguments)
    assert nothing.undetermined.all()
    np.testing.assert_allclose(nothing.uncertainty, 0.2)


@pytest.mark.parametrize("norm", NORMS)
def test_a_gradient_that_is_exactly_zero_is_certain(norm):
    weights = tf.constant([[1.0, -1.0, 0.5]], tf.float64)

    def dead(x):
        return tf.matmul(tf.nn.relu(x - 5.0), weights)

    measured = yardstick(dead, np.array([[0.5]]), [0], epsilon=0.1, norm=norm)
    assert measured.adversarial == [[0.5]]
    assert not measured.undetermined.any()
    assert measured.uncertainty == [[0.0]]


def test_a_unit_whose_sign_float32_cannot_know():
    def model(x, bias=0.0):
        hidden = tf.nn.relu(tf.matmul(x, tf.constant([[1.0], [-1.0]], tf.float64)) + bias)
        return tf.matmul(hidden, tf.constant([[1.0, -1.0]], tf.float64))

    x = np.array([[0.3, 0.3 - 1e-9], [0.3, 0.2]])
    measured = yardstick(model, x, [0, 0], epsilon=0.1, norm="linf")
    assert measured.undetermined.tolist() == [[True, True], [False, False]]
    np.testing.assert_allclose(measured.uncertainty, [[0.2, 0.2], [0.0, 0.0]])


def test_which_coordinate_is_the_largest_may_be_uncertain():
    for gap, expected in ((0.1, 0.0), (1e-9, 0.4)):
        weights = np.array([[1.0, -1.0], [-(1.0 + gap), 1.0 + gap], [0.3, 0.0]])
        measured = yardstick(linear(weights), np.array([[0.1, 0.2, 0.3]]), [0], epsilon=0.4, norm="l1")
        np.testing.assert_allclose(measured.adversarial, [[0.1, 0.6, 0.3]])
        np.testing.assert_allclose(measured.uncertainty, [[expected, expected, 0.0]])
        assert not measured.undetermined.any()
    weights = np.array([[1.0, -1.0], [-1.0, 1.0], [0.3, 0.0]])
    tied = yardstick(linear(weights), np.array([[0.1, 0.2, 0.3]]), [0], epsilon=0.4, norm="l1")
    np.testing.assert_allclose(tied.adversarial, [[-0.1, 0.4, 0.3]])
    np.testing.assert_array_equal(tied.uncertainty, 0.0)


def test_predicted_labels():
    weights = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    x = np.array([[0.5, 0.4], [0.5, 0.5 + 1e-9], [0.5, 0.5]])
    predicted = yardstick(linear(weights), x, None, epsilon=0.1, norm="linf")
    given = yardstick(linear(weights), x, [0, 1, 0], epsilon=0.1, norm="linf")
    np.testing.assert_array_equal(predicted.gradient, given.gradient)
    # A lead of 1e-9 is lost; a tie is none, and the first class wins in every precision.
    assert predicted.undetermined.tolist() == [[False, False], [True, True], [False, False]]
    assert not given.undetermined.any()
    assert (predicted.uncertainty[1] > 0.1).all()


def test_targeted_masked_and_clipped(build, batch):
    double, (x, y) = build(dtype="float64"), batch(7)
    arguments = {"epsilon": 0.3, "norm": "l2"}
    plain = yardstick(double, x, y, **arguments)
    targeted = yardstick(double, x, y, targeted=True, **arguments)
    np.testing.assert_allclose(targeted.adversarial + plain.adversarial, 2 * x.astype(np.float64), atol=1e-12)
    np.testing.assert_array_equal(targeted.gradient, -plain.gradient)

    mask = np.zeros((8, 8, 1))
    mask[2] = 0.5
    masked = yardstick(double, x, y, feature_mask=mask, **arguments)
    np.testing.assert_array_equal(masked.adversarial[:, mask == 0], x.astype(np.float64)[:, mask == 0])
    np.testing.assert_array_equal(masked.uncertainty[:, mask == 0], 0)
    np.testing.assert_allclose(np.sqrt(np.square(masked.adversarial - x).sum(axis=(1, 2, 3))), 0.3)
    np.testing.assert_array_equal(masked.gradient, plain.gradient)

    for low, high in ((0.0, 1.0), (None, 1.0), (0.0, None)):
        clipped = yardstick(double, x, y, clip=(low, high), **arguments)
        bounds = (-np.inf if low is None else low, np.inf if high is None else high)
        np.testing.assert_array_equal(clipped.adversarial, np.clip(plain.adversarial, *bounds))
        assert (clipped.uncertainty <= plain.uncertainty).all()


def test_several_inputs(build):
    random = np.random.default_rng(0)
    wide, narrow = (tf.constant(random.normal(size=(n, 3))) for n in (4, 2))

    def model(inputs):
        return tf.matmul(inputs["wide"], wide) + tf.matmul(inputs["narrow"], narrow)

    x = {"wide": random.normal(size=(5, 4)), "narrow": random.normal(size=(5, 2)), "index": np.arange(5)}
    y = random.integers(0, 3, 5)
    joined = yardstick(
        lambda x: tf.matmul(x, tf.concat([narrow, wide], 0)), np.concatenate([x["narrow"], x["wide"]], 1), y,
        epsilon=0.1, norm="l2",
    )  # fmt: skip
    for norm in NORMS:
        measured = yardstick(model, x, y, epsilon=0.1, norm=norm)
        for part in (measured.adversarial, measured.gradient, measured.uncertainty, measured.undetermined):
            assert {name: array.shape for name, array in part.items()} == {n: a.shape for n, a in x.items()}
        np.testing.assert_array_equal(measured.adversarial["index"], np.arange(5))
        assert not measured.undetermined["index"].any()
        if norm == "l2":
            both = np.concatenate([measured.adversarial["narrow"], measured.adversarial["wide"]], axis=1)
            np.testing.assert_allclose(both, joined.adversarial, rtol=1e-12)


def test_it_stands_between_the_two_libraries_conventions(build, batch):
    """What differs between them is within round-off of it on an ordinary model."""
    single, double, (x, y) = build("cnn"), build("cnn", dtype="float64"), batch(7)
    unit = np.spacing(np.maximum(np.abs(x), np.float32(0.1)))
    measured = yardstick(double, x, y, epsilon=0.1, norm="l2")
    from harness.reference import make_adv_reg_config

    loss = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="sum")
    ours = [
        fast_gradient_method(single, x, 0.1, 2, y=y).numpy(),
        perturb(x, y, single, loss, adv_config=make_adv_reg_config(adv_step_size=0.1)).numpy(),
    ]
    for adversarial in ours:
        assert (np.abs(adversarial - measured.adversarial) <= measured.uncertainty + 4 * unit).all()


def test_it_repeats_and_leaves_the_model_as_it_was(build, batch):
    double, (x, y) = build("normalised", dtype="float64"), batch(7)
    before = double.get_weights()
    first, second = (yardstick(double, x, y, epsilon=0.1, norm="l2") for _ in range(2))
    for name in ("adversarial", "gradient", "uncertainty", "undetermined"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))
    for one, other in zip(before, double.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    double.set_weights([w * 2 for w in before])
    heavier = yardstick(double, x, y, epsilon=0.1, norm="l2").gradient
    assert not np.array_equal(heavier, first.gradient)
    double.layers[3].activation = tf.keras.activations.tanh
    assert not np.array_equal(yardstick(double, x, y, epsilon=0.1, norm="l2").gradient, heavier)


def test_bad_arguments_are_named(build, batch):
    double, (x, y) = build(dtype="float64"), batch(7)
    arguments = {"epsilon": 0.1, "norm": "linf"}
    with pytest.raises(ValueError, match=r"it returns float32. The yardstick needs the model in float64"):
        yardstick(build(), x, y, **arguments)
    with pytest.raises(ValueError, match=r"Expected \(batch, classes\)"):
        yardstick(lambda x: tf.reduce_sum(x, axis=[1, 2, 3]), x, y, **arguments)
    with pytest.raises(ValueError, match=r"labels: from 0 to 5. The model knows the classes 0 to 4"):
        yardstick(double, x, np.array([0, 1, 2, 3, 4, 5, 0]), **arguments)
    for labels in (y[:3], y.astype(float), np.eye(5)[y]):
        with pytest.raises(ValueError, match=r"Expected integers of shape \(7,\)"):
            yardstick(double, x, labels, **arguments)
    with pytest.raises(ValueError, match="'l3' is not a norm"):
        yardstick(double, x, y, epsilon=0.1, norm="l3")
    with pytest.raises(ValueError, match="'scores' is none"):
        yardstick(double, x, y, output="scores", **arguments)
