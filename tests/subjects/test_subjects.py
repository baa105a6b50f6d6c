"""What each subject does with settings: uses them, leaves them to its library, or refuses them. One row a subject."""

from dataclasses import dataclass, field

import pytest

from harness.subjects.registry import load_subject
from harness.vocabulary import SUBJECTS

STATED = {"epsilon": 0.05, "norm": "linf", "labels": "given"}
CASES = {
    "stated": STATED,
    "defaults": {},
    "labels-left-out": {"epsilon": 0.05, "norm": "linf"},
    "predicted": {**STATED, "labels": "predicted"},
    "targeted": {**STATED, "labels": {"target": 2}},
    "clip": {**STATED, "clip": [0.0, 1.0]},
    "one-sided-clip": {**STATED, "clip": [0.0, None]},
    "mask": {**STATED, "feature_mask": [1, 0, 1, 0]},
    "mean": {**STATED, "loss_reduction": "mean"},
    "float64": {**STATED, "dtype": "float64"},
    "probabilities": STATED,
    "two-inputs": STATED,
}
CLEVERHANS_REFUSES = frozenset({"one-sided-clip", "mask", "two-inputs"})


@dataclass(frozen=True)
class Row:
    """What is true of a subject.

    Attributes:
        version: of its library.
        refuses: the cases above that it cannot express.
        defaults: what it uses for what is left out: all settings, or the labels only where it refuses the former.
    """

    version: str
    refuses: frozenset[str]
    defaults: dict = field(default_factory=dict)


TABLE = {
    "nsl": Row(
        "1.4.0", frozenset({"targeted"}), {"epsilon": 0.001, "norm": "l2", "labels": "given", "loss_reduction": "mean"}
    ),
    "cleverhans-v4": Row(
        "4.0.0", CLEVERHANS_REFUSES | {"defaults", "float64"}, {"labels": "predicted", "loss_reduction": "none"}
    ),
    "cleverhans-v3": Row(
        "3.1.0",
        CLEVERHANS_REFUSES | {"probabilities"},
        {"epsilon": 0.3, "norm": "linf", "labels": "predicted", "loss_reduction": "none"},
    ),
    "reference-nsl": Row(
        "", frozenset({"targeted"}), {"epsilon": 0.001, "norm": "l2", "labels": "given", "loss_reduction": "mean"}
    ),
    "reference-cleverhans": Row(
        "", CLEVERHANS_REFUSES | {"defaults", "float64"}, {"labels": "predicted", "loss_reduction": "none"}
    ),
    "reference-float64": Row("", frozenset({"defaults"}), {"labels": "given"}),
}


@pytest.fixture(scope="module")
def outcomes(make_case, run_cases, tmp_path_factory):
    """Outcome by subject and name of case."""
    cases = []
    for name, attack in CASES.items():
        case = make_case(name, attack=attack, subjects=SUBJECTS)
        if name == "probabilities":
            case = make_case(name, attack=attack, subjects=SUBJECTS, model={**case.model, "output": "probabilities"})
        if name == "two-inputs":
            case = make_case(
                name, attack=attack, subjects=SUBJECTS, data={**case.data, "inputs": {"petal": 2, "sepal": 2}}
            )
        cases.append(case)
    run = run_cases(cases, tmp_path_factory.mktemp("store"))
    return {(outcome.subject, record.case.id): outcome for record in run.cases for outcome in record.outcomes}


def test_every_subject_has_a_row():
    assert set(TABLE) == set(SUBJECTS)


@pytest.mark.parametrize("subject", SUBJECTS)
def test_version_is_that_of_the_library(subject):
    assert load_subject(subject).version() == (TABLE[subject].version or load_subject("reference-nsl").version())


@pytest.mark.parametrize("subject", SUBJECTS)
def test_what_it_cannot_express_is_unsupported_with_a_reason_and_nothing_else_is(outcomes, subject):
    refused = {name for name in CASES if outcomes[subject, name].status == "unsupported"}
    assert refused == TABLE[subject].refuses
    assert all(outcomes[subject, name].reason for name in refused)
    assert all(outcomes[subject, name].status == "ok" for name in set(CASES) - refused)


@pytest.mark.parametrize("subject", SUBJECTS)
def test_what_is_left_out_is_left_to_the_library(outcomes, subject):
    row = TABLE[subject]
    outcome = outcomes[subject, "labels-left-out" if "defaults" in row.refuses else "defaults"]
    assert {name: outcome.settings[name] for name in row.defaults} == row.defaults
    assert set(row.defaults) <= set(outcome.defaulted)


@pytest.mark.parametrize("subject", SUBJECTS)
def test_what_is_stated_is_used(outcomes, subject):
    settings = outcomes[subject, "stated"].settings
    assert {name: settings[name] for name in STATED} == STATED
    assert not {"epsilon", "norm", "labels"} & set(outcomes[subject, "stated"].defaulted)
    assert outcomes[subject, "predicted"].settings["labels"] == "predicted"
    assert outcomes[subject, "clip"].settings["clip"] == [0.0, 1.0]
    assert outcomes[subject, "mean"].settings["loss_reduction"] == "mean"


@pytest.mark.parametrize("subject", SUBJECTS)
def test_the_perturbation_is_as_large_as_epsilon(outcomes, subject):
    smallest, _, largest = outcomes[subject, "stated"].summary["perturbation"]["linf"]
    assert smallest == pytest.approx(0.05, rel=1e-5)
    assert largest == pytest.approx(0.05, rel=1e-5)


@pytest.mark.parametrize("subject", ["nsl", "reference-nsl"])
def test_a_masked_feature_is_left_alone(outcomes, subject):
    perturbation = outcomes[subject, "mask"].summary["perturbation"]
    assert perturbation["l1"][2] == pytest.approx(2 * 0.05, rel=1e-5)
