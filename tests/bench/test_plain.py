"""The plain script against the harness: the same problems, the same calls, the same bits."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.bench.whole_set import check_same_calls
from harness.scenario.select import load_cases
from harness.subjects.environments import TENSORFLOW_1, TENSORFLOW_2
from harness.vocabulary import SUBJECTS, HarnessError

pytestmark = pytest.mark.long

SCENARIOS = Path(__file__).parents[2] / "scenarios" / "perturbation"
SELECTED = "defaults or named-inputs or (norm=l2 and (feature-mask or targeted or inputs-outside or double))"
"""One model after another; masks, names, targets, defaults, double precision, and cases that a library refuses."""

SCRIPT = """
import hashlib, importlib, json, sys
from pathlib import Path
from harness.scenario.select import load_cases
sys.path[:0] = json.loads(sys.argv[2])
answers = importlib.import_module(sys.argv[1]).answers
digest = lambda answer: {name: hashlib.sha256(x.tobytes()).hexdigest() for name, x in answer.adversarial.items()}
found = answers(load_cases([sys.argv[3]], keyword=sys.argv[4]), Path(sys.argv[5]))
Path(sys.argv[6]).write_text(json.dumps([[answer.case, answer.subject, digest(answer)] for answer in found]))
"""


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """Hashes of what the script got, by case and subject."""
    folder = tmp_path_factory.mktemp("plain")
    answers = {}
    for environment in (TENSORFLOW_2, TENSORFLOW_1):
        module = f"harness.bench.plain_{environment.name.replace('-', '_')}"
        arguments = [module, json.dumps(environment.paths), str(SCENARIOS), SELECTED, str(folder), str(folder / "out")]
        variables = {**os.environ, **environment.variables}
        ended = subprocess.run(
            [sys.executable, "-c", SCRIPT, *arguments], env=variables, capture_output=True, text=True, check=False
        )
        assert ended.returncode == 0, ended.stderr
        answers |= {(case, subject): digests for case, subject, digests in json.loads((folder / "out").read_text())}
    return answers


@pytest.fixture(scope="module")
def run(tmp_path_factory, run_cases):
    return run_cases(load_cases([SCENARIOS], keyword=SELECTED), tmp_path_factory.mktemp("store"))


def test_the_plain_script_calls_what_the_harness_calls_and_gets_the_same_bits(plain, run):
    expected = {
        (record.case.id, outcome.subject): digests(run, outcome)
        for record in run.cases
        for outcome in record.outcomes
        if outcome.status != "unsupported"
    }
    assert {subject for _, subject in plain} == set(SUBJECTS)
    assert {} in expected.values()  # 3.1.0 refuses inputs outside of the clip range
    assert plain == expected


def digests(run, outcome):
    if outcome.status != "ok":
        return {}
    return {name: hashlib.sha256(array.tobytes()).hexdigest() for name, array in run.adversarial(outcome).items()}


def test_a_ratio_of_different_work_is_refused(tmp_path):
    outcomes = [{"subject": "nsl", "status": status} for status in ("ok", "error", "unsupported")]
    (tmp_path / "run.json").write_text(json.dumps({"cases": [{"outcomes": outcomes}]}))
    calls = tmp_path / "calls-tensorflow-2.json"
    calls.write_text(json.dumps({"nsl": 2}))
    check_same_calls(tmp_path / "run.json", tmp_path)
    calls.write_text(json.dumps({"nsl": 3}))
    with pytest.raises(HarnessError, match=r"\{'nsl': 3\}; of the harness: \{'nsl': 2\}"):
        check_same_calls(tmp_path / "run.json", tmp_path)
