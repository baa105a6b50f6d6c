"""Features: a tensor, or nested lists, tuples and dicts of tensors, of which only some can be perturbed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf


@dataclass(frozen=True)
class Features:
    """The inputs of a model, taken apart.

    Attributes:
        structure: the collection as it was given.
        leaves: everything in it, in the order of ``tf.nest.flatten``; NumPy arrays and variables as tensors.
        places: which leaves can be perturbed: dense tensors of a real floating dtype. Integers, strings, sparse and
            ragged tensors cannot.
    """

    structure: Any
    leaves: tuple[Any, ...]
    places: tuple[int, ...]

    @classmethod
    def of(cls, structure: Any) -> Features:
        """Takes a collection apart."""
        leaves = tuple(_as_tensor(leaf) for leaf in tf.nest.flatten(structure))
        places = tuple(i for i, leaf in enumerate(leaves) if tf.is_tensor(leaf) and _is_dense_floating(leaf))
        return cls(structure=structure, leaves=leaves, places=places)

    @property
    def perturbable(self) -> list[tf.Tensor]:
        """The leaves that can be perturbed."""
        return [self.leaves[i] for i in self.places]

    @property
    def given(self) -> list[Any]:
        """The same as they were given, as a tape may be watching them."""
        leaves = tf.nest.flatten(self.structure)
        return [leaves[i] for i in self.places]

    @property
    def packed(self) -> Any:
        """The collection in its own structure, for the model."""
        return tf.nest.pack_sequence_as(self.structure, self.leaves)

    def holding(self, perturbable: Sequence[tf.Tensor]) -> Features:
        """The same with other values for the leaves that can be perturbed."""
        leaves = list(self.leaves)
        for place, value in zip(self.places, perturbable, strict=True):
            leaves[place] = value
        return Features(structure=self.structure, leaves=tuple(leaves), places=self.places)

    def aligned(self, values: Any, *, name: str) -> list[Any]:
        """A setting given per feature, for each leaf that can be perturbed; None where none was given.

        Args:
            values: None, or for a single tensor what broadcasts to it, or for a collection a collection of the same
                structure from which entries may be missing or None.
            name: of the setting, for messages.

        Raises:
            ValueError: the structures do not fit. NSL ignores such a setting silently.
        """
        entries = list(_align(self.structure, values, name))
        return [entries[i] for i in self.places]


def _as_tensor(leaf: Any) -> Any:
    return tf.convert_to_tensor(leaf) if isinstance(leaf, (np.ndarray, tf.Variable)) else leaf


def _is_dense_floating(leaf: Any) -> bool:
    return isinstance(leaf, tf.Tensor) and leaf.dtype.is_floating


def _align(features: Any, values: Any, name: str) -> Iterator[Any]:
    if values is None:
        yield from [None] * len(tf.nest.flatten(features))
    elif isinstance(features, Mapping):
        keys = sorted(features)  # the order of tf.nest
        if not isinstance(values, Mapping):
            raise ValueError(
                f"{name}: the features are a dict with the keys {keys}, so this must be one too, not {values!r}."
            )
        if unknown := set(values) - set(keys):
            raise ValueError(f"{name}: there are no features {sorted(unknown, key=str)}. Valid: {keys}.")
        for key in keys:
            yield from _align(features[key], values.get(key), f"{name}[{key!r}]")
    elif isinstance(features, (list, tuple)):
        if not isinstance(values, (list, tuple)) or len(values) > len(features):
            raise ValueError(
                f"{name}: the features are a list of {len(features)}, so this must be a list of at most as many, "
                f"not {values!r}."
            )
        for i, feature in enumerate(features):
            yield from _align(feature, values[i] if i < len(values) else None, f"{name}[{i}]")
    elif isinstance(values, Mapping):
        raise ValueError(f"{name}: the feature is a single tensor, so this must broadcast to it, not be a dict.")
    else:
        yield values
