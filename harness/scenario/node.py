"""A value of a YAML file with its place in the file."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

Step = str | int
Path = tuple[Step, ...]
"""The way from the root of a file to a value: keys of mappings and indices of lists."""


class Node:
    """A value with its place.

    Attributes:
        value: plain data: a mapping with words as keys, a list, text, a number, true, false or ``None``. Not to be
            changed: an alias shares it.
        line, column: where it begins, from 1.
        items: the nodes of a mapping (by key) or of a list (by index); empty for others.
        keys: line and column of each key of a mapping.
    """

    __slots__ = ("column", "items", "keys", "line", "value")

    def __init__(
        self,
        value: Any,
        line: int,
        column: int,
        items: dict[Step, Node] | None = None,
        keys: dict[str, tuple[int, int]] | None = None,
    ):
        self.value = value
        self.line = line
        self.column = column
        self.items = {} if items is None else items
        self.keys = {} if keys is None else keys

    def find(self, path: Path) -> Node:
        """The node at ``path``, or the deepest one on the way to it that exists."""
        node = self
        for step in path:
            if step not in node.items:
                break
            node = node.items[step]
        return node

    def get(self, key: Step) -> Node:
        """The node at ``key``; where there is none, an empty mapping in the same place."""
        return self.items.get(key) or Node({}, self.line, self.column)

    def without(self, names: Collection[str]) -> Node:
        """This mapping without some of its keys."""
        items = {key: item for key, item in self.items.items() if key not in names}
        return Node({str(key): item.value for key, item in items.items()}, self.line, self.column, items, self.keys)

    def replaced(self, path: Sequence[str], replacement: Node) -> Node:
        """This mapping with the node at ``path`` replaced. Mappings on the way are made where they are missing."""
        if not path:
            return replacement
        head, rest = path[0], path[1:]
        inner = self.items.get(head)
        if inner is None or not isinstance(inner.value, dict):
            inner = Node({}, replacement.line, replacement.column)
        new = inner.replaced(rest, replacement)
        # The place of a key that stands only in the matrix is the place of its value there.
        keys = {head: (replacement.line, replacement.column), **self.keys}
        return Node({**self.value, head: new.value}, self.line, self.column, {**self.items, head: new}, keys)
