"""A mapping with known keys: the form that sections are made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from harness.scenario.complaints import Report, describe, did_you_mean
from harness.scenario.node import Node, Path
from harness.scenario.schema.forms import INVALID, Form, JsonSchema


class _Mark:
    def __init__(self, name: str):
        self.name = name

    def __repr__(self) -> str:
        return self.name


REQUIRED: Any = _Mark("REQUIRED")
"""In place of a default: the key must be there."""
LEFT_OUT: Any = _Mark("LEFT_OUT")
"""In place of a default: where the file leaves the key out, it is absent from the result too."""


@dataclass(frozen=True)
class Key:
    """One key of a mapping: what its value may be, what it means, and what it is where the file leaves it out."""

    form: Form
    description: str
    default: Any = LEFT_OUT


def _as_it_is(values: dict[str, Any], node: Node, at: Path, report: Report) -> Any:
    return values


@dataclass(frozen=True)
class Section:
    """A mapping with known keys only.

    Attributes:
        description: what it is.
        keys: each of its keys.
        finish: given the valid values, complains about what does not fit together, or returns the canonical form.
        exactly_one: whether exactly one key must be there.
        reserved: keys that are refused with a message of their own.
    """

    description: str
    keys: Mapping[str, Key]
    finish: Callable[[dict[str, Any], Node, Path, Report], Any] = field(default=_as_it_is)
    exactly_one: bool = False
    reserved: Mapping[str, str] = field(default_factory=dict)

    def read(self, node: Node, at: Path, report: Report) -> Any:
        if not isinstance(node.value, dict):
            keys = ", ".join(self.keys)
            report.at(node, at, f"expected a mapping with the keys {keys}, got {describe(node.value)}.")
            return INVALID
        values: dict[str, Any] = {}
        valid = self._known(node, at, report)
        for name, key in self.keys.items():
            if name in node.value:
                values[name] = key.form.read(node.items[name], (*at, name), report)
            elif key.default is REQUIRED:
                report.at(node, (*at, name), f"is missing. {key.description}")
                valid = False
            elif key.default is not LEFT_OUT:
                values[name] = key.default
        if not valid or any(value is INVALID for value in values.values()):
            return INVALID
        return self.finish(values, node, at, report)

    def schema(self) -> JsonSchema:
        schema: JsonSchema = {"type": "object", "description": self.description, "additionalProperties": False}
        schema["properties"] = {name: _key_schema(key) for name, key in self.keys.items()}
        required = [name for name, key in self.keys.items() if key.default is REQUIRED]
        if required:
            schema["required"] = required
        return schema | ({"minProperties": 1, "maxProperties": 1} if self.exactly_one else {})

    def _known(self, node: Node, at: Path, report: Report) -> bool:
        unknown = [name for name in node.value if name not in self.keys]
        for name in unknown:
            message = self.reserved.get(name) or f"is not a key here. {did_you_mean(name, tuple(self.keys))}"
            report.at_key(node, (*at, name), message)
        if self.exactly_one and not unknown and len(node.value) != 1:
            one_of = ", ".join(self.keys)
            report.at(node, at, f"expected exactly one of {one_of}, got {describe(node.value)}.")
        return not unknown and (len(node.value) == 1 or not self.exactly_one)


@dataclass(frozen=True)
class Shorthand:
    """A section in whose place the value of one key may stand: ``{dense: 64}`` for ``{dense: {units: 64}}``."""

    key: str
    section: Section

    def read(self, node: Node, at: Path, report: Report) -> Any:
        return self.section.read(self.spelled_out(node), at, report)

    def spelled_out(self, node: Node) -> Node:
        """The mapping that ``node`` stands for."""
        if isinstance(node.value, dict):
            return node
        place = node.line, node.column
        return Node({self.key: node.value}, *place, {self.key: node}, {self.key: place})

    def schema(self) -> JsonSchema:
        return {"anyOf": [_key_schema(self.section.keys[self.key]), self.section.schema()]}


def _key_schema(key: Key) -> JsonSchema:
    stated = key.default is not REQUIRED and key.default is not LEFT_OUT
    return {**key.form.schema(), "description": key.description, **({"default": key.default} if stated else {})}
