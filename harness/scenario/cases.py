"""One scenario file to its cases."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.scenario.complaints import Report, ScenarioError
from harness.scenario.expect import Entry, check_entries, expectations, read_entries
from harness.scenario.ids import case_id
from harness.scenario.load import Document, read_document
from harness.scenario.matrix import Point, points
from harness.scenario.node import Node, Step
from harness.scenario.paths import Permissions
from harness.scenario.schema.forms import INVALID
from harness.scenario.schema.scenario import FRAME
from harness.scenario.settle import Settling, values_of
from harness.vocabulary import SUBJECTS, Case, Location, is_own

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_EMPTY = Node([], 1, 1)
"""In place of a part that the file does not have."""


def read_cases(path: Path, permissions: Permissions) -> list[Case]:
    """The cases of one scenario file, in the order of its matrix.

    Raises:
        ScenarioError: with everything that is wrong with the file.
    """
    document = read_document(path)
    cases = _cases(document, path.stem, permissions)
    if document.report.complaints:
        raise ScenarioError(document.report.complaints)
    return cases


def _cases(document: Document, name: str, permissions: Permissions) -> list[Case]:
    root, report = document.root, document.report
    if not _NAME.fullmatch(name):
        message = f"'{name}' cannot name a scenario. Rename the file: letters, digits, '-', '_' and '.' only."
        report.at(root, (), message)
    frame = FRAME.read(root, (), report)
    # Where the frame is broken, its sound parts are still looked at, so that all errors are told at once.
    parts = root.items if frame is not INVALID else _sound_parts(root)
    every = points(parts.get("matrix", _EMPTY), parts.get("exclude", _EMPTY), report)
    kind = parts["kind"].value if "kind" in parts else None
    settling = Settling(document, permissions, kind)
    settled = [settling.settle(point) for point in every]
    settling.tell(name, report)
    subjects = parts["subjects"].value if "subjects" in parts else SUBJECTS
    for index, subject in enumerate(subjects):
        if is_own(subject) and not permissions.code and subject not in permissions.subjects:
            message = f"the function {subject} would be run. Allow it with --allow-code if you trust this file."
            report.at(parts["subjects"].items[index], ("subjects", index), message)
    entries = read_entries(parts.get("expect", _EMPTY), subjects, kind, report)
    if frame is INVALID or report.complaints:
        return []
    cases = [
        _case(document, name, frame, point, settings, settling.as_written(point, settings), entries)
        for point, settings in zip(every, settled, strict=True)
    ]
    check_entries(entries, report)
    _check_different(cases, every, report)
    return cases


def _sound_parts(root: Node) -> dict[Step, Node]:
    """The parts of a broken file that can be used: valid top-level keys, and of the matrix its valid settings."""
    parts = {key: node for key, node in root.items.items() if key in FRAME.keys and _is_sound(str(key), node)}
    matrix = root.get("matrix")
    axes: dict[Step, Node] = {
        name: node
        for name, node in matrix.items.items()
        if isinstance(name, str) and _is_sound("matrix", Node({name: node.value}, 1, 1, {name: node}))
    }
    values = {str(name): node.value for name, node in axes.items()}
    return {**parts, "matrix": Node(values, matrix.line, matrix.column, axes, matrix.keys)}


def _is_sound(key: str, node: Node) -> bool:
    return FRAME.keys[key].form.read(node, (key,), Report("")) is not INVALID


def _case(
    document: Document,
    name: str,
    frame: Mapping[str, Any],
    point: Point,
    settings: Mapping[str, Any],
    written: Mapping[str, Mapping[str, Any]],
    entries: Sequence[Entry],
) -> Case:
    values = values_of(point)
    subjects = tuple(frame["subjects"])
    return Case(
        id=case_id(name, values),
        scenario=name,
        kind=frame["kind"],
        point=values,
        model=settings["model"],
        data=settings["data"],
        attack=settings["attack"],
        subjects=subjects,
        expectations=expectations(entries, written, subjects),
        location=Location(document.file),
        tags=tuple(frame["tags"]),
        summary=frame["summary"],
        training=settings["training"],
    )


def _check_different(cases: Sequence[Case], every: Sequence[Point], report: Report) -> None:
    seen: dict[tuple[str, ...], int] = {}
    texts: dict[int, str] = {}  # cases share their sections, which may hold much data
    for index, case in enumerate(cases):
        sections = case.model, case.data, case.attack, case.training
        key = tuple(texts.setdefault(id(section), repr(section)) for section in sections)
        first = seen.setdefault(key, index)
        if first != index:
            name, node = next(item for item in every[index].items() if item[1] is not every[first][item[0]])
            message = f"{case.id} has the same settings as {cases[first].id}. Remove one of the two values."
            report.at(node, ("matrix", name), message)
