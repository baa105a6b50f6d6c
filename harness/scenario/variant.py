"""A case at another point: with other values for some of its settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from harness.scenario.complaints import Report, ScenarioError
from harness.scenario.ids import case_id
from harness.scenario.node import Node, Step
from harness.scenario.schema.settings import SETTINGS
from harness.vocabulary import Case


def variant(case: Case, settings: Mapping[str, Any]) -> Case:
    """The case with these settings, as a matrix that held them would have it; nothing is expected of it.

    Args:
        case: any.
        settings: dotted name of a section's setting, e.g. ``attack.norm``, to its value as a file has it; ``None``
            leaves the setting out.

    Raises:
        ScenarioError: a value is none that the setting may have.
    """
    report = Report(case.location.file)
    sections = {name: dict(getattr(case, name)) for name in ("model", "data", "attack", "training")}
    for dotted, value in settings.items():
        section, _, name = dotted.partition(".")
        if value is None:
            sections[section].pop(name, None)
        else:
            sections[section][name] = SETTINGS[dotted].read(_node(value), (section, name), report)
    if report.complaints:
        raise ScenarioError(report.complaints)
    point = {**case.point, **settings}
    return replace(case, id=case_id(case.scenario, point), point=point, expectations={}, **sections)


def _node(value: Any) -> Node:
    items: dict[Step, Node] = {}
    if isinstance(value, dict | list):
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        items = {step: _node(inner) for step, inner in pairs}
    return Node(value, 1, 1, items)
