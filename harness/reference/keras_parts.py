"""What Keras models and losses are made of, for Keras 2 (``tf_keras``) and Keras 3 alike; imports neither."""

from __future__ import annotations

import types
from typing import Any

_LIBRARIES = frozenset({"keras", "tf_keras", "tensorflow"})

_OBSERVABLE = frozenset({"AddLoss", "AddMetric"})
"""Layers of the library that leave something behind on the model when they are called."""

_PLAIN = (bool, int, float, str, type(None))


def is_pure_keras(model: Any) -> bool:
    """Whether calling the model runs nothing but Keras, so that nobody can tell whether it ran eagerly or compiled."""
    layers = _layers(model)
    return (
        bool(layers)
        and getattr(model, "built", False)
        and not getattr(model, "run_eagerly", False)
        and all(_is_pure_layer(layer) for layer in layers)
    )


def is_pure_loss(loss_fn: Any) -> bool:
    """Whether the loss is a function of Keras or TensorFlow, or a loss object of Keras around one."""
    if isinstance(loss_fn, types.FunctionType):
        return _of_library(loss_fn)
    return _of_library(type(loss_fn)) and hasattr(loss_fn, "reduction") and _functions_of_library(loss_fn)


def stamp(part: Any) -> tuple[Any, ...]:
    """What a trace of a Keras model or loss depends on besides weights: which layers there are, and their plain
    attributes.

    Two equal stamps of one object mean that a trace still holds; after a change of an activation, a dropout rate,
    ``trainable`` or a loss's reduction they differ. Empty for other callables.
    """
    if layers := _layers(part):
        return tuple(_attributes(layer) for layer in layers)
    return _attributes(part) if _of_library(type(part)) and hasattr(part, "reduction") else ()


def _layers(model: Any) -> list[Any]:
    flatten: Any = getattr(model, "_flatten_layers", None)
    return [] if flatten is None else list(flatten())


def _is_pure_layer(layer: Any) -> bool:
    return (
        _of_library(type(layer))
        and type(layer).__name__ not in _OBSERVABLE
        and not getattr(layer, "dynamic", False)
        and getattr(layer, "activity_regularizer", None) is None
        and _functions_of_library(layer)
    )


def _functions_of_library(part: Any) -> bool:
    return all(_of_library(value) for value in vars(part).values() if isinstance(value, types.FunctionType))


def _of_library(function_or_class: Any) -> bool:
    return getattr(function_or_class, "__module__", "").partition(".")[0] in _LIBRARIES


def _attributes(part: Any) -> tuple[Any, ...]:
    attributes = vars(part)
    stamped = [id(part), attributes.get("_trainable"), repr(attributes.get("_fn_kwargs"))]
    for name, value in attributes.items():
        if name.startswith("_") or name == "built":
            continue
        if isinstance(value, _PLAIN):
            stamped.append((name, value))
        elif isinstance(value, types.FunctionType):
            stamped.append((name, id(value)))
    return tuple(stamped)
