"""The files that a scenario names: where they may lie, and whether they are what they should be."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from harness.scenario.complaints import Report, quote
from harness.scenario.node import Node
from harness.scenario.node import Path as Way


@dataclass(frozen=True)
class Permissions:
    """What the user allows scenario files to do.

    Attributes:
        outside: name files outside of the scenario file's own folder.
        code: name Python functions to be called.
    """

    outside: bool = False
    code: bool = False


def find_file(node: Node, at: Way, report: Report, folder: Path, permissions: Permissions) -> str:
    """The absolute path of a file that a scenario names, or an empty text after complaining.

    Args:
        node: the path as it stands in the scenario, relative to ``folder``, the folder of the scenario file.
    """
    shown = quote(node.value)
    try:
        path = (folder / node.value).resolve()
        inside = path.is_relative_to(folder.resolve())
        exists = path.is_file()
    except (OSError, ValueError, RuntimeError) as error:  # a name too long, a NUL in it, a loop of links
        reason = error.strerror if isinstance(error, OSError) else error
        report.at(node, at, f"{shown} is not a usable path: {reason}.")
        return ""
    if not inside and not permissions.outside:
        mending = "Move it there, or allow it with --allow-outside."
        report.at(node, at, f"{shown} lies outside of the scenario's folder. {mending}")
        return ""
    if not exists:
        report.at(node, at, f"there is no file {shown} (paths start at the scenario file's folder, {folder}).")
        return ""
    return str(path)
