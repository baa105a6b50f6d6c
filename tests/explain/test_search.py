"""The search: random scenarios that the loader takes, defects that count once, and findings that outlast it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest

from harness.explain.reducing.draft import Draft, scenario_text
from harness.explain.searching.choices import CHOICES, never_drawn, universe
from harness.explain.searching.findings import findings_in, without_numbers
from harness.explain.searching.generator import coverage, scenarios
from harness.explain.searching.kept import add_signature, read_kept, write_finding
from harness.scenario.cases import read_cases
from harness.scenario.paths import Permissions
from harness.scenario.schema.settings import SETTINGS
from harness.vocabulary import SUBJECTS

CHECKOUT = Path(__file__).resolve().parents[2]
TOO_FAR = "own_attacks:too_far"
LATER = re.compile(r"^training\.(optimizer|steps|seeds|batch_size|evaluate|seed)")
"""Kind training is rare."""


def texts(seed, count, bases=()):
    return [scenario_text(one.draft, summary="Random.") for one in islice(scenarios(seed, SUBJECTS, bases), count)]


def test_the_same_seed_gives_the_same_scenarios_and_another_one_others():
    """In another process, too, whatever the order of its sets."""
    code = "from tests.explain.test_search import texts; import hashlib\n"
    code += "print(hashlib.sha256(''.join(texts(7, 40)).encode()).hexdigest())"
    digests = {
        subprocess.run(
            [sys.executable, "-c", code],
            cwd=CHECKOUT,
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(digests) == 1
    assert not set(texts(7, 40)) & set(texts(8, 40))


def test_random_scenarios_are_valid_and_cover_every_class(tmp_path):
    every = list(islice(scenarios(0, SUBJECTS), 400))
    path = tmp_path / "random.yaml"
    for one in every:
        path.write_text(scenario_text(one.draft, summary="Random."))
        (case,) = read_cases(path, Permissions())
        assert (case.kind, dict(case.attack)) == (one.drawn["kind"], dict(one.draft.attack))
    counted = coverage(every)
    missing = [(name, one) for name, classes in universe().items() for one in classes if not counted[name, one]]
    assert [name for name, _ in missing if not LATER.match(name)] == []


def test_settings_are_known_ones_and_those_left_out_are_named():
    assert set(CHOICES) - {"kind"} <= set(SETTINGS)
    assert {"model.keras", "data.path"} <= set(never_drawn())
    assert not {"attack.norm", "model.init.scale", "training.weighting.clean"} & set(never_drawn())


def test_a_case_of_ones_own_is_searched_with_other_settings(make_case):
    base = make_case("mine", attack={"epsilon": 0.7})
    found = list(islice(scenarios(0, ("nsl", "cleverhans-v4"), [replace(base, subjects=SUBJECTS)]), 40))
    assert all((one.draft.model, one.draft.data) == (base.model, base.data) for one in found)
    assert {one.draft.subjects for one in found} == {("nsl", "cleverhans-v4")}
    assert len({str(one.draft.attack) for one in found}) > 20


def unexplained(record, pairs, *, missed, reason="does not meet"):
    """The record with bridges that lead nowhere."""
    bridge = {"reason": reason, "ends": {name: {"verdict": "DIVERGED", "sentence": ""} for name in missed}}
    changed = [
        replace(one, causes=({"code": "unexplained", "share": 1.0},), metrics={**one.metrics, "bridge": bridge})
        if (one.left, one.right) in pairs
        else replace(one, causes=({"code": "label-source", "share": 1.0},))
        for one in record.comparisons
    ]
    return replace(record, comparisons=tuple(changed))


@pytest.fixture
def record(synthetic, make_case):
    """One library is apart from three subjects."""
    names = ("nsl", "cleverhans-v4", "cleverhans-v3", "reference-nsl")
    return synthetic.record(make_case("random", subjects=names), {name: 3 * (name == "nsl") for name in names})


def test_one_side_that_is_not_met_is_one_finding_of_two_libraries(record):
    pairs = [("nsl", "cleverhans-v4"), ("nsl", "cleverhans-v3"), ("nsl", "reference-nsl")]
    (found,) = findings_in(unexplained(record, pairs, missed=["nsl"]))
    assert (found.what, found.who, found.pair) == ("unexplained", ("nsl",), ("nsl", "cleverhans-v4"))


def test_one_reason_that_names_no_side_is_one_finding(record):
    pairs = [("nsl", "cleverhans-v4"), ("nsl", "cleverhans-v3")]
    (found,) = findings_in(unexplained(record, pairs, missed=[], reason="12 settings differ"))
    assert found.who == found.pair == ("nsl", "cleverhans-v4")


def test_what_is_explained_is_no_finding(record):
    assert findings_in(unexplained(record, [], missed=[])) == []


def test_reasons_that_differ_in_numbers_count_as_one(synthetic, make_case):
    names = ("nsl", "cleverhans-v4")

    def signature(reason):
        one = synthetic.record(make_case("random", subjects=names), {"nsl": 0, "cleverhans-v4": 0})
        outcomes = (one.outcomes[0], replace(one.outcomes[1], status="error", reason=reason))
        (found,) = findings_in(replace(one, outcomes=outcomes))
        return found.signature

    first = signature("ValueError: shape (3, 4) at node 'a/b_1:0' and 1e-05")
    assert first == signature("ValueError: shape (12, 1) at node 'c' and -2.5")
    assert first != signature("TypeError: shape (3, 4) at node 'a/b_1:0' and 1e-05")
    assert without_numbers("l2 of x1 is -3.5e-07 [1, 2]") == "l2 of x1 is #*"


def test_what_a_library_is_known_to_refuse_is_no_finding(synthetic, make_case):
    names = ("nsl", "cleverhans-v3")
    one = synthetic.record(make_case("random", subjects=names), {"nsl": 0, "cleverhans-v3": 0})
    reason = "InvalidArgumentError: assertion failed: [Condition x <= y did not hold element-wise:]"
    outcomes = (one.outcomes[0], replace(one.outcomes[1], status="error", reason=reason))
    assert findings_in(replace(one, outcomes=outcomes)) == []


def test_a_reimplementation_that_lacks_what_its_library_has_is_a_finding(synthetic, make_case):
    names = ("nsl", "reference-nsl")
    (found,) = findings_in(
        synthetic.record(make_case("random", subjects=names), {"nsl": 0, "reference-nsl": "unsupported"})
    )
    assert (found.what, found.who) == ("reference", names)
    library = synthetic.record(make_case("random", subjects=names), {"nsl": "unsupported", "reference-nsl": 0})
    assert findings_in(library) == []


def test_a_finding_is_kept_without_a_verdict_and_known_again(record, tmp_path):
    (found,) = findings_in(unexplained(record, [("nsl", "cleverhans-v4")], missed=["nsl"]))
    found = replace(found, sentence="of others\nexpect: [nothing]")
    (path,) = write_finding(found, Draft.of(record.case), tmp_path, origin="Found by a test")
    (kept,) = read_kept(tmp_path, Permissions())
    assert (kept.path, kept.signatures, kept.complaint) == (path, (found.signature,), "")
    assert kept.cases[0].expectations == {}
    add_signature(replace(found, signature="another"), path)
    (kept,) = read_kept(tmp_path, Permissions())
    assert (set(kept.signatures), kept.complaint) == ({found.signature, "another"}, "")
    path.write_text(path.read_text().replace("norm: linf", "norm: l3"))
    (kept,) = read_kept(tmp_path, Permissions())
    assert "'l3' is not a norm" in kept.complaint


@pytest.fixture
def search(tmp_path):
    """Starts ``harness search`` in a folder that has an attack which goes too far under l2."""
    (tmp_path / "own_attacks.py").write_text((CHECKOUT / "tests" / "own_attacks.py").read_text())
    base = "summary: Mine.\nkind: perturbation\nmodel: {layers: [{dense: 3}]}\ndata: {source: iris, batch: 8}\n"
    (tmp_path / "base.yaml").write_text(base)

    def search(*arguments):
        command = [sys.executable, "-c", "from harness.cli.main import main; main()", "search", "base.yaml"]
        command += ["--subjects", f"{TOO_FAR},cleverhans-v4", "-j", "1", *arguments]
        environment = {**os.environ, "PYTHONPATH": str(CHECKOUT), "NO_COLOR": "1"}
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        report = tmp_path / "reports/search/search.json"
        return done, json.loads(report.read_text()) if report.exists() else {}

    return search


def test_what_cannot_be_searched_is_said_at_once(search, tmp_path):
    done, _ = search("--minutes", "0")
    assert (done.returncode, "expected a number above 0" in done.stderr) == (2, True)
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "broken.yaml").write_text("summary: Nothing.\n")
    done, _ = search("--minutes", "0.1", "--keep", "kept")
    assert (done.returncode, "Mend or remove it" in done.stderr) == (2, True), done.stderr


@pytest.mark.long
def test_a_defect_is_found_made_small_kept_and_replayed(search, tmp_path):
    done, figures = search("--minutes", "1.5", "--keep", "kept")
    assert done.returncode == 1, done.stderr
    assert sum(figures["verdicts"][f"{TOO_FAR}|cleverhans-v4"].values()) == figures["cases"] > 0
    found = [one for one in figures["found"] if one["what"] == "unexplained"]
    assert {one["who"][0] for one in found} == {TOO_FAR}
    (case,) = read_cases(tmp_path / found[0]["files"][0], Permissions(subjects=frozenset([TOO_FAR])))
    assert case.attack["norm"] == "l2"
    assert len(case.data["x"]) == len(case.data["x"][0]) == 1
    script = next(name for name in found[0]["files"] if name.endswith(".py"))
    ran = subprocess.run([sys.executable, script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode == 1, ran.stderr

    done, figures = search("--minutes", "0.5", "--keep", "kept")
    assert done.returncode == 1, done.stderr
    assert all(one["shows"] for one in figures["replayed"])
    assert not {one["signature"] for one in figures["found"]} & {one["signature"] for one in found}

    attacks = tmp_path / "own_attacks.py"
    attacks.write_text(attacks.read_text().replace("eps * 1.01", "eps"))
    done, figures = search("--minutes", "0.5", "--keep", "kept")
    assert done.returncode == 0, done.stdout
    assert figures["replayed"]
    assert not any(one["shows"] for one in figures["replayed"])


@pytest.mark.long
def test_after_ctrl_c_it_says_what_was_done(tmp_path):
    code = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # shells ignore it in background
    code += "from harness.cli.main import main; main()"
    started = subprocess.Popen(
        [sys.executable, "-c", code, "search", "--minutes", "5", "--subjects", "nsl,cleverhans-v4", "-j", "1"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert started.stdout is not None
    next(line for line in started.stdout if " cases, " in line)  # a batch is done, and another one has begun
    started.send_signal(signal.SIGINT)
    rest, _ = started.communicate(timeout=20)
    assert started.returncode == 130
    assert "nothing new that no cause explains" in rest
    figures = json.loads((tmp_path / "reports/search/search.json").read_text())
    assert figures["interrupted"]
    assert figures["cases"] >= 8
