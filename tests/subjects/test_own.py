"""A user's own implementation as a subject: found, recognised, called in a worker, and computed anew when edited."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from harness.engine.describe import describe_own_subjects
from harness.engine.workers import Workers
from harness.scenario.paths import shipped_scenarios
from harness.subjects.own_function import recognised
from harness.subjects.registry import load_subject
from harness.vocabulary import HarnessError, Unsupported, Verdict, is_own

SOURCE = Path(__file__).parents[1] / "own_attacks.py"
RIGHT, LACKING, LOSS, EAGER = (f"my_package.attacks:{name}" for name in ("fgsm", "unclipped", "loss", "eager_loss"))
HALF, UNFINISHED, UNWEIGHTED = (f"my_package.attacks:{name}" for name in ("half", "unfinished", "unweighted_loss"))
WEIGHED = {"match_scale": True, "sample_weights": {"low": 0.1, "high": 1.0, "seed": 0}}
SGD = {"kind": "sgd", "rate": 0.5, "momentum": 0.9, "nesterov": False, "weight_decay": 0.0, "clip_norm": None}
TRAINING = {
    **{"weighting": {"clean": 1.0, "adversarial": 0.5}, "match_scale": True, "optimizer": SGD, "steps": 3},
    **{"batch_size": 40, "seeds": 1, "seed": 0, "margin": 1.0, "evaluate": {"every": 0, "epsilons": []}},
}
L2 = {"epsilon": 0.3, "norm": "l2", "labels": "given"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A user's folder, with a package in it, where the process stands."""
    folder = tmp_path_factory.mktemp("user")
    (folder / "my_package").mkdir()
    shutil.copy(SOURCE, folder / "my_package" / "attacks.py")
    (folder / "my_package" / "factors.py").write_text("OF_EPSILON = 1.0\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        yield folder


@pytest.fixture(scope="module")
def cases(make_case):
    plain = (RIGHT, LACKING, HALF, UNFINISHED, LOSS, "cleverhans-v4")
    return [
        make_case("plain", subjects=plain),
        make_case("clipped", attack={**L2, "clip": [0.2, 0.7]}, subjects=(RIGHT, LACKING, "cleverhans-v4")),
        make_case(
            "step", kind="loss", attack=L2, training=WEIGHED, subjects=(RIGHT, LOSS, UNWEIGHTED, "reference-nsl"),
        ),
        make_case(
            "training", kind="training", data={"source": "iris"}, training=TRAINING,
            subjects=(LOSS, EAGER, "reference-nsl"),
        ),
    ]  # fmt: skip


@pytest.fixture(scope="module")
def run(folder, cases, run_cases):
    return run_cases(cases, folder / "store")


@pytest.fixture(scope="module")
def record_of(run):
    return {record.case.id: record for record in run.cases}.__getitem__


def verdict_of(record, left, right):
    return next(one.verdict for one in record.comparisons if (one.left, one.right) == (left, right))


def test_right_ones_agree_with_the_library_in_every_kind(record_of):
    assert verdict_of(record_of("plain"), RIGHT, "cleverhans-v4") is Verdict.EQUAL
    assert verdict_of(record_of("plain"), LACKING, "cleverhans-v4") is Verdict.EQUAL
    assert verdict_of(record_of("clipped"), RIGHT, "cleverhans-v4") in (Verdict.EQUAL, Verdict.CLOSE)
    assert verdict_of(record_of("step"), LOSS, "reference-nsl") in (Verdict.EQUAL, Verdict.CLOSE)
    training = record_of("training")
    assert {verdict_of(training, name, "reference-nsl") for name in (LOSS, EAGER)} <= {Verdict.EQUAL, Verdict.CLOSE}


def test_a_wrong_one_does_not(record_of):
    assert verdict_of(record_of("step"), UNWEIGHTED, "reference-nsl") is Verdict.DIVERGED


@pytest.mark.parametrize(
    ("case", "subject", "status", "reason"),
    [
        ("clipped", LACKING, "unsupported", "has no parameter 'clip_min', 'clip_max', which this case needs"),
        ("plain", HALF, "error", "returned x: float16 (12, 4); the input is float32 (12, 4)"),
        ("plain", UNFINISHED, "error", "NotImplementedError: not yet"),
        ("plain", LOSS, "unsupported", "has the signature of adversarial_loss, not one for kind perturbation"),
        ("step", RIGHT, "unsupported", "has the signature of fast_gradient_method, not one for kind loss"),
    ],
)
def test_what_it_cannot_do_it_says(record_of, case, subject, status, reason):
    outcome = record_of(case).outcome(subject)
    assert outcome.status == status
    assert reason in outcome.reason


def test_a_run_records_where_it_comes_from(run):
    described = run.subjects[LOSS]
    assert (described["api"], described["like"], described["kinds"]) == (LOSS, "nsl", ["loss", "training"])
    assert described["environment"] == "own:my_package.attacks"
    assert {"my_package.attacks", "my_package.factors"} <= set(described["sources"])
    assert run.subjects[RIGHT]["like"] == "cleverhans-v4"


def test_an_edit_of_what_it_imports_is_computed_anew(run, record_of, folder, cases, run_cases):
    """Even of a module that is only imported when the function is called, in the same second, of the same length."""
    (folder / "my_package" / "factors.py").write_text("OF_EPSILON = 1.1\n")
    case = replace(cases[0], subjects=(RIGHT, LACKING, "cleverhans-v4"))
    again = run_cases([case], folder / "store", against=LACKING).cases[0]
    assert record_of("plain").outcome(LACKING).arrays != again.outcome(LACKING).arrays
    assert verdict_of(again, LACKING, "cleverhans-v4") is Verdict.DIVERGED
    assert [outcome.subject for outcome in again.outcomes if outcome.from_store] == ["cleverhans-v4"]
    assert all(LACKING in (one.left, one.right) for one in again.comparisons)
    assert len(again.comparisons) == len(again.outcomes) - 1


@pytest.fixture(scope="module")
def problems(folder):
    """What is wrong with subjects of which each is wrong in its way, by name."""
    (folder / "dies.py").write_text("import os; print('going down', flush=True); os._exit(7)")
    (folder / "wrong.py").write_text("import absent")
    (folder / "odd.py").write_text("NUMBER = 3\ndef other(model, x, eps): pass\n")
    workers, found = Workers(), {}
    names = ("dies:f", "wrong:f", "odd:NUMBER", "odd:othr", "odd:other", "odd_one:f")
    try:
        described = describe_own_subjects(names, workers, limits={}, timeout=60.0)
    except HarnessError as error:
        found = dict(zip(names, str(error).splitlines(), strict=True))
    else:
        pytest.fail(f"nothing is wrong with {described}")
    finally:
        workers.close()
    return found


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("dies:f", "the process that imported dies ended with exit status 7; its last line was: going down"),
        ("wrong:f", "the module wrong cannot be imported: ModuleNotFoundError: No module named 'absent'."),
        ("odd:NUMBER", "NUMBER cannot be called: it is no function in "),
        ("odd:othr", "Did you mean 'other'?"),
        ("odd:other", "(model, x, eps) is not a signature that is known. Expected the parameters of fast_gradient_"),
        ("odd_one:f", "go to the folder that holds it, or install it."),
    ],
)
def test_one_that_cannot_be_used_is_one_message(problems, name, words):
    assert problems[name].startswith(f"subject {name}: ")
    assert words in problems[name]


def test_signatures_are_known_by_the_names_of_their_parameters():
    def attack(x, model_fn, *, eps, radius=1, norm=2):
        """In another order."""

    function = recognised("a:b", attack)
    assert function.signature.like == "cleverhans-v4"
    assert function.arguments({"x": 0, "model_fn": 0, "eps": 0, "norm": 0}).keys() == {"x", "model_fn", "eps", "norm"}
    with pytest.raises(Unsupported, match="a:b has no parameter 'y', which this case needs"):
        function.arguments({"x": 0, "model_fn": 0, "eps": 0, "y": 0})
    with pytest.raises(Unsupported, match="a:b has no default for 'eps', which this case does not state"):
        function.arguments({"x": 0, "model_fn": 0})
    assert "y" not in function.arguments({"x": 0, "model_fn": 0, "eps": 0, "y": 0}, optional=("y",))

    def greedy(model_fn, x, eps, *rest, **more):
        """Takes everything."""

    assert recognised("a:b", greedy).arguments({"model_fn": 0, "x": 0, "eps": 0, "y": 1})["y"] == 1


def test_a_parameter_that_nobody_can_give_is_refused():
    def attack(model_fn, x, eps, radius):
        """Needs a radius."""

    with pytest.raises(HarnessError, match="fast_gradient_method has no parameter 'radius'"):
        recognised("a:b", attack)


@pytest.mark.parametrize("name", ["a:b", "_a.b1.c:d_e"])
def test_names_of_own_subjects(name):
    assert is_own(name)
    assert load_subject(name).ENVIRONMENT.name == f"own:{name.partition(':')[0]}"


@pytest.mark.parametrize("name", ["a", "a:", ":b", "a:b.c", "a..b:c", "a-b:c", "a:b:c", "1a:b", "a:b\n", "nsl "])
def test_names_that_are_none(name):
    assert not is_own(name)
    with pytest.raises(HarnessError, match="is not a subject"):
        load_subject(name)


def test_the_shipped_scenarios_are_found_from_any_folder(folder):
    assert (shipped_scenarios() / "perturbation" / "configured-alike.yaml").is_file()
