"""Small real cases, and a run of them."""

from pathlib import Path

import pytest

from harness.engine.run import Options, complete, execute
from harness.vocabulary import Case, Location

from .synthetic import Synthetic

MODEL = {
    "layers": [{"kind": "dense", "units": 8}, {"kind": "relu"}, {"kind": "dense", "units": 3}],
    "output": "logits",
    "init": {"scheme": "glorot_uniform", "seed": 0, "scale": 1.0},
}
DATA = {"source": "iris", "split": "test", "batch": 12, "seed": 0}
ATTACK = {"epsilon": 0.1, "norm": "linf", "labels": "given"}


SHARED = ("cli", "engine", "pytest_plugin", "reference", "report", "subjects")
"""Folders whose tests share fixtures that cost seconds: one process takes a whole folder."""

FIRST = ("test_shipped", "engine", "report", "reference", "subjects")
"""What takes longest goes first, so that no process is left with it at the end."""


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: FIRST.index(_group(item.nodeid)) if _group(item.nodeid) in FIRST else len(FIRST))


def pytest_xdist_make_scheduler(config, log):
    """Says which tests one of several processes (pytest -n) takes together: those of a folder, or else of a file."""
    from xdist.scheduler import LoadScopeScheduling

    class Together(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            return _group(nodeid)

    return Together(config, log)


def _group(nodeid):
    path = Path(nodeid.partition("::")[0]).with_suffix("")
    parts = path.relative_to("tests").parts if path.is_relative_to("tests") else path.parts
    return parts[0] if parts[0] in SHARED else "/".join(parts)


@pytest.fixture(scope="session")
def make_case():
    """Makes a case with the given settings in place of ordinary ones."""

    def make(name="case", *, attack=None, model=None, data=None, subjects=("nsl", "cleverhans-v4"), **fields):
        return Case(
            **{
                "id": name,
                "scenario": name,
                "kind": "perturbation",
                "point": {},
                "model": MODEL if model is None else model,
                "data": DATA if data is None else data,
                "attack": ATTACK if attack is None else attack,
                "subjects": tuple(subjects),
                "expectations": {},
                "location": Location(f"{name}.yaml"),
                **fields,
            }
        )

    return make


@pytest.fixture(scope="session")
def run_cases():
    """Runs cases on workers and returns the run."""

    def run(cases, store, **options):
        return complete(execute(cases, Options(store=store, **{"jobs": 2, **options})), lambda event: None)

    return run


@pytest.fixture
def synthetic(tmp_path):
    """Makes runs without workers."""
    return Synthetic(tmp_path / "synthetic")
