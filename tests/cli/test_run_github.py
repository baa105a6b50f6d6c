"""``harness run`` where CI reads it: strict, annotations, the summary of a step."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

SCENARIO = """\
summary: A test.
kind: perturbation
model: {layers: [{dense: 3}]}
data: {source: iris, batch: 4}
attack: {epsilon: 0.1, labels: given}
matrix: {attack.norm: [linf, l1]}
subjects: [nsl, cleverhans-v4]
expect:
  - {pair: [nsl, cleverhans-v4], verdict: CLOSE, where: {attack.norm: linf}, because: they share everything}
"""


@pytest.fixture
def on_github(scenarios: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """GitHub Actions in the folder of the scenarios. Returns the file of the step's summary."""
    summary = scenarios / "summary.md"
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_WORKSPACE", str(scenarios.parent))
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    monkeypatch.setenv("HARNESS_STORE", str(tmp_path_factory.getbasetemp() / "store-of-runs-on-github"))
    return summary


def commands(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("::")]


def test_strict_fails_for_what_nobody_spoke_of_and_github_is_told_where(harness, scenarios, on_github) -> None:
    (scenarios / "scenarios" / "a.yaml").write_text(SCENARIO)
    on_github.write_text("of a step before\n")
    shown = harness("run")
    assert (shown.returncode, commands(shown.stdout)) == (0, []), shown.stderr
    shown = harness("run", "--strict")
    assert shown.returncode == 1, shown.stderr
    assert "--strict: nobody says what to expect of 1 comparison." in shown.stdout
    (command,) = commands(shown.stdout)
    place = f"file={scenarios.name}/scenarios/a.yaml,line=1,col=1"
    assert command.startswith(f"::error {place},title=a[norm=l1]%3A nsl | cleverhans-v4%3A EQUAL::unstated: EQUAL: ")
    assert on_github.read_text().startswith("of a step before\n# The one comparison is as expected.\n")
    root = ElementTree.parse(scenarios / "reports" / "latest" / "junit.xml").getroot()
    assert (root.get("tests"), root.get("failures")) == ("2", "1")


def test_a_wrong_scenario_is_annotated_where_it_is_wrong(harness, scenarios, on_github) -> None:
    (scenarios / "scenarios" / "a.yaml").write_text(SCENARIO.replace("kind: perturbation", "kind: perturbed"))
    shown = harness("validate")
    assert shown.returncode == 2
    assert shown.stderr.startswith("scenarios/a.yaml:2:7: kind: 'perturbed' is not a kind.")
    (command,) = commands(shown.stdout)
    assert command.startswith(f"::error file={scenarios.name}/scenarios/a.yaml,line=2,col=7,title=")


def test_a_summary_that_cannot_be_written_does_not_spoil_the_answer(harness, scenarios, on_github, monkeypatch) -> None:
    (scenarios / "scenarios" / "a.yaml").write_text(SCENARIO)
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(scenarios))
    shown = harness("run")
    assert shown.returncode == 0
    assert "the summary of the step cannot be written: Is a directory" in shown.stderr
