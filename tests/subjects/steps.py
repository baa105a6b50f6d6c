"""Data, models and comparisons for tests of training steps in this process, which is one of TensorFlow 2.

Those tests take TensorFlow from here, too: its environment comes first.
"""

import os
import sys

from harness.subjects.environments import TENSORFLOW_2

if "tensorflow" in sys.modules and os.environ.get("TF_USE_LEGACY_KERAS") != "1":
    raise RuntimeError("These tests need TensorFlow with Keras 2, single-threaded: nothing may import it before them.")
os.environ.update(TENSORFLOW_2.variables)

import numpy as np
import tensorflow as tf

from harness.engine.work import WorkerModels
from harness.subjects.protocol import Batch

from ..reference import softmax  # noqa: TID252  (tests are no package that could be named absolutely)

__all__ = ["tf"]

X = softmax.X.astype(np.float32)
LABELS = softmax.LABELS.astype(np.int32)
SAMPLE_WEIGHTS = softmax.SAMPLE_WEIGHTS.astype(np.float32)
KERNEL, BIAS = (array.astype(np.float32) for array in softmax.LINEAR.values())
BEFORE = [array.astype(np.float32) for array in softmax.BEFORE.values()]
BATCH = Batch({"x": X}, LABELS, 3)
WEIGHTED = Batch({"x": X}, LABELS, 3, SAMPLE_WEIGHTS)
SMALLER = Batch({"x": X[:5]}, LABELS[:5], 3)

DENSE = {"layers": [{"kind": "dense", "units": 3}]}
PENALISED = {"layers": [{"kind": "dense", "units": 3, "l2": 0.1}]}
DROPOUT = {"layers": [{"kind": "dropout", "rate": 0.5}, {"kind": "dense", "units": 3}]}
NORMALISED = {"layers": [{"kind": "batchnorm"}, {"kind": "dense", "units": 3}]}
PROBABILITIES = {**DENSE, "output": "probabilities"}
MOVING = [array.astype(np.float32) for array in softmax.MOVING]
NORMALISATION = [np.array([1, 2, 0.5, 1], np.float32), np.array([0, 1, 0, -1], np.float32), *MOVING]

STATED = {"epsilon": 0.3, "norm": "linf", "labels": "given"}
WEIGHTING = {"weighting": {"clean": 1.0, "adversarial": 0.5}}
DRAWN = {"sample_weights": {"low": 0.2, "high": 2.0, "seed": 0}}
SGD = {"kind": "sgd", "rate": 0.5, "momentum": 0.0, "nesterov": False, "weight_decay": 0.0, "clip_norm": None}


def models_of(section=None, weights=None, before=()):
    """The models of a section, by default a dense layer, with weights that fit it."""
    section = DENSE if section is None else section
    if weights is None:
        weights = [*NORMALISATION, KERNEL, BIAS] if section is NORMALISED else [KERNEL, BIAS]
    return WorkerModels(section, list(weights), list(before), {"x": (4,)})


def losses_of(losses):
    """Clean, adversarial and total loss as floats."""
    return [float(loss) for loss in (losses.clean, losses.adversarial, losses.total)]


def assert_near(found, expected, tolerance=1e-6):
    """Each array is the expected one within the tolerance."""
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=tolerance)


def furthest(left, right):
    """The largest distance between two lists of arrays."""
    return max(np.abs(one - other).max() for one, other in zip(left, right, strict=True))


def trajectory(trainer, start, batches):
    """Losses of every step, and the weights after it."""
    trainer.begin(start)
    return [(losses_of(trainer.step(batch)), trainer.weights()) for batch in batches]


def bytes_of(steps):
    """A trajectory, bit for bit."""
    return [(np.asarray(losses).tobytes(), [array.tobytes() for array in weights]) for losses, weights in steps]
