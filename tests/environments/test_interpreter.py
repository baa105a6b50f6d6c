"""The interpreter that set-up chooses, through the Makefile as a user meets it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]


def fake_python(folder: Path, name: str, version: str) -> Path:
    """A command that answers every question as a Python of this version would answer the one for its version."""
    script = folder / name
    script.write_text(f"#!/bin/sh\necho {version}\n")
    script.chmod(0o755)
    return script


def make_environment(venv: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "MAKE", "VENV"))}
    return subprocess.run(
        ["make", "-C", CHECKOUT, "environment", f"VENV={venv}"],
        env={**environment, **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def lines_of_ours(stderr: str) -> list[str]:
    return [line for line in stderr.splitlines() if not line.startswith("make")]


@pytest.mark.parametrize("version", ["2.7", "3.9", "3.14", "4.0"])
def test_python_too_old_or_too_new_gets_one_line_and_nothing_is_made(tmp_path: Path, version: str) -> None:
    python = fake_python(tmp_path, "python-fake", version)
    outcome = make_environment(tmp_path / "venv", PYTHON=str(python))
    assert outcome.returncode == 2
    assert lines_of_ours(outcome.stderr) == [
        f"harness: PYTHON={python} is Python {version}; Python 3.10 to 3.13 is needed, as in: "
        "PYTHON=python3.12 make compare"
    ]
    assert not (tmp_path / "venv").exists()


@pytest.mark.parametrize("python", ["no-such-python", "/no/such/python", "false"])
def test_python_that_does_not_run_gets_one_line_and_nothing_is_made(tmp_path: Path, python: str) -> None:
    outcome = make_environment(tmp_path / "venv", PYTHON=python)
    assert outcome.returncode == 2
    (line,) = lines_of_ours(outcome.stderr)
    assert line.startswith(f"harness: PYTHON={python}")
    assert "3.10 to 3.13" in line
    assert not (tmp_path / "venv").exists()


def choose(path: Path, venv: Path, asked: str = "", *only: str) -> subprocess.CompletedProcess[str]:
    script = CHECKOUT / "harness" / "environments" / "python.sh"
    command = ["/bin/sh", str(script), asked, str(venv), *only]
    return subprocess.run(command, env={"PATH": str(path)}, capture_output=True, text=True, check=False)


def test_an_unsuitable_python3_is_passed_over_for_a_suitable_one(tmp_path: Path) -> None:
    fake_python(tmp_path, "python3", "3.14")
    fake_python(tmp_path, "python3.11", "3.11")
    fake_python(tmp_path, "python3.10", "3.10")
    assert choose(tmp_path, tmp_path / "venv").stdout == "python3.11\n"


def test_the_existing_environment_keeps_its_interpreter(tmp_path: Path) -> None:
    (tmp_path / "venv" / "bin").mkdir(parents=True)
    inside = fake_python(tmp_path / "venv" / "bin", "python", "3.10")
    fake_python(tmp_path, "python3", "3.12")
    assert choose(tmp_path, tmp_path / "venv").stdout == f"{inside}\n"
    assert choose(tmp_path, tmp_path / "venv", "python3").stdout == "python3\n"


def test_an_environment_for_older_pythons_takes_those_only(tmp_path: Path) -> None:
    only = ("3.10 3.11", "PYTHON_TF215=python3.11 make compare-tf215")
    fake_python(tmp_path, "python3", "3.13")
    refused = choose(tmp_path, tmp_path / "venv", "", *only)
    assert (refused.returncode, refused.stderr) == (
        2,
        "harness: found no Python 3.10 to 3.11 (python3 is 3.13). "
        "Install one and name it: PYTHON_TF215=python3.11 make compare-tf215\n",
    )
    assert choose(tmp_path, tmp_path / "venv", "python3", *only).stderr == (
        "harness: PYTHON_TF215=python3 is Python 3.13; Python 3.10 to 3.11 is needed, as in: "
        "PYTHON_TF215=python3.11 make compare-tf215\n"
    )
    fake_python(tmp_path, "python3.10", "3.10")
    assert choose(tmp_path, tmp_path / "venv", "", *only).stdout == "python3.10\n"


def test_nothing_suitable_on_the_path_names_what_is_there(tmp_path: Path) -> None:
    fake_python(tmp_path, "python3", "3.9")
    fake_python(tmp_path, "python", "2.7")
    outcome = choose(tmp_path, tmp_path / "venv")
    assert outcome.returncode == 2
    assert outcome.stderr == (
        "harness: found no Python 3.10 to 3.13 (python3 is 3.9, python is 2.7). "
        "Install one and name it: PYTHON=python3.12 make compare\n"
    )


def test_python_without_venv_gets_one_line_and_nothing_is_made(tmp_path: Path) -> None:
    """As on Debian, where the modules come in a package of their own: here they are hidden from the interpreter."""
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['ensurepip'] = None\n")
    outcome = make_environment(tmp_path / "venv", PYTHON=sys.executable, PYTHONPATH=str(tmp_path))
    assert outcome.returncode == 2
    (line,) = lines_of_ours(outcome.stderr)
    assert "has no module ensurepip" in line
    assert "-venv" in line
    assert not (tmp_path / "venv").exists()
