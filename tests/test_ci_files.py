"""The files that others copy into their own CI: the hook for pre-commit, and the workflow in the README."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from .test_readme import BLOCK, CHECKOUT, TEXT, harness

HOOKS = CHECKOUT / ".pre-commit-hooks.yaml"


def hook() -> dict[str, Any]:
    (found,) = YAML(typ="safe").load(HOOKS.read_text(encoding="utf-8"))
    return found


def test_the_hook_has_what_pre_commit_asks_for_and_needs_no_environment_of_its_own() -> None:
    assert {"id", "name", "entry", "language", "files"} <= set(hook())
    assert (hook()["id"], hook()["language"]) == ("harness-validate", "system")


def test_the_hook_looks_at_scenario_files_only() -> None:
    wanted = {"scenarios/a.yaml": True, "scenarios/loss/b.yml": True, "scenarios/data.npz": False, "docs/a.yaml": False}
    assert {path: bool(re.search(hook()["files"], path)) for path in wanted} == wanted
    shipped = [path.relative_to(CHECKOUT).as_posix() for path in (CHECKOUT / "scenarios").rglob("*.yaml")]
    assert all(re.search(hook()["files"], path) for path in shipped)


@pytest.mark.parametrize(("content", "status"), [("summary: A test.\n", 2), (None, 0)])
def test_the_hook_passes_valid_files_and_no_others(tmp_path: Path, content: str | None, status: int) -> None:
    file = tmp_path / "a.yaml"
    shipped = CHECKOUT / "scenarios" / "perturbation" / "defaults.yaml"
    file.write_text(content or shipped.read_text(encoding="utf-8"), encoding="utf-8")
    command, *arguments = hook()["entry"].split()
    assert command == "harness"
    code = "from harness.cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments, str(file)], cwd=CHECKOUT, capture_output=True, check=False
    )
    assert done.returncode == status


def workflows() -> list[dict[str, Any]]:
    return [YAML(typ="safe").load(body) for language, body in BLOCK.findall(TEXT) if "\njobs:" in body]


def steps() -> list[dict[str, Any]]:
    return [step for workflow in workflows() for job in workflow["jobs"].values() for step in job["steps"]]


def test_the_workflow_makes_the_environment_keeps_it_and_keeps_the_reports() -> None:
    used = [step["uses"].partition("@")[0] for step in steps() if "uses" in step]
    assert {"actions/checkout", "actions/cache", "actions/upload-artifact"} <= set(used)
    assert all(re.fullmatch(r"[a-z-]+/[a-z-]+@v\d+", step["uses"]) for step in steps() if "uses" in step)
    targets = set(re.findall(r"^([a-z-]+):", (CHECKOUT / "Makefile").read_text(), re.MULTILINE))
    asked = [word for step in steps() for word in re.findall(r"^make (?:-C \S+ )?(\S+)", step.get("run", ""))]
    assert asked
    assert set(asked) <= targets


def test_the_workflow_calls_commands_that_exist() -> None:
    called = [step["run"].split() for step in steps() if step.get("run", "").startswith("harness ")]
    assert {words[1] for words in called} >= {"run"}
    for words in called:
        shown = harness(words[1], "--help")
        assert shown.returncode == 0
        options = [word for word in words if word.startswith("-")]
        assert [option for option in options if not re.search(rf"(?<![\w-]){option}(?![\w-])", shown.stdout)] == []


def test_the_workflow_keeps_its_reports_whatever_came_of_the_run() -> None:
    (kept,) = [step for step in steps() if step.get("uses", "").startswith("actions/upload-artifact@")]
    assert "cancelled()" in kept["if"]
