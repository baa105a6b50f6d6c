"""Models and data that do not come from the scenario itself: files, arrays, code. Every subject gets the same bytes."""

import os
import subprocess
import sys

import numpy as np
import pytest

SUBJECTS = ("nsl", "cleverhans-v4", "cleverhans-v3", "reference-nsl", "reference-cleverhans", "reference-float64")
ATTACK = {"epsilon": 0.1, "norm": "linf", "labels": "given"}
MAKE = """
import tensorflow as tf

def make():
    inputs = tf.keras.Input((4,), name="x")
    hidden = tf.keras.layers.Dense(5, activation="tanh")(inputs)
    return tf.keras.Model(inputs, tf.keras.layers.Dense(3)(hidden))
"""
SAVE = "import sys, own_model; own_model.tf.keras.utils.set_random_seed(3); own_model.make().save(sys.argv[1])"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sources")
    (folder / "own_model.py").write_text(MAKE)
    environment = {**os.environ, "TF_USE_LEGACY_KERAS": "1", "CUDA_VISIBLE_DEVICES": "-1"}
    command = [sys.executable, "-c", SAVE, "model.keras"]
    subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
    generator = np.random.default_rng(0)
    np.savez(folder / "data.npz", x=generator.normal(size=(9, 4)), y=np.arange(9) % 3)
    np.savez(folder / "weights.npz", kernel=generator.normal(size=(4, 3)), bias=generator.normal(size=3))
    return folder


@pytest.fixture(scope="module")
def by_id(folder, make_case, run_cases):
    own_data = {"source": "npz", "path": str(folder / "data.npz"), "split": "all", "batch": 9, "seed": 0}
    dense = [{"kind": "dense", "units": 3}]
    cases = [
        make_case("keras-file", attack=ATTACK, subjects=SUBJECTS, model={"keras": str(folder / "model.keras")}),
        make_case("factory", attack=ATTACK, subjects=SUBJECTS, model={"factory": "own_model:make"}),
        make_case("npz", attack=ATTACK, subjects=SUBJECTS, data=own_data),
        make_case(
            "weights",
            attack=ATTACK,
            subjects=SUBJECTS,
            data=own_data,
            model={"layers": dense, "output": "logits", "weights": str(folder / "weights.npz")},
        ),
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        run = run_cases(cases, folder / "store")
    return {record.case.id: (run, record) for record in run.cases}


@pytest.mark.parametrize("source", ["keras-file", "factory", "npz", "weights"])
def test_every_subject_runs_on_it_and_all_agree(by_id, source):
    _, record = by_id[source]
    assert {outcome.subject: outcome.reason for outcome in record.outcomes if outcome.status != "ok"} == {}
    float32 = [comparison.verdict.value for comparison in record.comparisons if comparison.right != "reference-float64"]
    assert set(float32) == {"EQUAL"}
    assert {comparison.verdict.value for comparison in record.comparisons} <= {"EQUAL", "CLOSE"}


def test_arrays_of_a_file_are_used_in_their_order_and_to_the_bit(by_id, folder):
    run, record = by_id["npz"]
    with np.load(folder / "data.npz") as own:
        assert sorted(map(tuple, run.inputs(record)["x"])) == sorted(map(tuple, own["x"].astype(np.float32)))


def test_weights_of_a_file_are_the_model(by_id, folder):
    run, record = by_id["weights"]
    with np.load(folder / "weights.npz") as own:
        logits = run.inputs(record)["x"] @ own["kernel"].astype(np.float32) + own["bias"].astype(np.float32)
    accuracy = float((logits.argmax(axis=1) == run.labels(record)).mean())
    assert record.outcome("nsl").summary["clean"]["accuracy"] == accuracy


def test_a_changed_file_is_computed_anew(by_id, folder, make_case, run_cases, tmp_path):
    _, record = by_id["weights"]
    with np.load(folder / "weights.npz") as own:
        np.savez(tmp_path / "weights.npz", kernel=own["kernel"] * 2, bias=own["bias"])
    model = {**record.case.model, "weights": str(tmp_path / "weights.npz")}
    case = make_case("weights", attack=ATTACK, subjects=("nsl", "reference-nsl"), data=record.case.data, model=model)
    assert run_cases([case], folder / "store").cases[0].identity["weights"] != record.identity["weights"]
