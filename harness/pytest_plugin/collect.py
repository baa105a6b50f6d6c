"""From scenario files to test items: ``scenarios/loss/x.yaml::x::nsl|cleverhans-v4[norm=l2]``."""

from __future__ import annotations

import importlib.metadata
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations
from pathlib import Path

import pytest

from harness import __version__
from harness.pytest_plugin.items import ComparisonItem
from harness.pytest_plugin.keys import FILES, MARKS
from harness.pytest_plugin.runs import runs_of
from harness.scenario.select import find_files
from harness.vocabulary import Case, HarnessError

_SHOWN = ("tensorflow", "neural-structured-learning", "cleverhans")


def arrange(config: pytest.Config) -> None:
    """Adds the scenario files to what pytest collects.

    Named on the command line, with nothing beside them, they are all that is collected. What names a part of them, the
    id of a test above all, takes their place.

    Raises:
        pytest.UsageError: there is no such file or folder, or no scenario in it, or the baseline cannot be read.
    """
    asked = [config.invocation_params.dir / path for path in config.getoption("harness_paths") or ()]
    try:
        config.stash[FILES] = {file.resolve() for file in find_files(asked)}
        runs_of(config)
    except HarnessError as error:
        raise pytest.UsageError(f"--harness: {error}") from error
    config.option.harness_paths = [str(path) for path in asked]  # the workers of pytest-xdist may stand elsewhere
    if config.getoption("harness_allow_code"):
        sys.path.insert(0, str(config.invocation_params.dir))  # where a user's package lies; workers inherit it
    named = config.args if config.args_source is config.ArgsSource.ARGS else []
    places = [Path(config.invocation_params.dir, name.partition("::")[0]).resolve() for name in named]
    missing = [str(path) for path in asked if not any(place.is_relative_to(path.resolve()) for place in places)]
    alone = not named and any(str(word).partition("=")[0] == "--harness" for word in config.invocation_params.args)
    config.args = missing if alone else [*config.args, *missing]


def header(config: pytest.Config) -> str:
    """``harness 0.1.0: tensorflow 2.21.0, ...; baseline reports/baseline.json``."""
    versions = ", ".join(f"{name} {_version(name)}" for name in _SHOWN)
    return f"harness {__version__}: {versions}; baseline {config.getoption('harness_baseline') or 'none'}"


def _version(distribution: str) -> str:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return "missing"


def scenario_file(path: Path, parent: pytest.Collector) -> ScenarioFile | None:
    """The collector of a scenario file that was asked for."""
    config = parent.config
    if path.resolve() not in config.stash[FILES]:
        return None
    if MARKS not in config.stash:  # only by now has every plugin registered its own
        config.stash[MARKS] = {re.split(r"[:(]", line)[0].strip() for line in _marks(config)}
    return ScenarioFile.from_parent(parent, path=path)


def _marks(config: pytest.Config) -> Sequence[str]:
    return config.getini("markers") or ()


class ScenarioFile(pytest.File):
    """A scenario file: collects its comparisons."""

    def collect(self) -> Iterable[pytest.Item | pytest.Collector]:
        """The comparisons of each case. A file that is wrong is an error with the harness's own message."""
        try:
            cases = runs_of(self.config).read(self.path)
        except HarnessError as error:
            raise self.CollectError(str(error)) from error
        for tag in dict.fromkeys(tag for case in cases for tag in case.tags):
            self._register(tag)
        collector = ScenarioCollector.from_parent(self, name=self.path.stem)
        collector.cases = cases
        yield collector

    def _register(self, tag: str) -> None:
        line = f"{mark_of(tag, self.config)}: scenarios tagged {tag}"
        if line not in _marks(self.config):
            self.config.addinivalue_line("markers", line)


class ScenarioCollector(pytest.Collector):
    """The scenario of a file.

    Attributes:
        cases: its cases.
    """

    cases: Sequence[Case]

    def collect(self) -> Iterable[pytest.Item | pytest.Collector]:
        """The comparisons of each case."""
        for case in self.cases:
            yield from _items(self, case)


def mark_of(tag: str, config: pytest.Config) -> str:
    """The mark of a tag: its name, and after ``tag_`` where that means something else (``skip``)."""
    return f"tag_{tag}" if tag in config.stash[MARKS] else tag


def _items(parent: pytest.Collector, case: Case) -> Iterator[ComparisonItem]:
    # To pytest the first bracket of an id opens its last part, so the point of the matrix has to stand at the end.
    point = case.id.removeprefix(case.scenario)
    marks = ["harness", case.kind, *(mark_of(tag, parent.config) for tag in case.tags)]
    for left, right in combinations(case.subjects, 2):
        name = f"{left}|{right}{point}"
        # Given as a text, it is taken apart into name and point, as in the list of last failures.
        item = ComparisonItem.from_parent(parent, name=name, nodeid=f"{parent.nodeid}::{name}")
        item.case, item.left, item.right = case, left, right
        item.extra_keyword_matches.add(case.id)
        for mark in marks:
            item.add_marker(mark)
        if "xdist_group" in parent.config.stash[MARKS]:
            # For --dist loadgroup. A bracket in the name of a group would keep pytest-xdist from seeing it.
            item.add_marker(pytest.mark.xdist_group(name=re.sub(r"[\[\]@]", "_", case.id)))
        yield item
