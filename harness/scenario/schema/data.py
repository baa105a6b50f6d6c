"""The section ``data``: where the batch comes from."""

from __future__ import annotations

from typing import Any

from harness.scenario.complaints import Report
from harness.scenario.node import Node, Path
from harness.scenario.schema.arrays import read_shape
from harness.scenario.schema.forms import INVALID, Custom, ListOf, MapOf, OneOf, Text, Whole
from harness.scenario.schema.mapping import REQUIRED, Key, Section
from harness.scenario.schema.model import SEED

SHIPPED = ("digits", "iris", "wine", "breast_cancer", "blobs")
SOURCES = (*SHIPPED, "npz", "inline")
SPLITS = ("test", "train", "all")

_SOURCES_OF = {
    "path": ("npz",),
    "x": ("inline",),
    "y": ("inline",),
    "classes": ("npz", "inline"),
    "split": SHIPPED,
    "batch": (*SHIPPED, "npz"),
    "seed": (*SHIPPED, "npz"),
}
"""Keys that mean something to some sources only. Inline examples are the batch, in their order."""

_NEEDED = ("path", "x", "y")


def _features(node: Node, at: Path, report: Report) -> list:
    shape = read_shape(node, at, report)
    if shape is not None and len(shape) < 2:
        report.at(node, at, "expected a list of examples, each a list of numbers, got a list of numbers.")
    return INVALID if shape is None or len(shape) < 2 else node.value


_X = Custom(_features, {"type": "array", "items": {"type": "array"}, "minItems": 1})


def _finish(values: dict[str, Any], node: Node, at: Path, report: Report) -> Any:
    before = len(report.complaints)
    source = values["source"]
    for name, sources in _SOURCES_OF.items():
        if name in values and source not in sources:
            report.at_key(node, (*at, name), f"goes with source {' or '.join(sources)}, not with {source}. Remove it.")
        elif name in _NEEDED and name not in values and source in sources:
            report.at(node, (*at, name), f"is missing. {DATA.keys[name].description}")
    if "x" in values and "y" in values and len(values["x"]) != len(values["y"]):
        message = f"expected a class for each of the {len(values['x'])} examples in x, got {len(values['y'])}."
        report.at(node.items["y"], (*at, "y"), message)
    if len(report.complaints) > before:
        return INVALID
    return {"split": "test" if source in SHIPPED else "all", "seed": 0, **values}


DATA = Section(
    "The batch that every subject gets.",
    {
        "source": Key(
            OneOf("a data source", SOURCES),
            "digits: 8x8 images of 10 classes, in [0, 1]. iris, wine, breast_cancer: tables, each column in [0, 1]. "
            "blobs: three generated clouds. npz: a file with the arrays x and y. inline: x and y stand here.",
            default=REQUIRED,
        ),
        "split": Key(
            OneOf("a split", SPLITS),
            "What the batch is taken from. The test split is a third of the examples, the same for every seed. "
            "Default: test.",
        ),
        "batch": Key(Whole(1), "How many examples. Default: 64, or all where there are fewer."),
        "seed": Key(SEED, "Chooses the batch from the split. Default: 0."),
        "path": Key(Text("a path"), "Source npz: path of the file, from the folder of the scenario file."),
        "x": Key(_X, "Source inline: the examples, nested lists of numbers."),
        "y": Key(
            ListOf("a list of classes, one for each example", Whole(0, 65_535), least=1),
            "Source inline: the class of each example.",
        ),
        "inputs": Key(
            MapOf("a mapping of input name to width", Whole(1), least=1, pattern="[A-Za-z][A-Za-z0-9_]{0,39}"),
            "Splits the features, in order, into several named inputs: name to number of features.",
        ),
        "classes": Key(
            Whole(2, 65_536), "Sources npz and inline: how many classes there are. Default: up to the highest in y."
        ),
    },
    finish=_finish,
)
