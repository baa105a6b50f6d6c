"""Adversarial examples of any stance, on the reimplementation. Runs in a worker; TensorFlow is imported when called."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from harness.subjects.keras2 import as_model_input, cross_entropy
from harness.subjects.protocol import Batch, Models
from harness.subjects.stances.stance import PROBABILITIES_FOR_LOGITS, Stance, plainest
from harness.vocabulary import canonical_json

Result = dict[str, np.ndarray]
"""Arrays by the names that an outcome has them under."""

_GRADIENT = ("label-source", "prediction-ties", "target", "output-kind", "loss-reduction", "dtype")
"""The settings that the gradient depends on."""

_EXACT = "float64, exact gradient"


class Attacks:
    """The attack of one problem under many stances. What several share is computed once.

    Args:
        models: of the problem.
        batch: the data.
    """

    def __init__(self, models: Models, batch: Batch):
        self._models, self._batch = models, batch
        self._gradients: dict[str, list[Any]] = {}
        self._results: dict[str, Result] = {}

    def key(self, stance: Stance) -> str:
        """Equal for stances that lead to the same result on this problem, as far as is known beforehand."""
        plain = plainest(stance)
        if plain["label-source"] == "predicted" and not self._ties(plain["dtype"]):
            plain["prediction-ties"] = "first"
        if self._is_finite(self._gradient(plain)):
            plain["nonfinite-gradient"] = "propagate"
        return canonical_json(plain)

    def result(self, stance: Stance) -> Result:
        """``adversarial/NAME``, of the dtype of the stance."""
        key = self.key(stance)
        if key not in self._results:
            self._results[key] = self._moved(stance, self._gradient(plainest(stance)))
        return self._results[key]

    def _moved(self, stance: Stance, gradients: list[Any]) -> Result:
        from harness.reference import geometry

        features = self._features(stance["dtype"])
        start, conventions = features.perturbable, conventions_of(stance)
        mask = stance["feature-mask"]
        if mask is not None and not isinstance(mask, Mapping):
            mask = dict.fromkeys(self._batch.inputs, mask)
        masks = features.aligned(mask, name="feature_mask")
        reached = [i for i, gradient in enumerate(gradients) if gradient is not None]
        masked = [gradients[i] if masks[i] is None else gradients[i] * _like(masks[i], gradients[i]) for i in reached]
        directions = geometry.steepest_direction(masked, norm=stance["norm"], conventions=conventions)
        origin = [start[i] for i in reached]
        offsets = geometry.offset(directions, origin, origin, step_size=stance["epsilon"], conventions=conventions)
        low, high = stance["clip"] or (None, None)
        moved = list(start)
        for i, offset in zip(reached, offsets, strict=True):
            moved[i] = geometry.clip(start[i] + offset, low, high, conventions=conventions)
        packed = features.holding(moved).packed
        return {f"adversarial/{name}": np.asarray(value) for name, value in packed.items()}

    def _gradient(self, stance: Mapping[str, Any]) -> list[Any]:
        key = canonical_json([stance[code] for code in _GRADIENT])
        if key not in self._gradients:
            self._gradients[key] = self._computed(stance)
        return self._gradients[key]

    def _computed(self, stance: Mapping[str, Any]) -> list[Any]:
        import tensorflow as tf

        from harness.reference.objective import Objective

        features, output = self._features(stance["dtype"]), self._models.output
        labels = self._labels(stance)
        sign, mean = (-1.0 if stance["target"] is not None else 1.0), stance["loss-reduction"] == "mean"
        if stance["dtype"] == _EXACT and stance["output-kind"] != PROBABILITIES_FOR_LOGITS and labels.ndim == 1:
            return self._exactly(features, labels, sign / len(labels) if mean else sign)

        def loss_fn(given: Any, returned: Any, _: Any) -> Any:
            losses = losses_of(given, returned, stance, output=output)
            if mean:  # in NSL's form, with the bits of a plain mean
                return sign * tf.math.divide_no_nan(tf.reduce_sum(losses), tf.cast(tf.size(losses), losses.dtype))
            return sign * losses

        model = self._model(stance["dtype"])
        objective = Objective(_named(model), loss_fn, tf.constant(labels), None)
        return objective.gradients(features)

    def _exactly(self, features: Any, labels: np.ndarray, factor: float) -> list[Any]:
        from harness.reference.double_gradient import exact_gradients

        # The exact gradient needs the logits; a model that does not come from layers has only the output that it has.
        output = "logits" if self._models.declared else self._models.output
        model = self._models.get(dtype="float64", output=output if self._models.declared else None)
        return [factor * gradient for gradient in exact_gradients(_named(model), features, labels, output=output)]

    def _labels(self, stance: Mapping[str, Any]) -> np.ndarray:
        """Class indices, or where several classes tie one column a class."""
        batch = self._batch
        if stance["target"] is not None:
            return np.full_like(batch.labels, stance["target"])
        if stance["label-source"] == "given":
            return batch.labels
        returned = self._returned(stance["dtype"])
        if stance["prediction-ties"] == "first" or not self._ties(stance["dtype"]):
            return returned.argmax(axis=1).astype(np.int32)
        return np.asarray(shared_by_ties(tied_classes(returned, output=self._models.output)))

    def _ties(self, dtype: str) -> bool:
        tied = np.asarray(tied_classes(self._returned(dtype), output=self._models.output))
        return bool((tied.sum(axis=1) != 1).any())

    def _returned(self, dtype: str) -> np.ndarray:
        key = f"returned {dtype}"
        if key not in self._results:
            returned = _named(self._model(dtype))(self._features(dtype).packed)
            self._results[key] = {"": np.asarray(returned)}
        return self._results[key][""]

    def _model(self, dtype: str) -> Any:
        return self._models.get(dtype=_plain(dtype))

    def _features(self, dtype: str) -> Any:
        from harness.reference.features import Features

        return Features.of({name: array.astype(_plain(dtype)) for name, array in self._batch.inputs.items()})

    def _is_finite(self, gradients: list[Any]) -> bool:
        return all(gradient is None or bool(np.isfinite(gradient.numpy()).all()) for gradient in gradients)


def losses_of(labels: Any, returned: Any, stance: Mapping[str, Any], *, output: str) -> Any:
    """The cross-entropy of each example. ``labels``: class indices, or one column a class."""
    import tensorflow as tf

    as_logits = output == "logits" or stance["output-kind"] == PROBABILITIES_FOR_LOGITS
    if labels.shape.rank == 1:
        if as_logits:  # Keras would look behind a softmax, whatever it is told that its output is
            return tf.nn.sparse_softmax_cross_entropy_with_logits(labels, returned)
        return cross_entropy(output=output, reduction="none")(labels, returned)
    labels = tf.cast(labels, returned.dtype)
    if as_logits:
        return tf.nn.softmax_cross_entropy_with_logits(labels, returned)
    return tf.keras.losses.categorical_crossentropy(labels, returned)


def tied_classes(returned: Any, *, output: str) -> Any:
    """Ones for the classes that CleverHans 3.1.0 takes for predicted, ``(batch, classes)``, of the dtype of the output.

    It compares probabilities: logits whose probabilities round alike tie, too.
    """
    import tensorflow as tf

    compared = tf.nn.softmax(returned) if output == "logits" else tf.convert_to_tensor(returned)
    return tf.cast(tf.equal(compared, tf.reduce_max(compared, axis=1, keepdims=True)), compared.dtype)


def shared_by_ties(tied: Any) -> Any:
    """One column a class: classes that tie share an example's label (CleverHans 3.1.0)."""
    import tensorflow as tf

    return tied / tf.reduce_sum(tied, axis=1, keepdims=True)


def conventions_of(stance: Mapping[str, Any]) -> Any:
    """The stance's ``harness.reference.Conventions``."""
    from harness.reference import Conventions

    return Conventions(
        nonfinite=stance["nonfinite-gradient"],
        l2=stance["l2-form"],
        gradient_flow="through" if stance.get("gradient-flow") == "through" else "stopped",
        offset=stance["step-form"],
        clip=stance["clip-order"],
    )


def _named(model: Any) -> Callable[[Any], Any]:
    return lambda features: model(as_model_input(features), training=False)


def _plain(dtype: str) -> str:
    return "float64" if dtype == _EXACT else dtype


def _like(mask: Any, gradient: Any) -> Any:
    import tensorflow as tf

    return tf.cast(mask, gradient.dtype)
