"""The optimizers of TensorFlow 1, by the kernels that they run. TensorFlow is imported when called."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any


class FirstVersion:
    """The optimizer of ``tf.compat.v1.train`` for a case, with the settings that cleverhans-v3 gives it.

    Has of a Keras optimizer what ``harness.reference.training_step`` takes.

    Args:
        section: of a case; no weight decay, and momentum where it is SGD.
        dtype: of the weights.
    """

    def __init__(self, section: Mapping[str, Any], dtype: str):
        import tensorflow as tf

        self._section, self._dtype = section, dtype
        self.learning_rate = tf.Variable(self._number(section["rate"]), trainable=False)
        self.variables: list[Any] = []
        self._slots: list[tuple[Any, Any]] = []
        self._powers: list[Any] = []

    def build(self, weights: Sequence[Any]) -> None:
        """Makes the slots of these weights."""
        import tensorflow as tf

        adam = self._section["kind"] == "adam"
        self._powers = [tf.Variable(self._number(beta), trainable=False) for beta in _BETAS] if adam else []
        self._slots = [(_zeros(weight), _zeros(weight)) for weight in weights]
        self.variables = [*self._powers, *(slot for pair in self._slots for slot in pair)]

    def apply_gradients(self, pairs: Iterable[tuple[Any, Any]]) -> None:
        """One step. ``pairs``: gradient and weight, in the order in which they were built."""
        import tensorflow as tf

        gradients, weights = zip(*pairs, strict=True)
        if self._section["clip_norm"] is not None:
            gradients, _ = tf.clip_by_global_norm(gradients, self._section["clip_norm"])
        update = {"adam": self._adam, "rmsprop": self._rmsprop, "sgd": self._momentum}[self._section["kind"]]
        for gradient, weight, slots in zip(gradients, weights, self._slots, strict=True):
            update(gradient, weight, slots, self.learning_rate)
        for power, beta in zip(self._powers, _BETAS, strict=False):
            power.assign(power * self._number(beta))

    def _adam(self, gradient: Any, weight: Any, slots: tuple[Any, Any], rate: Any) -> None:
        import tensorflow as tf

        number: Callable[[float], Any] = self._number
        tf.raw_ops.ResourceApplyAdam(
            var=weight.handle,
            m=slots[0].handle,
            v=slots[1].handle,
            beta1_power=self._powers[0],
            beta2_power=self._powers[1],
            lr=rate,
            beta1=number(_BETAS[0]),
            beta2=number(_BETAS[1]),
            epsilon=number(_EPSILON),
            grad=gradient,
        )

    def _rmsprop(self, gradient: Any, weight: Any, slots: tuple[Any, Any], rate: Any) -> None:
        import tensorflow as tf

        tf.raw_ops.ResourceApplyRMSProp(
            var=weight.handle,
            ms=slots[0].handle,
            mom=slots[1].handle,
            lr=rate,
            rho=self._number(0.9),
            momentum=self._number(self._section["momentum"]),
            epsilon=self._number(_EPSILON),
            grad=gradient,
        )

    def _momentum(self, gradient: Any, weight: Any, slots: tuple[Any, Any], rate: Any) -> None:
        import tensorflow as tf

        tf.raw_ops.ResourceApplyMomentum(
            var=weight.handle,
            accum=slots[0].handle,
            lr=rate,
            grad=gradient,
            momentum=self._number(self._section["momentum"]),
            use_nesterov=self._section["nesterov"],
        )

    def _number(self, value: float) -> Any:
        import tensorflow as tf

        return tf.constant(value, self._dtype)


_BETAS = (0.9, 0.999)
_EPSILON = 1e-7


def _zeros(weight: Any) -> Any:
    import tensorflow as tf

    return tf.Variable(tf.zeros_like(weight), trainable=False)
