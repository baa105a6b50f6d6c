"""What the subjects that run Keras 2 models under TensorFlow 2 share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from harness.subjects.protocol import Batch
from harness.subjects.translate import weight_names


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


def cross_entropy(*, output: str, reduction: str, smoothing: float = 0.0) -> Any:
    """Keras's cross-entropy for a model that returns ``output``.

    Args:
        output: ``"logits"`` or ``"probabilities"``.
        reduction: ``"mean"`` over the batch, ``"sum"``, or ``"none"`` (one loss for each example).
        smoothing: label smoothing. Keras has it for labels with one column a class only (``labels_for_loss``).
    """
    import tensorflow as tf

    reductions = tf.keras.losses.Reduction
    keras_names: dict[str, Any] = {
        "mean": reductions.SUM_OVER_BATCH_SIZE,
        "sum": reductions.SUM,
        "none": reductions.NONE,
    }
    if smoothing:
        return tf.keras.losses.CategoricalCrossentropy(
            from_logits=output == "logits", reduction=keras_names[reduction], label_smoothing=smoothing
        )
    return tf.keras.losses.SparseCategoricalCrossentropy(
        from_logits=output == "logits", reduction=keras_names[reduction]
    )


def labels_for_loss(batch: Batch, *, smoothing: float) -> np.ndarray:
    """The labels in the form that ``cross_entropy`` takes: class indices, or with smoothing one column a class."""
    return batch.one_hot if smoothing else batch.labels


def optimizer(section: Mapping[str, Any], *, scale: float) -> Any:
    """The Keras optimizer of a case, with its rate times ``scale``."""
    import tensorflow as tf

    further: dict[str, Any] = {"jit_compile": False, "global_clipnorm": section["clip_norm"]}
    if section["weight_decay"]:
        further["weight_decay"] = section["weight_decay"]
    rate = section["rate"] * scale
    if section["kind"] == "sgd":
        return tf.keras.optimizers.SGD(rate, section["momentum"], section["nesterov"], **further)
    if section["kind"] == "adam":
        return tf.keras.optimizers.Adam(rate, **further)
    return tf.keras.optimizers.RMSprop(rate, momentum=section["momentum"], **further)


def named_gradients(before: Any, model: Any, gradients: Sequence[Any]) -> dict[str, np.ndarray]:
    """Gradients by the names of the weights: those of the model ``before`` (or None) first, then the model's."""
    first = weight_names((one.name for one in before.trainable_variables), before=True) if before is not None else []
    names = [*first, *weight_names(one.name for one in model.trainable_variables)]
    return {name: np.asarray(gradient) for name, gradient in zip(names, gradients, strict=True)}


def statistics_of(model: Any, *modes: str, moved: bool = True) -> str | None:
    """What became of moving statistics under these modes: ``updated``, ``kept``, or None where the model has none."""
    if not model.non_trainable_variables:
        return None
    return "updated" if moved and "training" in modes else "kept"


class KerasState:
    """A Keras model and its optimizer, which several trajectories use one after the other."""

    def __init__(self, model: Any, optimizer: Any):
        optimizer.build(model.trainable_variables)
        self._model, self._variables = model, list(optimizer.variables)
        self._initial = [variable.numpy() for variable in self._variables]

    def begin(self, weights: Sequence[np.ndarray]) -> None:
        """See ``Trainer.begin``. Dropout draws the same numbers again."""
        import tensorflow as tf

        self._model.set_weights(list(weights))
        for variable, value in zip(self._variables, self._initial, strict=True):
            variable.assign(value)
        tf.keras.utils.set_random_seed(0)

    def weights(self) -> list[np.ndarray]:
        """See ``Trainer.weights``."""
        return self._model.get_weights()
