"""What each kind of case needs of the sections, and what it has no use for."""

from __future__ import annotations

from harness.scenario.complaints import Report
from harness.scenario.node import Node
from harness.scenario.schema.settings import SECTIONS
from harness.vocabulary import Kind

_ONE_STEP = "goes with kind training: kind loss takes the gradients of one batch and updates no weight. Remove it."
_NO_MASK = "goes with kind perturbation. Remove it."
_NO_BEFORE = "goes with kind loss, not with kind {}. Remove it."

REFUSED: dict[Kind, dict[str, dict[str, str]]] = {
    "perturbation": {"model": {"before": _NO_BEFORE.format("perturbation")}},
    "loss": {
        "attack": {"feature_mask": _NO_MASK},
        "training": dict.fromkeys(
            ("optimizer", "steps", "batch_size", "seeds", "seed", "evaluate", "margin"), _ONE_STEP
        ),
    },
    "training": {
        "model": {"before": _NO_BEFORE.format("training")},
        "data": {
            "split": "is fixed: training uses the train split, evaluation the test split. Remove it.",
            "batch": "does not go with kind training, whose batches have training.batch_size examples. Remove it.",
            "seed": "chooses nothing in kind training: training.seed orders the batches. Remove it.",
        },
        "attack": {"feature_mask": _NO_MASK},
    },
}
"""By kind and section: keys that would mean nothing, and what to say of them."""

_NEEDED: dict[Kind, dict[str, tuple[str, ...]]] = {"training": {"training": ("optimizer", "steps", "batch_size")}}


def for_kind(kind: Kind | None, section: str, node: Node, report: Report) -> Node:
    """A section without the keys that its kind refuses. Complains about each of those, and of those that it lacks.

    Args:
        kind: ``None`` where the file states no valid one; then nothing is refused and nothing needed.
    """
    if kind is None or not isinstance(node.value, dict):
        return node
    refused = REFUSED[kind].get(section, {})
    for name, message in refused.items():
        if name in node.value:
            report.at_key(node, (section, name), message)
    for name in _NEEDED.get(kind, {}).get(section, ()):
        if name not in node.value:
            report.at(node, (section, name), f"is missing. {SECTIONS[section].keys[name].description}")
    return node.without(refused)
