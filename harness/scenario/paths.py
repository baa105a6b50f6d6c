"""The files that a scenario names: where they may lie, and whether they are what they should be."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from harness.scenario.complaints import Report, quote
from harness.scenario.node import Node
from harness.scenario.node import Path as Way
from harness.vocabulary import HarnessError


@dataclass(frozen=True)
class Permissions:
    """What the user allows scenario files to do.

    Attributes:
        outside: name files outside of the scenario file's own folder.
        code: name Python functions to be called.
        subjects: own subjects, ``module:function``, that the user has named, and so allowed.
    """

    outside: bool = False
    code: bool = False
    subjects: frozenset[str] = frozenset()


def shipped_scenarios() -> Path:
    """The folder of the shipped scenarios: that of the checkout, or where an installed package has put them.

    Raises:
        HarnessError: there is neither.
    """
    places = (Path(__file__).parents[2] / "scenarios", Path(sys.prefix, "share", "harness", "scenarios"))
    for place in places:
        if place.is_dir():
            return place
    raise HarnessError(
        f"the shipped scenarios are neither in {places[0]} nor in {places[1]}. Install adversarial-harness again, or "
        "name scenario files of your own."
    )


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
