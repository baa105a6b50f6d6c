"""From the ``data`` section of a case to its batch. Runs in a worker: scikit-learn is imported here.

Examples of every source are shuffled once, with a seed that no scenario sets, and the last third is the test split: so
a model never trains on what it is attacked with, whatever seeds a scenario chooses.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from harness.vocabulary import HarnessError

SINGLE_INPUT = "x"
"""Name of the input of a model that has only one."""

_SPLIT_SEED = 0


@dataclass(frozen=True)
class Examples:
    """A data set, or a part of one.

    Attributes:
        x: ``(examples, ...)``, float64.
        labels: int32 ``(examples,)``.
        classes: how many classes there are.
    """

    x: np.ndarray
    labels: np.ndarray
    classes: int

    def take(self, indices: np.ndarray) -> Examples:
        """The examples at the indices, in their order."""
        return Examples(self.x[indices], self.labels[indices], self.classes)


def load_split(data: Mapping[str, Any], split: str) -> Examples:
    """The examples of one split of the case's source: ``train``, ``test`` or ``all``."""
    source = data["source"]
    if source in ("npz", "inline"):
        return _own_examples(data)
    examples = _blobs() if source == "blobs" else _shipped(source)
    order = np.random.default_rng(_SPLIT_SEED).permutation(len(examples.labels))
    first_test = len(order) - len(order) // 3
    return examples.take({"all": order, "train": order[:first_test], "test": order[first_test:]}[split])


def select_batch(data: Mapping[str, Any], examples: Examples) -> Examples:
    """The batch of the case: the first ``batch`` examples of a shuffle with its seed; all in order for own data."""
    if data["source"] == "inline":
        return examples
    size = data.get("batch", len(examples.labels))
    if size > len(examples.labels):
        raise HarnessError(f"data.batch: {size} examples asked for; the split has {len(examples.labels)}")
    order = np.random.default_rng(data.get("seed", 0)).permutation(len(examples.labels))
    return examples.take(order[:size])


def named_inputs(data: Mapping[str, Any], x: np.ndarray) -> dict[str, np.ndarray]:
    """The model's inputs by name: one, or the flat features cut into several in the order of ``data.inputs``."""
    widths = data.get("inputs")
    if not widths:
        return {SINGLE_INPUT: x}
    flat = x.reshape(len(x), -1)
    if sum(widths.values()) != flat.shape[1]:
        raise HarnessError(
            f"data.inputs: widths add up to {sum(widths.values())}; the data has {flat.shape[1]} features"
        )
    ends = np.cumsum(list(widths.values()))
    return {name: flat[:, end - width : end] for (name, width), end in zip(widths.items(), ends, strict=True)}


def _shipped(source: str) -> Examples:
    """A real data set that scikit-learn has in its package. Pixels and columns are scaled to [0, 1]."""
    from sklearn import datasets

    bunch = getattr(datasets, f"load_{source}")()
    if source == "digits":
        return Examples(bunch.images[..., None] / 16.0, bunch.target.astype(np.int32), 10)
    low, high = bunch.data.min(axis=0), bunch.data.max(axis=0)
    return Examples((bunch.data - low) / (high - low), bunch.target.astype(np.int32), len(bunch.target_names))


def _blobs() -> Examples:
    """Three clouds of points around the corners of a cube in 8 dimensions, overlapping a little."""
    generator = np.random.default_rng(0)
    labels = np.arange(600, dtype=np.int32) % 3
    centres = generator.uniform(-1, 1, size=(3, 8))
    return Examples(centres[labels] + generator.normal(scale=0.4, size=(600, 8)), labels, 3)


def _own_examples(data: Mapping[str, Any]) -> Examples:
    """Arrays of the user's: in the scenario, or in an ``.npz`` file with ``x`` and ``y``."""
    if data["source"] == "inline":
        x, labels = np.asarray(data["x"], np.float64), np.asarray(data["y"], np.int32)
    else:
        with np.load(Path(data["path"]), allow_pickle=False) as arrays:
            x, labels = arrays["x"].astype(np.float64), arrays["y"].astype(np.int32)
    return Examples(x, labels, int(data.get("classes") or labels.max() + 1))
