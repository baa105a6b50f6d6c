"""The real libraries, and small models with weights drawn by NumPy."""

import os
import sys

from harness.subjects.environments import TENSORFLOW_2

if "tensorflow" in sys.modules and os.environ.get("TF_USE_LEGACY_KERAS") != "1":
    raise RuntimeError("These tests need TensorFlow with Keras 2, single-threaded: nothing may import it before them.")
os.environ.update(TENSORFLOW_2.variables)

import numpy as np
import pytest
import tensorflow as tf

from harness.subjects.nsl import import_nsl

IMAGE = (8, 8, 1)
CLASSES = 5


@pytest.fixture(scope="session")
def nsl():
    return import_nsl()


@pytest.fixture(scope="session")
def cleverhans():
    """``cleverhans.tf2.attacks.fast_gradient_method`` of 4.0.0."""
    from cleverhans.tf2.attacks.fast_gradient_method import fast_gradient_method

    return fast_gradient_method


@pytest.fixture(scope="session")
def build():
    """Makes a Keras 2 model from images to 5 classes. Equal arguments give equal weights, whatever the dtype."""
    return _build


def _build(kind="mlp", *, activation="relu", softmax=False, dtype="float32", seed=0, scale=1.0):
    tf.keras.backend.set_floatx(dtype)
    layer = tf.keras.layers
    body = {
        "linear": [layer.Flatten()],
        "mlp": [layer.Flatten(), layer.Dense(24, activation)],
        "normalised": [
            layer.Flatten(),
            layer.Dense(16),
            layer.BatchNormalization(),
            layer.Activation(activation),
            layer.Dropout(0.5),
        ],
        "cnn": [
            layer.Conv2D(6, 3, activation=activation),
            layer.MaxPool2D(),
            layer.Conv2D(8, 2, activation=activation),
            layer.Flatten(),
        ],
    }[kind]
    last = layer.Dense(CLASSES, "softmax" if softmax else None)
    model = tf.keras.Sequential([tf.keras.Input(IMAGE, name="image"), *body, last])
    tf.keras.backend.set_floatx("float32")
    random = np.random.default_rng(seed)
    for variable in model.weights:
        values = random.normal(0, 0.3, variable.shape)
        positive = "variance" in variable.name or "gamma" in variable.name
        # Rounded first, so that both precisions hold the same numbers.
        variable.assign(((np.abs(values) + 0.5 if positive else values) * scale).astype(np.float32))
    return model


@pytest.fixture(scope="session")
def batch():
    """Makes float32 images of about [0, 1] and int64 labels."""

    def make(size, seed=0):
        random = np.random.default_rng([seed, size])
        return random.uniform(-0.1, 1.1, (size, *IMAGE)).astype(np.float32), random.integers(0, CLASSES, size)

    return make


@pytest.fixture(scope="session")
def same_bits():
    """Whether two arrays are equal bit for bit, NaN included, but for the sign of zero."""

    def compare(left, right):
        left, right = np.asarray(left), np.asarray(right)
        return left.dtype == right.dtype and np.array_equal(left, right, equal_nan=True)

    return compare
