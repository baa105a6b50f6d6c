"""The section ``attack``: what every subject is told."""

from __future__ import annotations

from harness.scenario.complaints import Report, describe, did_you_mean, quote
from harness.scenario.node import Node, Path
from harness.scenario.schema.arrays import read_shape
from harness.scenario.schema.epsilon import EPSILON
from harness.scenario.schema.forms import INVALID, Custom, Number, OneOf, Whole
from harness.scenario.schema.mapping import REQUIRED, Key, Section
from harness.vocabulary import NORMS

_TARGET = Section(
    "A targeted attack, towards one class.", {"target": Key(Whole(0, 65_535), "The class.", default=REQUIRED)}
)
_SOURCES = ("given", "predicted")


def _labels(node: Node, at: Path, report: Report) -> str | dict[str, int]:
    value = node.value
    if isinstance(value, dict):
        return _TARGET.read(node, at, report)
    if isinstance(value, str) and value in _SOURCES:
        return value
    report.at(node, at, f"{quote(value)} names no labels. {did_you_mean(value, (*_SOURCES, '{target: CLASS}'))}")
    return INVALID


_LABELS = Custom(_labels, {"anyOf": [{"enum": list(_SOURCES)}, _TARGET.schema()]})


def _clip(node: Node, at: Path, report: Report) -> list[float | None]:
    value = node.value
    if not isinstance(value, list) or len(value) != 2:
        report.at(node, at, f"expected [lowest, highest], either of which may be null, got {describe(value)}.")
        return INVALID
    ends = [None if value[i] is None else Number().read(node.items[i], (*at, i), report) for i in range(2)]
    if any(end is INVALID for end in ends):
        return INVALID
    low, high = ends
    if low is not None and high is not None and low >= high:
        report.at(node, at, f"expected the lowest value first, got [{value[0]}, {value[1]}].")
        return INVALID
    return ends


_CLIP = Custom(_clip, {"type": "array", "items": {"type": ["number", "null"]}, "minItems": 2, "maxItems": 2})


def _feature_mask(node: Node, at: Path, report: Report) -> list | dict[str, list]:
    value = node.value
    if not isinstance(value, dict):
        return INVALID if read_shape(node, at, report, least=0, most=1) is None else value
    if not value:
        report.at(node, at, "expected a mask for at least one input, got an empty mapping.")
        return INVALID
    shapes = [read_shape(node.items[name], (*at, name), report, least=0, most=1) for name in value]
    return INVALID if None in shapes else value


_MASK = {"type": "array", "items": {"anyOf": [{"type": "number", "minimum": 0, "maximum": 1}, {"type": "array"}]}}
_FEATURE_MASK = Custom(
    _feature_mask, {"anyOf": [_MASK, {"type": "object", "additionalProperties": _MASK, "minProperties": 1}]}
)

ATTACK = Section(
    "The settings of the attack. What is left out is left to each library's own default.",
    {
        "epsilon": Key(
            EPSILON, "How far an example may move, in units of x: a number of at least 0 or a fraction such as 8/255."
        ),
        "norm": Key(OneOf("a norm", NORMS), "The norm in which epsilon is measured."),
        "labels": Key(_LABELS, "The labels the attack uses: given, the model's own (predicted), or {target: CLASS}."),
        "clip": Key(
            _CLIP,
            "[lowest, highest] value of an adversarial example; null is no limit, [null, null] is explicitly none.",
        ),
        "loss": Key(
            OneOf("a loss", ("cross_entropy",)),
            "The loss that the attack ascends. cross_entropy: the one that fits the model's output, named explicitly.",
        ),
        "loss_reduction": Key(
            OneOf("a reduction", ("mean", "sum", "none")),
            "How the losses of the examples become the loss that is differentiated.",
        ),
        "feature_mask": Key(
            _FEATURE_MASK,
            "How much each feature may move, from 0 to 1: nested lists that broadcast to one example, or a mapping of "
            "input name to such lists.",
        ),
        "dtype": Key(OneOf("a dtype", ("float32", "float64")), "The precision in which the attack is computed."),
    },
)
