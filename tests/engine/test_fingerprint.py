"""What the keys in the store depend on: everything that changes a result, and nothing that does not."""

import dataclasses
import re
from pathlib import Path

import pytest

from harness.engine import fingerprint
from harness.subjects.nsl import LIBRARY

IDENTITY = {"weights": "w", "data": "d"}
SETTINGS = [
    ("weighting", {"clean": 1.0, "adversarial": 2.0}),
    ("match_scale", False),
    ("optimizer", {"kind": "adam", "rate": 0.5}),
    ("steps", 11),
    ("batch_size", 31),
    ("seeds", 2),
    ("seed", 1),
    ("evaluate", {"every": 2, "epsilons": []}),
    ("smoothing", 0.1),
    ("sample_weights", {"low": 0.5, "high": 1.0, "seed": 0}),
    ("gradient_flow", "through"),
    ("mode", "inference"),
    ("attack_mode", "inference"),
]


def changed(case, name, value):
    return dataclasses.replace(case, training={**case.training, name: value})


def outcome_key(case, **other):
    return fingerprint.outcome_key(case, "nsl", **{"identity": IDENTITY, "subject": {"library": LIBRARY}, **other})


@pytest.mark.parametrize(("name", "value"), SETTINGS)
def test_an_outcome_depends_on_every_setting_of_the_training(make_training, name, value):
    case = make_training()
    assert outcome_key(changed(case, name, value)) != outcome_key(case)


def test_these_are_all_settings_of_a_training(make_training):
    stated = {"smoothing", "sample_weights", "gradient_flow", "mode", "attack_mode"}
    assert {name for name, _ in SETTINGS} == (set(make_training().training) | stated) - {"margin"}


def test_an_outcome_does_not_depend_on_how_it_is_judged(make_training):
    case = make_training()
    judged = dataclasses.replace(changed(case, "margin", 5.0), id="other", tags=("new",), subjects=("nsl",))
    assert outcome_key(judged) == outcome_key(case)


def test_an_outcome_depends_on_kind_problem_and_attack(make_step):
    case = make_step()
    others = [
        outcome_key(dataclasses.replace(case, kind="perturbation")),
        outcome_key(case, identity={**IDENTITY, "data": "other"}),
        outcome_key(case, subject={"library": LIBRARY, "version": "2"}),
        outcome_key(dataclasses.replace(case, attack={**case.attack, "epsilon": 0.2})),
        fingerprint.outcome_key(case, "reference-nsl", identity=IDENTITY, subject={"library": LIBRARY}),
    ]
    assert len({*others, outcome_key(case)}) == 6


def test_weights_depend_on_the_number_of_seeds_and_on_no_other_setting_of_the_training(make_training, make_step):
    case = make_training()
    for name, value in SETTINGS:
        same = fingerprint.weights_key(changed(case, name, value)) == fingerprint.weights_key(case)
        assert same == (name != "seeds")
    assert fingerprint.weights_key(make_step(data=case.data)) != fingerprint.weights_key(case)


def test_data_depends_on_what_orders_and_weighs_the_examples(make_training):
    case = make_training()
    deciding = {"steps", "batch_size", "seeds", "seed", "sample_weights"}
    for name, value in SETTINGS:
        same = fingerprint.batch_key(changed(case, name, value)) == fingerprint.batch_key(case)
        assert same == (name not in deciding)


def test_an_evaluation_depends_on_what_was_trained_and_how_it_is_asked(make_training):
    def key(case, data="d", arrays="a"):
        return fingerprint.evaluation_key(case, data=data, arrays=arrays)

    case = make_training()
    others = [
        key(case, data="other"),
        key(case, arrays="other"),
        key(changed(case, "evaluate", {"every": 2, "epsilons": []})),
        key(dataclasses.replace(case, attack={**case.attack, "norm": "l2"})),
        key(dataclasses.replace(case, attack={**case.attack, "clip": [0, 1]})),
        key(dataclasses.replace(case, model={**case.model, "layers": case.model["layers"][:1]})),
    ]
    assert len({*others, key(case)}) == 7
    # Epsilon of the training and its optimizer have done their work by then.
    trained = dataclasses.replace(changed(case, "seed", 1), attack={**case.attack, "epsilon": 0.2})
    assert key(changed(trained, "margin", 5.0)) == key(case)


OF_NO_CONSEQUENCE = {"environments", "events", "fingerprint", "plan", "protocol", "record", "run", "schedule", "store"}
"""Modules that carry results or make tasks, and types."""


def test_all_that_a_bridge_comes_out_of_is_part_of_its_key():
    root, code = Path(fingerprint.__file__).parents[1], set(fingerprint.code_of_bridges())
    starting = {"proposals_run.py", "explaining.py", "measured.py"}
    for path in sorted(one for one in code if one.parent.name in ("explain", "stances") and one.name not in starting):
        for room, module in re.findall(
            r"^ *from harness\.(engine|subjects|scenario)\.(\w+) import", path.read_text(), re.M
        ):
            if module not in OF_NO_CONSEQUENCE and (root / room / f"{module}.py").exists():
                assert root / room / f"{module}.py" in code, f"{path.name} imports {room}.{module}"
