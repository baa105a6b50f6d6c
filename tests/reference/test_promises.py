"""What NSL's documentation of ``adversarial_loss`` promises and its code does not do. Each test shows both sides.

If NSL's side of a test fails, NSL has been mended: the docstring of ``adversarial_loss`` then says too much.
"""

import numpy as np
import pytest
import tensorflow as tf

from harness.reference import adversarial_loss, make_adv_reg_config, perturb

LOSS = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)


@pytest.fixture
def one(build, batch):
    """A model, a batch of 7 and the loss of its adversarial examples."""
    model, (x, y) = build(), batch(7)
    config = make_adv_reg_config(adv_step_size=0.2)
    return model, tf.constant(x), y, config, float(adversarial_loss(x, y, model, LOSS, adv_config=config))


def clean(model, x, y):
    return pytest.approx(float(LOSS(y, model(x))), rel=1e-5)


def test_sample_weights_of_one_dimension(nsl, one):
    """'sample_weights: A 1-D Tensor of weights for the examples'"""
    model, x, y, config, _ = one
    weights = tf.linspace(0.0, 2.0, 7)
    with pytest.raises(tf.errors.InvalidArgumentError, match="squeeze"):
        nsl.keras.adversarial_loss(x, y, model, LOSS, adv_config=nsl.configs.AdvRegConfig(), sample_weights=weights)
    ours = adversarial_loss(x, y, model, LOSS, sample_weights=weights, adv_config=config)
    adversarial = perturb(x, y, model, LOSS, sample_weights=weights, adv_config=config)
    assert float(ours) == pytest.approx(float(LOSS(y, model(adversarial), weights)), rel=1e-6)
    column = adversarial_loss(x, y, model, LOSS, sample_weights=weights[:, None], adv_config=config)
    assert float(ours) == pytest.approx(float(column), rel=1e-6)


def test_predictions_without_a_tape(nsl, one):
    """'In eager mode, the gradient_tape has to be set as well', so in a graph it need not be."""
    model, x, y, config, expected = one

    def in_graph(attack, name):
        @tf.function
        def run(x):
            given = {"predictions": model(x), "labeled_loss": LOSS(y, model(x))}[name]
            return attack(x, y, model, LOSS, adv_config=config, **{name: given})

        return float(run(x))

    nsl_config = nsl.configs.make_adv_reg_config(adv_step_size=0.2)
    unperturbed = nsl.keras.adversarial_loss(x, y, model, LOSS, adv_config=nsl_config, predictions=model(x))
    assert float(unperturbed) == clean(model, x, y)
    config = nsl_config
    assert in_graph(nsl.keras.adversarial_loss, "predictions") == clean(model, x, y)
    for name in ("predictions", "labeled_loss"):
        assert in_graph(adversarial_loss, name) == pytest.approx(expected, rel=1e-5)
        with pytest.raises(ValueError, match=f"{name} given without gradient_tape"):
            adversarial_loss(x, y, model, LOSS, adv_config=config, **{name: model(x)})


def test_a_tape_that_did_not_watch_the_features(nsl, one):
    """'gradient_tape: A tf.GradientTape object watching features'"""
    model, x, y, config, _ = one
    for attack in (nsl.keras.adversarial_loss, adversarial_loss):
        with tf.GradientTape() as tape:
            predictions = model(x)
        arguments = {"predictions": predictions, "gradient_tape": tape}
        if attack is adversarial_loss:
            with pytest.raises(ValueError, match="does not lead from predictions to any of the features"):
                attack(x, y, model, LOSS, adv_config=config, **arguments)
        else:
            value = attack(x, y, model, LOSS, adv_config=nsl.configs.AdvRegConfig(), **arguments)
            assert float(value) == clean(model, x, y)


def test_a_tape_that_is_still_recording(nsl, one):
    model, x, y, config, expected = one
    with tf.GradientTape() as tape:
        tape.watch(x)
        predictions = model(x)
        with pytest.raises(ValueError, match="still recording"):
            nsl.keras.adversarial_loss(x, y, model, LOSS, predictions=predictions, gradient_tape=tape)
        ours = adversarial_loss(x, y, model, LOSS, adv_config=config, predictions=predictions, gradient_tape=tape)
    assert float(ours) == pytest.approx(expected, rel=1e-5)


def test_collections_of_every_kind(nsl, one):
    """'features: a Tensor or a collection of Tensor objects'"""
    model, x, y, config, expected = one
    ints, strings = tf.range(7), tf.fill([7], "a")
    sparse, ragged = tf.sparse.from_dense(tf.ones([7, 3])), tf.ragged.constant([[1.0]] * 7)
    collections = {
        "nested": ({"deep": {"image": x}}, lambda f: f["deep"]["image"]),
        "list": ([ints, [x, strings]], lambda f: f[1][0]),
        "flat list with integers": ([x, ints], lambda f: f[0]),
        "others": ({"a": sparse, "b": x, "c": ragged, "e": strings}, lambda f: f["b"]),
    }
    for name, (features, image_of) in collections.items():
        seen = []

        def called(inputs, image_of=image_of, seen=seen):
            seen.append(inputs)
            return model(image_of(inputs))

        ours = adversarial_loss(features, y, called, LOSS, adv_config=config)
        assert float(ours) == pytest.approx(expected, rel=1e-6), name
        in_graph = tf.function(lambda f, called=called: adversarial_loss(f, y, called, LOSS, adv_config=config))
        assert float(in_graph(features)) == pytest.approx(expected, rel=1e-5), name
        tf.nest.assert_same_structure(seen[-1], features)
        perturbed = perturb(features, y, called, LOSS, adv_config=config)
        changed = [a is not b for a, b in zip(tf.nest.flatten(features), tf.nest.flatten(perturbed), strict=True)]
        assert sum(changed) == 1, name
        if name != "others":
            with pytest.raises((ValueError, TypeError)):
                nsl.keras.adversarial_loss(features, y, called, LOSS)


def test_tuples_reach_the_model_as_tuples(nsl, one):
    model, x, y, config, expected = one
    kinds = []

    def called(inputs):
        kinds.append(type(inputs))
        return model(inputs[0])

    nsl.keras.adversarial_loss((x, x + 1), y, called, LOSS)
    value = adversarial_loss((x, x + 1), y, called, LOSS, adv_config=config)
    assert kinds == [tuple, list, tuple, tuple]
    assert float(value) == pytest.approx(expected, rel=1e-6)


def test_variables_and_numpy_arrays_are_tensors(nsl, one):
    model, x, y, config, expected = one
    ignored = nsl.keras.adversarial_loss(tf.Variable(x), y, model, LOSS)
    assert float(ignored) == clean(model, x, y)
    with pytest.raises(ValueError, match="not tf"):
        nsl.keras.adversarial_loss(x.numpy(), y, model, LOSS)
    for features in (tf.Variable(x), x.numpy()):
        assert float(adversarial_loss(features, y, model, LOSS, adv_config=config)) == pytest.approx(expected, rel=1e-6)
    variable = tf.Variable(x)
    with tf.GradientTape() as tape:
        loss = LOSS(y, model(variable))
    ours = adversarial_loss(variable, y, model, LOSS, adv_config=config, labeled_loss=loss, gradient_tape=tape)
    assert float(ours) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("mask", [[0.0] * 8, np.zeros(8), np.zeros(8, int), 0], ids=["list", "double", "int", "scalar"])
def test_masks_of_every_kind(nsl, one, mask):
    """'feature_mask: ... Input features corresponding to mask values of 0.0 are *not* perturbed'"""
    model, x, y, _, _ = one
    mask = np.reshape(mask, (-1, 1)).tolist() if isinstance(mask, list) else np.reshape(mask, (-1, 1))
    config = nsl.configs.make_adv_reg_config(adv_step_size=0.2, feature_mask=mask)
    try:
        theirs = float(nsl.keras.adversarial_loss(x, y, model, LOSS, adv_config=config))
    except tf.errors.InvalidArgumentError:
        theirs = None
    assert theirs is None or theirs != clean(model, x, y)
    assert float(adversarial_loss(x, y, model, LOSS, adv_config=config)) == clean(model, x, y)


def test_settings_that_do_not_fit_the_features_are_refused(nsl, one):
    """'If the input features are in a collection, this field should also be a collection of the same structure'"""
    model, x, y, _, _ = one

    def called(inputs):
        return model(inputs["image"])

    ignored = nsl.configs.make_adv_reg_config(adv_step_size=5.0, clip_value_min=0.0, clip_value_max=0.1)
    theirs = nsl.keras.adversarial_loss({"image": x}, y, called, LOSS, adv_config=ignored)
    unbounded = nsl.configs.make_adv_reg_config(adv_step_size=5.0)
    assert float(theirs) == float(nsl.keras.adversarial_loss({"image": x}, y, called, LOSS, adv_config=unbounded))
    with pytest.raises(ValueError, match=r"clip_value_min: the features are a dict with the keys \['image'\]"):
        adversarial_loss({"image": x}, y, called, LOSS, adv_config=ignored)
    for settings, message in (
        ({"feature_mask": {"picture": 1.0}}, r"there are no features \['picture'\]. Valid: \['image'\]"),
        ({"clip_value_max": {"image": {"deep": 1.0}}}, "a single tensor"),
    ):
        with pytest.raises(ValueError, match=message):
            adversarial_loss({"image": x}, y, called, LOSS, adv_config=make_adv_reg_config(**settings))
    config = make_adv_reg_config(feature_mask=[1.0, 0.0])
    with pytest.raises(ValueError, match="feature_mask: the features are a list of 1"):
        adversarial_loss([x], y, lambda f: model(f[0]), LOSS, adv_config=config)
    for mask in (1.5, -0.5, np.nan):
        with pytest.raises(tf.errors.InvalidArgumentError):
            adversarial_loss(x, y, model, LOSS, adv_config=make_adv_reg_config(feature_mask=mask))


def test_a_random_start_leaves_masked_features_alone(nsl, one):
    model, x, y, _, _ = one
    given = x.numpy()
    mask = np.zeros((8, 8, 1), np.float32)
    mask[3] = 1.0
    for norm in ("infinity", "l2", "l1"):
        config = nsl.configs.make_adv_reg_config(
            adv_step_size=0.2, adv_grad_norm=norm, random_init=True, feature_mask=mask
        )
        seen = []

        def called(images, seen=seen):
            seen.append(images.numpy())
            return model(images)

        nsl.keras.adversarial_loss(x, y, called, LOSS, adv_config=config)
        assert (seen[-1] != given)[:, :3].any()
        adversarial_loss(x, y, called, LOSS, adv_config=config)
        assert (seen[-1] == given)[:, :3].all()
        assert (seen[-1] != given)[:, 3].any()


def test_a_random_start_in_a_graph_for_any_batch_size(nsl, one):
    model, x, y, _, _ = one
    config = nsl.configs.make_adv_reg_config(adv_step_size=0.2, random_init=True)

    def run(attack):
        @tf.function(input_signature=[tf.TensorSpec([None, 8, 8, 1]), tf.TensorSpec([None], tf.int64)])
        def in_graph(x, y):
            return attack(x, y, model, LOSS, adv_config=config)

        return float(in_graph(x, y))

    with pytest.raises((ValueError, TypeError)):
        run(nsl.keras.adversarial_loss)
    assert run(adversarial_loss) != clean(model, x, y)


def test_a_feature_that_the_loss_does_not_depend_on_stays_as_it_is(nsl, one):
    model, x, y, _, expected = one
    idle = tf.fill([7, 2], 9.0)
    config = nsl.configs.make_adv_reg_config(adv_step_size=0.2, clip_value_max={"idle": 1.0})
    seen = []

    def called(inputs):
        seen.append(inputs["idle"])
        return model(inputs["image"])

    for attack in (nsl.keras.adversarial_loss, adversarial_loss):
        value = attack({"idle": idle, "image": x}, y, called, LOSS, adv_config=config)
        assert float(value) == pytest.approx(expected, rel=1e-6)
    assert all((values == idle).numpy().all() for values in seen)
