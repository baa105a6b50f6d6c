"""``harness doctor`` on the real libraries, through the real command line."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness.vocabulary import SUBJECTS

COMMAND = [sys.executable, "-c", "from harness.cli.main import main; main()", "doctor"]
CHECKOUT = Path(__file__).resolve().parents[2]


def doctor(*arguments: str, **variables: str) -> tuple[int, list[str]]:
    """Exit status and lines; fails if anything but the report was written."""
    environment = {**os.environ, **variables}
    outcome = subprocess.run(
        [*COMMAND, *arguments], cwd=CHECKOUT, env=environment, capture_output=True, text=True, check=False
    )
    assert outcome.stderr == ""
    return outcome.returncode, outcome.stdout.splitlines()


def states(lines: list[str]) -> dict[str, str]:
    """Subject to state, from the lines about subjects."""
    split = [line.split(": ", 2) for line in lines]
    return {parts[0]: parts[1] for parts in split if parts[0] in SUBJECTS}


@pytest.fixture
def broken_v3(tmp_path: Path) -> Path:
    """A folder with a cleverhans 3.1.0 that is installed, as far as the eye can see, and cannot be imported."""
    (tmp_path / "cleverhans").mkdir()
    (tmp_path / "cleverhans" / "__init__.py").write_text("raise ImportError('damaged on [purpose]')\n")
    information = tmp_path / "cleverhans-3.1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: cleverhans\nVersion: 3.1.0\n")
    return tmp_path


def test_every_subject_works() -> None:
    status, lines = doctor()
    assert states(lines) == dict.fromkeys(SUBJECTS, "works")
    assert status == 0
    assert lines[-1] == f"All {len(SUBJECTS)} subjects work."


def test_quick_tells_versions_at_once_and_runs_no_library() -> None:
    start = time.monotonic()
    status, lines = doctor("--quick")
    assert time.monotonic() - start < 2.0  # any of the libraries alone takes longer to import
    assert (status, states(lines)) == (0, dict.fromkeys(SUBJECTS, "installed"))
    text = "\n".join(lines)
    for installed in ("neural-structured-learning 1.4.0", "cleverhans 4.0.0", "cleverhans 3.1.0", "tensorflow 2."):
        assert installed in text


def test_a_library_that_is_not_there_comes_with_the_command_that_mends_it(tmp_path: Path) -> None:
    status, lines = doctor("--quick", HARNESS_CLEVERHANS_V3=str(tmp_path))
    assert status == 2
    assert states(lines) == {name: "missing" if name == "cleverhans-v3" else "installed" for name in SUBJECTS}
    (line,) = [line for line in lines if line.startswith("cleverhans-v3")]
    assert f"python -m pip install --no-deps --target {tmp_path} cleverhans==3.1.0" in line
    assert lines[-1] == f"1 of {len(SUBJECTS)} subjects not ready: cleverhans-v3."


def test_a_library_that_is_damaged_is_found_out_by_running_it(broken_v3: Path) -> None:
    assert states(doctor("--quick", HARNESS_CLEVERHANS_V3=str(broken_v3))[1])["cleverhans-v3"] == "installed"
    status, lines = doctor(HARNESS_CLEVERHANS_V3=str(broken_v3))
    assert status == 2
    assert states(lines) == {name: "failed" if name == "cleverhans-v3" else "works" for name in SUBJECTS}
    assert any("ImportError: damaged on [purpose]" in line for line in lines)
