"""``harness baseline``, and ``harness run`` against what it accepted."""

import json
from pathlib import Path

import pytest

from harness.cli.baseline import _refuse_in_ci, main
from harness.vocabulary import HarnessError

PAIR = ("nsl", "cleverhans-v4")


@pytest.fixture
def own_machine(monkeypatch):
    """Not in CI, where these tests may run."""
    for name in ("CI", "GITHUB_ACTIONS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def run_folder(synthetic, make_case, scenarios):
    """``reports/latest`` with two cases, ``a`` and ``b[norm=l2]``; in the latter the two differ."""
    cases = make_case("a", subjects=PAIR), make_case("b[norm=l2]", scenario="b", subjects=PAIR)
    records = [synthetic.record(case, {"nsl": 0, "cleverhans-v4": 5 * n}) for n, case in enumerate(cases)]
    synthetic.saved(scenarios / "reports" / "latest", *records)
    return scenarios


def accepted(folder):
    return json.loads((folder / "reports" / "baseline.json").read_text())["accepted"]


def test_accepting_and_showing(harness, run_folder, own_machine):
    missing = harness("baseline", "show")
    assert (missing.returncode, missing.stdout) == (2, "")
    assert "Make one from a finished run: harness baseline accept --all --run reports/latest" in missing.stderr

    done = harness("baseline", "accept", "norm and l2", "--reason", " known\n for long ", "--expires", "9999-12-31")
    assert (done.returncode, done.stderr) == (0, "")
    assert "accepted 1 case in reports/baseline.json: 1 entry new or changed" in done.stdout
    assert list(accepted(run_folder)) == ["b[norm=l2]"]
    assert harness("baseline", "accept", "a").returncode == 0
    assert list(accepted(run_folder)) == ["a", "b[norm=l2]"]

    shown = harness("baseline", "show").stdout.splitlines()
    assert shown[0] == "reports/baseline.json: 2 cases, 2 comparisons: 1 EQUAL, 1 DIVERGED"
    assert shown[1].startswith(
        "b[norm=l2]  nsl | cleverhans-v4  DIVERGED (mean_absolute 0.0156, max_absolute 0.2): known for"
    )
    assert shown[1].endswith(", until 9999-12-31)")
    assert harness("baseline", "show", "a").stdout.split() == ["a", "nsl", "|", "cleverhans-v4", "EQUAL"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "nothing is named"),
        (["--all"], '1 comparison is not as a scenario expects. Say why that is accepted: --reason "..."'),
        (["--all", "--reason", "  "], "--reason"),
        (
            ["b[norm=l1]"],
            "'b[norm=l1]' is no case, nor does it occur in the id of one of the 2 there are. Did you mean",
        ),
        (["a", "--expires", "soon"], "--expires: expected a day as YYYY-MM-DD, got 'soon'"),
        (["a", "--expires", "2001-01-01"], "has passed already"),
        (["a", "--run", "reports/other"], "run.json cannot be read"),
    ],
)
def test_what_is_refused_leaves_no_baseline(run_folder, own_machine, monkeypatch, arguments, words):
    monkeypatch.chdir(run_folder)
    with pytest.raises(HarnessError) as refused:
        main(["accept", *arguments])
    assert words in str(refused.value)
    assert not (run_folder / "reports" / "baseline.json").exists()


@pytest.mark.parametrize(
    ("environment", "refuses"),
    [
        ({}, False),
        ({"CI": ""}, False),
        ({"CI": "false", "GITHUB_ACTIONS": "0"}, False),
        ({"CI": "true"}, True),
        ({"CI": "1"}, True),
        ({"CI": "false", "GITHUB_ACTIONS": "true"}, True),
    ],
)
def test_no_machine_accepts_what_it_finds(environment, refuses):
    if not refuses:
        _refuse_in_ci(environment)
        return
    with pytest.raises(HarnessError, match="not changed in CI"):
        _refuse_in_ci(environment)


def test_in_ci_nothing_is_accepted_or_removed(harness, run_folder, monkeypatch):
    monkeypatch.setenv("CI", "true")
    for arguments in (["accept", "--all", "--reason", "known"], ["prune"]):
        refused = harness("baseline", *arguments)
        assert (refused.returncode, "CI=true" in refused.stderr) == (2, True)
    assert not (run_folder / "reports" / "baseline.json").exists()


def test_a_damaged_baseline_stops_a_run_before_it_starts(harness, scenarios):
    (scenarios / "bad.json").write_text("{")
    refused = harness("run", "--baseline", "bad.json")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.startswith("bad.json is damaged: it is not JSON")
    assert "Traceback" not in refused.stderr
    assert not (scenarios / "reports" / ".store").exists()


def test_a_run_is_held_against_what_was_accepted(harness, scenarios: Path, own_machine):
    """With real subjects; the second run and the third find their outcomes in the store."""
    file = scenarios / "scenarios" / "a.yaml"
    file.write_text(f"{file.read_text()}attack: {{epsilon: 0.1}}\n")
    subjects = ("--subjects", "reference-nsl,reference-cleverhans")
    held = ("run", *subjects, "--baseline", "reports/baseline.json")
    first = harness("run", *subjects, "-j", "1")
    assert first.returncode == 0, first.stderr
    assert harness("baseline", "accept", "--all", "--reason", "their defaults differ").returncode == 0
    before = accepted(scenarios)
    assert set(before) == {"a[norm=linf]", "a[norm=l2]"}

    again = harness(*held)
    assert again.returncode == 0, again.stdout + again.stderr
    assert "Against the baseline reports/baseline.json: 2 accepted." in again.stdout

    less = harness(*held, "-k", "linf")
    assert less.returncode == 0
    assert "not run     1 case of the baseline not in this run, in a" in less.stdout

    file.write_text(file.read_text().replace("[linf, l2]", "[linf]"))
    gone = harness(*held)
    assert gone.returncode == 0  # --strict alone fails on it
    assert "vanished    a[norm=l2]  no longer in the scenario files" in gone.stdout
    again = harness("report", "reports/latest", "--format", "md").stdout  # made from the folder alone
    assert "### Vanished\n\n- `a[norm=l2]`: no longer in the scenario files.\n" in again

    pruned = harness("baseline", "prune")
    assert pruned.stdout == "removed  a[norm=l2]: no longer in the scenario files\n"
    assert accepted(scenarios) == {"a[norm=linf]": before["a[norm=linf]"]}

    path = scenarios / "reports" / "baseline.json"
    body = json.loads(path.read_text())
    body["accepted"]["a[norm=linf]"][0]["figures"]["max_absolute"] *= 2
    path.write_text(json.dumps(body))
    changed = harness(*held)
    assert changed.returncode == 1
    assert "1 comparison is not as in the baseline." in changed.stdout
