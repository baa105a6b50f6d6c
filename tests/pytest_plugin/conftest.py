"""Real pytest sessions, each in a process of its own, in a project that uses the plugin."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]

MATRIX = """\
summary: A test.
kind: perturbation
tags: [smoke, skip]
model: {layers: [{dense: 3}]}
data: {source: iris, batch: 12}
attack: {epsilon: 0.1, labels: given}
matrix: {attack.norm: [linf, l2]}
subjects: [nsl, cleverhans-v4, reference-float64]
expect:
  - {pair: [nsl, cleverhans-v4], verdict: CLOSE, because: they share everything}
  - {pair: [nsl, reference-float64], verdict: DIVERGED, where: {attack.norm: l2}, because: wrong on purpose}
"""
PLAIN = """\
summary: Of this nobody says what to expect.
kind: perturbation
tags: [smoke]
model: {layers: [{dense: 3}]}
data: {source: iris, batch: 12}
attack: {epsilon: 0.1, norm: linf}
subjects: [nsl, cleverhans-v4, reference-cleverhans]
"""
FAILS = "scenarios/matrix.yaml::matrix::nsl|reference-float64[norm=l2]"
DIVERGES = "scenarios/plain.yaml::plain::nsl|cleverhans-v4"

Session = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two scenarios, four cases' worth of everything, and a test of its own."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "scenarios").mkdir()
    (folder / "scenarios" / "matrix.yaml").write_text(MATRIX)
    (folder / "scenarios" / "plain.yaml").write_text(PLAIN)
    (folder / "test_own.py").write_text("def test_own():\n    pass\n")
    return folder


@pytest.fixture(scope="session")
def session(project: Path) -> Session:
    """Runs ``pytest`` with the plugin in the project, or in a folder, with other plugins besides."""

    def session(
        *arguments: str,
        folder: Path = project,
        plugins: tuple[str, ...] = (),
        cache: bool = False,
        after: str = "",
    ) -> subprocess.CompletedProcess[str]:
        named = [
            word
            for name in ("harness.pytest_plugin", *plugins, *([] if cache else ["no:cacheprovider"]))
            for word in ("-p", name)
        ]
        code = f"import sys, pytest; status = pytest.main(sys.argv[1:]); {after or 'pass'}; sys.exit(status)"
        # Not by its entry point, which an environment has that was made after this checkout only.
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
        variables = {"PYTHONPATH": str(CHECKOUT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "COLUMNS": "200"}
        return subprocess.run(
            [sys.executable, "-c", code, *named, "--strict-markers", *arguments],
            cwd=folder,
            env={**inherited, **variables, "HARNESS_STORE": str(project / "store")},
            capture_output=True,
            text=True,
            check=False,
        )

    return session


def outcomes(text: str) -> dict[str, str]:
    """Test id to ``PASSED``, ``FAILED``, ..., out of what ``pytest -v`` says, with pytest-xdist or without."""
    words = r"PASSED|FAILED|SKIPPED|XFAIL|ERROR"
    found = re.findall(rf"^(?:\[gw\d\] \[ *\d+%\] ({words}) (\S+)|(\S+::\S+) ({words}))", text, re.MULTILINE)
    return {(first or second).partition("@")[0]: word or other for word, first, second, other in found}


@pytest.fixture(scope="session")
def first(session: Session) -> subprocess.CompletedProcess[str]:
    """The first session, in which everything is computed."""
    return session("--harness", "scenarios", "-v", "-rs", "--harness-report-dir", "reports/first", cache=True)
