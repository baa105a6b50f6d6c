"""``harness.run`` and ``harness.load_run``."""

import subprocess
import sys
import textwrap
from pathlib import Path

import pandas as pd
import pytest

import harness
from harness.engine.events import Finished, OutcomeReady
from harness.vocabulary import HarnessError

SCENARIO = """\
summary: The two libraries alike and unlike.
kind: perturbation
tags: [notebook]
model: {layers: [{dense: 3}]}
data: {source: iris, batch: 4}
attack: {epsilon: 0.1, labels: given}
subjects: [nsl, cleverhans-v4]
matrix: {attack.norm: [linf, l2]}
"""


@pytest.fixture(scope="module")
def scenarios(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scenarios")
    (folder / "alike.yaml").write_text(SCENARIO)
    return folder


@pytest.fixture(scope="module")
def heard():
    return []


@pytest.fixture(scope="module")
def result(scenarios, heard):
    """A run through the one call that a notebook makes, of one case of the two."""
    return harness.run(
        scenarios, keyword="linf", jobs=1, report_dir=scenarios / "reports" / "latest", listen=heard.append
    )


def test_a_run_is_read_as_tables(result):
    assert isinstance(result.comparisons, pd.DataFrame)
    assert result.comparisons[["case", "verdict"]].to_numpy().tolist() == [["alike[norm=linf]", "EQUAL"]]
    assert result.outcomes["subject"].tolist() == ["nsl", "cleverhans-v4"]
    assert result.totals["comparisons"] == len(result.cases) == 1
    assert not result.interrupted


def test_a_run_says_what_it_is(result):
    assert "1 comparison, and no scenario states what to expect." in repr(result)


def test_all_reports_are_written(result):
    assert result.folder.name == "latest"
    assert {path.name for path in result.folder.iterdir()} == {
        "arrays",
        "comparisons.csv",
        "comparisons.parquet",
        "junit.xml",
        "report.html",
        "report.md",
        "run.json",
    }


def test_whoever_listens_hears_every_outcome(result, heard):
    assert sum(isinstance(event, OutcomeReady) for event in heard) == result.totals["outcomes"]
    assert not any(isinstance(event, Finished) for event in heard)


def test_a_folder_is_loaded_as_the_same_run(result):
    loaded = harness.load_run(str(result.folder))
    pd.testing.assert_frame_equal(loaded.comparisons, result.comparisons)
    pd.testing.assert_frame_equal(loaded.outcomes, result.outcomes)
    x = loaded.run.inputs(loaded.cases[0])["x"]
    assert loaded.run.adversarial(loaded.cases[0].outcomes[0])["x"].shape == x.shape == (4, 4)


def test_bad_input_is_one_clear_error(scenarios, tmp_path):
    with pytest.raises(HarnessError, match="nothing-matches-this"):
        harness.run([scenarios], keyword="nothing-matches-this", report_dir=tmp_path)
    with pytest.raises(HarnessError, match=r"run\.json"):
        harness.load_run(tmp_path)


def test_importing_the_package_imports_nothing_heavy(folder):
    script = f"""
    import sys
    import harness
    assert not {{"numpy", "pandas", "rich", "jinja2", "harness.report"}} & set(sys.modules)
    run = harness.load_run({str(folder)!r})
    run.totals
    assert "pandas" not in sys.modules
    run.comparisons
    assert not {{"tensorflow", "keras", "tf_keras", "sklearn", "matplotlib", "rich"}} & set(sys.modules)
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=True, cwd=Path(__file__).parents[2])
