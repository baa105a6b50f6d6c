"""What the README and the architecture page say can be done: commands are real, examples validate, names exist."""

from __future__ import annotations

import functools
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[1]
README = CHECKOUT / "README.md"
TEXT = README.read_text(encoding="utf-8") if README.exists() else ""  # without it the first test below fails
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
IN_LINE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")


def snippets() -> list[str]:
    """Everything in the README that is set as code, line by line."""
    lines = [line for _, body in BLOCK.findall(TEXT) for line in body.splitlines()]
    return lines + IN_LINE.findall(BLOCK.sub("", TEXT))


def named_after(command: str) -> list[tuple[str, list[str]]]:
    """The word that follows a command in the README, and the options after it: ``run``, ``["--fresh"]``."""
    found = []
    for line in snippets():
        called = re.match(
            rf"(?:\$ )?(?:[A-Z_]+=\S+ )*{command} ((?:(?:baseline|store) )?[a-z][a-z0-9-]*)(.*)", line.strip()
        )
        if called:
            found.append((called[1], re.findall(r"(?<!\S)--?[a-z][a-z-]*", called[2].partition("#")[0])))
    return found


@functools.cache
def harness(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from harness.cli.main import main; main()", *arguments]
    environment = {**os.environ, "COLUMNS": "200", "NO_COLOR": "1"}
    return subprocess.run(command, cwd=CHECKOUT, env=environment, capture_output=True, text=True, check=False)


def test_the_readme_shows_both_commands_of_a_newcomer() -> None:
    assert {"compare", "test"} <= {target for target, _ in named_after("make")}


def test_make_commands_exist() -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):", (CHECKOUT / "Makefile").read_text(), re.MULTILINE))
    assert {target for target, _ in named_after("make")} <= targets


def test_make_lists_every_target_that_a_person_calls() -> None:
    listing = subprocess.run(["make"], cwd=CHECKOUT, capture_output=True, text=True, check=True).stdout
    phony = re.search(r"^\.PHONY: (.*)$", (CHECKOUT / "Makefile").read_text(), re.MULTILINE)
    assert phony
    inner = {"help", "environment", "check-environment", "environment-tf215", "style", "types", "layers"}
    assert set(re.findall(r"^make ([a-z0-9-]+)", listing, re.MULTILINE)) == set(phony[1].split()) - inner


@pytest.mark.parametrize(("command", "options"), named_after("harness"))
def test_harness_commands_exist(command: str, options: list[str]) -> None:
    shown = harness(*command.split(), "--help")
    assert shown.returncode == 0, shown.stderr
    assert [option for option in options if not re.search(rf"(?<![\w-]){option}(?![\w-])", shown.stdout)] == []


def scenarios() -> list[str]:
    return [body for language, body in BLOCK.findall(TEXT) if language == "yaml" and "\nkind:" in body]


@pytest.mark.parametrize("example", scenarios())
def test_scenarios_in_the_readme_are_valid(example: str, tmp_path: Path) -> None:
    file = tmp_path / "example.yaml"
    file.write_text(example)
    validated = harness("validate", str(file))
    assert validated.returncode == 0, validated.stderr


def test_files_that_the_readme_links_to_exist() -> None:
    links = re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", TEXT)
    assert [link for link in links if not (CHECKOUT / link).exists()] == []
