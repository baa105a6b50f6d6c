"""The section ``model``: one model with identical weights for every subject."""

from __future__ import annotations

from typing import Any

from harness.scenario.complaints import Report, dotted
from harness.scenario.node import Node, Path
from harness.scenario.schema.forms import INVALID, ListOf, Number, OneOf, Text, Whole
from harness.scenario.schema.layers import LAYER
from harness.scenario.schema.mapping import REQUIRED, Key, Section

SEED = Whole(0, 2**32 - 1)
SCHEMES = ("glorot_uniform", "glorot_normal", "he_uniform", "he_normal", "uniform", "normal")

_INIT_DEFAULTS = {"scheme": "glorot_uniform", "seed": 0, "scale": 1.0}

INIT = Section(
    "How the weights are drawn. NumPy draws them, so they are the same under any version of any framework.",
    {
        "scheme": Key(
            OneOf("an initialisation scheme", SCHEMES),
            "The distribution of the weights of dense and conv layers. uniform: from -1 to 1; normal: with a standard "
            "deviation of 1.",
            default=_INIT_DEFAULTS["scheme"],
        ),
        "seed": Key(SEED, "The seed of the generator.", default=_INIT_DEFAULTS["seed"]),
        "scale": Key(Number(), "A factor for every weight that is drawn.", default=_INIT_DEFAULTS["scale"]),
    },
)

_RATE = Number(above=0)
_OPTIMIZER = Section(
    "An optimizer with its learning rate.",
    {"adam": Key(_RATE, "Adam; the value is the rate."), "sgd": Key(_RATE, "Gradient descent; the value is the rate.")},
    exactly_one=True,
)

PRETRAIN = Section(
    "Training on the training split before the attack; done once and shared by all subjects.",
    {
        "epochs": Key(Whole(1, 10_000), "How often every example is seen.", default=REQUIRED),
        "optimizer": Key(_OPTIMIZER, "{adam: RATE} or {sgd: RATE}.", default={"adam": 1e-3}),
        "batch_size": Key(Whole(1), "Examples in one step.", default=32),
        "seed": Key(SEED, "Orders the examples.", default=0),
    },
)

MAKERS = ("layers", "keras", "factory")
_WITH_LAYERS = ("init", "weights", "before")
"""Keys that go with layers only."""


def _finish(values: dict[str, Any], node: Node, at: Path, report: Report) -> Any:
    makers = [name for name in MAKERS if name in values]
    if len(makers) != 1:
        got = " and ".join(makers) or "none of them"
        report.at(node, at, f"expected exactly one of {', '.join(MAKERS)}, got {got}.")
        return INVALID
    clashes = [(name, makers[0]) for name in _WITH_LAYERS if makers != ["layers"] and name in values]
    clashes += [(name, "weights") for name in ("init", "before") if name in values and "weights" in values]
    for name, other in clashes:
        report.at_key(node, (*at, name), f"does not go with {dotted((*at, other))}. Remove one of the two.")
    if clashes:
        return INVALID
    drawn = "layers" in values and "weights" not in values
    return values | ({"init": dict(_INIT_DEFAULTS)} if drawn and "init" not in values else {})


_PATH = Text("a path")

MODEL = Section(
    "One model, the same for every subject: exactly one of layers, keras and factory.",
    {
        "layers": Key(
            ListOf("a list of layers, e.g. [{dense: 64}, relu, {dense: 10}]", LAYER, least=1),
            "The layers from input to output; the last one has one unit for each class.",
        ),
        "before": Key(
            ListOf("a list of layers, e.g. [{dense: 16}, relu]", LAYER, least=1),
            "Kind loss: layers that stand before the perturbed input; the attack perturbs what they return.",
        ),
        "keras": Key(_PATH, "Path of a .keras file, from the folder of the scenario file."),
        "factory": Key(
            Text("a function as package.module:function", r"[A-Za-z_][A-Za-z0-9_.]*:[A-Za-z_][A-Za-z0-9_]*"),
            "A Python function that returns the model, as package.module:function. Needs --allow-code.",
        ),
        "output": Key(
            OneOf("an output", ("logits", "probabilities")),
            "What the model returns. For layers, probabilities puts a softmax at the end.",
            default="logits",
        ),
        "init": Key(INIT, "How the weights of the layers are drawn."),
        "weights": Key(_PATH, "Path of an .npz file with the weights of the layers, instead of init."),
        "pretrain": Key(PRETRAIN, "Train the model before the attack."),
    },
    finish=_finish,
)
