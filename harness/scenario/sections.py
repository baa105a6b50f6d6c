"""The settings of one case: read, checked against each other, in canonical form."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness.scenario.complaints import Report, quote
from harness.scenario.facts import DEFAULT_BATCH, SHIPPED, Facts, split_size
from harness.scenario.fit import check_adversarial_training, check_attack, check_layers, check_training
from harness.scenario.keras_file import KerasFileError, check_harmless, check_is_archive
from harness.scenario.kinds import REFUSED, for_kind
from harness.scenario.node import Node
from harness.scenario.npz import ArraysError, npz_facts, read_arrays
from harness.scenario.paths import Permissions, find_file
from harness.scenario.schema.attack import ATTACK
from harness.scenario.schema.data import DATA
from harness.scenario.schema.forms import INVALID
from harness.scenario.schema.model import MODEL
from harness.scenario.schema.training import TRAINING
from harness.vocabulary import Kind

DEFAULT_EPSILON = 0.1
"""Of the attack in an evaluation, where the scenario leaves epsilon to the libraries."""

_TRAINS_NOTHING = "kind perturbation trains nothing. Remove it, or state kind loss or training."

Settings = dict[str, Any]


@dataclass(frozen=True)
class Site:
    """Where a scenario file lies, and what it may do."""

    folder: Path
    permissions: Permissions


def settle_data(node: Node, report: Report, site: Site, kind: Kind | None) -> tuple[Settings, Facts] | None:
    """The section ``data`` and what is known of it; ``None`` if it cannot be known.

    The path is filled in, and the batch, except in kind training: there it has no ``split``, ``batch`` and ``seed``.
    """
    node = for_kind(kind, "data", node, report)
    data = DATA.read(node, ("data",), report)
    facts = None if data is INVALID else _facts(data, node, report, site)
    if facts is None:
        return None
    if kind == "training":
        del data["split"], data["seed"]
    else:
        most = facts.examples if data["source"] == "inline" else DEFAULT_BATCH
        data.setdefault("batch", min(most, split_size(facts.examples, data["split"])))
        _check_batch(data, facts, node, report)
    _check_data(data, facts, node, report)
    return data, facts


def _facts(data: Settings, node: Node, report: Report, site: Site) -> Facts | None:
    """What is known of the data; ``path`` and ``classes`` are filled in."""
    source = data["source"]
    if source in SHIPPED:
        return SHIPPED[source]
    if source == "inline":
        facts = Facts("inline", _shape(data["x"][0]), max(2, max(data["y"]) + 1), len(data["x"]))
    else:
        data["path"] = find_file(node.items["path"], ("data", "path"), report, site.folder, site.permissions)
        if not data["path"]:
            return None
        try:
            facts = npz_facts(data["path"])
        except ArraysError as error:
            report.at(node.items["path"], ("data", "path"), f"{quote(node.items['path'].value)} {error}")
            return None
    return replace(facts, classes=data.setdefault("classes", facts.classes))


def _check_batch(data: Settings, facts: Facts, node: Node, report: Report) -> None:
    size = split_size(facts.examples, data["split"])
    if data["batch"] > size:
        message = (
            f"expected at most {size}, the size of the {data['split']} split of {facts.name}, got {data['batch']}."
        )
        report.at(node.find(("batch",)), ("data", "batch"), message)


def _check_data(data: Settings, facts: Facts, node: Node, report: Report) -> None:
    widths = data.get("inputs")
    if widths and sum(widths.values()) != facts.features:
        message = (
            f"expected widths that add up to the {facts.features} features of {facts.name}, got {sum(widths.values())}."
        )
        report.at(node.items["inputs"], ("data", "inputs"), message)
    occurring = max(data["y"]) + 1 if "y" in data else 0
    if occurring > facts.classes:
        index = data["y"].index(occurring - 1)
        message = (
            f"there is no class {occurring - 1}: data.classes says there are {facts.classes}, 0 to {facts.classes - 1}."
        )
        report.at(node.find(("y", index)), ("data", "y", index), message)


def _shape(example: Any) -> tuple[int, ...]:
    return (len(example), *_shape(example[0])) if isinstance(example, list) else ()


def settle_model(
    node: Node, report: Report, site: Site, kind: Kind | None, data: Settings | None, facts: Facts | None
) -> Settings | None:
    """The section ``model`` with absolute paths; ``None`` after complaining.

    Args:
        data, facts: as ``settle_data`` gave them; with ``None`` nothing is checked against the data.
    """
    before = len(report.complaints)
    node = for_kind(kind, "model", node, report)
    model = MODEL.read(node, ("model",), report)
    if model is INVALID:
        return None
    for name in ("keras", "weights"):
        if name in model:
            model[name] = find_file(node.items[name], ("model", name), report, site.folder, site.permissions)
    for name in ("keras", "weights"):
        if model.get(name):
            _check_file(name, Path(model[name]), node.items[name], report, site)
    if "factory" in model and not site.permissions.code:
        message = f"the function {model['factory']} would be run. Allow it with --allow-code if you trust this file."
        report.at(node.items["factory"], ("model", "factory"), message)
    if "layers" in model and data is not None and facts is not None:
        check_layers(model, node, report, data, facts)
    return None if len(report.complaints) > before else model


def _check_file(name: str, path: Path, node: Node, report: Report, site: Site) -> None:
    try:
        if name == "weights":
            read_arrays(str(path), "Save it with np.savez(path, *model.get_weights()).")
        elif site.permissions.code:
            check_is_archive(path)
        else:
            check_harmless(path)
    except (KerasFileError, ArraysError) as error:
        report.at(node, ("model", name), f"{quote(node.value)} {error}")


def settle_attack(
    node: Node, report: Report, kind: Kind | None, data: Settings | None, facts: Facts | None
) -> Settings | None:
    """The section ``attack``; ``None`` after complaining. ``data`` and ``facts`` as for ``settle_model``."""
    before = len(report.complaints)
    node = for_kind(kind, "attack", node, report)
    attack = ATTACK.read(node, ("attack",), report)
    if attack is INVALID:
        return None
    if kind in ("loss", "training"):
        check_adversarial_training(attack, node, report, kind)
    elif data is not None and facts is not None:
        check_attack(attack, node, report, data, facts)
    return None if len(report.complaints) > before else attack


def settle_training(
    node: Node, root: Node, report: Report, kind: Kind | None, attack: Settings | None, facts: Facts | None
) -> Settings | None:
    """The section ``training``, empty for kind perturbation, which refuses it; ``None`` after complaining.

    Args:
        node: without settings where neither the file nor the matrix has any; ``root`` is the whole file.
        attack: as ``settle_attack`` gave it; its epsilon is that of the evaluation where this section states none.
        facts: as for ``settle_model``.
    """
    before = len(report.complaints)
    if kind == "perturbation":
        if "training" in root.items:
            report.at_key(root, ("training",), _TRAINS_NOTHING)
        else:
            for name in node.value:
                report.at_key(node, ("training", name), _TRAINS_NOTHING)
        return {}
    node = for_kind(kind, "training", node, report)
    training = TRAINING.read(node, ("training",), report)
    if training is INVALID or kind is None or len(report.complaints) > before:
        return None
    if kind == "training":
        epsilon = (attack or {}).get("epsilon", DEFAULT_EPSILON)
        training["evaluate"] = {"every": 0, "epsilons": [epsilon], **training.get("evaluate", {})}
        check_training(training, node, report, facts)
        return None if len(report.complaints) > before else training
    return {name: value for name, value in training.items() if name not in REFUSED[kind]["training"]}
