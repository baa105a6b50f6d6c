"""``pytest --harness``: every comparison a test."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.engine.record import load_run

from .conftest import CHECKOUT, DIVERGES, FAILS, outcomes

MATRIX = "scenarios/matrix.yaml::matrix::"
PLAIN = "scenarios/plain.yaml::plain::"
ALL = {
    f"{MATRIX}nsl|cleverhans-v4[norm=linf]": "PASSED",
    f"{MATRIX}nsl|reference-float64[norm=linf]": "PASSED",
    f"{MATRIX}cleverhans-v4|reference-float64[norm=linf]": "PASSED",
    f"{MATRIX}nsl|cleverhans-v4[norm=l2]": "PASSED",
    FAILS: "FAILED",
    f"{MATRIX}cleverhans-v4|reference-float64[norm=l2]": "PASSED",
    DIVERGES: "SKIPPED",
    f"{PLAIN}nsl|reference-cleverhans": "SKIPPED",
    f"{PLAIN}cleverhans-v4|reference-cleverhans": "PASSED",
}
HEAVY = {"tensorflow", "keras", "numpy", "pandas", "scipy", "sklearn", "pydantic", "rich", "typer", "ruamel", "pebble"}


def collected(text: str) -> set[str]:
    return {line for line in text.splitlines() if "::" in line}


def test_every_comparison_is_a_test_and_nothing_else_is(first) -> None:
    assert outcomes(first.stdout) == ALL
    assert first.returncode == 1
    assert "test_own" not in first.stdout


def test_a_failure_says_what_was_expected_and_how_to_see_it_again_and_shows_no_code(first) -> None:
    assert "Traceback" not in first.stdout + first.stderr
    assert "pytest_plugin" not in first.stdout
    told = first.stdout.partition("= FAILURES =")[2].partition("= short test summary")[0]
    assert "_ matrix[norm=l2]: nsl | reference-float64 _" in told
    assert "\nCLOSE, expected DIVERGED (wrong on purpose): 48 of 48 elements differ" in told
    assert "\nstated in: scenarios/matrix.yaml:11:5\n" in told
    assert re.search(
        r"\nto reproduce: harness run scenarios/matrix.yaml -k 'matrix\[norm=l2\]' --subjects nsl,reference-float64\n",
        told,
    )


def test_what_nobody_spoke_of_is_skipped_on_its_file_and_fails_when_strict(first, session) -> None:
    assert re.search(r"SKIPPED \[\d\] scenarios/plain.yaml:1: unstated: DIVERGED: 1", first.stdout)
    strict = session("--harness", "scenarios", "-v", "--harness-strict", "-k", "plain")
    assert set(outcomes(strict.stdout).values()) == {"FAILED"}


def test_the_header_has_the_versions_and_the_baseline(first) -> None:
    (line,) = [line for line in first.stdout.splitlines() if line.startswith("harness ")]
    assert re.fullmatch(
        r"harness \S+: tensorflow 2\S+, neural-structured-learning 1\.4\.0, cleverhans 4\.0\.0; baseline none", line
    )


def test_the_run_folder_has_what_was_tested(first, project) -> None:
    run = load_run(project / "reports" / "first")
    assert (run.totals["comparisons"], run.totals["unexpected"], run.interrupted) == (len(ALL), 1, False)
    assert (project / "reports" / "first" / "junit.xml").exists()


def test_last_failed_and_xdist(first, session, project) -> None:
    again = session("--harness", "scenarios", "-v", "--lf", cache=True)
    assert outcomes(again.stdout) == {FAILS: "FAILED"}
    shared = session(
        *("--harness", "scenarios", "-v", "-n", "2", "--dist", "loadscope", "--harness-report-dir", "reports/shared"),
        plugins=("xdist.plugin",),
    )
    assert outcomes(shared.stdout) == ALL
    workers = set(re.findall(r"^\[(gw\d)\] .* (scenarios/\w+)", shared.stdout, re.MULTILINE))
    assert len(workers) == 2  # each scenario in one worker
    run, alone = (load_run(project / "reports" / name) for name in ("shared", "first"))
    by_id = {record.case.id: record.comparisons for record in run.cases}
    assert by_id == {record.case.id: record.comparisons for record in alone.cases}


@pytest.mark.parametrize(
    ("selection", "ids"),
    [
        (
            ["-m", "tag_skip and smoke and perturbation and harness", "-k", "l2 and not float64"],
            {f"{MATRIX}nsl|cleverhans-v4[norm=l2]"},
        ),
        (["--harness-subjects", "nsl, cleverhans-v4"], {one for one in ALL if "nsl|cleverhans-v4" in one}),
        ([FAILS, DIVERGES], {FAILS, DIVERGES}),
        (["test_own.py", "-m", "not tag_skip"], {"test_own.py::test_own", *(one for one in ALL if "plain" in one)}),
    ],
)
def test_selections(session, selection, ids) -> None:
    shown = session("--harness", "scenarios", "--collect-only", "-q", *selection)
    assert collected(shown.stdout) == ids
    assert "Warning" not in shown.stdout


def test_the_comparisons_of_a_case_are_a_group_to_xdist(session) -> None:
    selection = ("-m", "xdist_group(name='matrix_norm=l2_')")
    shown = session("--harness", "scenarios", "--collect-only", "-q", *selection, plugins=("xdist.plugin",))
    assert collected(shown.stdout) == {one for one in ALL if "=l2" in one}


def test_a_scenario_that_is_wrong_is_an_error_in_the_words_of_the_harness(session, tmp_path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "same.yaml").write_text("summary: 3\nkind: perturbed\n")
    (tmp_path / "b").mkdir()
    twice = "summary: A test.\nkind: loss\nmodel: {layers: [{dense: 3}]}\ndata: {source: iris}\n"
    for folder in "ab":
        (tmp_path / folder / "twice.yaml").write_text(twice)
    shown = session("--harness", "a", "--harness", "b", "-q", folder=tmp_path)
    assert shown.returncode == 2
    assert "a/same.yaml:2:7: kind: 'perturbed' is not a kind. Did you mean 'perturbation'?" in shown.stdout
    assert "b/twice.yaml: two scenarios of one name: 'twice' is also " in shown.stdout
    assert "Traceback" not in shown.stdout + shown.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--harness", "nowhere"], "nowhere: there is no such file or folder."),
        (["--harness", "scenarios", "--harness-baseline", "no.json"], "harness baseline accept"),
    ],
)
def test_what_is_not_there_is_one_clear_error(session, arguments, message) -> None:
    shown = session(*arguments)
    assert (shown.returncode, shown.stdout) == (4, "")
    assert shown.stderr.startswith("ERROR: --harness: ")
    assert message in shown.stderr
    assert "Traceback" not in shown.stderr


def test_without_its_option_the_plugin_costs_nothing(session) -> None:
    shown = session("-q", after="print(*sys.modules, sep='\\n', file=sys.stderr)")
    assert shown.returncode == 0, shown.stdout
    assert "1 passed" in shown.stdout
    modules = shown.stderr.splitlines()
    assert {name for name in modules if name.startswith("harness")} <= {
        *("harness", "harness.pytest_plugin", "harness.pytest_plugin.keys")
    }
    assert {name.partition(".")[0] for name in modules} & HEAVY == set()


def test_it_is_installed_with_the_package() -> None:
    project = Path(CHECKOUT, "pyproject.toml").read_text()
    assert '[project.entry-points.pytest11]\nharness = "harness.pytest_plugin"\n' in project
