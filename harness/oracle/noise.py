"""Round-off made visible: numbers moved by one unit in the last place."""

from __future__ import annotations

import numpy as np


def nudge(array: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """The array with every element moved to the next float up or down, by chance; zeros stay.

    A zero has no round-off, and its neighbours are subnormal numbers, which tell nothing about arithmetic.
    """
    up = generator.integers(0, 2, size=array.shape).astype(bool)
    towards = np.where(up, np.inf, -np.inf).astype(array.dtype)
    return np.where(array == 0, array, np.nextafter(array, towards))
