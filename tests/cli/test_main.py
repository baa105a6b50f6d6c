"""The command line as a whole: help, mistakes, and how it ends."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness import __version__
from harness.cli.main import COMMANDS

CHECKOUT = Path(__file__).resolve().parents[2]
HEAVY = {"tensorflow", "keras", "numpy", "pandas", "sklearn", "scipy", "matplotlib", "rich", "typer", "pydantic"}
"""Packages whose import takes longer than the commands that run nothing may take."""


def test_help_lists_every_command_with_one_line(harness) -> None:
    shown = harness("--help")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert all(f"  {name:8}  {command.help}\n" in shown.stdout for name, command in COMMANDS.items())
    assert harness("-h").stdout == shown.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_its_own_help_which_begins_with_that_line(harness, name: str) -> None:
    for option in ("--help", "-h"):
        shown = harness(name, option)
        assert shown.returncode == 0, shown.stderr
        assert COMMANDS[name].help in " ".join(shown.stdout.split())


def test_the_version(harness) -> None:
    assert harness("--version").stdout == f"harness {__version__}\n"


def test_no_command_is_a_mistake_that_shows_the_help(harness) -> None:
    shown = harness()
    assert (shown.returncode, shown.stdout) == (2, "")
    assert shown.stderr == harness("--help").stdout


def test_a_command_that_does_not_exist(harness) -> None:
    shown = harness("vaildate")
    assert (shown.returncode, shown.stdout) == (2, "")
    assert shown.stderr.startswith("'vaildate' is not a command. Did you mean 'validate'? Valid: run, list, validate,")


@pytest.mark.parametrize("arguments", [["list", "--josn"], ["run", "--fesh"], ["schema", "more"], ["list", "-k"]])
def test_wrong_arguments(harness, arguments: list[str]) -> None:
    shown = harness(*arguments)
    assert (shown.returncode, shown.stdout) == (2, "")
    assert arguments[1] in shown.stderr
    assert "Traceback" not in shown.stderr


@pytest.mark.parametrize("arguments", [["--help"], ["list"], ["validate"], ["schema"]])
def test_commands_that_run_nothing_import_nothing_heavy(harness, arguments: list[str]) -> None:
    shown = harness(*arguments, after="import sys; print(*sys.modules, sep='\\n', file=sys.stderr)")
    assert shown.returncode == 0, shown.stderr
    imported = {line.partition(".")[0] for line in shown.stderr.splitlines()}
    assert "harness" in imported
    assert imported & HEAVY == set()


@pytest.mark.parametrize("seeds", [1, 9999])
def test_nobody_reads_on(scenarios: Path, seeds: int) -> None:
    file = scenarios / "scenarios" / "a.yaml"
    file.write_text(file.read_text().replace("{attack.norm: [linf, l2]}", f"{{data.seed: {[*range(seeds)]}}}"))
    command = [sys.executable, "-c", "from harness.cli.main import main; main()", "list", str(scenarios)]
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    process = subprocess.Popen(command, cwd=CHECKOUT, env=buffered, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout
    assert process.stderr
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait() == 141


STRIKE = """
import signal
import harness.scenario.select
signal.signal(signal.SIGINT, signal.default_int_handler)  # shells let commands in the background ignore it
harness.scenario.select.read_cases = lambda *_: signal.raise_signal(signal.SIGINT)
from harness.cli.main import main
main()
"""


def test_an_interrupt_ends_it_with_130(scenarios: Path) -> None:
    command = [sys.executable, "-c", STRIKE, "list", str(scenarios)]
    shown = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert (shown.returncode, shown.stdout, shown.stderr) == (130, "", "")


def test_a_terminal_without_unicode_still_gets_its_answer(harness, scenarios, monkeypatch) -> None:
    file = scenarios / "scenarios" / "a.yaml"
    file.write_text(file.read_text().replace("A test.", "Größe ≤ ε."), encoding="utf-8")
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    shown = harness("list")
    assert shown.returncode == 0, shown.stderr
    assert "Gr\\xf6\\xdfe \\u2264 \\u03b5." in shown.stdout
