"""The settings of every point of a matrix, each combination of one section's values worked out once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from harness.scenario.complaints import Complaint, Report
from harness.scenario.ids import case_id
from harness.scenario.load import Document
from harness.scenario.matrix import Point
from harness.scenario.node import Node
from harness.scenario.paths import Permissions
from harness.scenario.schema.mapping import Shorthand
from harness.scenario.schema.settings import SETTINGS
from harness.scenario.sections import Settings, Site, settle_attack, settle_data, settle_model, settle_training
from harness.vocabulary import Kind

_PATHS = {"model": ("keras", "weights"), "data": ("path",), "attack": (), "training": ()}
_ALL_BUT_MODEL = ("training", "attack", "data")

_Key = tuple[Any, ...]


class Settling:
    """Settles the sections of one document, point by point."""

    def __init__(self, document: Document, permissions: Permissions, kind: Kind | None):
        """``kind`` is ``None`` where the document states no valid one; what depends on it is then not looked at."""
        self._document = document
        self._kind: Kind | None = kind
        self._site = Site(document.folder, permissions)
        self._nodes: dict[_Key, Node] = {}
        self._results: dict[_Key, tuple[Any, list[Complaint]]] = {}
        self._points: list[tuple[Point, list[Complaint]]] = []

    def settle(self, point: Point) -> dict[str, Settings]:
        """The canonical sections ``model``, ``data``, ``attack`` and ``training`` at a point; none that is invalid."""
        kind, site, node, root = self._kind, self._site, self._node, self._document.root
        keys = [_key(point, *names) for names in (("data",), ("model", "data"), ("attack", "data"), _ALL_BUT_MODEL)]
        settled = self._once(keys[0], lambda report: settle_data(node("data", point), report, site, kind))
        data, facts = settled or (None, None)
        model = self._once(keys[1], lambda report: settle_model(node("model", point), report, site, kind, data, facts))
        attack = self._once(keys[2], lambda report: settle_attack(node("attack", point), report, kind, data, facts))
        training = self._once(
            keys[3], lambda report: settle_training(node("training", point), root, report, kind, attack, facts)
        )
        sections = {"model": model, "data": data, "attack": attack, "training": training}
        self._points.append((point, [complaint for key in keys for complaint in self._results[key][1]]))
        return {name: section for name, section in sections.items() if section is not None}

    def as_written(self, point: Point, settings: dict[str, Settings]) -> dict[str, Settings]:
        """Settled sections with paths as they stand in the file, for ``where`` to be compared with."""
        return {
            section: values
            | {name: self._node(section, point).value[name] for name in _PATHS[section] if name in values}
            for section, values in settings.items()
        }

    def tell(self, scenario: str, report: Report) -> None:
        """Add the complaints of all points, each once. One that only some points have names the first of these."""
        counts = Counter(complaint for _, complaints in self._points for complaint in set(complaints))
        for point, complaints in self._points:
            for complaint in complaints:
                count = counts.pop(complaint, 0)
                if 0 < count < len(self._points):
                    case = case_id(scenario, values_of(point))
                    complaint = Complaint(complaint.location, f"{complaint.message} (In case {case}.)")
                if count:
                    report.complaints.append(complaint)

    def _node(self, section: str, point: Point) -> Node:
        key = _key(point, section)
        if key not in self._nodes:
            node = self._document.root.get(section)
            for name, value in point.items():
                first, *rest = name.split(".")
                if first == section and isinstance(node.value, dict):
                    node = _spelled_out(node, first, rest).replaced(rest, value)
            self._nodes[key] = node
        return self._nodes[key]

    def _once(self, key: _Key, settle: Callable[[Report], Any]) -> Any:
        if key not in self._results:
            report = Report(self._document.file)
            self._results[key] = settle(report), report.complaints
        return self._results[key][0]


def values_of(point: Point) -> dict[str, Any]:
    """The plain values of a point, as they are written."""
    return {name: node.value for name, node in point.items()}


def _spelled_out(node: Node, section: str, steps: Sequence[str]) -> Node:
    """A section with mappings in place of the shorthands on the way to a setting, so that it takes nothing's place."""
    for depth in range(1, len(steps)):
        form = SETTINGS[".".join((section, *steps[:depth]))]
        parent = node.find(tuple(steps[: depth - 1]))
        if isinstance(form, Shorthand) and steps[depth - 1] in parent.items:
            node = node.replaced(steps[:depth], form.spelled_out(parent.items[steps[depth - 1]]))
    return node


def _key(point: Point, *sections: str) -> _Key:
    return (sections, *(id(node) for name, node in point.items() if name.partition(".")[0] in sections))
