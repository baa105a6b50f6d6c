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
from harness.scenario.node import Node
from harness.scenario.paths import Permissions
from harness.scenario.schema.forms import INVALID
from harness.scenario.schema.scenario import FRAME
from harness.scenario.settle import Settling, values_of
from harness.vocabulary import SUBJECTS, Case, Location

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


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
    matrix = _sound(root, "matrix") or _sound_axes(root.get("matrix"))
    every = points(matrix, _sound(root, "exclude") or Node([], 1, 1), report)
    settling = Settling(document, permissions)
    settled = [settling.settle(point) for point in every]
    settling.tell(name, report)
    subjects = _sound(root, "subjects")
    expect = _sound(root, "expect")
    entries = read_entries(expect, subjects.value if subjects else SUBJECTS, report) if expect else []
    if frame is INVALID or report.complaints:
        return []
    cases = [
        _case(document, name, frame, point, settings, settling.as_written(point, settings), entries)
        for point, settings in zip(every, settled, strict=True)
    ]
    check_entries(entries, report)
    _check_different(cases, every, report)
    return cases


def _sound(root: Node, key: str) -> Node | None:
    """The node of a top-level key if it is there and valid."""
    node = root.items.get(key)
    aside = Report("")
    return None if node is None or FRAME.keys[key].form.read(node, (key,), aside) is INVALID else node


def _sound_axes(matrix: Node) -> Node:
    """Those parts of a broken matrix that can be used."""
    whole = matrix if isinstance(matrix.value, dict) else Node({}, matrix.line, matrix.column)
    sound = {
        name: node
        for name, node in whole.items.items()
        if FRAME.keys["matrix"].form.read(Node({name: node.value}, 1, 1, {name: node}), (), Report("")) is not INVALID
    }
    return Node({str(name): node.value for name, node in sound.items()}, whole.line, whole.column, sound, whole.keys)


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
    )


def _check_different(cases: Sequence[Case], every: Sequence[Point], report: Report) -> None:
    seen: dict[tuple[str, ...], int] = {}
    texts: dict[int, str] = {}  # cases share their sections, which may hold much data
    for index, case in enumerate(cases):
        sections = case.model, case.data, case.attack
        key = tuple(texts.setdefault(id(section), repr(section)) for section in sections)
        first = seen.setdefault(key, index)
        if first != index:
            name, node = next(item for item in every[index].items() if item[1] is not every[first][item[0]])
            message = f"{case.id} has the same settings as {cases[first].id}. Remove one of the two values."
            report.at(node, ("matrix", name), message)
