"""Training of a case's model before the attack: done once, shared by every subject. Runs in a worker."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from harness.scenario.data import Examples, named_inputs


def pretrain(
    model: Any, data: Mapping[str, Any], examples: Examples, settings: Mapping[str, Any], *, output: str
) -> None:
    """Trains the Keras model in place on the examples.

    Args:
        model: float32, with the initial weights.
        data: the case's ``data`` section, for the names of the inputs.
        examples: of the train split.
        settings: ``epochs``, ``batch_size``, ``seed`` and ``optimizer``: ``{"adam": rate}`` or ``{"sgd": rate}``.
        output: what the model returns, ``"logits"`` or ``"probabilities"``.
    """
    import tensorflow as tf

    ((optimizer_name, rate),) = settings["optimizer"].items()
    optimizer = {"adam": tf.keras.optimizers.Adam, "sgd": tf.keras.optimizers.SGD}[optimizer_name](rate)
    tf.keras.utils.set_random_seed(settings["seed"])  # dropout draws from it
    loss_fn = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=output == "logits")
    inputs = {name: array.astype(np.float32) for name, array in named_inputs(data, examples.x).items()}

    @tf.function(reduce_retracing=True)
    def step(batch: dict[str, tf.Tensor], labels: tf.Tensor) -> None:
        with tf.GradientTape() as tape:
            features = batch if len(batch) > 1 else next(iter(batch.values()))
            loss = loss_fn(labels, model(features, training=True))
        optimizer.apply_gradients(
            zip(tape.gradient(loss, model.trainable_variables), model.trainable_variables, strict=True)
        )

    generator = np.random.default_rng(settings["seed"])
    for _ in range(settings["epochs"]):
        order = generator.permutation(len(examples.labels))
        for start in range(0, len(order), settings["batch_size"]):
            chosen = order[start : start + settings["batch_size"]]
            step(
                {name: tf.constant(array[chosen]) for name, array in inputs.items()},
                tf.constant(examples.labels[chosen]),
            )
