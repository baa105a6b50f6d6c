"""An ``.npz`` file with a data set, checked before anything runs."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from harness.scenario.facts import Facts

if TYPE_CHECKING:
    import numpy as np

LARGEST = 1 << 30
"""Bytes of all arrays together."""

_FEW = 9
"""Names that a message lists."""


class ArraysError(Exception):
    """The file cannot be used as data. The message says why and how to mend it."""


def npz_facts(path: str) -> Facts:
    """What is in a file with the arrays ``x``, numbers ``(n, ...)``, and ``y``, integers ``(n,)`` of at least 0.

    Raises:
        ArraysError: it is no ``.npz``, lacks an array, needs pickle, the arrays do not fit, or a number is not finite.
    """
    import numpy as np  # only scenarios with a file of data wait for it

    arrays = read_arrays(path, "Save it with np.savez(path, x=..., y=...).", needed=("x", "y"))
    x, y = arrays["x"], arrays["y"]
    if x.dtype.kind not in "fiu" or x.ndim < 2:
        raise ArraysError(f"expected x as numbers of shape (examples, ...), got {x.dtype} of shape {x.shape}.")
    if y.dtype.kind not in "iu" or y.ndim != 1:
        raise ArraysError(f"expected y as integers of shape (examples,), got {y.dtype} of shape {y.shape}.")
    if len(x) != len(y):
        raise ArraysError(f"expected as many classes in y as examples in x, got {len(y)} and {len(x)}.")
    if x.size == 0:
        raise ArraysError(f"expected at least one example, got x of shape {x.shape}.")
    bad = ~np.isfinite(x)
    if bad.any():
        index = tuple(int(i) for i in np.argwhere(bad)[0])
        raise ArraysError(
            f"expected finite numbers, got {bad.sum()} that are not, the first at x{list(index)}: {x[index]}."
        )
    if y.min() < 0:
        index = int((y < 0).argmax())
        raise ArraysError(f"expected classes of at least 0, got {y[index]} at y[{index}].")
    return Facts("npz", tuple(x.shape[1:]), max(2, int(y.max()) + 1), len(x))


def read_arrays(path: str, mending: str, *, needed: Sequence[str] = ()) -> dict[str, np.ndarray]:
    """The arrays of an ``.npz`` file by name: those that are needed, or all where none is named.

    Raises:
        ArraysError: it is no ``.npz``, lacks an array, holds what is none, is damaged, or needs pickle.
    """
    import numpy as np

    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(item.file_size for item in archive.infolist())
        if size > LARGEST:
            raise ArraysError(f"holds {size} bytes, more than {LARGEST}. Store fewer examples.")
        with np.load(path, allow_pickle=False) as stored:
            names = list(stored.files)
            missing = [name for name in needed if name not in names]
            if missing:
                found = ", ".join(names[:_FEW]) + ("" if len(names) <= _FEW else f" and {len(names) - _FEW} more")
                raise ArraysError(f"has no array '{missing[0]}', only {found or 'nothing'}. {mending}")
            arrays = {name: stored[name] for name in needed or names}
    except ArraysError:
        raise
    except (zipfile.BadZipFile, zlib.error) as error:
        raise ArraysError(f"is not an .npz file. {mending}") from error
    except Exception as error:  # NumPy and zipfile raise nearly anything for files that were made to do harm
        pickled = (
            " Save arrays of numbers, not of objects: pickled data is never loaded." if "pickle" in str(error) else ""
        )
        raise ArraysError(f"cannot be read: {error}.{pickled}") from error
    for name, array in arrays.items():
        if not isinstance(array, np.ndarray):
            raise ArraysError(f"holds {name!r}, which is no array. {mending}")
    return arrays
