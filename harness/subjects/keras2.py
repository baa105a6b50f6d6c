"""What the subjects that run Keras 2 models under TensorFlow 2 share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np


def as_model_input(inputs: Mapping[str, Any]) -> Any:
    """A model with one input is called with the tensor, one with several with a mapping of names to tensors."""
    return next(iter(inputs.values())) if len(inputs) == 1 else dict(inputs)


def output_of(model: Any, inputs: Mapping[str, np.ndarray]) -> np.ndarray:
    """What the model returns for the inputs, ``(batch, classes)``, outside of training."""
    import tensorflow as tf

    dtype = model.inputs[0].dtype if getattr(model, "inputs", None) else None
    tensors = {name: tf.convert_to_tensor(array, dtype=dtype) for name, array in inputs.items()}
    return np.asarray(model(as_model_input(tensors), training=False))


def outputs_of(
    model: Any, inputs: Mapping[str, np.ndarray], adversarial: Mapping[str, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """What the model returns for the inputs and for the adversarial examples, in one call for both."""
    both = {name: np.concatenate([array, adversarial[name]]) for name, array in inputs.items()}
    clean, attacked = np.split(output_of(model, both), 2)
    return clean, attacked


def predicted_labels(model: Any, inputs: Mapping[str, np.ndarray]) -> np.ndarray:
    """The class that the model predicts for each example, int32 ``(batch,)``; the first one where several tie."""
    return output_of(model, inputs).argmax(axis=1).astype(np.int32)


def cross_entropy(*, output: str, reduction: str) -> Any:
    """Keras's cross-entropy of class indices, for a model that returns ``output``.

    Args:
        output: ``"logits"`` or ``"probabilities"``.
        reduction: ``"mean"`` over the batch, ``"sum"``, or ``"none"`` (one loss for each example).
    """
    import tensorflow as tf

    reductions = tf.keras.losses.Reduction
    keras_names: dict[str, Any] = {
        "mean": reductions.SUM_OVER_BATCH_SIZE,
        "sum": reductions.SUM,
        "none": reductions.NONE,
    }
    return tf.keras.losses.SparseCategoricalCrossentropy(
        from_logits=output == "logits", reduction=keras_names[reduction]
    )
