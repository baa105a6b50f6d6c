"""A second run computes exactly what a change touches; real runs on real libraries, one change at a time."""

import contextlib
import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest

from harness.engine import describe, fingerprint, judged
from harness.engine.events import CaseJudged, Damaged, OutcomeBegun
from harness.engine.run import Options, complete, execute
from harness.oracle.verdicts import Tolerance
from harness.subjects import nsl, registry
from harness.vocabulary import Expectation, Location, Verdict

SUBJECTS = ("nsl", "reference-nsl")
ATTACK = {"epsilon": 0.1, "norm": "l2", "labels": "given"}
EVERYTHING = {(case, subject) for case in ("one", "two") for subject in SUBJECTS}


@pytest.fixture(scope="module")
def cases(make_case):
    return [
        make_case("one", attack=ATTACK, subjects=SUBJECTS),
        make_case("two", attack={**ATTACK, "norm": "linf"}, subjects=SUBJECTS),
    ]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Runs cases with one store and one set of workers. Returns what was computed, and the run."""
    options = Options(store=tmp_path_factory.mktemp("store"), jobs=1)
    with contextlib.closing(options.start_workers()) as workers:

        def run(cases, **changed):
            happened = []
            events = execute(cases, dataclasses.replace(options, **changed), shared=workers)
            finished = complete(events, happened.append)
            computed = {(one.case.id, one.subject) for one in happened if isinstance(one, OutcomeBegun)}
            stored = {
                (record.case.id, outcome.subject)
                for record in finished.cases
                for outcome in record.outcomes
                if outcome.from_store
            }
            assert computed == EVERYTHING - stored
            assert sum(isinstance(one, CaseJudged) for one in happened) == len(cases)
            assert finished.totals["from_store"] == len(stored)
            return computed, finished, [one.path for one in happened if isinstance(one, Damaged)]

        yield run


@pytest.fixture
def first(run, cases):
    """The run of the unchanged cases, all of which the store has from then on."""
    finished = run(cases)[1]
    assert run(cases)[0] == set()
    return finished


@pytest.fixture
def changed_file(monkeypatch):
    """Changes a source file as far as the keys of the store are concerned."""

    def change(path):
        true = fingerprint._file_hash
        monkeypatch.setattr(fingerprint, "_file_hash", lambda one: "changed" if one == path else true(one))
        fingerprint._code_of.cache_clear()

    yield change
    fingerprint._code_of.cache_clear()


def test_a_changed_scenario_runs_its_case(first, run, cases):
    other = dataclasses.replace(cases[0], attack={**ATTACK, "epsilon": 0.2})
    assert run([other, cases[1]])[0] == {("one", subject) for subject in SUBJECTS}


def test_a_changed_model_runs_the_cases_that_have_it(first, run, cases):
    layers = [{"kind": "dense", "units": 5}, *cases[1].model["layers"]]
    other = dataclasses.replace(cases[1], model={**cases[1].model, "layers": layers})
    assert run([cases[0], other])[0] == {("two", subject) for subject in SUBJECTS}


def test_another_version_of_a_library_runs_its_subjects(first, run, cases, monkeypatch):
    monkeypatch.setattr(registry.load_subject("nsl"), "version", lambda: "99.0")
    assert describe.describe_subjects(["nsl"])["nsl"]["version"] == "99.0"
    assert run(cases)[0] == {(case.id, "nsl") for case in cases}


def test_a_changed_wrapper_runs_its_subject(first, run, cases, changed_file):
    changed_file(Path(nsl.__file__))
    assert run(cases)[0] == {(case.id, "nsl") for case in cases}


def test_another_framework_runs_everything(first, run, cases, monkeypatch):
    other = {**fingerprint.environment(), "tensorflow": "99.0"}
    monkeypatch.setattr(fingerprint, "environment", lambda: other)
    assert run(cases)[0] == EVERYTHING


def test_what_judges_runs_nothing_and_judges_again(first, run, cases, monkeypatch):
    for changed in ({"tolerance": Tolerance(max_roundoff=1e-9)}, {"against": "nsl"}):
        computed, finished, _ = run(cases, **changed)
        assert computed == set()
        assert [one.tolerance for one in finished.cases[0].comparisons] == [
            dataclasses.asdict(changed.get("tolerance", Tolerance()))
        ]
    expected = {"nsl|reference-nsl": Expectation(Verdict.DIVERGED, "it is wrong on purpose", Location("a.yaml"))}
    computed, finished, _ = run([dataclasses.replace(cases[0], expectations=expected), cases[1]])
    assert computed == set()
    assert [one.because for one in finished.cases[0].comparisons] == ["it is wrong on purpose"]
    monkeypatch.setattr(judged, "_code", lambda: "changed")
    computed, finished, _ = run(cases)
    assert computed == set()
    assert [one.comparisons for one in finished.cases] == [one.comparisons for one in first.cases]


def test_what_is_damaged_is_told_and_done_again(first, run, cases):
    """The arrays of an outcome, and then the record of a judged case."""
    arrays = first.store.path_of(first.cases[0].outcome("nsl").arrays)
    arrays.write_bytes(arrays.read_bytes()[:-1] + b"!")
    computed, again, damaged = run(cases)
    assert damaged == [arrays]
    assert ("one", "nsl") in computed
    assert all(case == "one" for case, _ in computed)
    assert again.cases[0].comparisons == first.cases[0].comparisons
    for record in (first.store.root / "judged").rglob("*.json"):
        record.write_bytes(record.read_bytes().replace(b'"EQUAL"', b'"CLOSE"'))
    computed, again, damaged = run(cases)
    assert computed == set()
    assert len(damaged) == 2
    assert [one.comparisons for one in again.cases] == [one.comparisons for one in first.cases]


def test_a_run_of_an_unchanged_set_imports_no_framework_and_reads_no_arrays(first, cases):
    """Nor does it start a worker: nothing is computed."""
    script = f"""
import os, pickle, sys
from pathlib import Path
from harness.engine.run import Options, complete, execute
from harness.engine.store import Store
Store.get_arrays = None
cases = pickle.loads({__import__("pickle").dumps(cases)!r})
run = complete(execute(cases, Options(store=Path({str(first.store.root)!r}))), lambda event: None)
assert run.totals["from_store"] == {len(EVERYTHING)}, run.totals
heavy = {{"tensorflow", "keras", "tf_keras", "sklearn", "matplotlib", "cleverhans", "neural_structured_learning"}}
assert not heavy & set(sys.modules), heavy & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", script], check=True, cwd=Path(__file__).parents[2])
