"""The reimplementation calls neither library, and works with either Keras."""

import os
import subprocess
import sys
import textwrap

import numpy as np
import pytest
import tensorflow as tf

from harness.reference import adversarial_loss, fast_gradient_method, make_adv_reg_config, mean_over_batch, perturb

LIBRARIES = ("neural_structured_learning", "cleverhans", "tensorflow_addons")


def run(code, **variables):
    """Runs Python in a process of its own and returns what it prints."""
    process = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], env={**os.environ, **variables}, capture_output=True, text=True
    )
    assert process.returncode == 0, process.stderr[-3000:]
    return process.stdout


def test_no_library_is_imported_nor_needed():
    names = ", ".join(f"{name!r}: None" for name in LIBRARIES)
    printed = run(f"""
        import sys, numpy as np, tensorflow as tf
        before = {{name.partition(".")[0] for name in sys.modules}}
        sys.modules.update({{{names}}})  # an import of any of these raises
        from harness.reference import adversarial_loss, fast_gradient_method, yardstick
        print(sorted({{name.partition(".")[0] for name in sys.modules}} - before - {set(LIBRARIES)}))

        w = tf.constant(np.ones((2, 2)))
        model = lambda x: tf.matmul(x, tf.cast(w, x.dtype))
        x, y = np.ones((1, 2)), np.array([0])
        fast_gradient_method(model, x, 0.1, np.inf)
        adversarial_loss(x, y, model, lambda y, z, weights: tf.reduce_sum(z))
        yardstick(model, x, y, epsilon=0.1, norm="linf")
        print("done")
    """)
    assert printed.split() == ["['harness']", "done"]


def twins():
    """A Keras 2 and a Keras 3 model with the same weights, and their losses."""
    import keras

    both = []
    for framework in (tf.keras, keras):
        layers = framework.layers
        model = framework.Sequential(
            [
                layers.Input((6, 6, 1)),
                layers.Conv2D(4, 3, activation="relu"),
                layers.BatchNormalization(),
                layers.Dropout(0.5),
                layers.Flatten(),
                layers.Dense(3),
            ]
        )
        both.append((model, framework.losses.SparseCategoricalCrossentropy(from_logits=True)))
    assert both[1][0].__class__.__module__.startswith("keras.")
    random = np.random.default_rng(0)
    weights = [np.abs(random.normal(0, 0.5, w.shape)) for w in both[0][0].get_weights()]
    for model, _ in both:
        model.set_weights(weights)
    return both


@pytest.mark.parametrize("norm", ["infinity", "l2", "l1"])
def test_keras_2_and_keras_3_models_are_attacked_alike(norm):
    random = np.random.default_rng(1)
    x, y = random.uniform(size=(7, 6, 6, 1)).astype(np.float32), random.integers(0, 3, 7)
    config = make_adv_reg_config(adv_step_size=0.1, adv_grad_norm=norm, pgd_iterations=2)
    order = {"infinity": np.inf, "l2": 2, "l1": 1}[norm]
    results = []
    for model, loss in twins():
        with tf.GradientTape() as tape:
            value = adversarial_loss(x, y, model, loss, adv_config=config)
        weights = [w if isinstance(w, tf.Variable) else w.value for w in model.trainable_variables]
        gradients = tape.gradient(value, weights)
        in_graph = tf.function(lambda x, y, m=model, f=loss: adversarial_loss(x, y, m, f, adv_config=config))
        results.append(
            [
                fast_gradient_method(model, x, 0.1, order, y=y),
                fast_gradient_method(model, x, 0.1, order),
                perturb(x, y, model, mean_over_batch(loss), adv_config=config),
                value,
                in_graph(x, y),
                *gradients,
            ]
        )
    for keras2, keras3 in zip(*results, strict=True):
        np.testing.assert_allclose(keras3, keras2, rtol=1e-5, atol=1e-6)
    assert not np.array_equal(results[1][0], x)


def test_keras_3_as_tf_keras():
    printed = run(
        """
        import numpy as np, tensorflow as tf
        from harness.reference import adversarial_loss, fast_gradient_method, yardstick
        from harness.reference.compiled import CompiledObjective, objective_for
        assert tf.keras.__version__.startswith("3.")
        model = tf.keras.Sequential([tf.keras.layers.Input((3,)), tf.keras.layers.Dense(2, activation="softmax")])
        loss = tf.keras.losses.SparseCategoricalCrossentropy()
        x, y = np.ones((4, 3), np.float32), np.array([0, 1, 0, 1])
        assert isinstance(objective_for(model, {}, loss, y, None), CompiledObjective)
        compiled = adversarial_loss(x, y, model, loss)
        plain = adversarial_loss(x, y, lambda x: model(x), loss)
        np.testing.assert_allclose(compiled, plain, rtol=1e-6)
        assert float(compiled) > float(loss(y, model(x)))
        fast_gradient_method(lambda x: tf.math.log(model(x)), x, 0.1, 2, y=y)
        double = tf.keras.Sequential([tf.keras.layers.Input((3,)), tf.keras.layers.Dense(2, dtype="float64")])
        assert not yardstick(double, x, y, epsilon=0.1, norm="linf").undetermined.any()
        print("done")
        """,
        TF_USE_LEGACY_KERAS="0",
    )
    assert printed.strip() == "done"
