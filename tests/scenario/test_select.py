"""Paths, keyword, tag and subjects to cases; what selects nothing says what there was."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.scenario.complaints import ScenarioError
from harness.scenario.select import find_files, load_cases
from harness.vocabulary import HarnessError

TEXT = """\
summary: A test.
kind: perturbation
tags: [{tag}]
model: {{layers: [{{dense: 10}}]}}
data: {{source: digits}}
subjects: [{subjects}]
matrix: {{attack.norm: [linf, l2]}}
expect: [{{pair: [nsl, any], verdict: EQUAL, because: a}}]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Scenarios ``a`` (three subjects, tag smoke) and ``sub/b`` (two, tag slow), and a file that is none."""
    (tmp_path / "sub").mkdir()
    (tmp_path / "a.yaml").write_text(TEXT.format(tag="smoke", subjects="nsl, cleverhans-v4, cleverhans-v3"))
    (tmp_path / "sub" / "b.yml").write_text(TEXT.format(tag="slow", subjects="nsl, reference-nsl"))
    (tmp_path / "readme.md").write_text("no scenario")
    return tmp_path


def ids(cases) -> list[str]:
    return [case.id for case in cases]


def test_folders_are_searched_and_files_taken_as_they_are(folder: Path) -> None:
    assert ids(load_cases([folder])) == ["a[norm=linf]", "a[norm=l2]", "b[norm=linf]", "b[norm=l2]"]
    assert ids(load_cases([folder / "sub" / "b.yml", str(folder / "a.yaml")]))[0] == "b[norm=linf]"


def test_a_file_that_is_named_twice_counts_once(folder: Path) -> None:
    (folder / "again.yaml").symlink_to(folder / "a.yaml")
    assert find_files([folder, folder / "sub", folder / "a.yaml"]) == [folder / "a.yaml", folder / "sub" / "b.yml"]


def test_the_shipped_scenarios_are_the_default(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    with pytest.raises(HarnessError, match="scenarios: there is no such file or folder"):
        load_cases()
    (folder / "sub").rename(folder / "scenarios")
    assert [str(case.location) for case in load_cases()] == ["scenarios/b.yml:1:1"] * 2


def test_keyword_and_tag_select(folder: Path) -> None:
    assert ids(load_cases([folder], keyword="L2 and not b")) == ["a[norm=l2]"]
    assert ids(load_cases([folder], tag="slow")) == ["b[norm=linf]", "b[norm=l2]"]
    assert ids(load_cases([folder], tag="slow", keyword="l2")) == ["b[norm=l2]"]


def test_subjects_restrict_cases_and_expectations(folder: Path) -> None:
    cases = load_cases([folder], subjects=["cleverhans-v4", "nsl"])
    assert ids(cases) == ["a[norm=linf]", "a[norm=l2]"]  # of b only nsl would be left, with nothing to compare
    assert cases[0].subjects == ("nsl", "cleverhans-v4")
    assert list(cases[0].expectations) == ["nsl|cleverhans-v4"]


@pytest.mark.parametrize(
    ("selection", "message"),
    [
        (
            {"keyword": "l3"},
            "nothing selected: no id of 4 cases satisfies -k 'l3'. There are the scenarios a, b; harness list",
        ),
        ({"keyword": "l3 or"}, "-k 'l3 or', column 6: expected a word, got the end."),
        ({"tag": "slwo"}, "nothing selected: no scenario has the tag 'slwo'. Did you mean 'slow'? Valid: slow, smoke."),
        (
            {"subjects": ["nsl", "clevrhans-v4"]},
            "'clevrhans-v4' is not a subject. Did you mean 'cleverhans-v4'? Valid:",
        ),
        ({"subjects": ["nsl", "nsl"]}, "expected at least two subjects to compare, got 1. Valid: nsl, cleverhans-v4,"),
        (
            {"subjects": ["cleverhans-v3", "reference-nsl"]},
            "nothing selected: no case compares two of cleverhans-v3, reference-nsl. Subjects of the 4 cases: nsl, ",
        ),
    ],
)
def test_an_empty_selection_says_what_there_was(folder: Path, selection: dict, message: str) -> None:
    with pytest.raises(HarnessError) as caught:
        load_cases([folder], **selection)
    assert str(caught.value).startswith(message)


def test_paths_without_scenarios(folder: Path) -> None:
    with pytest.raises(HarnessError, match=r"none: there is no such file or folder\. Name scenario files or folders"):
        load_cases([folder / "none"])
    (folder / "empty").mkdir()
    with pytest.raises(HarnessError, match=r"expected scenario files \(\.yaml or \.yml\) in this folder, found none\."):
        load_cases([folder / "empty"])


def test_two_scenarios_of_one_name(folder: Path) -> None:
    (folder / "sub" / "a.yml").write_text((folder / "a.yaml").read_text())
    with pytest.raises(ScenarioError) as caught:
        load_cases([folder])
    assert str(caught.value) == (
        f"{folder}/sub/a.yml:1:1: two scenarios of one name: 'a' is also {folder}/a.yaml. Rename one of the two files."
    )


def test_the_mistakes_of_all_files_are_told_together(folder: Path) -> None:
    for file in (folder / "a.yaml", folder / "sub" / "b.yml"):
        file.write_text(file.read_text().replace("l2]", "l3]").replace("digits", "digit"))
    (folder / "c.yaml").write_text("a: [")
    with pytest.raises(ScenarioError) as caught:
        load_cases([folder], keyword="nothing")
    places = [str(complaint.location).removeprefix(f"{folder}/") for complaint in caught.value.complaints]
    assert places == ["a.yaml:5:16", "a.yaml:7:30", "c.yaml:1:5", "sub/b.yml:5:16", "sub/b.yml:7:30"]
