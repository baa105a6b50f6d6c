"""The settings of every point of a matrix, each combination of one section's values worked out once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from harness.scenario.complaints import Complaint, Report
from harness.scenario.ids import case_id
from harness.scenario.load import Document
from harness.scenario.matrix import Point
from harness.scenario.node import Node
from harness.scenario.paths import Permissions
from harness.scenario.sections import Settings, Site, settle_attack, settle_data, settle_model

_PATHS = {"model": ("keras", "weights"), "data": ("path",), "attack": ()}

_Key = tuple[Any, ...]


class Settling:
    """Settles the sections of one document, point by point."""

    def __init__(self, document: Document, permissions: Permissions):
        self._document = document
        self._site = Site(document.folder, permissions)
        self._nodes: dict[_Key, Node] = {}
        self._results: dict[_Key, tuple[Any, list[Complaint]]] = {}
        self._points: list[tuple[Point, list[Complaint]]] = []

    def settle(self, point: Point) -> dict[str, Settings]:
        """The canonical sections ``model``, ``data`` and ``attack`` at a point, without the invalid ones."""
        keys = _key(point, "data"), _key(point, "model", "data"), _key(point, "attack", "data")
        settled = self._once(keys[0], lambda report: settle_data(self._node("data", point), report, self._site))
        data, facts = settled or (None, None)
        model = self._once(
            keys[1], lambda report: settle_model(self._node("model", point), report, self._site, data, facts)
        )
        attack = self._once(keys[2], lambda report: settle_attack(self._node("attack", point), report, data, facts))
        sections = {"model": model, "data": data, "attack": attack}
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
                    node = node.replaced(rest, value)
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


def _key(point: Point, *sections: str) -> _Key:
    return (sections, *(id(node) for name, node in point.items() if name.partition(".")[0] in sections))
