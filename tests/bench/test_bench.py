"""``python -m harness.bench`` and what it measures, small but real."""

import json
import subprocess
import sys

import pytest

from harness.bench import memory, whole_set
from harness.bench.rows import Row
from harness.vocabulary import FORMAT_VERSION

pytestmark = pytest.mark.long

SCENARIO = """
summary: Small.
kind: perturbation
model:
  layers: [{dense: 8}, relu, {dense: 3}]
  output: logits
data: {source: iris, batch: 12, seed: 0}
attack: {epsilon: 0.1, labels: given}
matrix: {attack.norm: [linf, l2]}
"""


ONLY = "subjects: [reference-nsl, nsl]"
OF_KIND = {
    "perturbation": f"{SCENARIO}{ONLY}",
    "loss": f"{SCENARIO.replace('perturbation', 'loss')}{ONLY}",
    "training": f"""
{SCENARIO.replace("perturbation", "training").replace(", batch: 12, seed: 0", "")}{ONLY}
training: {{optimizer: {{sgd: 0.1}}, steps: 2, batch_size: 4}}
""",
}


def bench(*arguments):
    command = [sys.executable, "-m", "harness.bench", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_command_prints_a_table_and_leaves_it_as_json(tmp_path):
    (tmp_path / "small.yaml").write_text(SCENARIO)
    output = tmp_path / "reports" / "bench.json"
    ended = bench("--quick", "--only", "start-up", "--scenarios", tmp_path / "small.yaml", "--output", output)
    assert ended.returncode == 0, ended.stderr
    assert "harness validate" in ended.stdout
    body = json.loads(output.read_text())
    assert body["format_version"] == FORMAT_VERSION
    assert body["environment"]["cores"] >= 1
    assert [row["name"] for row in body["rows"]] == [
        f"harness {name}" for name in ("--help", "list", "validate", "schema")
    ]
    assert all(len(row["values"]) == 5 and row["limit"] == 0.3 for row in body["rows"])
    assert output.with_suffix(".png").exists()


def test_sections_that_are_not_measured_again_are_kept_when_asked_for(tmp_path):
    (tmp_path / "small.yaml").write_text(SCENARIO)
    output = tmp_path / "bench.json"
    output.write_text(
        json.dumps(
            {
                "measured": {"memory": "then", "start-up": "then"},
                "rows": [
                    Row("memory", "of a worker", (1.0,), "MB").to_json(),
                    Row("start-up", "of an earlier run", (1.0,), "s").to_json(),
                ],
            }
        )
    )
    asked = ("--quick", "--only", "start-up", "--scenarios", tmp_path / "small.yaml", "--output", output, "--keep")
    assert bench(*asked).returncode == 0
    body = json.loads(output.read_text())
    assert [row["name"] for row in body["rows"]][-1:] == ["of a worker"]
    assert "of an earlier run" not in {row["name"] for row in body["rows"]}
    assert list(body["measured"]) == ["start-up", "memory"]
    assert (body["measured"]["memory"], body["measured"]["start-up"] == "then") == ("then", False)


def test_what_cannot_be_measured_is_said_and_ends_with_status_2(tmp_path):
    ended = bench("--quick", "--only", "start-up", "--scenarios", "nowhere", "--output", tmp_path / "bench.json")
    assert ended.returncode == 2
    assert "start-up could not be measured" in ended.stderr
    assert (
        "there is no such file or folder" in json.loads((tmp_path / "bench.json").read_text())["failures"]["start-up"]
    )


@pytest.mark.parametrize(("option", "value", "of"), [("--cases", "100,150", 100), ("--simulated", "many", "1,000")])
def test_sizes_are_in_hundreds_and_in_thousands(option, value, of):
    ended = bench("--quick", option, value)
    assert ended.returncode == 2
    assert f"argument {option}: expected a multiple of {of}, got '{value.rpartition(',')[2]}'" in ended.stderr


def test_the_harness_is_measured_against_the_plain_script(tmp_path):
    (tmp_path / "small.yaml").write_text(SCENARIO)
    rows = {row.name: row for row in whole_set.rows(scenarios=tmp_path / "small.yaml", repetitions=1)}
    harness, plain = rows["harness run --no-explain -j 1"], rows["plain script"]
    over_plain = rows["harness run --no-explain -j 1 / plain script"]
    assert over_plain.median == harness.median / plain.median
    assert over_plain.limit == 1.15
    assert rows["second run, all from the store"].median < harness.median
    assert 30 < rows["starting process, most memory"].median < 300


def test_the_scenarios_of_every_kind_are_measured_together(tmp_path):
    for kind, text in OF_KIND.items():
        (tmp_path / kind).mkdir()
        (tmp_path / kind / f"small-{kind}.yaml").write_text(text)
    rows = list(whole_set.rows_of_every_kind(shipped=tmp_path))
    further, everything = [row for row in rows if row.unit == "s"]
    assert further.name.startswith("loss and training: harness run -j ")
    assert everything.name.startswith("everything: harness run -j ")
    assert (further.limit, everything.limit) == (180.0, 120.0)
    assert [row.limit for row in rows if row.unit == "MB"] == [300.0, 300.0]


def test_without_scenarios_of_every_kind_nothing_is_measured_and_it_is_said(tmp_path, capsys):
    (tmp_path / "loss").mkdir()
    (tmp_path / "loss" / "small.yaml").write_text(OF_KIND["loss"])
    assert list(whole_set.rows_of_every_kind(shipped=tmp_path)) == []
    assert capsys.readouterr().err == f"not measured: every kind: no scenarios in {tmp_path / 'training'}\n"


def test_the_memory_of_a_worker_is_looked_at_after_each_outcome():
    rows = list(memory.rows(subjects=["cleverhans-v4"], outcomes=30, early=10))
    early, late, growth = rows
    assert [len(row.values) for row in rows] == [memory.WINDOW] * 3
    assert early.unit == late.unit == "MB"
    assert early.median > 200  # TensorFlow is in there
    assert growth.values == tuple(after / before for after, before in zip(late.values, early.values, strict=True))


def test_the_cases_of_a_worker_differ_in_everything_that_a_library_may_keep():
    cases = memory.varied_cases(200)
    assert len({case.id for case in cases}) == 200
    assert len({str(case.attack) for case in cases}) > 100
    assert len({str(case.model) for case in cases}) == 10
    for setting in ("norm", "labels", "clip"):
        assert len({str(case.attack[setting]) for case in cases}) == len({"norm": 3}.get(setting, 2) * "x")
