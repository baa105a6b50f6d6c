"""The plugin for pytest: every comparison a test, and a fixture for tests of one's own.

pytest imports this module at every start. What takes long to import is imported when it is needed.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from harness.pytest_plugin.collect import ScenarioFile
    from harness.pytest_plugin.compare import Compare

_MARKS = {
    "harness": "a comparison of two implementations, out of a scenario file",
    "perturbation": "a comparison of adversarial examples",
    "loss": "a comparison of one training step",
    "training": "a comparison of trainings",
}


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options, in a group of their own."""
    group = parser.getgroup("harness", "comparison of adversarial attacks and trainings (adversarial-harness)")
    group.addoption(
        "--harness",
        action="append",
        default=[],
        metavar="PATH",
        dest="harness_paths",
        help="collect every comparison of this scenario file, or of those in this folder, as a test; can be repeated",
    )
    group.addoption(
        "--harness-baseline", metavar="FILE", help="hold the comparisons against this baseline (harness baseline)"
    )
    group.addoption("--harness-subjects", metavar="A,B", help="compare only these subjects")
    group.addoption(
        "--harness-report-dir",
        metavar="DIR",
        help="write a run folder with all reports here; what was computed is kept beside it, in .store, "
        "without this option in reports/.store",
    )
    group.addoption("--harness-allow-code", action="store_true", help="run Python that a scenario names")
    group.addoption(
        "--harness-strict",
        action="store_true",
        help="comparisons fail of which neither scenario nor baseline says what to expect",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Registers the marks, and has the scenario files collected."""
    active = bool(config.getoption("harness_paths"))
    for name, meaning in _MARKS.items():
        if active or name == "harness":
            config.addinivalue_line("markers", f"{name}: {meaning}")
    if active:
        from harness.pytest_plugin.collect import arrange

        arrange(config)


def pytest_report_header(config: pytest.Config) -> str | None:
    """The versions under comparison, and the baseline."""
    if not config.getoption("harness_paths"):
        return None
    from harness.pytest_plugin.collect import header

    return header(config)


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> ScenarioFile | None:
    """A scenario file that was asked for."""
    if not parent.config.getoption("harness_paths"):
        return None
    from harness.pytest_plugin.collect import scenario_file

    return scenario_file(file_path, parent)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Ends the workers, if there were any, and writes the reports that were asked for."""
    from harness.pytest_plugin.keys import RUNS

    runs = session.config.stash.get(RUNS, None)
    if runs is None:
        return
    from harness.vocabulary import HarnessError

    try:
        runs.finish()
    except HarnessError as error:
        raise pytest.exit.Exception(f"--harness-report-dir: {error}", returncode=2) from error


@pytest.fixture(scope="session")
def harness_compare(request: pytest.FixtureRequest) -> Compare:
    """Compares two implementations in one line, see ``harness.pytest_plugin.compare.Compare.__call__``."""
    from harness.pytest_plugin.compare import Compare
    from harness.pytest_plugin.runs import runs_of

    return Compare(runs_of(request.config))
