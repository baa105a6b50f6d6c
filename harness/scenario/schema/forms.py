"""What a value in a scenario file may be. Nothing is converted: ``"64"`` is no number and ``true`` is no integer."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from harness.scenario.complaints import Report, describe, did_you_mean, quote
from harness.scenario.node import Node, Path

JsonSchema = dict[str, Any]


class _Invalid:
    def __repr__(self) -> str:
        return "INVALID"


INVALID: Any = _Invalid()
"""What reading a value returns after complaining about it."""


class Form(Protocol):
    """One kind of value."""

    def read(self, node: Node, at: Path, report: Report) -> Any:
        """The canonical plain value of ``node``, or ``INVALID`` after at least one complaint. ``at`` is its path."""
        ...

    def schema(self) -> JsonSchema:
        """Its JSON Schema, for editors."""
        ...


@dataclass(frozen=True)
class OneOf:
    """One of some words; ``noun`` says what each of them is, with its article."""

    noun: str
    words: Sequence[str]

    def read(self, node: Node, at: Path, report: Report) -> Any:
        value = node.value
        if isinstance(value, str) and value in self.words:
            return value
        report.at(node, at, f"{quote(value)} is not {self.noun}. {did_you_mean(value, self.words)}")
        return INVALID

    def schema(self) -> JsonSchema:
        return {"enum": list(self.words)}


@dataclass(frozen=True)
class Whole:
    """A whole number between two limits, both allowed."""

    least: int
    most: int = 2**53

    def read(self, node: Node, at: Path, report: Report) -> Any:
        value = node.value
        if isinstance(value, int) and not isinstance(value, bool) and self.least <= value <= self.most:
            return value
        limits = f"at least {self.least}" if self.most == 2**53 else f"from {self.least} to {self.most}"
        report.at(node, at, f"expected a whole number, {limits}, got {describe(value)}.")
        return INVALID

    def schema(self) -> JsonSchema:
        return {"type": "integer", "minimum": self.least, "maximum": self.most}


@dataclass(frozen=True)
class Number:
    """A finite number, as a float. ``above`` and ``below`` are not allowed themselves, ``least`` and ``most`` are."""

    least: float = -math.inf
    above: float = -math.inf
    below: float = math.inf
    most: float = math.inf

    def read(self, node: Node, at: Path, report: Report) -> Any:
        number = as_float(node.value)
        if math.isfinite(number) and self.least <= number <= self.most and self.above < number < self.below:
            return number
        limits = "".join(f", {word} {limit:g}" for word, _, limit in self._limits())
        report.at(node, at, f"expected a finite number{limits}, got {describe(node.value)}.")
        return INVALID

    def schema(self) -> JsonSchema:
        return {"type": "number", **{keyword: limit for _, keyword, limit in self._limits()}}

    def _limits(self) -> list[tuple[str, str, float]]:
        limits = (
            ("at least", "minimum", self.least),
            ("above", "exclusiveMinimum", self.above),
            ("below", "exclusiveMaximum", self.below),
            ("at most", "maximum", self.most),
        )
        return [limit for limit in limits if math.isfinite(limit[2])]


@dataclass(frozen=True)
class TrueOrFalse:
    """One of the two words."""

    def read(self, node: Node, at: Path, report: Report) -> Any:
        if isinstance(node.value, bool):
            return node.value
        report.at(node, at, f"expected true or false, got {describe(node.value)}.")
        return INVALID

    def schema(self) -> JsonSchema:
        return {"type": "boolean"}


@dataclass(frozen=True)
class OrNull:
    """A value of one form, or null."""

    form: Form

    def read(self, node: Node, at: Path, report: Report) -> Any:
        return None if node.value is None else self.form.read(node, at, report)

    def schema(self) -> JsonSchema:
        return {"anyOf": [self.form.schema(), {"type": "null"}]}


@dataclass(frozen=True)
class Text:
    """Text without line breaks that matches ``pattern`` as a whole; ``noun`` says what it is, with its article."""

    noun: str
    pattern: str = r".*\S.*"

    def read(self, node: Node, at: Path, report: Report) -> Any:
        value = node.value
        text = value.strip() if isinstance(value, str) else ""
        if re.fullmatch(self.pattern, text):
            return text
        report.at(node, at, f"expected {self.noun}, got {describe(value)}.")
        return INVALID

    def schema(self) -> JsonSchema:
        return {"type": "string", "pattern": f"^{self.pattern}$"}


@dataclass(frozen=True)
class ListOf:
    """A list with at least ``least`` and at most ``most`` items of one form; ``noun`` says what the list is."""

    noun: str
    item: Form
    least: int = 0
    most: int = 2**53
    distinct: bool = False

    def read(self, node: Node, at: Path, report: Report) -> Any:
        value = node.value
        if not isinstance(value, list) or not self.least <= len(value) <= self.most:
            report.at(node, at, f"expected {self.noun}, got {describe(value)}.")
            return INVALID
        items = [self.item.read(node.items[index], (*at, index), report) for index in range(len(value))]
        if self.distinct:
            for index, item in enumerate(items):
                if item is not INVALID and item in items[:index]:
                    report.at(node.items[index], (*at, index), f"{quote(item)} stands twice. Remove one of them.")
                    return INVALID
        return INVALID if any(item is INVALID for item in items) else items

    def schema(self) -> JsonSchema:
        schema: JsonSchema = {"type": "array", "items": self.item.schema()}
        if self.least:
            schema["minItems"] = self.least
        if self.most < 2**53:
            schema["maxItems"] = self.most
        return schema | ({"uniqueItems": True} if self.distinct else {})


@dataclass(frozen=True)
class MapOf:
    """A mapping of words to values of one form; ``noun`` says what it is, with its article.

    ``keys`` are the dotted names that are known; where there are none, every word that matches ``pattern`` will do.
    """

    noun: str
    item: Form
    least: int = 0
    keys: Sequence[str] = ()
    pattern: str = ".*"

    def read(self, node: Node, at: Path, report: Report) -> Any:
        if not isinstance(node.value, dict) or len(node.value) < self.least:
            report.at(node, at, f"expected {self.noun}, got {describe(node.value)}.")
            return INVALID
        items = {key: self.item.read(node.items[key], (*at, key), report) for key in node.value}
        unknown = [key for key in node.value if self.keys and key not in self.keys]
        for key in unknown:
            related = [name for name in self.keys if name.split(".")[0] == key.split(".")[0]]
            report.at_key(node, (*at, key), f"there is no such setting. {did_you_mean(key, related or self.keys)}")
        unfit = [key for key in node.value if not re.fullmatch(self.pattern, key, re.DOTALL)]
        for key in unfit:
            report.at_key(
                node, (*at, key), "cannot be a name: expected up to 40 letters, digits and '_', a letter first."
            )
        return INVALID if unknown or unfit or any(item is INVALID for item in items.values()) else items

    def schema(self) -> JsonSchema:
        schema: JsonSchema = {"type": "object", "additionalProperties": self.item.schema()}
        if self.keys:
            schema["propertyNames"] = {"enum": list(self.keys)}
        elif self.pattern != ".*":
            schema["propertyNames"] = {"pattern": f"^({self.pattern})$"}
        return schema | ({"minProperties": self.least} if self.least else {})


@dataclass(frozen=True)
class Anything:
    """Any value, to be looked at elsewhere."""

    def read(self, node: Node, at: Path, report: Report) -> Any:
        return node.value

    def schema(self) -> JsonSchema:
        return {}


@dataclass(frozen=True)
class Custom:
    """A value with a form of its own: how it is read, and its JSON Schema."""

    reader: Callable[[Node, Path, Report], Any]
    json: JsonSchema

    def read(self, node: Node, at: Path, report: Report) -> Any:
        return self.reader(node, at, report)

    def schema(self) -> JsonSchema:
        return self.json


def as_float(value: Any) -> float:
    """The float of a number; infinity for an integer beyond all floats; NaN for what is no number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return math.nan
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf
