"""The layers of a model: a word (``relu``), or a mapping with one key (``{dense: 64}``, ``{conv: {filters: 8}}``)."""

from __future__ import annotations

from typing import Any

from harness.scenario.complaints import Report, describe, did_you_mean, quote
from harness.scenario.node import Node, Path
from harness.scenario.schema.forms import INVALID, Custom, Number, OneOf, Whole
from harness.scenario.schema.mapping import REQUIRED, Key, Section, Shorthand

_SIZE = Whole(1, 65_536)

_DENSE = Section(
    "A fully connected layer. Input that is not flat is flattened first.",
    {
        "units": Key(_SIZE, "The number of outputs.", default=REQUIRED),
        "l2": Key(
            Number(above=0),
            "A regularisation loss of the model's own: this times the sum of the squares of the layer's kernel.",
        ),
    },
)
_CONV = Section(
    "A two-dimensional convolution over (height, width, channels).",
    {
        "filters": Key(_SIZE, "The number of output channels.", default=REQUIRED),
        "kernel": Key(_SIZE, "Height and width of the kernel.", default=3),
        "strides": Key(_SIZE, "The step from one position of the kernel to the next.", default=1),
        "padding": Key(
            OneOf("a padding", ("same", "valid")),
            "same: the output is as large as the input, divided by the strides. valid: no padding.",
            default="same",
        ),
    },
)
_POOL = Section(
    "Pooling over windows that do not overlap; a rest at the edge is dropped.",
    {"size": Key(_SIZE, "Height and width of the window.", default=REQUIRED)},
)
_DROPOUT = Section(
    "Drops elements while training, does nothing while predicting.",
    {"rate": Key(Number(least=0, below=1), "The share of the elements that is dropped.", default=REQUIRED)},
)
_RESCALE = Section(
    "Multiplies by a constant, e.g. to make a model very confident or its gradients small.",
    {"factor": Key(Number(), "The factor.", default=REQUIRED)},
)
_NO_SETTINGS = Section("A layer without settings.", {})

WORDS = ("flatten", "batchnorm", "relu", "tanh", "sigmoid", "elu", "softplus")
"""The layers without settings."""

_WITH_SETTINGS = {
    "dense": Key(Shorthand("units", _DENSE), "Fully connected; flattens first."),
    "conv": Key(Shorthand("filters", _CONV), "Two-dimensional convolution."),
    "max_pool": Key(Shorthand("size", _POOL), "The largest value of each window."),
    "pool": Key(Shorthand("size", _POOL), "The same as max_pool."),
    "average_pool": Key(Shorthand("size", _POOL), "The mean of each window."),
    "dropout": Key(Shorthand("rate", _DROPOUT), "Drops elements while training."),
    "rescale": Key(Shorthand("factor", _RESCALE), "Multiplies by a constant."),
}


def _canonical(values: dict[str, Any], node: Node, at: Path, report: Report) -> dict[str, Any]:
    ((kind, settings),) = values.items()
    return {"kind": "max_pool" if kind == "pool" else kind, **settings}


_FORM = Section(
    "One layer.",
    {**_WITH_SETTINGS, **{word: Key(_NO_SETTINGS, "A layer without settings.") for word in WORDS}},
    finish=_canonical,
    exactly_one=True,
)


def _read(node: Node, at: Path, report: Report) -> dict[str, Any]:
    value = node.value
    if isinstance(value, str) and value in WORDS:
        return {"kind": value}
    if isinstance(value, dict):
        return _FORM.read(node, at, report)
    if not isinstance(value, str):
        report.at(node, at, f"expected a layer, e.g. relu or {{dense: 64}}, got {describe(value)}.")
    elif value in _WITH_SETTINGS:
        report.at(node, at, f"'{value}' needs a value, as in {{dense: 64}}: {_WITH_SETTINGS[value].description}")
    else:
        report.at(node, at, f"{quote(value)} is not a layer. {did_you_mean(value, tuple(_FORM.keys))}")
    return INVALID


LAYER = Custom(_read, {"anyOf": [{"enum": list(WORDS)}, _FORM.schema()]})
"""Read as ``{"kind": ..., setting: value, ...}`` with all defaults filled in."""
