"""Runs of kinds loss and training: stored, saved, repeated, reordered, killed and interrupted."""

import dataclasses
import multiprocessing
import time

import pytest

from harness.engine import record
from harness.engine.events import Finished, OutcomeReady, Progressed
from harness.engine.record import load_run, save_run
from harness.engine.run import Options, execute
from harness.vocabulary import Verdict

FACTORY = """
import tensorflow as tf

class RefusesTheTestSplit(tf.keras.layers.Layer):
    def call(self, inputs):
        if inputs.shape[0] == 50:
            raise ArithmeticError("fifty are too many")
        return inputs

def make():
    inputs = tf.keras.Input((4,), name="x")
    return tf.keras.Model(inputs, tf.keras.layers.Dense(3)(RefusesTheTestSplit()(inputs)))
"""


def test_a_second_run_takes_everything_from_the_store(first, cases, store, run_cases):
    started = time.monotonic()
    second = run_cases(cases, store)
    # Errors of libraries are outcomes, too.
    assert second.totals["from_store"] == second.totals["outcomes"] == sum(len(case.subjects) for case in cases)
    for one, other in zip(first.cases, second.cases, strict=True):
        assert other.identity == one.identity
        assert other.comparisons == one.comparisons
        assert [dataclasses.replace(outcome, from_store=False) for outcome in other.outcomes] == list(one.outcomes)
    assert time.monotonic() - started < 3  # no worker was started


def test_another_margin_is_judged_without_training_again(first, cases, store, run_cases):
    case = dataclasses.replace(cases[0], training={**cases[0].training, "margin": 2.5})
    run = run_cases([case], store)
    assert run.totals["from_store"] == 4
    assert run.cases[0].comparisons[0].metrics["equivalence"]["clean"]["margin"] == 2.5


def test_a_saved_run_is_whole(first, cases, store, tmp_path):
    save_run(first, tmp_path)
    loaded = load_run(tmp_path)
    assert loaded.cases == first.cases
    (expectation,) = loaded.cases[0].case.expectations.values()
    assert (expectation.verdict, expectation.outcome) == (Verdict.EQUAL, "equivalent")
    assert loaded.cases[0].comparisons[0].status == "expected"
    named = set()
    for one in loaded.cases:
        named.update(one.identity.values())
        named.update(digest for outcome in one.outcomes for digest in record.arrays_of(outcome))
    assert {path.stem for path in (tmp_path / "arrays").iterdir()} == named
    evaluation = loaded.cases[0].outcome("cleverhans-v3").summary["evaluation"]
    assert loaded.arrays(evaluation["arrays"])["predictions"].shape == (3, 50)
    assert evaluation["arrays"] in named


def test_an_outcome_does_not_depend_on_what_its_worker_did_before(first, orderly, tmp_path, run_cases):
    """One worker, the order turned round: a pass in training mode moves statistics and draws random numbers."""
    turned = list(reversed(orderly))
    again = run_cases(turned, tmp_path, jobs=1)
    assert again.totals["from_store"] == 0
    found, known = ({one.case.id: one for one in run.cases} for run in (again, first))
    for case in orderly:
        assert {outcome.status for outcome in found[case.id].outcomes} == {"ok"}
        arrays = {outcome.subject: outcome.arrays for outcome in found[case.id].outcomes}
        assert arrays == {outcome.subject: outcome.arrays for outcome in known[case.id].outcomes}
    infers, trains, *_ = (known[case.id] for case in orderly)
    assert infers.outcome("nsl").arrays != trains.outcome("nsl").arrays


def test_a_worker_that_is_killed_while_it_trains_costs_its_outcome_only(
    make_training, make_step, tmp_path, monkeypatch
):
    """Nor does an evaluation that fails cost more than the outcome that it belongs to."""
    (tmp_path / "picky_model.py").write_text(FACTORY)
    monkeypatch.syspath_prepend(str(tmp_path))
    one, picky = ("reference-nsl",), {"factory": "picky_model:make", "output": "logits"}
    cases = [
        make_training("long", steps=50_000, subjects=one),
        make_training("picky", model=picky, steps=2, subjects=one),
        make_training("short", steps=3, subjects=one),
        make_step("step", subjects=one),
    ]
    others = set(multiprocessing.active_children())
    happened, killed = [], set()
    for event in execute(cases, Options(store=tmp_path / "store", jobs=1)):
        happened.append(event)
        if isinstance(event, Progressed) and event.case.id == "long" and not killed:
            killed = set(multiprocessing.active_children()) - others
            for worker in killed:
                worker.kill()
    outcomes = {one.case.id: one.outcomes[0] for one in happened[-1].run.cases}
    assert (outcomes["long"].status, outcomes["picky"].status) == ("crash", "error")
    assert "killed by signal 9" in outcomes["long"].reason
    assert outcomes["picky"].reason.startswith("its evaluation: ")
    assert "fifty are too many" in outcomes["picky"].reason
    assert not outcomes["picky"].arrays
    assert {name: outcomes[name].reason for name in ("short", "step")} == {"short": "", "step": ""}
    assert list((tmp_path / "store" / "progress").iterdir()) == []  # or the next run would believe it


def test_an_interrupted_run_keeps_what_was_finished(make_training, make_step, tmp_path, run_cases):
    one = ("reference-nsl",)
    cases = [
        make_training("long", steps=50_000, subjects=one),
        make_training("short", steps=3, subjects=one),
        make_step("step", subjects=one),
    ]
    events, finished = execute(cases, Options(store=tmp_path, jobs=2)), set()
    for event in events:
        if isinstance(event, OutcomeReady):
            finished.add(event.case.id)
        if isinstance(event, Progressed) and finished == {"short", "step"}:
            break
    end = events.throw(KeyboardInterrupt())
    assert isinstance(end, Finished)
    assert end.run.interrupted
    assert [one.case.id for one in end.run.cases] == ["short", "step"]
    with pytest.raises(StopIteration):
        next(events)
    again = run_cases(cases[1:], tmp_path)
    assert not again.interrupted
    assert again.totals["from_store"] == 2
