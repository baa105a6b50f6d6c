"""Runs, with the real libraries in real workers."""

import json
import random
import time
from dataclasses import replace

import pytest

from harness.engine.events import Finished, OutcomeReady
from harness.engine.record import load_run, save_run
from harness.engine.run import Options, complete, execute
from harness.subjects import cleverhans_v3
from harness.vocabulary import Expectation, HarnessError, Location, Verdict

SUBJECTS = ("nsl", "cleverhans-v4", "cleverhans-v3")


def hashes(run):
    return {(record.case.id, outcome.subject): outcome.arrays for record in run.cases for outcome in record.outcomes}


@pytest.fixture(scope="module")
def cases(make_case):
    attack = {"epsilon": 0.1, "labels": "given"}
    return [
        *(make_case(norm, attack={**attack, "norm": norm}, subjects=SUBJECTS) for norm in ("linf", "l2", "l1")),
        make_case("defaults", attack={}, subjects=SUBJECTS),
        make_case("refused", attack={**attack, "norm": "linf", "clip": [0.4, 0.6]}, subjects=SUBJECTS),
    ]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return tmp_path_factory.mktemp("store")


@pytest.fixture(scope="module")
def first(cases, store, run_cases):
    return run_cases(cases, store)


def test_every_subject_got_the_same_problem_and_answered(first, cases):
    assert [record.case for record in first.cases] == cases
    for record in first.cases:
        assert set(record.identity) == {"weights", "data"}
        assert [outcome.subject for outcome in record.outcomes] == list(SUBJECTS)
    statuses = {
        (record.case.id, outcome.subject): outcome.status for record in first.cases for outcome in record.outcomes
    }
    assert statuses.pop(("defaults", "cleverhans-v4")) == "unsupported"
    assert statuses.pop(("refused", "cleverhans-v3")) == "error"
    assert set(statuses.values()) == {"ok"}


def test_what_a_library_raises_is_told_in_one_line(first):
    reason = first.cases[-1].outcome("cleverhans-v3").reason
    assert reason.startswith("InvalidArgumentError: assertion failed: [Condition x ")
    assert "\n" not in reason
    assert "Traceback" not in reason


def test_configured_alike_the_libraries_agree(first):
    verdicts = {
        record.case.id: {comparison.verdict for comparison in record.comparisons}
        for record in first.cases
        if record.case.id in ("linf", "l1", "l2")
    }
    assert verdicts["linf"] == verdicts["l1"] == {Verdict.EQUAL}
    assert verdicts["l2"] <= {Verdict.EQUAL, Verdict.CLOSE}


def test_a_second_run_computes_nothing_and_starts_no_worker(first, cases, store, run_cases):
    started = time.monotonic()
    second = run_cases(cases, store)
    assert second.totals["from_store"] == second.totals["outcomes"] == len(cases) * len(SUBJECTS)
    assert hashes(second) == hashes(first)
    assert second.cases[0].comparisons == first.cases[0].comparisons
    assert time.monotonic() - started < 3  # importing TensorFlow alone takes about that


def test_only_what_changed_is_computed(first, cases, store, run_cases, make_case):
    changed = make_case("linf", attack={**cases[0].attack, "epsilon": 0.2}, subjects=SUBJECTS)
    run = run_cases([changed, cases[1]], store)
    assert [outcome.from_store for outcome in run.cases[0].outcomes] == [False] * 3
    assert [outcome.from_store for outcome in run.cases[1].outcomes] == [True] * 3
    assert run.cases[0].identity == first.cases[0].identity


def test_fresh_computes_everything_again_with_the_same_bits(first, cases, tmp_path, run_cases):
    """In other orders, one worker each, after cases that failed: an outcome must not depend on what ran before it."""
    shuffled = list(cases)
    random.Random(1).shuffle(shuffled)
    again = run_cases(shuffled, tmp_path, jobs=1, fresh=True)
    assert again.totals["from_store"] == 0
    assert hashes(again) == hashes(first)


def test_a_damaged_outcome_is_computed_again(first, cases, store, run_cases):
    damaged = first.cases[0].outcome("nsl").arrays
    path = store / "arrays" / f"{damaged}.npz"
    path.write_bytes(path.read_bytes()[:-1])
    run = run_cases(cases[:1], store)
    # The libraries agree bit for bit here, so their outcomes share the array.
    assert not run.cases[0].outcome("nsl").from_store
    assert hashes(run) == {key: digest for key, digest in hashes(first).items() if key[0] == "linf"}


def test_a_subject_that_hangs_costs_its_outcome_only(make_case, first, store, run_cases):
    case = make_case("hangs", attack={"epsilon": 0.3, "norm": "linf"}, subjects=SUBJECTS)
    run = run_cases([case], store, timeout=0.05)
    (record,) = run.cases
    assert {outcome.status for outcome in record.outcomes} == {"timeout"}
    assert "0.05 s" in record.outcomes[0].reason
    assert {comparison.verdict for comparison in record.comparisons} == {Verdict.ERROR}
    assert run_cases([case], store).totals["from_store"] == 0  # a time-out is not kept


FACTORY = """
import os
import tensorflow as tf

class DiesInGraphs(tf.keras.layers.Layer):
    def call(self, inputs):
        if not tf.executing_eagerly() and not tf.keras.backend.is_keras_tensor(inputs) and inputs.shape[0] == 12:
            os.write(2, b"no graphs, please\\n")
            os._exit(7)
        return inputs

def make():
    inputs = tf.keras.Input((4,), name="x")
    return tf.keras.Model(inputs, tf.keras.layers.Dense(3)(DiesInGraphs()(inputs)))
"""


def test_a_subject_whose_worker_dies_costs_its_outcome_only(make_case, tmp_path, run_cases, monkeypatch):
    (tmp_path / "fatal_model.py").write_text(FACTORY)
    monkeypatch.syspath_prepend(str(tmp_path))
    model = {"factory": "fatal_model:make", "output": "logits"}
    case = make_case("dies", model=model, subjects=("nsl", "cleverhans-v4"))
    ordinary = make_case("ordinary")
    run = run_cases([case, ordinary], tmp_path / "store")
    by_id = {record.case.id: record for record in run.cases}
    crashed = by_id["dies"].outcome("cleverhans-v4")
    assert crashed.status == "crash"
    assert "exit status 7" in crashed.reason
    assert "no graphs, please" in crashed.reason
    assert by_id["dies"].outcome("nsl").status == "ok"
    assert {outcome.status for outcome in by_id["ordinary"].outcomes} == {"ok"}


def test_an_interrupted_run_keeps_what_was_finished_and_goes_on(make_case, cases, tmp_path, run_cases):
    events = execute(cases, Options(store=tmp_path, jobs=1))
    for event in events:
        if isinstance(event, OutcomeReady):
            break
    finished = events.throw(KeyboardInterrupt())
    assert isinstance(finished, Finished)
    assert finished.run.interrupted
    again = run_cases(cases, tmp_path)
    assert not again.interrupted
    assert 1 <= again.totals["from_store"] < again.totals["outcomes"]


def test_a_library_that_is_not_set_up_is_an_error_with_the_mend(make_case, tmp_path, run_cases, monkeypatch):
    monkeypatch.setattr(cleverhans_v3, "CLEVERHANS_V3", tmp_path / "nowhere")
    run = run_cases([make_case(subjects=("nsl", "cleverhans-v3"))], tmp_path / "store")
    outcome = run.cases[0].outcome("cleverhans-v3")
    assert outcome.status == "error"
    assert "pip install --no-deps --target" in outcome.reason
    assert "unavailable" in run.subjects["cleverhans-v3"]
    assert run.cases[0].outcome("nsl").status == "ok"


def test_a_model_that_does_not_fit_the_labels_stops_the_run_with_its_place(make_case, tmp_path, run_cases):
    layers = [{"kind": "dense", "units": 2}]
    with pytest.raises(HarnessError, match=r"narrow\.yaml:1:1: .*\(batch, 2\).*need \(batch, 3\)"):
        run_cases([make_case("narrow", model={"layers": layers, "output": "logits"})], tmp_path)


def test_a_run_comes_back_from_its_folder(first, tmp_path):
    saved = save_run(first, tmp_path / "run")
    loaded = load_run(tmp_path / "run")
    assert loaded.cases == first.cases == saved.cases
    assert loaded.totals == first.totals
    assert loaded.digest == saved.digest != ""
    outcome = loaded.cases[0].outcomes[0]
    assert loaded.adversarial(outcome)["x"].shape == loaded.inputs(loaded.cases[0])["x"].shape == (12, 4)


def test_a_run_takes_the_place_of_an_earlier_one(first, cases, store, run_cases, tmp_path):
    save_run(first, tmp_path)
    saved = save_run(run_cases(cases[:1], store), tmp_path)
    named = {*saved.cases[0].identity.values(), *(outcome.arrays for outcome in saved.cases[0].outcomes)}
    assert {path.stem for path in (tmp_path / "arrays").iterdir()} == named


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda text: text[:100], "is not a run"),
        (lambda text: text.replace('"format_version": 1', '"format_version": 99'), "format_version is 99"),
        (lambda text: json.dumps({**json.loads(text), "cases": [{}]}), "is not a run"),
    ],
)
def test_a_damaged_run_is_one_clear_error(first, tmp_path, damage, message):
    save_run(first, tmp_path)
    path = tmp_path / "run.json"
    path.write_text(damage(path.read_text()))
    with pytest.raises(HarnessError, match=message):
        load_run(tmp_path)


def test_expectations_decide_the_status(make_case, first, store, run_cases):
    def expecting(verdict):
        return {"nsl|cleverhans-v4": Expectation(verdict, "said so", Location("linf.yaml", 7, 3))}

    attack = {"epsilon": 0.1, "labels": "given", "norm": "linf"}
    run = run_cases(
        [
            make_case("right", attack=attack, subjects=SUBJECTS, expectations=expecting(Verdict.EQUAL)),
            make_case("wrong", attack=attack, subjects=SUBJECTS, expectations=expecting(Verdict.DIVERGED)),
            make_case("within", attack=attack, subjects=SUBJECTS, expectations=expecting(Verdict.CLOSE)),
        ],
        store,
    )
    assert [record.comparisons[0].status for record in run.cases] == ["expected", "unexpected", "expected"]
    assert run.cases[0].comparisons[1].status == "unstated"
    assert (run.totals["expected"], run.totals["unexpected"], run.totals["unstated"]) == (2, 1, 6)


@pytest.fixture(scope="module")
def pretrained(make_case, first):
    model = first.cases[0].case.model
    settings = {"epochs": 1, "optimizer": {"sgd": 0.1}, "batch_size": 32, "seed": 0}
    return [
        make_case(
            name, attack={}, subjects=("reference-nsl",), model={**model, **({"pretrain": settings} if own else {})}
        )
        for name, own in (("trained", True), ("drawn", False))
    ]


def test_weights_that_were_trained_can_be_taken_from_an_earlier_run(pretrained, store, run_cases, tmp_path):
    """Another TensorFlow trains them to other last bits; here the earlier run is given other weights altogether."""
    own = run_cases(pretrained, store, jobs=1)
    other = own.store.put_arrays(
        {name: 2 * array for name, array in own.arrays(own.cases[0].identity["weights"]).items()}
    )
    records = tuple(replace(record, identity={**record.identity, "weights": other}) for record in own.cases)
    earlier = save_run(replace(own, cases=records), tmp_path / "earlier")
    taken = complete(execute(pretrained, Options(store=tmp_path / "store", jobs=1, weights_of=earlier)), lambda _: None)
    hashes = [[record.identity["weights"] for record in run.cases] for run in (own, taken)]
    assert hashes[1] == [other, hashes[0][1]], "only those that were trained are taken"
    assert taken.cases[0].outcomes[0].arrays != own.cases[0].outcomes[0].arrays

    next((tmp_path / "earlier" / "arrays").glob(f"{other}*")).write_bytes(b"")
    with pytest.raises(HarnessError, match="missing or damaged"):
        next(execute(pretrained, Options(store=tmp_path / "store", jobs=1, weights_of=earlier)))
