"""From the ``model`` section of a case to a Keras model and its weights. Runs in a worker: TensorFlow is imported here.

Weights are drawn with NumPy, so they are the same under any version of any framework, and are handed to every subject
as the same bytes.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from harness.scenario.keras_file import check_is_archive
from harness.vocabulary import HarnessError


def build(
    model: Mapping[str, Any],
    input_shapes: Mapping[str, Sequence[int]],
    *,
    dtype: str = "float32",
    output: str | None = None,
) -> Any:
    """The model of a case as a new Keras model in the current graph, with weights as Keras happens to draw them.

    Args:
        model: the case's ``model`` section.
        input_shapes: shape of one example, by input name.
        dtype: of weights and computation.
        output: ``"logits"`` or ``"probabilities"`` in place of the model's own; only for a model declared by layers.
    """
    if "layers" in model:
        return _from_layers(model["layers"], input_shapes, dtype=dtype, output=output or model.get("output", "logits"))
    loaded = _from_file(Path(model["keras"])) if "keras" in model else _from_factory(model["factory"])
    return loaded if dtype == "float32" else _in_dtype(loaded, dtype)


def build_before(model: Mapping[str, Any], input_shapes: Mapping[str, Sequence[int]], *, dtype: str = "float32") -> Any:
    """The layers that stand before the perturbed input, as a new Keras model; ``None`` where there are none."""
    if "before" not in model:
        return None
    return _from_layers(model["before"], input_shapes, dtype=dtype, output="logits")


def set_weights(model: Any, weights: Sequence[np.ndarray]) -> None:
    """Gives the model the weights, cast to its dtype. Raises ``HarnessError`` when they do not fit it."""
    wanted = [tuple(variable.shape) for variable in model.weights]
    given = [array.shape for array in weights]
    if wanted != given:
        raise HarnessError(f"model.weights: the model's weights have shapes {wanted}; the given ones have {given}")
    model.set_weights([np.asarray(array) for array in weights])


def draw_weights(model: Any, init: Mapping[str, Any], *, further: int = 0) -> list[np.ndarray]:
    """Initial weights, drawn with NumPy in the order of ``model.weights``, float32, with ``init.seed + further``.

    Kernels follow ``init.scheme`` (Glorot & Bengio 2010; He et al. 2015) times ``init.scale``; biases and moving means
    are zero, batch normalisation's factors and moving variances one.
    """
    generator = np.random.default_rng(init.get("seed", 0) + further)
    draw = _SCHEMES[init.get("scheme", "glorot_uniform")]
    scale = init.get("scale", 1.0)
    return [_initial(variable, generator, draw, scale) for variable in model.weights]


def _initial(variable: Any, generator: np.random.Generator, draw: Any, scale: float) -> np.ndarray:
    shape = tuple(variable.shape)
    name = variable.name.split("/")[-1].split(":")[0]
    if name in ("gamma", "moving_variance"):
        return np.ones(shape, np.float32)
    if len(shape) < 2:
        return np.zeros(shape, np.float32)
    receptive_field = int(np.prod(shape[:-2]))
    # Overflow to infinity is what a scenario on non-finite gradients asks for with a huge scale.
    with np.errstate(over="ignore"):
        return (scale * draw(generator, shape, shape[-2] * receptive_field, shape[-1] * receptive_field)).astype(
            np.float32
        )


_SCHEMES = {
    "glorot_uniform": lambda g, shape, fan_in, fan_out: g.uniform(-1, 1, shape) * np.sqrt(6 / (fan_in + fan_out)),
    "glorot_normal": lambda g, shape, fan_in, fan_out: g.normal(size=shape) * np.sqrt(2 / (fan_in + fan_out)),
    "he_uniform": lambda g, shape, fan_in, fan_out: g.uniform(-1, 1, shape) * np.sqrt(6 / fan_in),
    "he_normal": lambda g, shape, fan_in, fan_out: g.normal(size=shape) * np.sqrt(2 / fan_in),
    "uniform": lambda g, shape, fan_in, fan_out: g.uniform(-1, 1, shape),
    "normal": lambda g, shape, fan_in, fan_out: g.normal(size=shape),
}


def _from_layers(
    layers: Sequence[Mapping[str, Any]], input_shapes: Mapping[str, Sequence[int]], *, dtype: str, output: str
) -> Any:
    import tensorflow as tf

    inputs = {name: tf.keras.Input(tuple(shape), name=name, dtype=dtype) for name, shape in input_shapes.items()}
    values = list(inputs.values())
    value = values[0] if len(values) == 1 else tf.keras.layers.Concatenate(dtype=dtype)(values)
    for layer in layers:
        if layer["kind"] == "dense" and len(value.shape) > 2:
            value = tf.keras.layers.Flatten(dtype=dtype)(value)
        value = _layer(layer, dtype)(value)
    if output == "probabilities":
        value = tf.keras.layers.Activation("softmax", dtype=dtype)(value)
    return tf.keras.Model(values[0] if len(values) == 1 else inputs, value)


def _layer(layer: Mapping[str, Any], dtype: str) -> Any:
    import tensorflow as tf

    layers, kind = tf.keras.layers, layer["kind"]
    if kind == "dense":
        penalty = tf.keras.regularizers.L2(layer["l2"]) if "l2" in layer else None
        return layers.Dense(layer["units"], kernel_regularizer=penalty, dtype=dtype)
    if kind == "conv":
        return layers.Conv2D(
            layer["filters"], layer["kernel"], strides=layer["strides"], padding=layer["padding"], dtype=dtype
        )
    if kind == "max_pool":
        return layers.MaxPooling2D(layer["size"], dtype=dtype)
    if kind == "average_pool":
        return layers.AveragePooling2D(layer["size"], dtype=dtype)
    if kind == "flatten":
        return layers.Flatten(dtype=dtype)
    if kind == "batchnorm":
        return layers.BatchNormalization(dtype=dtype)
    if kind == "dropout":
        return layers.Dropout(layer["rate"], dtype=dtype)
    if kind == "rescale":
        return layers.Rescaling(layer["factor"], dtype=dtype)
    return layers.Activation(kind, dtype=dtype)


def _from_file(path: Path) -> Any:
    import tensorflow as tf

    try:
        check_is_archive(path)  # in HDF5 Keras would run code
        # Under TensorFlow 1 behaviour Keras does not find its own classes of models by name.
        own = {"Functional": tf.keras.Model, "Sequential": tf.keras.Sequential}
        return tf.keras.models.load_model(path, compile=False, safe_mode=True, custom_objects=own)
    except Exception as error:  # Keras raises nearly anything for a file that it cannot read
        raise HarnessError(f"model.keras: {path} cannot be loaded by Keras 2 in safe mode: {error}") from error


def _from_factory(name: str) -> Any:
    module_name, _, function_name = name.partition(":")
    try:
        return getattr(importlib.import_module(module_name), function_name)()
    except Exception as error:  # the user's code may raise anything
        raise HarnessError(f"model.factory: {name} failed with {type(error).__name__}: {error}") from error


def _in_dtype(model: Any, dtype: str) -> Any:
    """The same architecture in another dtype. Raises ``HarnessError`` for a model that Keras cannot take apart."""
    try:
        config = json.loads(json.dumps(model.get_config()).replace('"float32"', json.dumps(dtype)))
        return type(model).from_config(config)
    except Exception as error:  # a subclassed model has no config
        raise HarnessError(f"this model cannot be rebuilt in {dtype}: {error}") from error
