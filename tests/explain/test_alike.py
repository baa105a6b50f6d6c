"""What the pages say about setting the libraries alike, done with the libraries: they differ before, and not after."""

from __future__ import annotations

import pytest

from harness.engine.workers import Workers
from harness.explain.causes import CAUSES
from harness.subjects.environments import TENSORFLOW_2

ROUND_OFF = 1e-7
"""Of numbers around 1, and of perturbations of 0.1."""


def apart() -> dict[str, tuple[float, float]]:
    """By cause, the largest difference before and after what its page says. Runs in a worker."""
    import numpy as np
    import tensorflow as tf
    from cleverhans.tf2.attacks.fast_gradient_method import fast_gradient_method

    from harness.subjects.nsl_call import import_nsl

    nsl, losses = import_nsl(), tf.keras.losses
    drawn = np.random.default_rng(0)
    x, y = drawn.random((16, 8), np.float32), drawn.integers(0, 4, 16).astype(np.int32)
    weights = [drawn.uniform(-1, 1, shape).astype(np.float32) for shape in ((8, 16), (16,), (16, 4), (4,))]
    cross_entropy = losses.SparseCategoricalCrossentropy(from_logits=True)
    orders = {"infinity": np.inf, "l2": 2}

    def model_of(scale=1.0, *, softmax=False):
        features = tf.keras.Input((8,), name="x")
        hidden = tf.keras.layers.Dense(16, "relu")(features)
        model = tf.keras.Model(features, tf.keras.layers.Dense(4, "softmax" if softmax else None)(hidden))
        model.set_weights([np.float32(scale) * array for array in weights])
        return model

    def of_nsl(model, labels=y, loss=cross_entropy, norm="infinity", features=None):
        config = nsl.configs.make_adv_reg_config(adv_step_size=0.1, adv_grad_norm=norm)
        wrapper = nsl.keras.AdversarialRegularization(model, label_keys=["label"], adv_config=config)
        wrapper.compile("sgd", loss=loss)
        given = features or {"x": x}
        made = wrapper.perturb_on_batch({**given, "label": labels})
        return made["x"] if "x" in made else np.concatenate([made[name] for name in given], axis=1)

    def of_cleverhans(model, norm="infinity", **arguments):
        return fast_gradient_method(model, x, 0.1, orders[norm], **arguments).numpy()

    def largest(left, right):
        """Whatever is a number on one side only counts as infinite."""
        one_side_only = np.isfinite(left) != np.isfinite(right)
        both = np.isfinite(left) & np.isfinite(right)
        return float("inf") if one_side_only.any() else float(np.abs(left - right)[both].max())

    def mean(labels, logits):
        return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits))

    def smoothed(labels, logits):
        return tf.nn.softmax_cross_entropy_with_logits(0.7 * tf.one_hot(labels, 4) + 0.3 / 4, logits)

    @tf.custom_gradient
    def finite(features):
        return tf.identity(features), lambda g: tf.where(tf.math.is_finite(g), g, tf.zeros_like(g))

    found = {}
    model = model_of()
    before = largest(of_nsl(model), of_cleverhans(model))
    found["label-source"] = before, largest(of_nsl(model), of_cleverhans(model, y=y))
    predicted = model(x).numpy().argmax(axis=1).astype(np.int32)
    found["label-source, the other way"] = before, largest(of_nsl(model, predicted), of_cleverhans(model))

    two = np.full_like(y, 2)
    aimed = of_cleverhans(model, y=two, targeted=True)
    descending = of_nsl(model, two, lambda y, p: -losses.sparse_categorical_crossentropy(y, p, from_logits=True))
    found["target"] = largest(of_nsl(model, two), aimed), largest(descending, aimed)

    probabilities = model_of(softmax=True)
    told = of_nsl(probabilities, loss=losses.SparseCategoricalCrossentropy())
    own = of_cleverhans(
        probabilities, y=y, loss_fn=lambda labels, logits: losses.sparse_categorical_crossentropy(labels, logits)
    )
    found["output-kind"] = largest(told, of_cleverhans(probabilities, y=y)), largest(told, own)

    small = model_of(1e-3)
    averaged, each = of_nsl(small, norm="l2"), of_cleverhans(small, "l2", y=y)
    summed = of_nsl(small, loss=losses.SparseCategoricalCrossentropy(from_logits=True, reduction="sum"), norm="l2")
    found["loss-reduction"] = largest(averaged, each), largest(summed, each)
    found["loss-reduction, the other way"] = (
        largest(averaged, each),
        largest(averaged, of_cleverhans(small, "l2", y=y, loss_fn=mean)),
    )

    def clipped(low, high):
        config = nsl.configs.make_adv_reg_config(
            adv_step_size=0.1, adv_grad_norm="infinity", clip_value_min={"x": low}, clip_value_max={"x": high}
        )
        wrapper = nsl.keras.AdversarialRegularization(model, label_keys=["label"], adv_config=config)
        wrapper.compile("sgd", loss=cross_entropy)
        return wrapper.perturb_on_batch({"x": x, "label": y})["x"], of_cleverhans(
            model, y=y, clip_min=low, clip_max=high
        )

    of_empty_range, _ = empty = clipped(0.6, 0.4)
    assert set(np.unique(of_empty_range)) == {np.float32(0.4)}  # as the page says
    found["clip-order"] = largest(*empty), largest(*clipped(0.4, 0.6))

    whole = np.round(255 * x).astype(np.uint8)
    of_whole_numbers, cast = of_nsl(model, features={"x": whole}), whole.astype(np.float32)
    assert np.array_equal(of_whole_numbers, whole)  # as the page says
    found["dtype"] = (
        largest(of_whole_numbers.astype(np.float32), fast_gradient_method(model, whole, 0.1, np.inf, y=y).numpy()),
        largest(of_nsl(model, features={"x": cast}), fast_gradient_method(model, cast, 0.1, np.inf, y=y).numpy()),
    )

    parts = {"a": x[:, :3], "b": x[:, 3:]}
    named = {name: tf.keras.Input(part.shape[1:], name=name) for name, part in parts.items()}
    two = tf.keras.Model(named, model(tf.keras.layers.Concatenate()(list(named.values()))))
    together = of_nsl(two, features=parts, norm="l2")
    one_by_one = np.concatenate(
        [
            fast_gradient_method(lambda a: two({"a": a, "b": parts["b"]}), parts["a"], 0.1, 2, y=y).numpy(),
            fast_gradient_method(lambda b: two({"a": parts["a"], "b": b}), parts["b"], 0.1, 2, y=y).numpy(),
        ],
        axis=1,
    )
    side_by_side = fast_gradient_method(lambda v: two({"a": v[:, :3], "b": v[:, 3:]}), x, 0.1, 2, y=y).numpy()
    found["several-inputs"] = largest(together, one_by_one), largest(together, side_by_side)

    large = model_of(1e19)
    zeroed = of_nsl(large, norm="l2")
    found["nonfinite-gradient"] = (
        largest(zeroed, of_cleverhans(large, "l2", y=y, loss_fn=mean)),
        largest(zeroed, of_cleverhans(lambda features: large(finite(features)), "l2", y=y, loss_fn=mean)),
    )

    one_hot = np.eye(4, dtype=np.float32)[y]
    smooth = losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.3)
    config = nsl.configs.make_adv_reg_config(adv_step_size=0.1, adv_grad_norm="infinity")
    features = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(features)
        plain = losses.CategoricalCrossentropy(from_logits=True)(one_hot, model(features))
    ordinary = nsl.keras.adversarial_loss(features, one_hot, model, smooth, adv_config=config).numpy()
    told = nsl.keras.adversarial_loss(
        features, one_hot, model, smooth, adv_config=config, labeled_loss=plain, gradient_tape=tape
    ).numpy()
    of_plain = smooth(one_hot, model(of_cleverhans(model, y=y))).numpy()
    of_smoothed = smooth(one_hot, model(of_cleverhans(model, y=y, loss_fn=smoothed))).numpy()
    found["label-smoothing"] = largest(ordinary, of_plain), largest(ordinary, of_smoothed)
    found["label-smoothing, the other way"] = largest(ordinary, of_plain), largest(told, of_plain)
    return found


@pytest.fixture(scope="module")
def measured(request):
    workers = Workers()
    scope = {"path": str(request.path)}
    try:
        yield workers.submit(
            TENSORFLOW_2, eval, "__import__('runpy').run_path(path)['apart']()", scope, workers=1, timeout=300.0
        ).result()
    finally:
        workers.close()


def test_what_a_page_says_sets_the_libraries_alike(measured) -> None:
    assert {name.partition(",")[0] for name in measured} <= set(CAUSES)
    assert {name: before for name, (before, _) in measured.items() if before <= 1e-4} == {}
    assert {name: after for name, (_, after) in measured.items() if after > ROUND_OFF} == {}
