"""The files that ``harness repro`` writes, run where only the libraries are: they find what the run found."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import sysconfig
import venv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from harness.explain.reproducing import script as writing
from harness.explain.reproducing.script import reproduction_script
from harness.explain.reproducing.source import case_of, comparison_of, in_run, pairs_allowed, run_alone
from harness.explain.reproducing.text import in_text
from harness.subjects.environments import CLEVERHANS_V3
from harness.vocabulary import HarnessError

LOADED = """
import atexit, runpy, sys
atexit.register(lambda: print("harness" in {name.partition(".")[0] for name in sys.modules}))
runpy.run_path(sys.argv[1], run_name="__main__")
"""

OPTIMIZER = {"kind": "sgd", "rate": 0.1, "momentum": 0.9, "nesterov": False, "weight_decay": 0.0, "clip_norm": None}
TRAINING = {
    "match_scale": True,
    "optimizer": OPTIMIZER,
    "steps": 4,
    "batch_size": 30,
    "seeds": 1,
    "seed": 0,
    "evaluate": {"every": 0, "epsilons": []},
    "margin": 1.0,
}
STEP = {"match_scale": True, "weighting": {"clean": 1.0, "adversarial": 0.5}, "mode": "training"}
DIVERGED = [("default-labels", "DIVERGED"), ("step", "DIVERGED"), ("trained", "DIVERGED")]
LAYERS = {"layers": [{"kind": "dense", "units": 8}, {"kind": "batchnorm"}, {"kind": "dense", "units": 3}]}


@pytest.fixture(scope="module")
def run(make_case, run_cases, tmp_path_factory):
    """Cases of every kind, which agree or do not."""
    cases = [
        make_case("default-labels", attack={"epsilon": 0.3, "norm": "l2", "clip": [0.0, 1.0]}),
        make_case("one-library", attack={"epsilon": 0.1, "norm": "l1", "labels": {"target": 1}}),
        make_case("step", kind="loss", training=STEP, model=LAYERS, subjects=("nsl", "cleverhans-v3")),
        make_case("trained", kind="training", training=TRAINING),
        make_case("alike", attack={"epsilon": 0.1, "norm": "l2", "labels": "given"}),
    ]
    return run_cases(cases, tmp_path_factory.mktemp("store"))


def record_of(run, name):
    return next(record for record in run.cases if record.case.id == name)


def written(run, name, folder):
    """Writes the script of a case, and returns its path and the comparison that it is of."""
    record = record_of(run, name)
    comparison = comparison_of(record, ())
    script = reproduction_script(run, record, comparison, name=name)
    path = folder / f"{name}.py"
    path.write_text(script.text)
    if script.arrays:
        path.with_suffix(".npz").write_bytes(script.arrays)
    return path, comparison


def run_elsewhere(path):
    """The script in a process that starts without this project; its output, and its exit status."""
    command = [sys.executable, "-I", "-c", LOADED, str(path)]
    ran = subprocess.run(command, cwd=path.parent, capture_output=True, text=True, check=False)
    *lines, loaded = ran.stdout.splitlines()
    assert loaded == "False", ran.stderr
    return "\n".join(lines), ran.returncode


def check_finds(printed, exit_status, comparison, name):
    """What a script prints, and its exit status, are what the run has found."""
    metrics = comparison.metrics
    if name == "trained":
        assert f"after 4 steps {metrics['differing']} of {metrics['elements']} differ" in printed
        distance = re.search(r"after 4 steps .* distance ([^,]+),", printed)
        assert distance is not None
        assert float(distance[1]) == pytest.approx(metrics["final_distance"], rel=1e-5)
    else:
        assert f"elements that differ: {metrics['differing']} of {metrics['elements']}" in printed
        largest = re.search(r"largest difference: (.*)", printed)
        assert largest is not None
        assert float(largest[1]) == pytest.approx(metrics["max_absolute"], rel=1e-6)
    assert exit_status == (comparison.verdict == "DIVERGED")


@pytest.mark.parametrize(("name", "verdict"), [*DIVERGED, ("alike", "EQUAL or CLOSE")])
def test_a_script_finds_what_the_run_found(run, tmp_path, name, verdict):
    path, comparison = written(run, name, tmp_path)
    check_finds(*run_elsewhere(path), comparison, name)
    assert str(comparison.verdict) in verdict


@pytest.fixture(scope="module")
def plain_python(tmp_path_factory):
    """An interpreter that has every library of this one, and not this project. Nothing is downloaded for it."""
    folder = tmp_path_factory.mktemp("plain")
    venv.create(folder, with_pip=False)
    here, there = (Path(sysconfig.get_path("purelib", vars=at)) for at in ({}, dict.fromkeys(BASES, str(folder))))
    for entry in here.iterdir():
        if not re.match(r"(__editable__|_*adversarial[_-]harness|harness$)", entry.name):
            (there / entry.name).symlink_to(entry)
    python = folder / "bin" / "python"
    imported = plainly(python, "-c", "import harness", cwd=folder)
    assert "ModuleNotFoundError: No module named 'harness'" in imported.stderr, imported
    return python


BASES: tuple[str, ...] = ("base", "platbase")


def plainly(python, *arguments, cwd):
    """Runs an interpreter as a user does who never heard of this project: no variable of the tests is there."""
    environment = {"PATH": os.environ["PATH"], "CLEVERHANS_V3": str(CLEVERHANS_V3)}
    command = [str(python), *arguments]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.long
@pytest.mark.parametrize("name", [name for name, _ in DIVERGED])
def test_a_script_runs_where_this_project_is_not_installed(run, plain_python, tmp_path, name):
    path, comparison = written(run, name, tmp_path)
    ran = plainly(plain_python, path.name, cwd=tmp_path)
    check_finds(ran.stdout, ran.returncode, comparison, name)


@pytest.mark.parametrize("name", ["default-labels", "step", "trained"])
def test_a_script_is_formatted_and_names_no_module_of_this_project(run, tmp_path, name):
    path, comparison = written(run, name, tmp_path)
    text = path.read_text()
    assert not re.search(r"^\s*(from|import) harness", text, re.MULTILINE)
    assert comparison.sentence.split(";")[0].replace(" ", "") in re.sub(r"\s", "", text)
    assert not path.with_suffix(".npz").exists()  # some hundred numbers
    checked = [sys.executable, "-m", "ruff", "format", "--isolated", "--check", str(path)]
    assert subprocess.run(checked, capture_output=True, check=False).returncode == 0


def test_what_a_library_cannot_express_is_refused_with_its_reason(run):
    record = record_of(run, "one-library")
    with pytest.raises(HarnessError, match="nsl cannot express this case: NSL has no targeted attack"):
        reproduction_script(run, record, comparison_of(record, ()), name="x")


def test_a_reimplementation_is_in_no_script(run):
    with pytest.raises(HarnessError, match="reference-nsl is this project's own"):
        comparison_of(record_of(run, "step"), ("nsl", "reference-nsl"))


def test_the_first_pair_of_libraries_that_diverged_is_shown(synthetic, make_case):
    case = make_case("three", subjects=("nsl", "cleverhans-v4", "cleverhans-v3", "reference-nsl"))
    record = synthetic.record(case, {"nsl": 0, "cleverhans-v4": 0, "cleverhans-v3": 3, "reference-nsl": 9})
    shown = comparison_of(record, ())
    assert (shown.left, shown.right) == ("nsl", "cleverhans-v3")
    other = comparison_of(record, ("cleverhans-v4", "nsl"))
    assert (other.left, other.right) == ("nsl", "cleverhans-v4")


def test_a_finished_run_counts_while_the_case_asks_the_same(synthetic, make_case, tmp_path):
    case = make_case("a", subjects=("nsl", "cleverhans-v4"))
    folder = tmp_path / "latest"
    synthetic.saved(folder, synthetic.record(case, {"nsl": 0, "cleverhans-v4": 1}))
    assert in_run(folder, case, "a", ()) is not None
    assert in_run(folder, None, "a", ("nsl", "cleverhans-v4")) is not None
    assert in_run(folder, case, "a", ("nsl", "cleverhans-v3")) is None
    assert in_run(folder, replace(case, attack={"epsilon": 0.2}), "a", ()) is None


def test_what_float32_cannot_know_is_excused_in_a_script_too(synthetic, make_case):
    case = make_case("a", subjects=("nsl", "cleverhans-v4", "reference-float64"))
    record = synthetic.record(case, {"nsl": 2, "cleverhans-v4": 0, "reference-float64": 0}, uncertain=0.2)
    comparison = comparison_of(record, ())
    assert comparison.verdict == "CLOSE"
    text = reproduction_script(synthetic.run(record), record, comparison, name="a").text
    indices = re.search(r'BEYOND_FLOAT32 = .*?"""\n(.*?)\n"""', text, re.DOTALL)
    assert indices is not None
    assert indices[1].split() == ["0", "1"]
    assert "units.ravel()[BEYOND_FLOAT32[name]] = 0.0" in text


def test_many_numbers_lie_beside_the_script(synthetic, make_case, monkeypatch):
    record = synthetic.record(make_case("a"), {"nsl": 2, "cleverhans-v4": 0})
    monkeypatch.setattr(writing, "INLINE", 20)
    script = reproduction_script(synthetic.run(record), record, comparison_of(record, ()), name="beside")
    assert 'np.load(os.path.join(FOLDER, "beside.npz"))' in script.text
    with np.load(io.BytesIO(script.arrays), allow_pickle=False) as arrays:
        assert sorted(arrays.files) == ["input/x", "labels", "weights/000"]
        assert (arrays["input/x"] == synthetic.x).all()


def test_cases_and_pairs_are_found_by_name_or_refused(make_case, tmp_path):
    cases = [make_case("a[norm=l2]", scenario="a"), make_case("a[norm=l1]", scenario="a"), make_case("b")]
    assert case_of(cases, "b").id == "b"
    with pytest.raises(HarnessError, match=r"the scenario a, which has 2:\n  a\[norm=l2\]\n  a\[norm=l1\]"):
        case_of(cases, "a")
    with pytest.raises(HarnessError, match=r"no case 'a\[norm=l3\]'. Did you mean 'a\[norm=l[12]\]'"):
        case_of(cases, "a[norm=l3]")
    with pytest.raises(HarnessError, match="cleverhans-v3 does not take part in b, whose pairs are nsl,cleverhans-v4"):
        pairs_allowed(cases[2], ("nsl", "cleverhans-v3"))
    with pytest.raises(HarnessError, match="expected two subjects"):
        pairs_allowed(cases[2], ("nsl",))
    with pytest.raises(HarnessError, match="compares no two libraries"):
        run_alone(make_case("c", subjects=("nsl", "reference-nsl")), (), store=tmp_path)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32"])
def test_numbers_in_text_are_the_same_bits(dtype):
    if dtype == "int32":
        array = np.arange(-3, 9, dtype=np.int32).reshape(2, 6)
    else:
        drawn = np.random.default_rng(0).normal(size=60) * np.logspace(-30, 30, 60)
        array = np.concatenate([drawn, [0.0, -0.0, np.inf, -np.inf, 1e-45, 1e20]]).astype(dtype)
    text = in_text(array, 0)
    assert text is not None
    scope = {}
    code = "import numpy as np\ndef numbers(shape, text, dtype='float32'):\n"
    code += "    return np.array(text.split(), str).astype(dtype).reshape(shape)\n"
    exec(f"{code}array = {text}", scope)
    assert scope["array"].tobytes() == array.tobytes()
