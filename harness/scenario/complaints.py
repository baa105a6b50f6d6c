"""What is wrong with scenario files: sentences with a place, gathered and shown all at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from harness.scenario.node import Node, Path, Step
from harness.vocabulary import HarnessError, Location

_MOST_SHOWN = 100


@dataclass(frozen=True)
class Complaint:
    """One thing that is wrong in a scenario file: where, and what was expected, what came and how to mend it."""

    location: Location
    message: str

    def __str__(self) -> str:
        return f"{self.location}: {self.message}"


class ScenarioError(HarnessError):
    """Scenario files that cannot be used.

    Attributes:
        complaints: everything that is wrong, each once, by file and line. The exception's text has a line for each of
            the first hundred.
    """

    complaints: tuple[Complaint, ...]

    def __init__(self, complaints: Iterable[Complaint]):
        self.complaints = tuple(sorted(dict.fromkeys(complaints), key=_place))
        lines = [str(complaint) for complaint in self.complaints[:_MOST_SHOWN]]
        if len(self.complaints) > _MOST_SHOWN:
            lines.append(f"... and {len(self.complaints) - _MOST_SHOWN} more.")
        super().__init__("\n".join(lines))


@dataclass
class Report:
    """The complaints about one file, as they come up.

    Attributes:
        file: the file's name as the user gave it.
        complaints: in the order in which they were found.
    """

    file: str
    complaints: list[Complaint] = field(default_factory=list)

    def at(self, node: Node, path: Path, message: str) -> None:
        """Complain about the value at ``path``, which is ``node``."""
        self.at_place(node.line, node.column, f"{dotted(path)}: {message}" if path else message)

    def at_key(self, mapping: Node, path: Path, message: str) -> None:
        """Complain about the key of ``mapping`` that is the last step of ``path``."""
        line, column = mapping.keys.get(str(path[-1]), (mapping.line, mapping.column))
        self.at_place(line, column, f"{dotted(path)}: {message}")

    def at_place(self, line: int, column: int, message: str) -> None:
        """Complain about a place, counted from 1. What a terminal could take for a command is shown as an escape."""
        visible = "".join(char if char.isprintable() else repr(char)[1:-1] for char in message)
        self.complaints.append(Complaint(Location(self.file, line, column), visible))


def dotted(path: Sequence[Step]) -> str:
    """``("model", "layers", 0)`` as ``model.layers[0]``."""
    name = ""
    for step in path:
        name += f"[{step}]" if isinstance(step, int) else f".{_shorten(step)}" if name else _shorten(step)
    return name


def did_you_mean(word: object, valid: Sequence[str]) -> str:
    """Names the nearest of ``valid`` words and lists them all: ``Did you mean 'l2'? Valid: linf, l2, l1.``"""
    import difflib  # here, so that the commands that find no error do not wait for it

    by_lower_case = {item.lower(): item for item in valid}
    near = difflib.get_close_matches(str(word).lower(), by_lower_case, n=1, cutoff=0.5)
    guess = f"Did you mean '{by_lower_case[near[0]]}'? " if near else ""
    return f"{guess}Valid: {', '.join(valid)}."


def quote(value: object) -> str:
    """A text in quotes, another value in words."""
    return f"'{_shorten(value)}'" if isinstance(value, str) else describe(value)


def describe(value: object) -> str:
    """A value in words, for a message: ``the text 'abc'``, ``the number 3``, ``a list of 2``, ``nothing (null)``."""
    if value is None:
        return "nothing (null)"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return f"the number {_shorten(str(value))}"
    if isinstance(value, str):
        return f"the text {quote(value)}"
    if isinstance(value, list):
        return f"a list of {len(value)}" if value else "an empty list"
    if isinstance(value, dict):
        return f"a mapping with the keys {_shorten(', '.join(value))}" if value else "an empty mapping"
    return f"a {type(value).__name__}"


def _shorten(text: str) -> str:
    one_line = " ".join(text.split())
    return one_line if len(one_line) <= 60 else one_line[:57] + "..."


def _place(complaint: Complaint) -> tuple[str, int, int]:
    return complaint.location.file, complaint.location.line, complaint.location.column
