"""A ``.keras`` file, checked before anything runs: Keras builds what the file names, and its safe mode stops little.

Its safe mode refuses Lambda layers, but only in the zip archives that Keras itself writes, not in HDF5 under the same
name; only under TensorFlow 2; and it imports any module and calls any function that a file names. So a file may hold
layers of Keras and arithmetic of TensorFlow, and nothing else unless the user allows code.
"""

from __future__ import annotations

import json
import re
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

LARGEST_CONFIG = 16 << 20
"""Bytes."""

_PARTS = {"metadata.json", "config.json", "model.weights.h5"}

_MODULE = re.compile(
    r"(tf_)?keras(\.src)?(\.(layers|initializers|regularizers|constraints|activations|models|engine|mixed_precision)"
    r"(\.\w+)*)?"
)
_CLASS = re.compile(r"[A-Z]\w*")
"""Functions begin with a small letter, and some, such as ``load_model``, are as good as code."""

_VALUES = {"__tensor__", "__numpy__", "__bytes__"}

_REACHING_OUT = {
    *("Lambda", "TFSMLayer", "TensorFlowOpLayer", "ClassMethod", "InstanceMethod", "InstanceProperty"),
    *("StringLookup", "IntegerLookup", "TextVectorization", "DenseFeatures"),
}
"""Layers that run code, any operation of TensorFlow, or read other files."""

_ACTIVATIONS = {
    *("elu", "exponential", "gelu", "hard_sigmoid", "leaky_relu", "linear", "log_softmax", "mish", "relu", "relu6"),
    *("selu", "sigmoid", "silu", "softmax", "softplus", "softsign", "swish", "tanh"),
}

_ARITHMETIC = re.compile(
    r"(math|nn|linalg|__operators__)\.\w+|cast|clip_by_value|concat|expand_dims|identity|pad|reshape|slice|split|"
    r"squeeze|stack|strided_slice|tile|transpose|unstack|where|zeros_like|ones_like"
)


class KerasFileError(Exception):
    """The file cannot be used as a model. The message says why and how to mend it."""


def check_is_archive(path: Path) -> None:
    """Whether Keras would read a file in the form that it writes ``.keras`` files in; it takes others for HDF5.

    Raises:
        KerasFileError: it would not.
    """
    if path.suffix != ".keras" or not zipfile.is_zipfile(path):
        raise KerasFileError("is not a .keras file. Save the model with model.save('NAME.keras').")


def check_harmless(path: Path) -> None:
    """Whether a ``.keras`` file names nothing but what Keras and TensorFlow compute with.

    Raises:
        KerasFileError: it is none, it is damaged, or it names something else.
    """
    check_is_archive(path)
    for part in _named(_config(path)):
        reason = _objection(part)
        if reason:
            raise KerasFileError(
                f"{reason}, which could run code. Build such a model in a function, name it with model.factory, and "
                f"allow it with --allow-code if you trust it."
            )


def _config(path: Path) -> dict[str, Any]:
    try:
        with zipfile.ZipFile(path) as archive:
            further = set(archive.namelist()) - _PARTS
            if further:
                raise KerasFileError(f"holds {min(further)!r}; expected only {', '.join(sorted(_PARTS))}.")
            with archive.open("config.json") as file:
                text = file.read(LARGEST_CONFIG + 1)
        if len(text) > LARGEST_CONFIG:
            raise KerasFileError(f"has a config.json of more than {LARGEST_CONFIG} bytes.")
        config = json.loads(text)
        if not isinstance(config, dict):
            raise ValueError("its config.json is not a mapping")
        # Of the model itself; it is loaded without compiling it, and optimizers and losses are of other modules.
        return {name: value for name, value in config.items() if name != "compile_config"}
    except (OSError, EOFError, KeyError, ValueError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        raise KerasFileError(f"cannot be read: {error}. Save the model with model.save('NAME.keras').") from error


def _named(config: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every mapping that Keras could take for something to build, however deep it lies."""
    waiting: list[Any] = [config]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            if "class_name" in part:
                yield part
            waiting += part.values()
        elif isinstance(part, list):
            waiting += part


def _objection(part: dict[str, Any]) -> str:
    """Why something to build is refused; nothing where it is not."""
    name, module, config = part["class_name"], part.get("module"), part.get("config")
    if not isinstance(name, str):
        return f"holds a {name}"
    if name == "function":
        harmless = module in (None, "builtins") or _is_of_keras(module)
        known = isinstance(config, str) and config in _ACTIVATIONS
        return "" if harmless and known else f"names the function {module}.{config}"
    if name in _VALUES:
        return ""
    if not _CLASS.fullmatch(name) or name in _REACHING_OUT:
        return f"holds a {name}"
    if module is not None and not _is_of_keras(module):
        return f"names {module}.{name}"
    if name in ("TFOpLambda", "SlicingOpLambda"):
        function = config.get("function") if isinstance(config, dict) else None
        return "" if isinstance(function, str) and _ARITHMETIC.fullmatch(function) else f"calls tf.{function}"
    return ""


def _is_of_keras(module: Any) -> bool:
    return isinstance(module, str) and bool(_MODULE.fullmatch(module))
