"""Compiled functions, kept as long as the model and the loss that they were compiled for, and no longer.

``tf.function`` keeps every trace, and with it the model's variables, as long as itself. A module-level one, as
CleverHans 4.0 has, therefore keeps every model that it ever saw.
"""

from __future__ import annotations

import inspect
import weakref
from collections.abc import Callable
from typing import Any


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

    What is put there must not refer to either but through ``weakly``. An empty one that nobody keeps is returned where
    one of the two cannot be referred to weakly.
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


def weakly(function: Callable[..., Any]) -> Callable[[], Any]:
    """A reference to a callable that does not keep it alive, if there can be one; call it to get the callable."""
    try:
        return weakref.WeakMethod(function) if inspect.ismethod(function) else weakref.ref(function)
    except TypeError:
        return lambda: function
