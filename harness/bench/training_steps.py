"""One step of adversarial training as each implementation makes it, and the least that such a step can cost.

All of them minimise ``L(x) + MULTIPLIER * L(x + EPSILON * sign(dL/dx))`` with plain SGD, from the same weights, on the
same batch over and over. Runs in a worker: TensorFlow is imported here.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.engine.work import WorkerModels
from harness.scenario import models as models_room
from harness.subjects import (
    cleverhans_v3_training,
    cleverhans_v4,
    nsl,
    reference_cleverhans,
    reference_float64,
    reference_nsl,
)
from harness.subjects.environments import TENSORFLOW_1, TENSORFLOW_2
from harness.subjects.keras2 import optimizer
from harness.subjects.protocol import Batch

Step = Callable[[], Any]
"""Makes one step and returns the loss before it, in the notation above: a number, array or tensor."""

LEAST = "the least"
MULTIPLIER = 0.2
EPSILON = 0.1
RATE = 0.01
"""Small: after a thousand steps on one batch nothing should be so near zero that arithmetic takes another time."""

_WEIGHED = 1.0 + MULTIPLIER
"""By which the losses of CleverHans are smaller, and its rate is larger: it weighs (1 - adv_coeff) : adv_coeff."""

_IMAGE = (28, 28, 1)
_CLASSES = 10
_SGD = {"kind": "sgd", "rate": RATE, "momentum": 0.0, "nesterov": False, "weight_decay": 0.0, "clip_norm": None}
_ATTACK = {"epsilon": EPSILON, "norm": "linf", "labels": "given", "loss_reduction": "mean"}
_TRAINING = {"weighting": {"clean": 1.0, "adversarial": MULTIPLIER}, "match_scale": True, "optimizer": _SGD}
_LAYERS: Mapping[str, list[dict[str, Any]]] = {
    "MLP": [{"kind": "dense", "units": 64}, {"kind": "relu"}, {"kind": "dense", "units": _CLASSES}],
    "CNN": [
        {"kind": "conv", "filters": 32, "kernel": 3, "strides": 1, "padding": "valid"},
        {"kind": "relu"},
        {"kind": "max_pool", "size": 2},
        {"kind": "conv", "filters": 64, "kernel": 3, "strides": 1, "padding": "valid"},
        {"kind": "relu"},
        {"kind": "max_pool", "size": 2},
        {"kind": "dense", "units": _CLASSES},
    ],
}


@dataclass(frozen=True)
class Work:
    """What is trained.

    Attributes:
        model: ``MLP`` or ``CNN``.
        examples: in the batch.
    """

    model: str
    examples: int

    def __str__(self) -> str:
        return f"{self.model}, batch {self.examples}"


def first_losses(environment: str, work: Work, number: int) -> dict[str, list[float]]:
    """The loss before each of the first steps, by step. Compiles everything. Runs in a worker.

    Args:
        environment: by name; it decides which implementations there are.
        work: what to train.
        number: of steps.
    """
    return {name: [float(step()) for _ in range(number)] for name, step in _steps(environment, work).items()}


def seconds_a_step(environment: str, work: Work, number: int) -> dict[str, float]:
    """Wall seconds of one step, the mean of a number of them in a row, by step. Runs in a worker."""
    return seconds_in_a_row(_steps(environment, work), number)


def seconds_in_a_row(calls: Mapping[str, Callable[[], Any]], number: int) -> dict[str, float]:
    """Wall seconds of one call, the mean of a number of them in a row, by name."""
    seconds = {}
    for name, call in calls.items():
        call()  # brings its weights back into the processor's cache
        started = time.perf_counter()
        for _ in range(number):
            call()
        seconds[name] = (time.perf_counter() - started) / number
    return seconds


@functools.lru_cache(maxsize=1)
def _steps(environment: str, work: Work) -> dict[str, Step]:
    """Kept for the next call: weights, graphs and sessions stay where they are."""
    if environment == TENSORFLOW_2.name:
        TENSORFLOW_2.begin()
        return _tensorflow_2(work)
    TENSORFLOW_1.begin()
    return _tensorflow_1(work)


def _tensorflow_2(work: Work) -> dict[str, Step]:
    import tensorflow as tf

    models, batch = models_of(work), batch_of(work)
    x, labels = tf.constant(batch.inputs["x"]), tf.constant(batch.labels)
    one_hot = tf.constant(batch.one_hot)
    least = _least(models.build())
    like_nsl = reference_nsl.trainer(models, batch, _ATTACK, _TRAINING)
    like_cleverhans = reference_cleverhans.trainer(models, batch, _ATTACK, _TRAINING)
    double = reference_float64.trainer(models, batch, _ATTACK, _TRAINING)
    of_nsl = nsl.trainer(models, batch, _ATTACK, _TRAINING)
    of_cleverhans = cleverhans_v4.trainer(models, batch, _ATTACK, _TRAINING)
    features = {**batch.inputs, nsl.LABEL: batch.labels}
    exact = tf.cast(x, tf.float64)
    return {
        LEAST: lambda: least(x, labels),
        "nsl": lambda: of_nsl.wrapper.train_on_batch(features, return_dict=True)["loss"],
        "cleverhans-v4": lambda: of_cleverhans.update(x, of_cleverhans.composed.attack(x, batch), labels, None)[2],
        "reference-nsl": lambda: like_nsl.compiled(x, labels, None).total,
        "reference-cleverhans": lambda: _WEIGHED * like_cleverhans.compiled(x, one_hot, None).total,
        "reference-float64": lambda: double.compiled(exact, one_hot, None).total,
    }


def _least(model: Any) -> Callable[..., Any]:
    """Two forward and two backward passes, the gradient with respect to the input included, and the update."""
    import tensorflow as tf

    variables = model.trainable_variables
    sgd = optimizer(_SGD, scale=1.0)
    sgd.build(variables)

    def loss(x: Any, labels: Any) -> Any:
        return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, model(x, training=True)))

    @tf.function(autograph=False)
    def step(x: Any, labels: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            clean = loss(x, labels)
        of_x, *of_clean = map(tf.convert_to_tensor, tape.gradient(clean, [x, *variables]))
        attacked = x + EPSILON * tf.sign(of_x)
        with tf.GradientTape() as tape:
            adversarial = MULTIPLIER * loss(attacked, labels)
        of_adversarial = tape.gradient(adversarial, variables)
        gradients = [one + other for one, other in zip(of_clean, of_adversarial, strict=True)]
        sgd.apply_gradients(zip(gradients, variables, strict=True))
        return clean + adversarial

    return step


def _tensorflow_1(work: Work) -> dict[str, Step]:
    """CleverHans's loss minimised in a session, as ``cleverhans.train.train`` does: the total loss and nothing else.

    The trainer of the subject ``cleverhans-v3`` makes more of a step, since it also reports the losses one by one.
    """
    tf1, cleverhans = cleverhans_v3_training.import_cleverhans()
    batch = batch_of(work)
    with tf1.Graph().as_default():
        session = tf1.Session()
        with session.as_default():
            model = cleverhans.model.CallableModelWrapper(models_of(work).build(), "logits")
            x = tf1.placeholder(tf1.float32, batch.inputs["x"].shape)
            labels = tf1.placeholder(tf1.float32, (work.examples, _CLASSES))
            loss = cleverhans.loss.CrossEntropy(
                model,
                attack=cleverhans.attacks.FastGradientMethod(model, sess=session),
                pass_y=True,
                adv_coeff=MULTIPLIER / _WEIGHED,
                attack_params={"eps": EPSILON},
            ).fprop(x, labels)
            update = tf1.train.GradientDescentOptimizer(RATE * _WEIGHED).minimize(loss)
            run = session.make_callable([loss, update], feed_list=[x, labels])
            one_hot = batch.one_hot
    return {"cleverhans-v3": lambda: _WEIGHED * run(batch.inputs["x"], one_hot)[0]}


def models_of(work: Work) -> WorkerModels:
    """The model, its weights drawn."""
    section = {"layers": _LAYERS[work.model], "output": "logits"}
    inputs = {"x": _IMAGE}
    random = np.random.default_rng(0)
    shapes = [weight.shape.as_list() for weight in models_room.build(section, inputs).weights]
    weights = [random.normal(0.0, 0.05, shape).astype(np.float32) for shape in shapes]
    return WorkerModels(section, weights, [], inputs)


def batch_of(work: Work) -> Batch:
    """The batch, drawn."""
    random = np.random.default_rng(0)
    x = random.uniform(size=(work.examples, *_IMAGE)).astype(np.float32)
    return Batch({"x": x}, random.integers(0, _CLASSES, work.examples).astype(np.int32), _CLASSES)
