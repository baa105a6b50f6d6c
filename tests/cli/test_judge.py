"""``harness judge`` and ``harness diff``, on saved runs."""

import json
import os
import subprocess
import sys

import pytest

from harness.vocabulary import Expectation, Location, Verdict

from .conftest import CHECKOUT

PAIR = ("nsl", "cleverhans-v4")
HEAVY = {"tensorflow", "keras", "sklearn", "matplotlib", "pandas"}
CODE = """
import atexit, sys
atexit.register(lambda: print(*sys.modules, sep="\\n", file=sys.stderr))
from harness.cli.main import main
main()
"""


@pytest.fixture
def folders(synthetic, make_case, scenarios):
    """Two runs, ``before`` and ``after``: in the latter ``nsl`` flips three signs of the case ``drifts``."""
    expected = {"|".join(PAIR): Expectation(Verdict.CLOSE, "round-off", Location("same.yaml", 9, 3))}
    same, drifts = make_case("same", subjects=PAIR, expectations=expected), make_case("drifts", subjects=PAIR)
    for name, flipped in (("before", 0), ("after", 3)):
        records = [
            synthetic.record(same, {"nsl": 0, "cleverhans-v4": "close"}),
            synthetic.record(drifts, {"nsl": flipped, "cleverhans-v4": 0}),
        ]
        synthetic.saved(scenarios / name, *records)
    return scenarios


def test_judging_again_says_what_changed_and_what_would_pass(harness, folders):
    same = harness("judge", "after")
    assert (same.returncode, same.stderr) == (0, "")
    first, second, *rest = same.stdout.splitlines()
    assert first == "every comparison is as it was"
    assert second.startswith("DIVERGED  drifts  nsl | cleverhans-v4  --max-roundoff ")
    assert second.endswith(" would pass")
    assert "The one comparison is as expected." in rest
    needed = second.split()[6]

    lenient = harness("judge", "after", "--max-roundoff", needed)
    assert lenient.returncode == 0
    assert lenient.stdout.startswith("drifts  nsl | cleverhans-v4  DIVERGED became CLOSE, unstated: 3 of 64 elements")

    strict = harness("judge", "after", "--max-roundoff", "0.5", "-o", "judged")
    assert strict.returncode == 1
    assert "same  nsl | cleverhans-v4  CLOSE became DIVERGED, expected became unexpected: 64 of 64" in strict.stdout
    assert "1 comparison changed" in strict.stdout
    assert (folders / "judged" / "report.html").exists()
    assert harness("judge", "judged").returncode == 1  # as it was judged last
    assert harness("judge", "judged", "--max-roundoff", "4").returncode == 0


@pytest.mark.parametrize("arguments", [["judge", "after"], ["diff", "before", "after"]])
def test_no_library_is_imported_and_nothing_written(folders, arguments):
    before = {path: path.stat().st_mtime_ns for path in folders.rglob("*")}
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
    command = [sys.executable, "-c", CODE, *arguments]
    shown = subprocess.run(command, cwd=folders, env=environment, capture_output=True, text=True, check=False)
    imported = {line.partition(".")[0] for line in shown.stderr.splitlines()}
    assert "harness" in imported
    assert imported & HEAVY == set()
    assert {path: path.stat().st_mtime_ns for path in folders.rglob("*")} == before


def test_a_judged_run_is_held_against_a_baseline(harness, folders, monkeypatch):
    for name in ("CI", "GITHUB_ACTIONS"):
        monkeypatch.delenv(name, raising=False)
    assert harness("baseline", "accept", "--all", "--run", "before", "--baseline", "b.json").returncode == 0
    held = harness("judge", "after", "--baseline", "b.json")
    assert held.returncode == 1
    assert "changed     drifts  nsl | cleverhans-v4  EQUAL became DIVERGED" in held.stdout
    assert harness("judge", "after", "--baseline", "none.json").returncode == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["judge", "nowhere"], "run.json cannot be read"),
        (["judge", "after", "--max-roundoff", "nan"], "expected a number of 0 or more"),
        (["judge", "after", "--max-roundoff", "-1"], "expected a number of 0 or more"),
        (["judge", "after", "--max-roundoff", "x"], "expected a number of 0 or more"),
        (["diff", "after", "nowhere"], "run.json cannot be read"),
        (["diff", "after", "before", "--known", "none"], "none cannot be read"),
        (["diff", "after"], "RUN_B"),
    ],
)
def test_what_cannot_be_judged_is_one_clear_error(harness, folders, arguments, words):
    refused = harness(*arguments)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert words in refused.stderr
    assert "Traceback" not in refused.stderr


def test_runs_that_agree_and_runs_that_do_not(harness, folders):
    same = harness("diff", "before", "before")
    assert (same.returncode, same.stdout.splitlines()[0]) == (0, "The two runs agree.")
    assert "4 outcomes compared array by array: 4 EQUAL" in same.stdout

    apart = harness("diff", "before", "after")
    assert apart.returncode == 1
    lines = apart.stdout.splitlines()
    assert lines[0].startswith("differs     drifts  nsl  DIVERGED: 3 of 64 elements differ")
    assert lines[1].startswith("differs     drifts  nsl | cleverhans-v4  EQUAL became DIVERGED: 3 of 64")
    assert lines[2:4] == [
        "The two runs differ: 2 differences.",
        "4 outcomes compared array by array: 3 EQUAL, 1 DIVERGED",
    ]

    (folders / "known.txt").write_text("drifts nsl* # 2.15 sums in another order\n")
    known = harness("diff", "before", "after", "--known", "known.txt")
    assert known.returncode == 0
    assert "known       2 differences: 2.15 sums in another order" in known.stdout


def test_the_same_as_a_page_and_for_programs(harness, folders):
    page = harness("diff", "before", "after", "--format", "md")
    assert page.returncode == 1
    assert page.stdout.startswith("# The two runs differ: 2 differences.\n")
    assert "- `drifts` nsl: DIVERGED: 3 of 64 elements differ" in page.stdout
    done = harness("diff", "before", "after", "--format", "json", "-o", "diff.json")
    assert (done.returncode, done.stdout) == (1, "")
    body = json.loads((folders / "diff.json").read_text())
    assert body["format_version"] == 1
    assert [(one["case"], one["subject"], one["status"]) for one in body["outcomes"]] == [
        ("same", "nsl", "alike"),
        ("same", "cleverhans-v4", "alike"),
        ("drifts", "nsl", "differs"),
        ("drifts", "cleverhans-v4", "alike"),
    ]
    assert body["outcomes"][2]["metrics"]["differing"] == 3
    assert [(one["before"], one["after"]) for one in body["verdicts"]] == [("EQUAL", "DIVERGED")]


def test_runs_without_a_case_in_common_cannot_be_compared(harness, folders, synthetic, make_case):
    synthetic.saved(folders / "other", synthetic.record(make_case("other", subjects=PAIR), dict.fromkeys(PAIR, 0)))
    refused = harness("diff", "before", "other")
    assert refused.returncode == 2
    assert "no case with a subject in common" in refused.stderr
