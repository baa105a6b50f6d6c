"""Whether model, attack and training fit the data and the kind: shapes from layer to layer, classes, masks, batches."""

from __future__ import annotations

from typing import Any

from harness.scenario.complaints import Report, quote
from harness.scenario.facts import SHIPPED, Facts, split_size
from harness.scenario.node import Node
from harness.vocabulary import Kind

Shape = tuple[int, ...]


def check_layers(model: dict[str, Any], node: Node, report: Report, data: dict[str, Any], facts: Facts) -> None:
    """Complain where a layer cannot take its input, and where the last one does not give one number for each class.

    Args:
        model: the canonical section, with ``layers``, and ``before`` where layers stand before the perturbed input;
            ``node`` is the section as it stands in the file.
        data: the canonical section; several named inputs reach the first layer as one flat row.
    """
    shape = (facts.features,) if "inputs" in data else facts.shape
    for part in ("before", "layers"):
        for index, layer in enumerate(model.get(part, ())):
            result = _output(layer, shape)
            if isinstance(result, str):
                report.at(node.find((part, index)), ("model", part, index), result)
                return
            shape = result
    last = len(model["layers"]) - 1
    if shape != (facts.classes,):
        outputs = f"{facts.classes} outputs, one for each class of {facts.name}"
        message = f"expected {outputs}, got {_words(shape)}. End with {{dense: {facts.classes}}}."
        report.at(node.find(("layers", last)), ("model", "layers", last), message)


def _output(layer: dict[str, Any], shape: Shape) -> Shape | str:
    """The shape after a layer, or what is wrong with the one before it."""
    kind = layer["kind"]
    if kind == "dense":
        return (layer["units"],)
    if kind == "flatten":
        size = 1
        for length in shape:
            size *= length
        return (size,)
    if kind not in ("conv", "max_pool", "average_pool"):
        return shape
    if len(shape) != 3:
        return f"{kind} expects images of shape (height, width, channels), got {_words(shape)}."
    height, width, channels = shape
    if kind == "conv":
        window, step, same = layer["kernel"], layer["strides"], layer["padding"] == "same"
        channels = layer["filters"]
    else:
        window, step, same = layer["size"], layer["size"], False
    if not same and window > min(height, width):
        return f"a window of {window}x{window} does not fit into images of {height}x{width}. Make it smaller."
    if same:
        return (-(-height // step), -(-width // step), channels)
    return ((height - window) // step + 1, (width - window) // step + 1, channels)


def _words(shape: Shape) -> str:
    return str(shape[0]) if len(shape) == 1 else f"shape {'x'.join(map(str, shape))}"


def check_adversarial_training(attack: dict[str, Any], node: Node, report: Report, kind: Kind) -> None:
    """Complain about values of the attack that kinds loss and training have no use for."""
    if isinstance(attack.get("labels"), dict):
        message = f"neither library trains towards a target class. With kind {kind} state given or predicted."
        report.at(node.items["labels"], ("attack", "labels"), message)
    if attack.get("loss_reduction") == "none":
        message = f"one loss serves the attack and kind {kind}, and must be one number. State mean or sum."
        report.at(node.items["loss_reduction"], ("attack", "loss_reduction"), message)


def check_attack(
    attack: dict[str, Any],
    node: Node,
    report: Report,
    data: dict[str, Any],
    facts: Facts,
) -> None:
    """Complain about a target class that does not exist and a mask that does not fit the inputs."""
    labels = attack.get("labels")
    if isinstance(labels, dict) and labels["target"] >= facts.classes:
        message = f"there is no class {labels['target']}: {facts.name} has the classes 0 to {facts.classes - 1}."
        report.at(node.find(("labels", "target")), ("attack", "labels", "target"), message)
    if "feature_mask" in attack:
        _check_mask(attack["feature_mask"], node.items["feature_mask"], report, data, facts)


def check_training(training: dict[str, Any], node: Node, report: Report, facts: Facts | None) -> None:
    """Complain about batches larger than what there is to train on, and an evaluation that never comes.

    Args:
        training: the canonical section of a case of kind training.
        facts: with ``None`` nothing is checked against the data.
    """
    if facts is not None:
        split = facts.name in SHIPPED
        size = split_size(facts.examples, "train" if split else "all")
        if training["batch_size"] > size:
            what = f"the size of the train split of {facts.name}" if split else f"the examples of {facts.name}"
            message = f"expected at most {size}, {what}, got {training['batch_size']}."
            report.at(node.find(("batch_size",)), ("training", "batch_size"), message)
    if training["evaluate"]["every"] > training["steps"]:
        message = f"expected at most training.steps, {training['steps']}, got {training['evaluate']['every']}."
        report.at(node.find(("evaluate", "every")), ("training", "evaluate", "every"), message)


def _check_mask(mask: Any, node: Node, report: Report, data: dict[str, Any], facts: Facts) -> None:
    at = ("attack", "feature_mask")
    inputs: dict[str, int] | None = data.get("inputs")
    if (inputs is None) != isinstance(mask, list):
        names = "nested lists" if inputs is None else f"a mapping with the inputs {', '.join(inputs)} as keys"
        report.at(node, at, f"expected {names}, because data.inputs is {'not ' * (inputs is None)}stated.")
        return
    if inputs is None:
        _check_broadcast(mask, facts.shape, node, at, report)
        return
    for name in mask:
        if name not in inputs:
            report.at_key(node, (*at, name), f"there is no input {quote(name)}. Valid: {', '.join(inputs)}.")
        else:
            _check_broadcast(mask[name], (inputs[name],), node.items[name], (*at, name), report)


def _check_broadcast(mask: Any, shape: Shape, node: Node, at: tuple, report: Report) -> None:
    own: Shape = ()
    inner = mask
    while isinstance(inner, list):
        own = (*own, len(inner))
        inner = inner[0]
    fits = len(own) <= len(shape) and all(a in (1, b) for a, b in zip(reversed(own), reversed(shape), strict=False))
    if not fits:
        wanted, got = ("x".join(map(str, lengths)) for lengths in (shape, own))
        report.at(node, at, f"expected a shape that broadcasts to {wanted}, one example, got {got}.")
