"""A scenario file as plain data with places. Only plain YAML is read: no tags, so nothing in a file is ever run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from harness.scenario.complaints import Complaint, Report, ScenarioError, describe
from harness.scenario.compose import compose
from harness.scenario.node import Node
from harness.scenario.yaml_events import YamlError, end_of
from harness.vocabulary import Location

LARGEST_FILE = 1 << 20
"""Bytes. Larger data belongs into an ``.npz`` file."""


@dataclass(frozen=True)
class Document:
    """A scenario file as read.

    Attributes:
        file: its name as the user gave it, for messages.
        folder: where it lies; paths in it start here.
        root: its content; always a mapping.
        report: what is wrong with it that did not keep it from being read, such as a key that stands twice.
    """

    file: str
    folder: Path
    root: Node
    report: Report


def read_document(path: Path) -> Document:
    """Read one scenario file.

    Raises:
        ScenarioError: it cannot be read, is larger than ``LARGEST_FILE``, or is not a mapping in plain YAML and UTF-8.
    """
    report = Report(str(path))
    text = _text(path)
    try:
        root = compose(text, report)
    except YamlError as error:
        report.at_place(error.line + 1, error.column + 1, _not_yaml(error.problem))
        raise ScenarioError(report.complaints) from error
    if not isinstance(root.value, dict):
        report.at(
            root, (), f"expected a mapping with the keys summary, kind, model and data, got {describe(root.value)}."
        )
        raise ScenarioError(report.complaints)
    return Document(report.file, path.parent, root, report)


def _text(path: Path) -> str:
    def refusal(message: str, line: int = 1, column: int = 1) -> ScenarioError:
        return ScenarioError([Complaint(Location(str(path), line, column), message)])

    try:
        with path.open("rb") as stream:
            content = stream.read(LARGEST_FILE + 1)
    except OSError as error:
        raise refusal(f"cannot be read: {error.strerror or error}.") from error
    if len(content) > LARGEST_FILE:
        raise refusal(
            f"is larger than {LARGEST_FILE} bytes. Move large data into an .npz file (data: {{source: npz}})."
        )
    try:
        return content.decode().removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line, column = end_of(content[: error.start].decode())
        message = f"is not UTF-8 text: byte 0x{content[error.start]:02x}. Save the file as UTF-8."
        raise refusal(message, line + 1, column + 1) from error


_MENDING = {
    "mapping values are not allowed": "Is a line above it left open, or indented otherwise? Quote a text with ': '.",
    "'\\t'": "Indent with spaces, not with tabs.",
    "could not find expected ':'": "Write 'key: value', with a space after the colon.",
    "directive": "Remove it: scenario files need none.",
    "found unexpected end of stream": "A quote is not closed.",
    "stream end": "A bracket or a brace is not closed.",
    "expected <block end>": "Is this line indented like those before it?",
    "block mapping start": "Is this line indented like those before it?",
    "that cannot start any token": "Put the text in quotes.",
    "alphabetic or numeric": "A text that begins with & or * needs quotes.",
    "document begins": "Give each scenario a file of its own.",
    "no anchor": "Write the value out.",
    "more than": "Move large data into an .npz file (data: {source: npz}).",
}


def _not_yaml(problem: str) -> str:
    advice = next((mending for part, mending in _MENDING.items() if part in problem), "")
    return f"is not a plain YAML document: {problem}. {advice}".rstrip()
