"""The pins hold everything that pyproject.toml asks for, once, exactly, and for every Python that is supported."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

CHECKOUT = Path(__file__).resolve().parents[2]
ENVIRONMENTS = CHECKOUT / "harness" / "environments"
PYTHONS = ["3.10", "3.11", "3.12", "3.13"]
FILES = ["default.txt", "checks.txt", "cleverhans-v3.txt", "tensorflow-2.15.txt"]


def pyproject() -> dict[str, Any]:
    return tomllib.loads((CHECKOUT / "pyproject.toml").read_text())


def lines_of(file: str) -> list[str]:
    return [line for line in (ENVIRONMENTS / file).read_text().splitlines() if not line.startswith("#")]


def pins_for(python: str, *files: str) -> dict[str, str]:
    """Name to version, as Linux has it. Fails for a name that is pinned twice."""
    machine = {
        "python_version": python,
        "python_full_version": f"{python}.0",
        "sys_platform": "linux",
        "os_name": "posix",
    }
    versions: dict[str, str] = {}
    for line in [line for file in files for line in lines_of(file)]:
        pin = Requirement(line)
        if pin.marker is None or pin.marker.evaluate(machine):
            name = canonicalize_name(pin.name)
            assert name not in versions, f"{name} is pinned twice for Python {python}"
            versions[name] = str(pin.specifier).removeprefix("==")
    return versions


@pytest.mark.parametrize("file", FILES)
def test_every_line_pins_one_version_by_name(file: str) -> None:
    for line in lines_of(file):
        pin = Requirement(line)  # an option such as an index or a path does not parse
        assert pin.url is None, line
        assert [specifier.operator for specifier in pin.specifier] == ["=="], line
        assert "*" not in str(pin.specifier), line
        assert not pin.extras, line


@pytest.mark.parametrize("python", PYTHONS)
def test_running_and_testing_need_nothing_but_the_default_pins(python: str) -> None:
    project = pyproject()["project"]
    extras = project["optional-dependencies"]
    itself = f"{project['name']}[cluster,parquet]"  # the tests of the extras are to run
    tests = [*(text for text in extras["test"] if text != itself), *extras["cluster"], *extras["parquet"]]
    assert itself in extras["test"]
    asked = project["dependencies"] + tests + pyproject()["build-system"]["requires"]
    assert_pinned(asked, pins_for(python, "default.txt"))


@pytest.mark.parametrize("python", PYTHONS)
def test_the_checks_need_nothing_but_both_files(python: str) -> None:
    assert_pinned(
        pyproject()["project"]["optional-dependencies"]["check"], pins_for(python, "default.txt", "checks.txt")
    )


@pytest.mark.parametrize("python", ["3.10", "3.11"])
def test_running_with_the_older_tensorflow_needs_nothing_but_its_pins(python: str) -> None:
    pins = pins_for(python, "tensorflow-2.15.txt")
    assert (pins["tensorflow"], pins["keras"]) == ("2.15.1", "2.15.0")
    assert "tf-keras" not in pins, "NSL is to run with TensorFlow's own Keras there"
    other = [text for text in pyproject()["project"]["dependencies"] if "tensorflow" not in text]
    assert_pinned([text for text in other if not text.startswith("tf-keras")], pins)


def assert_pinned(asked: list[str], pins: dict[str, str]) -> None:
    for text in asked:
        requirement = Requirement(text)
        name = canonicalize_name(requirement.name)
        assert name in pins, f"{name} has no pin: make lock"
        assert requirement.specifier.contains(pins[name]), f"{text} is pinned at {pins[name]}: make lock"


def test_set_up_takes_the_pythons_that_the_package_declares() -> None:
    declared = SpecifierSet(pyproject()["project"]["requires-python"])
    assert [f"3.{minor}" for minor in range(20) if declared.contains(f"3.{minor}.1")] == PYTHONS
    script = (ENVIRONMENTS / "python.sh").read_text()
    assert f"versions=${{3:-{' '.join(PYTHONS)}}}" in script


def test_a_package_takes_every_scenario_along() -> None:
    """To where ``harness.scenario.paths.shipped_scenarios`` looks when there is no checkout."""
    files = pyproject()["tool"]["setuptools"]["data-files"]
    taken = {path for patterns in files.values() for pattern in patterns for path in CHECKOUT.glob(pattern)}
    assert taken == set((CHECKOUT / "scenarios").rglob("*.yaml"))
    assert all(folder == f"share/harness/{Path(patterns[0]).parent}" for folder, patterns in files.items())
