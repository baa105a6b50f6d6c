"""What GitHub Actions understands: annotations as lines of a log, and a summary within its limit. Light to import."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from harness.report.text import count, printable
from harness.vocabulary import Location

MOST_OF_A_LEVEL = 10
"""Errors, and warnings, that GitHub shows of one step. It drops the rest without a word."""

MOST_BYTES = 1 << 20
"""Of a step's summary. A larger one is not shown at all."""

_ROOM = 64 << 10
"""Bytes that are left for what other commands of the step may add."""

_LONGEST_TITLE = 200
_LONGEST_MESSAGE = 4_000


@dataclass(frozen=True)
class Annotation:
    """A remark on a line of a file.

    Attributes:
        level: how grave.
        title: in a few words.
        lines: the message.
        location: the place; ``None``: of no file.
    """

    level: Literal["error", "warning"]
    title: str
    lines: tuple[str, ...]
    location: Location | None = None


def workflow_commands(annotations: Iterable[Annotation], *, workspace: Path) -> list[str]:
    """The lines that make GitHub show annotations, the first ones of each level; the others are counted.

    Args:
        annotations: the gravest first.
        workspace: the folder that GitHub's paths start from.
    """
    lines: list[str] = []
    left_out: list[str] = []
    levels: dict[str, list[Annotation]] = {"error": [], "warning": []}
    for one in annotations:
        levels[one.level].append(one)
    for level, found in levels.items():
        lines += [_command(one, workspace) for one in found[:MOST_OF_A_LEVEL]]
        if len(found) > MOST_OF_A_LEVEL:
            left_out.append(count(len(found) - MOST_OF_A_LEVEL, level))
    if left_out:
        words = f"and {' and '.join(left_out)} more: GitHub shows {MOST_OF_A_LEVEL} of each; the run folder has all"
        lines.append(f"::notice title=harness::{_message([words])}")
    return lines


def cut_to_fit(markdown: str, *, written: int = 0) -> str:
    """A summary that fits into a step's limit: cut after a whole line, with a sentence that says so.

    Args:
        markdown: the summary.
        written: bytes that the step's summary has already.
    """
    most = MOST_BYTES - _ROOM - written
    if len(markdown.encode()) <= most:
        return markdown
    lines = markdown.splitlines(keepends=True)
    kept, size = 0, 0
    note = "\n*Cut short to what GitHub shows: {} left out. The whole report is in the run folder.*\n"
    for line in lines:
        size += len(line.encode())
        if size + len(note) + 20 > most:
            break
        kept += 1
    return "".join(lines[:kept]) + note.format(count(len(lines) - kept, "line"))


def _command(annotation: Annotation, workspace: Path) -> str:
    properties, lines = {}, annotation.lines
    location = annotation.location
    if location:
        path, root = Path(location.file).resolve(), workspace.resolve()
        if path.is_relative_to(root):
            properties = {"file": path.relative_to(root).as_posix(), "line": location.line, "col": location.column}
        else:
            lines = (*lines, str(location))
    properties["title"] = _cut(printable(annotation.title), _LONGEST_TITLE)
    told = ",".join(f"{name}={_property(str(value))}" for name, value in properties.items())
    return f"::{annotation.level} {told}::{_message(lines)}"


def _message(lines: Sequence[str]) -> str:
    return _escaped(_cut("\n".join(map(printable, lines)), _LONGEST_MESSAGE))


def _property(text: str) -> str:
    return _escaped(printable(text)).replace(":", "%3A").replace(",", "%2C")


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 3]}..."
