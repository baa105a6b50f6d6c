"""The processes that the libraries run in."""

from __future__ import annotations

import importlib.metadata
import os
import sys
from pathlib import Path

import numpy as np

from harness.subjects.protocol import Environment, Unavailable

CLEVERHANS_V3 = Path(os.environ.get("HARNESS_CLEVERHANS_V3", Path(sys.prefix, "share", "harness", "cleverhans-3.1.0")))
"""Where cleverhans 3.1.0 lies: it has the import name of 4.0.0, so it cannot be installed beside it."""


def _keras_2() -> str:
    """Keras 2 is tf-keras since TensorFlow 2.16, to be asked for; before, TensorFlow's own. NSL is written for it."""
    try:
        release = importlib.metadata.version("tensorflow").split(".")
    except importlib.metadata.PackageNotFoundError:
        return "1"  # whoever imports TensorFlow will say so
    return "1" if (int(release[0]), int(release[1])) >= (2, 16) else "0"


_REPEATABLE = {
    # Each of these changes the last bits of a result, so each is decided once, here, and recorded in every run.
    "TF_ENABLE_ONEDNN_OPTS": "0",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "CUDA_VISIBLE_DEVICES": "-1",
    "TF_USE_LEGACY_KERAS": _keras_2(),
    "TF_CPP_MIN_LOG_LEVEL": "2",
}


def _begin_tensorflow_2() -> None:
    import tensorflow as tf

    tf.keras.backend.clear_session()
    tf.keras.utils.set_random_seed(0)


def _begin_tensorflow_1() -> None:
    """Turns TensorFlow 2 into 1 for the whole process, once. State lies in graphs, and each case has its own."""
    import tensorflow.compat.v1 as tf1  # pyright: ignore[reportMissingImports]  (TensorFlow makes it when imported)

    if sys.modules["tensorflow"] is not tf1:
        tf1.disable_v2_behavior()
        tf1.logging.set_verbosity(tf1.logging.ERROR)
        sys.modules["tensorflow"] = tf1
    np.random.seed(0)


TENSORFLOW_2 = Environment(name="tensorflow-2", begin=_begin_tensorflow_2, variables=_REPEATABLE)

TENSORFLOW_1 = Environment(
    name="tensorflow-1", begin=_begin_tensorflow_1, variables=_REPEATABLE, paths=(str(CLEVERHANS_V3),)
)
"""TensorFlow with the behaviour of version 1, for cleverhans 3.1.0."""


def installed_version(distribution: str, *, mend: str) -> str:
    """Version of an installed distribution. Raises ``Unavailable`` with the command that installs it."""
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        raise Unavailable(f"{distribution} is not installed. To mend it: {mend}") from None


def version_in(folder: Path, distribution: str, *, mend: str) -> str:
    """Version of a distribution in a folder of its own. Raises ``Unavailable`` with the command that puts it there."""
    for found in importlib.metadata.distributions(path=[str(folder)]):
        if found.metadata["Name"] == distribution:
            return found.version
    raise Unavailable(f"{distribution} is not in {folder}. To mend it: {mend}")
