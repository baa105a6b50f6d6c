"""The events of a YAML text to nodes."""

from __future__ import annotations

from ruamel.yaml.events import (
    AliasEvent,
    CollectionStartEvent,
    Event,
    MappingEndEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from harness.scenario.complaints import Report, describe, quote
from harness.scenario.node import Node, Step
from harness.scenario.scalars import scalar
from harness.scenario.yaml_events import YamlError, events

DEEPEST_NESTING = 32
MOST_VALUES = 20_000
"""In one file. It takes about a second to read that many, and nobody writes more by hand."""

MOST_ALIASED = 10_000
"""Values that aliases may repeat in one file; more is a file that is made to explode."""


def compose(text: str, report: Report) -> Node:
    """The one document of ``text``; an empty text is a null.

    Tags, keys that stand twice and keys that are not words are reported and otherwise ignored.

    Raises:
        YamlError: the text is not YAML, holds a second document or more than ``MOST_VALUES`` values, is nested deeper
            than ``DEEPEST_NESTING``, or repeats more than ``MOST_ALIASED`` values by aliases.
    """
    return _Composer(text, report).document()


class _Composer:
    def __init__(self, text: str, report: Report):
        self.events = events(text)
        self.report = report
        self.anchors: dict[str, tuple[Node, int]] = {}
        self.count = 0
        self.aliased = 0

    def document(self) -> Node:
        next(self.events)  # the start of the stream
        if isinstance(next(self.events), StreamEndEvent):
            return Node(None, 1, 1)
        root = self.node(next(self.events), 0)
        next(self.events)  # the end of the document
        after = next(self.events)
        if not isinstance(after, StreamEndEvent):
            mark = after.start_mark
            raise YamlError("a second document begins here, but a file holds one scenario", mark.line, mark.column)
        return root

    def node(self, event: Event, depth: int) -> Node:
        mark = event.start_mark
        line, column = mark.line + 1, mark.column + 1
        if isinstance(event, AliasEvent):
            return self.alias(event)
        assert isinstance(event, ScalarEvent | CollectionStartEvent), event
        before = self.count
        self.count += 1
        if self.count > MOST_VALUES + self.aliased:
            raise YamlError(f"more than {MOST_VALUES} values", mark.line, mark.column)
        if event.ctag is not None:
            message = f"the tag {event.tag} is not allowed. Remove it: scenario files are plain data."
            self.report.at_place(line, column, message)
        if isinstance(event, ScalarEvent):
            if event.style == '"' and not _is_unicode(event.value):
                raise YamlError("half of a surrogate pair is no character", mark.line, mark.column)
            node = Node(scalar(event.value) if event.implicit[0] else event.value, line, column)
        elif depth == DEEPEST_NESTING:
            raise YamlError(f"nested deeper than {DEEPEST_NESTING} levels", mark.line, mark.column)
        elif isinstance(event, SequenceStartEvent):
            node = self.sequence(line, column, depth)
        else:
            node = self.mapping(line, column, depth)
        if event.anchor is not None:
            self.anchors[event.anchor] = node, self.count - before
        return node

    def sequence(self, line: int, column: int, depth: int) -> Node:
        children: list[Node] = []
        while not isinstance(event := next(self.events), SequenceEndEvent):
            children.append(self.node(event, depth + 1))
        return Node([child.value for child in children], line, column, dict(enumerate(children)))

    def mapping(self, line: int, column: int, depth: int) -> Node:
        items: dict[Step, Node] = {}
        keys: dict[str, tuple[int, int]] = {}
        while not isinstance(event := next(self.events), MappingEndEvent):
            key = self.node(event, depth + 1)
            value = self.node(next(self.events), depth + 1)
            if not isinstance(key.value, str):
                self.report.at(key, (), f"expected a word as key, got {describe(key.value)}. Put it in quotes.")
            elif key.value in items:
                first = keys[key.value][0]
                self.report.at(
                    key, (), f"the key {quote(key.value)} stands twice, first in line {first}. Remove one of them."
                )
            else:
                items[key.value] = value
                keys[key.value] = key.line, key.column
        return Node({str(key): item.value for key, item in items.items()}, line, column, items, keys)

    def alias(self, event: AliasEvent) -> Node:
        mark = event.start_mark
        if event.anchor not in self.anchors:
            problem = f"the alias *{event.anchor} has no anchor &{event.anchor} that is complete before it"
            raise YamlError(problem, mark.line, mark.column)
        node, size = self.anchors[event.anchor]
        self.count += size
        self.aliased += size
        if self.aliased > MOST_ALIASED:
            raise YamlError(f"aliases repeat more than {MOST_ALIASED} values", mark.line, mark.column)
        return node


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
