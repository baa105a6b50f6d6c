"""Small indexed PNG images: grey levels for inputs, a diverging colour map for signed values.

Both scales share one palette, so that all pictures of a case fit into one file of a few kilobytes.
"""

from __future__ import annotations

import base64
import io

import numpy as np
from PIL import Image

LEVELS = 127
"""Of either scale; odd, so that the diverging one has a middle for exactly zero."""

NONFINITE = 2 * LEVELS
"""Palette index of a value that is infinite or NaN."""

_DIVERGING = ((5, 48, 97), (67, 147, 195), (247, 247, 247), (214, 96, 77), (103, 0, 31))
"""Blue, white, red, at equal distances: legible with any common form of colour blindness."""

_NONFINITE_COLOUR = (255, 0, 255)


def palette() -> np.ndarray:
    """RGB of every index: grey levels, then the diverging scale, then non-finite; uint8 ``(255, 3)``."""
    grey = np.repeat(np.linspace(0, 255, LEVELS)[:, None], 3, axis=1)
    anchors = np.linspace(0, 1, len(_DIVERGING))
    colours = np.asarray(_DIVERGING, float)
    diverging = np.stack([np.interp(np.linspace(0, 1, LEVELS), anchors, colours[:, c]) for c in range(3)], axis=1)
    return np.concatenate([grey, diverging, [_NONFINITE_COLOUR]]).round().astype(np.uint8)


def grey_levels(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Palette indices of values between ``low``, black, and ``high``, white; uint8, same shape."""
    return _levels(values, low, high, first=0)


def diverging_levels(values: np.ndarray, largest: float) -> np.ndarray:
    """Palette indices of values between ``-largest``, blue, and ``largest``, red; zero is white; uint8, same shape."""
    return _levels(values, -largest, largest, first=LEVELS)


def _levels(values: np.ndarray, low: float, high: float, *, first: int) -> np.ndarray:
    finite = np.isfinite(values)
    # Halved, because the distance between two finite numbers may be infinite.
    span = high / 2 - low / 2
    share = (np.where(finite, values, 0.0) / 2 - low / 2) / span if span > 0 else np.full(values.shape, 0.5)
    levels = first + np.round(np.clip(share, 0, 1) * (LEVELS - 1))
    return np.where(finite, levels, NONFINITE).astype(np.uint8)


def data_uri(indices: np.ndarray) -> str:
    """An image as a ``data:`` address.

    Args:
        indices: uint8 ``(height, width)``, of the palette.
    """
    image = Image.fromarray(indices, mode="P")
    image.putpalette(palette().tobytes())
    content = io.BytesIO()
    image.save(content, format="PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(content.getvalue()).decode()}"
