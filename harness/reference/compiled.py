"""An objective that runs compiled, where nobody can tell: a Keras model of library layers and a Keras loss."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from harness.reference.features import Features
from harness.reference.keras_parts import is_pure_keras, is_pure_loss, stamp
from harness.reference.objective import Objective, spread
from harness.reference.traces import any_batch, run_unrewritten, shape_of, traces_of


def objective_for(
    model: Callable[..., Any],
    model_kwargs: Mapping[str, Any],
    loss_fn: Callable[..., Any],
    labels: Any,
    sample_weights: Any,
) -> Objective:
    """The objective in the fastest form that shows no difference to a plain call.

    That is the plain one in a graph, under ``tf.config.run_functions_eagerly``, in a distribution strategy, and for
    models, losses or arguments that run Python of the user's: it would run once a trace in place of once a call.
    """

    def plain_model(features: Any) -> Any:
        return model(features, **model_kwargs)

    plain = Objective(model=plain_model, loss_fn=loss_fn, labels=labels, sample_weights=sample_weights)
    if (
        not tf.executing_eagerly()
        or tf.config.functions_run_eagerly()
        or tf.distribute.has_strategy()
        or not is_pure_keras(model)
        or not is_pure_loss(loss_fn)
        or not all(isinstance(value, (bool, int, float, str, type(None))) for value in model_kwargs.values())
    ):
        return plain
    return CompiledObjective(
        model=plain_model,
        loss_fn=loss_fn,
        labels=tf.nest.map_structure(_as_tensor, labels),
        sample_weights=None if sample_weights is None else tf.convert_to_tensor(sample_weights),
        keras_model=model,
        model_kwargs=tuple(sorted(model_kwargs.items())),
        stamps=(stamp(model), stamp(loss_fn)),
    )


@dataclass(frozen=True)
class CompiledObjective(Objective):
    """The same function of the features. Compiled once for any batch size, and anew when model or loss are changed.

    The gradient is that of the plain objective bit for bit, since TensorFlow's graph rewriting is off for it; the value
    may differ by round-off where graph rewriting touches the model's activations (gelu, elu, swish).

    Attributes:
        keras_model: ``model`` without ``model_kwargs``.
        model_kwargs: sorted items, plain values.
        stamps: of model and loss, as they are now.
    """

    keras_model: Any
    model_kwargs: tuple[tuple[str, Any], ...]
    stamps: tuple[Any, Any]

    def value(self, features: Features) -> tf.Tensor:
        """See ``Objective.value``."""
        trace = self._trace(_value, features)
        return super().value(features) if trace is None else trace.function(*self._arguments(features))

    def gradients(self, features: Features) -> list[tf.Tensor | None]:
        """See ``Objective.gradients``."""
        trace = self._trace(_gradients, features)
        return super().gradients(features) if trace is None else self._run(trace, features)

    def apply(
        self, function: Callable[[Objective, Features, Any], list[tf.Tensor | None]], features: Features, number: float
    ) -> list[tf.Tensor | None]:
        """See ``Objective.apply``. Compiled as a whole, once for all numbers."""
        double = tf.constant(number, tf.float64)
        trace = self._trace(function, features, double)
        return super().apply(function, features, number) if trace is None else self._run(trace, features, double)

    def _run(self, trace: _Trace, features: Features, *numbers: tf.Tensor) -> list[tf.Tensor | None]:
        # Nothing differentiates through it, and recording would cost as much again: init_scope pauses every tape.
        with tf.init_scope():
            return spread(run_unrewritten(trace.function, self._arguments(features, *numbers)), trace.connected)

    def _arguments(self, features: Features, *numbers: tf.Tensor) -> list[tf.Tensor]:
        return tf.nest.flatten(self.given(features, *numbers), expand_composites=True)

    def given(self, features: Features, *numbers: tf.Tensor) -> tuple[Any, Any, tuple[Any, ...], tuple[Any, ...]]:
        """All that a trace takes, in its structure."""
        return features.packed, self.labels, () if self.sample_weights is None else (self.sample_weights,), numbers

    def _trace(self, function: Callable[..., Any], features: Features, *numbers: tf.Tensor) -> _Trace | None:
        traces = traces_of(self.keras_model, self.loss_fn)
        given = shape_of(self.given(features, *numbers))
        key = (function, given, self.model_kwargs, self.stamps)
        if key not in traces:
            traces[key] = _compile(self, function, features, *numbers)
        return traces[key]


def _value(objective: Objective, features: Features) -> tf.Tensor:
    return objective.value(features)


def _gradients(objective: Objective, features: Features) -> list[tf.Tensor | None]:
    return objective.gradients(features)


@dataclass(frozen=True)
class _Trace:
    function: Any
    connected: tuple[bool, ...]
    """Of each feature, whether the loss depends on it."""


def _compile(
    objective: CompiledObjective, function: Callable[..., Any], features: Features, *numbers: tf.Tensor
) -> _Trace | None:
    """A trace for any batch size; None where there can be none."""
    connected: list[bool] = []

    def flattened(*flat: tf.Tensor) -> Any:
        structure, labels, weights, given = tf.nest.pack_sequence_as(specs, flat, expand_composites=True)

        def keras_model(inputs: Any) -> Any:
            return tf.nest.map_structure(_without_origin, objective.model(inputs))

        inner = Objective(keras_model, objective.loss_fn, labels, weights[0] if weights else None)
        result = function(inner, Features.of(structure), *given)
        if not isinstance(result, list):
            return result
        connected[:] = [tensor is not None for tensor in result]
        return [tensor for tensor in result if tensor is not None]

    try:
        specs = tf.nest.map_structure(any_batch, objective.given(features, *numbers))
        traced = tf.function(flattened).get_concrete_function(*tf.nest.flatten(specs, expand_composites=True))
    except Exception:
        # Whatever Keras cannot do with symbolic tensors or an unknown batch size, it says so in exceptions of every
        # kind. If it cannot do it plainly either, the plain call that follows raises what is really wrong.
        return None
    return None if _draws_random_numbers(traced) else _Trace(function=traced, connected=tuple(connected))


def _without_origin(output: tf.Tensor) -> tf.Tensor:
    """The same value, of which Keras's cross-entropies cannot see in a graph which operation made it.

    They compute probabilities' losses from the logits where they find a softmax or sigmoid operation, which they can do
    in a graph only. Where a Keras activation has noted the logits on the tensor, they use them plainly as well.
    """
    return output if hasattr(output, "_keras_logits") else tf.identity(output)


def _draws_random_numbers(traced: Any) -> bool:
    """A trace fixes the seeds that ``tf.random.set_seed`` resets for a plain call."""
    graph_def = traced.graph.as_graph_def()
    nodes = [*graph_def.node, *(node for function in graph_def.library.function for node in function.node_def)]
    return any(node.op.startswith("Random") or node.op in _RANDOM for node in nodes)


_RANDOM = frozenset({"TruncatedNormal", "ParameterizedTruncatedNormal", "Multinomial"})


def _as_tensor(value: Any) -> Any:
    return value if tf.is_tensor(value) else tf.convert_to_tensor(value)
