"""The model of a case as Python source, layer by layer: what ``harness.scenario.models`` builds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.explain.reproducing.text import call, keywords, source

Layers = Sequence[Mapping[str, Any]]


def model_source(model: Mapping[str, Any], shapes: Mapping[str, Sequence[int]], dtype: str) -> str:
    """The functions ``build_model`` and, where layers stand before the perturbed input, ``build_before``.

    Args:
        model: the case's ``model`` section.
        shapes: of one example, by input name.
        dtype: of weights and computation.
    """
    if "layers" not in model:
        return _named(model, dtype)
    output = model.get("output", "logits")
    flat = len(shapes) > 1 or len(next(iter(shapes.values()))) == 1
    if "before" not in model:
        return _function("build_model", "weights", model["layers"], _inputs(shapes), dtype, output, flat=flat)
    before = _function("build_before", "weights_before", model["before"], _inputs(shapes), dtype, "logits", flat=flat)
    flat = flat or any(layer["kind"] in _FLATTENING for layer in model["before"])
    inner = {"x": "build_before().output_shape[1:]"}
    own = _function("build_model", "weights", model["layers"], inner, dtype, output, flat=flat)
    return f"{before}\n\n{own}"


_FLATTENING = ("dense", "flatten")


def _inputs(shapes: Mapping[str, Sequence[int]]) -> dict[str, str]:
    return {name: repr(tuple(int(length) for length in shape)) for name, shape in shapes.items()}


def _function(
    name: str, weights: str, layers: Layers, shapes: Mapping[str, str], dtype: str, output: str, *, flat: bool
) -> str:
    further = [] if dtype == "float32" else [f'dtype="{dtype}"']
    lines = [f"def {name}():"]
    if len(shapes) == 1:
        ((only, shape),) = shapes.items()
        lines.append(call("tf.keras.Input", [shape, f'name="{only}"', *further], before="inputs = "))
        value = "inputs"
    else:
        made = [
            call("tf.keras.Input", [shape, f"name={source(one)}", *further], before=f"{source(one)}: ", indent=8)
            for one, shape in shapes.items()
        ]
        lines += ["    inputs = {", *(f"{one}," for one in made), "    }"]
        joined = call("tf.keras.layers.Concatenate", further)
        lines.append(f"    value = {joined.strip()}(list(inputs.values()))")
        value = "value"
    for layer in [*layers, *([{"kind": "softmax"}] if output == "probabilities" else [])]:
        for function, arguments in _layers(layer, flat=flat):
            made = call(f"tf.keras.layers.{function}", [*arguments, *further], before="value = ", after=f"({value})")
            lines.append(made)
            value = "value"
        flat = flat or layer["kind"] in _FLATTENING
    lines.append(f"    model = tf.keras.Model(inputs, {value})")
    return "\n".join([*lines, f"    model.set_weights({weights})", "    return model", ""])


def _layers(layer: Mapping[str, Any], *, flat: bool) -> list[tuple[str, list[str]]]:
    """Class and arguments of the Keras layers that a declared one is."""
    kind = layer["kind"]
    if kind == "dense":
        penalty = [f"kernel_regularizer=tf.keras.regularizers.L2({source(layer['l2'])})"] if "l2" in layer else []
        return [*([] if flat else [("Flatten", [])]), ("Dense", [repr(layer["units"]), *penalty])]
    if kind == "conv":
        named = keywords({"strides": layer["strides"], "padding": layer["padding"]})
        return [("Conv2D", [repr(layer["filters"]), repr(layer["kernel"]), *named])]
    simple = {
        "max_pool": ("MaxPooling2D", "size"),
        "average_pool": ("AveragePooling2D", "size"),
        "flatten": ("Flatten", None),
        "batchnorm": ("BatchNormalization", None),
        "dropout": ("Dropout", "rate"),
        "rescale": ("Rescaling", "factor"),
    }
    function, argument = simple.get(kind, ("Activation", ""))
    if argument == "":
        return [(function, [source(kind)])]
    return [(function, [] if argument is None else [source(layer[argument])])]


def _named(model: Mapping[str, Any], dtype: str) -> str:
    """A model of the user's own: a Keras file that lies beside the script, or a function that makes it."""
    if "factory" in model:
        module, _, function = model["factory"].partition(":")
        made = [f"    from {module} import {function}", "", f"    model = {function}()"]
    else:
        made = [
            "    folder = os.path.dirname(os.path.abspath(__file__))",
            call("os.path.join", ["folder", source(Path(model["keras"]).name)], before="path = "),
            "    # Where TensorFlow behaves as version 1, Keras does not find these by name.",
            "    own = {",
            '        "Functional": tf.keras.Model,',
            '        "Sequential": tf.keras.Sequential,',
            "    }",
            call("tf.keras.models.load_model", ["path", "compile=False", "custom_objects=own"], before="model = "),
        ]
    if dtype != "float32":
        made += [
            "    # The same architecture in another precision.",
            f"    config = json.dumps(model.get_config()).replace('\"float32\"', '\"{dtype}\"')",
            "    model = type(model).from_config(json.loads(config))",
        ]
    return "\n".join(["def build_model():", *made, "    model.set_weights(weights)", "    return model", ""])
