"""Compiled functions, kept as long as the model and the loss that they were compiled for, and no longer.

``tf.function`` keeps every trace, and with it the model's variables, as long as itself. A module-level one, as
CleverHans 4.0 has, therefore keeps every model that it ever saw.
"""

from __future__ import annotations

import inspect
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import tensorflow as tf


class _ByIdentity:
    """A value for each object, made on first request and dropped with the object. Equal objects are not the same."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make
        self._values: dict[int, tuple[weakref.ref[Any], Any]] = {}

    def of(self, owner: Any) -> Any:
        key = id(owner)
        if key not in self._values:
            values = self._values
            self._values[key] = (weakref.ref(owner, lambda _: values.pop(key, None)), self._make())
        return self._values[key][1]

    def __len__(self) -> int:
        return len(self._values)


_TRACES = _ByIdentity(lambda: _ByIdentity(dict))


def traces_of(model: Callable[..., Any], loss_fn: Callable[..., Any]) -> dict[Any, Any]:
    """The store for what is compiled for this model with this loss.

    What is put there must not refer to either of them; a ``ConcreteFunction`` refers to variables, but not to the
    Python that it was traced from. An empty store that nobody keeps is returned where one of the two cannot be referred
    to weakly.
    """
    owners = [getattr(f, "__self__", f) if inspect.ismethod(f) else f for f in (model, loss_fn)]
    try:
        traces = _TRACES.of(owners[0]).of(owners[1])
    except TypeError:
        return {}
    # A bound method is a new object at every mention: its instance stands for it, and its function tells it from
    # others.
    functions = tuple(f.__func__ if inspect.ismethod(f) else None for f in (model, loss_fn))
    return traces.setdefault(functions, {})


def run_unrewritten(function: Any, arguments: Sequence[tf.Tensor]) -> list[tf.Tensor]:
    """Runs a trace operation by operation as it was recorded, and thereby with the bits of a plain call.

    TensorFlow otherwise rewrites graphs before it runs them, among others ``x / sqrt(y)`` into ``x * rsqrt(y)``. Tapes
    do not record this call.
    """
    if not function.outputs:
        return []
    return tf.raw_ops.StatefulPartitionedCall(
        args=[*arguments, *function.captured_inputs],
        Tout=[output.dtype for output in function.outputs],
        f=function,
        config_proto=_WITHOUT_REWRITING,
    )


def _without_rewriting() -> bytes:
    config = tf.compat.v1.ConfigProto()
    config.graph_options.rewrite_options.disable_meta_optimizer = True
    return config.SerializeToString()


_WITHOUT_REWRITING = _without_rewriting()


def any_batch(value: Any) -> tf.TypeSpec:
    """The type of a tensor, or of a sparse or ragged one, with the batch size of a dense one left open."""
    if not isinstance(value, tf.Tensor):
        return tf.type_spec_from_value(value)
    shape = value.shape.as_list()
    return tf.TensorSpec([None, *shape[1:]] if shape else [], value.dtype)


def shape_of(value: Any) -> Any:
    """Everything about a structure of tensors that a trace depends on; the batch size it does not. Hashable."""
    if isinstance(value, Mapping):
        return type(value).__name__, tuple((name, shape_of(value[name])) for name in sorted(value))
    if isinstance(value, (list, tuple)):
        return type(value).__name__, tuple(map(shape_of, value))
    if isinstance(value, tf.Tensor):
        return value.dtype, value.shape.rank, tuple(value.shape[1:])
    return None if value is None else tf.type_spec_from_value(value)
