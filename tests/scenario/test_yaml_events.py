"""The parser that was put together for speed does what ruamel.yaml's own does."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import CollectionEndEvent

from harness.scenario.yaml_events import YamlError, events

TEXTS = st.text(st.sampled_from("ab1.: -,[]{}\n\n  '\"#|>&*!?%\\\t\r~é"), max_size=40)
DOCUMENTS = st.lists(
    st.sampled_from(
        [
            "a: 1\n",
            "b:\n",
            "  - x\n",
            "  - {c: d, e: [1, 2]}\n",
            "- y\n",
            "# z\n",
            "f: 'g'\n",
            "h: |\n  i\n",
            "k: l m\n",
            "  n: o # p\n",
            "? q\n",
            ": r\n",
            "s: {t: 'u', v: w}\n",
            "---\n",
            "x: &x 1\n",
            "y: *x\n",
            "\n",
            'z: "a\\n\n b"\n',
        ]
    ),
    max_size=8,
).map("".join)


def ours(text: str) -> list[tuple[object, ...]] | None:
    try:
        return [summary(event) for event in events(text)]
    except YamlError:
        return None


def theirs(text: str) -> list[tuple[object, ...]] | None:
    try:
        return [summary(event) for event in YAML(typ="safe", pure=True).parse(text)]
    except (YAMLError, MarkedYAMLError, AssertionError):
        return None


def summary(event) -> tuple[object, ...]:
    value, anchor, tag = (getattr(event, name, None) for name in ("value", "anchor", "ctag"))
    # Where a list ends is not used, and depends on whether comments are kept.
    place = () if isinstance(event, CollectionEndEvent) else (event.start_mark.line, event.start_mark.column)
    return type(event).__name__, value, anchor, None if tag is None else str(tag), *place


@settings(max_examples=400, deadline=None)
@given(st.one_of(TEXTS, DOCUMENTS))
def test_the_same_events_in_the_same_places(text: str) -> None:
    if not text.startswith("%") and "\n%" not in text:  # directives are refused
        assert ours(text) == theirs(text)
