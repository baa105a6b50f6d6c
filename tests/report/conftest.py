"""A finished run of a few small real cases: every verdict, every status, image data and none, and hostile names."""

import shutil

import pytest

from harness.engine.record import load_run, save_run
from harness.report.write import write_reports
from harness.vocabulary import Expectation, Location, Verdict

SUBJECTS = ("nsl", "cleverhans-v4", "reference-float64")

HOSTILE = (
    '</script><script>window.broken = true</script><img src="https://example.org/x" onerror="window.broken = true">'
)
"""HTML that would run, if it were let."""
CONTROL = "\x1b[2J\x1b]0;owned\x07\r\u202egnp.exe\u2028 \ud800 [bold red]|`*_#$"
"""What clears a terminal, sets its title, reorders text, breaks a line, is not even text, or is markup."""
SURROGATE = "\ud800"

DIGITS_MODEL = {
    "layers": [{"kind": "dense", "units": 10}],
    "output": "logits",
    "init": {"scheme": "glorot_uniform", "seed": 0, "scale": 1.0},
}
DIGITS = {"source": "digits", "split": "test", "batch": 6, "seed": 0}


def expectation(verdict, because):
    return Expectation(verdict, because, Location("alike.yaml", 9, 3))


@pytest.fixture(scope="session")
def cases(make_case):
    """By name, so that a test reads what it is about."""

    def digits(name, **fields):
        return make_case(name, model=DIGITS_MODEL, data=DIGITS, subjects=SUBJECTS, **fields)

    alike = {"epsilon": 0.1, "labels": "given"}
    return [
        digits(
            "alike[norm=linf]",
            scenario="alike",
            summary="Configured alike, they agree.",
            tags=("smoke", "alike"),
            point={"attack.norm": "linf"},
            attack={**alike, "norm": "linf"},
            expectations={
                "nsl|cleverhans-v4": expectation(Verdict.EQUAL, "the same arithmetic"),
                "nsl|reference-float64": expectation(Verdict.DIVERGED, "an expectation that is wrong on purpose"),
            },
        ),
        digits(
            "alike[norm=l2]",
            scenario="alike",
            summary="Configured alike, they agree.",
            tags=("smoke", "alike"),
            point={"attack.norm": "l2"},
            attack={**alike, "norm": "l2"},
        ),
        digits(
            "default-labels",
            tags=("labels",),
            attack={"epsilon": 0.1, "norm": "linf"},
            expectations={"nsl|cleverhans-v4": expectation(Verdict.DIVERGED, "true against predicted labels")},
        ),
        digits("defaults", attack={}),
        digits("refused", attack={**alike, "norm": "linf", "feature_mask": [1.0, 0.5, 0.0]}),
        make_case("tabular", subjects=SUBJECTS),
        make_case(
            f"hostile {HOSTILE} {CONTROL}",
            scenario=f"hostile {HOSTILE} {CONTROL}",
            summary=f"{HOSTILE} {CONTROL}",
            tags=(HOSTILE,),
            point={f"attack.{CONTROL}": HOSTILE},
            subjects=("nsl", "cleverhans-v4"),
            expectations={"nsl|cleverhans-v4": expectation(Verdict.DIVERGED, f"{HOSTILE} {CONTROL}")},
        ),
    ]


OPTIMIZER = {"momentum": 0.0, "nesterov": False, "weight_decay": 0.0, "clip_norm": None}
STEP = {"match_scale": True}
TRAINING = {
    **STEP,
    "optimizer": {"kind": "sgd", "rate": 0.1, **OPTIMIZER},
    "steps": 12,
    "batch_size": 16,
    "seeds": 1,
    "seed": 0,
    "evaluate": {"every": 4, "epsilons": [0.1, 0.3]},
    "margin": 1.0,
}


@pytest.fixture(scope="session")
def trained_cases(make_case):
    """Kinds loss and training, beside one of kind perturbation: alike, apart, over seeds, not finite, hostile."""

    def training(name, *, attack=None, **fields):
        settings = {"kind": "training", "data": {"source": "iris"}, "training": TRAINING, **fields}
        return make_case(name, attack=attack or {"epsilon": 0.1, "norm": "linf", "labels": "given"}, **settings)

    weighted = {**STEP, "weighting": {"clean": 1.0, "adversarial": 0.2}}
    return [
        make_case("perturbed"),
        *(
            make_case(
                f"step[norm={norm}]",
                scenario="step",
                kind="loss",
                point={"attack.norm": norm},
                attack={"epsilon": 0.1, "norm": norm, "labels": "given"},
                training=weighted,
                subjects=SUBJECTS,
            )
            for norm in ("linf", "l2")
        ),
        training("alike", training={**TRAINING, "weighting": {"clean": 1.0, "adversarial": 1.0}}),
        training(
            "apart",
            attack={"epsilon": 0.3, "norm": "linf"},
            training={**TRAINING, "seeds": 3},
            expectations={
                "nsl|cleverhans-v4": Expectation(
                    Verdict.DIVERGED, "true against predicted labels", Location("apart.yaml", 9, 3), "undecided"
                )
            },
        ),
        training(
            "overflowing",
            training={**TRAINING, "optimizer": {"kind": "sgd", "rate": 3e38, **OPTIMIZER}},
        ),
        training(
            f"hostile {HOSTILE} {CONTROL.replace(SURROGATE, '')}",  # no name of a file holds one, and ids are hashed
            summary=f"{HOSTILE} {CONTROL}",
            point={f"attack.{CONTROL}": f"{HOSTILE}](https://example.org/y)"},
            subjects=("nsl",),
        ),
    ]


@pytest.fixture(scope="session")
def trained_folder(trained_cases, run_cases, tmp_path_factory):
    """The run folder of ``trained_cases``, with all reports."""
    folder = tmp_path_factory.mktemp("trained")
    write_reports(save_run(run_cases(trained_cases, tmp_path_factory.mktemp("store")), folder), folder)
    return folder


@pytest.fixture(scope="session")
def trained(trained_folder):
    """That run, as it lies in its folder."""
    return load_run(trained_folder)


@pytest.fixture(scope="session")
def case_of(trained):
    """The record of a case of that run by the beginning of its id."""

    def case_of(start):
        return next(record for record in trained.cases if record.case.id.startswith(start))

    return case_of


@pytest.fixture(scope="session")
def folder(cases, run_cases, tmp_path_factory):
    """The run folder, with all reports."""
    folder = tmp_path_factory.mktemp("run")
    write_reports(save_run(run_cases(cases, tmp_path_factory.mktemp("store")), folder), folder)
    return folder


@pytest.fixture(scope="session")
def run(folder):
    """The run, as it lies in its folder."""
    return load_run(folder)


@pytest.fixture
def own_folder(folder, tmp_path):
    """A copy of the run folder, to be damaged."""
    return shutil.copytree(folder, tmp_path / "run")


@pytest.fixture(scope="session")
def find(run):
    """The record of a case by the beginning of its id."""

    def find(start):
        return next(record for record in run.cases if record.case.id.startswith(start))

    return find


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    """One Chromium for all tests."""
    from harness.bench.browser import started

    driver = started(tmp_path_factory.mktemp("profile"))
    yield driver
    driver.quit()
