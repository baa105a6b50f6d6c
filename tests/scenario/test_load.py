"""What is no plain YAML document: one message with place, problem and mending."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.scenario.complaints import ScenarioError
from harness.scenario.compose import DEEPEST_NESTING, MOST_ALIASED
from harness.scenario.load import LARGEST_FILE, read_document


def document(tmp_path: Path, content: str | bytes):
    file = tmp_path / "a.yaml"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_document(file)


def complaints(tmp_path: Path, content: str | bytes) -> list[str]:
    try:
        found = document(tmp_path, content).report.complaints
    except ScenarioError as error:
        found = error.complaints
    return [str(complaint).removeprefix(f"{tmp_path / 'a.yaml'}:") for complaint in found]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a: [1, 2", "1:9: is not a plain YAML document: expected ',' or ']', but got '<stream end>'."),
        ("a: b: c", "1:5: is not a plain YAML document: mapping values are not allowed here."),
        ("a: 1\n b: 2\n", "2:3: is not a plain YAML document: mapping values are not allowed here."),
        ("a:\n\tb: 1", "2:1: is not a plain YAML document: found character '\\t' that cannot start any token."),
        ('a: "x', "1:6: is not a plain YAML document: found unexpected end of stream."),
        ("a: *b", "1:4: is not a plain YAML document: the alias *b has no anchor &b that is complete before it."),
        ("a: &b [*b]", "1:8: is not a plain YAML document: the alias *b has no anchor &b that is complete before it."),
        ("a: 1\n---\nb: 2\n", "2:1: is not a plain YAML document: a second document begins here"),
        ("%YAML 1.2\n---\na: 1\n", "1:1: is not a plain YAML document: found a directive"),
        ("a: x\x00y", "1:5: is not a plain YAML document: the character U+0000 is not allowed in YAML."),
        ('a: 1\nb: "\\ud800"', "2:4: is not a plain YAML document: half of a surrogate pair is no character."),
        ('a: "\\UFFFFFFFF"', "1:7: is not a plain YAML document: the parser cannot make sense of it."),
        ('a: "\\U00110000"', "1:7: is not a plain YAML document: the parser cannot make sense of it."),
        ("a: 1\nb: \xff".encode("latin-1"), "2:4: is not UTF-8 text: byte 0xff. Save the file as UTF-8."),
        ("a: 1".encode("utf-16"), "1:1: is not UTF-8 text: byte 0xff. Save the file as UTF-8."),
        ("", "1:1: expected a mapping with the keys summary, kind, model and data, got nothing (null)."),
        ("# only a comment\n", "1:1: expected a mapping with the keys summary, kind, model and data"),
        ("- a\n- b\n", "1:1: expected a mapping with the keys summary, kind, model and data, got a list of 2."),
        ("just text", "1:1: expected a mapping with the keys summary, kind, model and data, got the text 'just text'."),
        ("a: !!python/object:os.system {}", "1:4: the tag tag:yaml.org,2002:python/object:os.system is not allowed."),
        ("a: !x 1", "1:4: the tag !x is not allowed. Remove it: scenario files are plain data."),
        ("a: 1\nb: 2\na: 3", "3:1: the key 'a' stands twice, first in line 1. Remove one of them."),
        ("a: {b: 1,\n b: 2}", "2:2: the key 'b' stands twice, first in line 1. Remove one of them."),
        ("1: a", "1:1: expected a word as key, got the number 1. Put it in quotes."),
        ("? [a]\n: b", "1:3: expected a word as key, got a list of 1."),
    ],
)
def test_each_defect_has_a_place_and_a_sentence(tmp_path: Path, content: str | bytes, message: str) -> None:
    (found,) = complaints(tmp_path, content)
    assert found.startswith(message)


def test_a_message_says_how_to_mend_it(tmp_path: Path) -> None:
    assert complaints(tmp_path, "a:\n\tb: 1")[0].endswith("Indent with spaces, not with tabs.")
    assert complaints(tmp_path, "a: @b")[0].endswith("Put the text in quotes.")


def test_defects_that_leave_the_rest_readable_are_told_together(tmp_path: Path) -> None:
    found = complaints(tmp_path, "a: 1\na: 2\nb: !t 3\nc: {d: 1, d: 2}\n")
    assert [place.split(": ")[0] for place in found] == ["2:1", "3:4", "4:11"]


def test_nesting_has_a_limit(tmp_path: Path) -> None:
    deep = "a: " + "[" * (DEEPEST_NESTING - 1) + "]" * (DEEPEST_NESTING - 1)
    assert complaints(tmp_path, deep) == []
    assert "nested deeper than 32 levels" in complaints(tmp_path, f"a: [{deep[3:]}]")[0]
    assert "nested deeper than 32 levels" in complaints(tmp_path, "a: " + "[" * 100_000)[0]


def test_aliases_share_a_value_and_cannot_explode(tmp_path: Path) -> None:
    assert document(tmp_path, "a: &x {b: [1]}\nc: *x").root.value == {"a": {"b": [1]}, "c": {"b": [1]}}
    laughs = "a0: &a0 [x]\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 30))
    assert f"aliases repeat more than {MOST_ALIASED} values" in complaints(tmp_path, laughs)[0]


def test_a_file_has_a_largest_size(tmp_path: Path) -> None:
    assert complaints(tmp_path, "a: 1\n#" + "x" * (LARGEST_FILE - 6)) == []
    assert complaints(tmp_path, "a: 1\n#" + "x" * (LARGEST_FILE - 5))[0].startswith("1:1: is larger than 1048576 bytes")


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match=r"none\.yaml:1:1: cannot be read: No such file or directory\."):
        read_document(tmp_path / "none.yaml")
    with pytest.raises(ScenarioError, match="cannot be read: Is a directory"):
        read_document(tmp_path)


def test_places_are_those_of_an_editor(tmp_path: Path) -> None:
    root = document(tmp_path, "\ufeffa: 1\r\nb:\r\n  - x\r\n  - {c: 'ü', d: 2}\r\n").root
    node = root.find(("b", 1, "d"))
    assert (node.value, node.line, node.column) == (2, 4, 17)
    assert root.find(("b", 1)).keys == {"c": (4, 6), "d": (4, 14)}
    assert root.find(("b", 7, "d")).line == 3


def test_yaml_1_2_reads_words_as_words(tmp_path: Path) -> None:
    text = (
        "{a: on, b: 1e-3, c: 8/255, d: 010, e: 0o10, f: 0x1F, g: .inf, h: ~, i: '1', j: 1_000, k: 2001-01-01, l: -.5}"
    )
    assert document(tmp_path, text).root.value == {
        "a": "on",
        "b": 0.001,
        "c": "8/255",
        "d": 10,
        "e": 8,
        "f": 31,
        "g": float("inf"),
        "h": None,
        "i": "1",
        "j": "1_000",
        "k": "2001-01-01",
        "l": -0.5,
    }


def test_a_number_of_absurd_length_stays_text(tmp_path: Path) -> None:
    assert document(tmp_path, f"a: {'9' * 5000}").root.value == {"a": "9" * 5000}
