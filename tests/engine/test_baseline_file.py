"""The file of a baseline: what it holds comes back, a change is a small diff, and damage is one clear error."""

import json
import math
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from harness.engine.baseline_figures import ROOMS, figures_of, moved
from harness.engine.baseline_file import Accepted, Baseline, read_baseline, write_baseline
from harness.vocabulary import Comparison, HarnessError, Verdict

PLAIN = Accepted(Verdict.CLOSE)
APART = Accepted(
    Verdict.DIVERGED,
    {"mean_absolute": 0.0172, "max_absolute": None},
    causes=("label-source",),
    reason='as "known" \u2013 \ud800',  # half a character is what a shell may hand over
    date="2026-03-01",
    expires="2026-12-31",
)
STATE = {
    "two[norm=l2]": {"nsl|cleverhans-v4": APART, "nsl|reference-nsl": PLAIN, "b|a": PLAIN},
    "one": {"nsl|cleverhans-v4": Accepted(Verdict.ERROR, {"left": "ok", "right": "error"})},
}


@pytest.fixture
def baseline(tmp_path):
    made = Baseline(tmp_path / "reports" / "baseline.json", STATE, {"two": "../scenarios/two.yaml", "gone": "x.yaml"})
    write_baseline(made)
    return made


def test_what_is_written_comes_back(baseline):
    back = read_baseline(baseline.file)
    assert back.accepted == STATE
    assert back.scenarios == {"two": "../scenarios/two.yaml"}  # no case of the other is left
    assert back.scenario_file("two") == baseline.file.parents[1].resolve() / "scenarios" / "two.yaml"


def test_it_is_sorted_with_pairs_of_which_the_same_is_accepted_in_one_line(baseline):
    lines = baseline.file.read_text(encoding="utf-8").splitlines()
    assert lines[1] == '"format_version": 1,'
    assert [line for line in lines if line.startswith(('"one', '"two'))] == ['"one": [', '"two[norm=l2]": [']
    assert ' {"verdict": "CLOSE", "pairs": ["b|a", "nsl|reference-nsl"]},' in lines
    body = json.loads(baseline.file.read_text(encoding="utf-8"))
    assert list(body) == ["format_version", "scenarios", "accepted"]


def test_a_change_is_a_small_diff(baseline, tmp_path):
    before = baseline.file.read_text(encoding="utf-8").splitlines()
    changed = {**STATE, "one": {"nsl|cleverhans-v4": PLAIN}}
    write_baseline(replace(baseline, accepted=dict(reversed(changed.items()))))
    after = baseline.file.read_text(encoding="utf-8").splitlines()
    assert (len(set(before) - set(after)), len(set(after) - set(before))) == (1, 1)


def test_the_same_state_is_the_same_file(baseline):
    before = baseline.file.read_bytes()
    write_baseline(read_baseline(baseline.file))
    assert baseline.file.read_bytes() == before


def test_a_case_is_kept_with_the_file_of_its_scenario_as_seen_from_the_baseline(baseline, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    added = baseline.with_case("three", {"a|b": PLAIN}, scenario="three", file="scenarios/deep/three.yaml")
    assert added.scenarios["three"] == "../scenarios/deep/three.yaml"
    assert added.accepted == {**STATE, "three": {"a|b": PLAIN}}


def test_a_missing_one_names_the_command_that_makes_one(tmp_path):
    with pytest.raises(HarnessError, match=r"there is no baseline.*harness baseline accept --all --run .* --baseline"):
        read_baseline(tmp_path / "baseline.json")


def damaged(text="", **changes):
    """A valid file with one thing changed."""
    entry = {"verdict": "CLOSE", "pairs": ["a|b"], **changes.pop("entry", {})}
    body = {"format_version": 1, "scenarios": {}, "accepted": {"one": [entry]}, **changes}
    return text or json.dumps(body)


WRONG = {
    "nothing": " ",
    "cut off": damaged()[:-4],
    "a merge conflict": f"<<<<<<< ours\n{damaged()}\n>>>>>>> theirs",
    "no text": "\udcff\udcfe",
    "deep": "[" * 100_000,
    "a key twice": '{"format_version": 1, "accepted": {"one": [], "one": []}}',
    "no accepted": '{"format_version": 1}',
    "a list": damaged(accepted=[]),
    "no entries": damaged(accepted={"one": "CLOSE"}),
    "an unknown verdict": damaged(entry={"verdict": "FINE"}),
    "no pair": damaged(entry={"pairs": ["a"]}),
    "a pair twice": damaged(entry={"pairs": ["a|b", "a|b"]}),
    "a number for a reason": damaged(entry={"reason": 3}),
    "no date": damaged(entry={"expires": "next year"}),
    "no figure": damaged(entry={"figures": {"mean_absolute": [1]}}),
    "not a number": damaged(entry={"figures": {"mean_absolute": float("nan")}}),
    "an unknown key": damaged(entry={"expired": "2026-01-01"}),
    "a scenario without a file": damaged(scenarios={"one": None}),
}


@pytest.mark.parametrize("text", WRONG.values(), ids=WRONG.keys())
def test_a_damaged_one_is_one_clear_error(tmp_path, text):
    file = tmp_path / "baseline.json"
    file.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(HarnessError, match=r"baseline\.json is damaged: .* Restore it from version control"):
        read_baseline(file)


@pytest.mark.parametrize("text", ["[]", "{}", '{"format_version": 2}', damaged(format_version="1")])
def test_one_of_another_version_says_so(tmp_path, text):
    file = tmp_path / "baseline.json"
    file.write_text(text)
    with pytest.raises(HarnessError, match="expected a baseline with format_version 1, got"):
        read_baseline(file)


def test_git_does_not_ignore_the_baseline():
    command = ["git", "check-ignore", "-q", "reports/baseline.json"]
    assert subprocess.run(command, cwd=Path(__file__).parents[2], check=False).returncode == 1


# The figures.

METRICS = {
    "perturbation": {"mean_absolute": 0.01234567, "max_absolute": 0.2, "incomparable": 100},
    "loss": {"relative_distance": 0.3, "scale": 0.83333, "incomparable": 0},
    "training": {"final_distance": 0.0123, "incomparable_seeds": 0, "left_nonfinite": None, "right_nonfinite": 3},
}


@pytest.mark.parametrize("kind", METRICS)
def test_few_figures_are_kept_and_only_of_what_diverged(kind):
    comparison = Comparison("a", "b", Verdict.DIVERGED, "", metrics=METRICS[kind])
    kept = figures_of(kind, comparison, {})
    assert len(kept) <= 3
    if kind == "perturbation":
        assert kept == {"mean_absolute": 0.0123, "max_absolute": 0.2, "incomparable": 100}
    for verdict in (Verdict.EQUAL, Verdict.CLOSE, Verdict.UNSUPPORTED):
        assert figures_of(kind, replace(comparison, verdict=verdict), {}) == {}


@pytest.mark.parametrize("kind", METRICS)
def test_last_bits_move_no_figure_out_of_its_room_and_three_times_moves_each(kind):
    for name, room in ROOMS[kind].items():
        for value in (1e-3, 0.5, 100.0, -2.0):
            assert moved(kind, {name: value}, {name: value * 1.2}) == []
            away = value * 3 + math.copysign(2 * room.floor, value)
            assert [text.split()[0] for text in moved(kind, {name: value}, {name: away})] == [name]
        assert moved(kind, {name: 100.0}, {name: -100.0}) != []
        assert moved(kind, {name: 100.0}, {name: None}) != []
        assert moved(kind, {name: None}, {name: None}) == []
        assert moved(kind, {name: 0.0}, {name: room.floor / 2}) == []  # round-off beside nothing


@pytest.mark.parametrize(
    ("before", "after", "changed"),
    [("equivalent", "different", True), ("equivalent", "undecided", False), ("undecided", "different", False)],
)
def test_only_a_reversed_answer_over_seeds_counts(before, after, changed):
    for was, now in ((before, after), (after, before)):
        assert bool(moved("training", {"answer": was}, {"answer": now})) is changed


def test_which_side_fails_and_which_ceases_to_be_finite_counts():
    assert moved("loss", {"left": "ok", "right": "error"}, {"left": "ok", "right": "timeout"}) == [
        "right timeout, accepted error"
    ]
    assert moved("training", {"nonfinite": "left"}, {}) == ["nonfinite none, accepted left"]
