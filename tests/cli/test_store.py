"""``harness store`` on what real runs leave, also of two at the same time."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
SCENARIO = """\
summary: Two norms.
kind: perturbation
model: {layers: [{dense: 8}, relu, {dense: 3}]}
data: {source: iris, batch: 12}
attack: {epsilon: 0.1, labels: given}
matrix: {attack.norm: [linf, l2]}
subjects: [nsl, reference-nsl]
"""


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    """Starts the command line in a folder with a scenario."""
    place = tmp_path_factory.mktemp("place")
    (place / "two.yaml").write_text(SCENARIO)

    def start(*arguments):
        command = [sys.executable, "-c", "from harness.cli.main import main; main()", *arguments]
        return subprocess.Popen(command, cwd=place, stdout=-1, stderr=-1, text=True)

    start.place = place
    return start


def said(process, status=0):
    output, errors = process.communicate(timeout=120)
    assert process.returncode == status, output + errors
    return output or errors


@pytest.fixture(scope="module")
def two(start):
    """Two runs of the same cases that began with the same empty store at the same time."""
    processes = [start("run", "two.yaml", "-j", "1", "--report-dir", f"reports/{name}") for name in "ab"]
    for process in processes:
        said(process)
    return [json.loads((start.place / "reports" / name / "run.json").read_bytes()) for name in "ab"]


def hashes(run):
    return [
        (case["id"], one["subject"], one["status"], one["arrays"]) for case in run["cases"] for one in case["outcomes"]
    ]


def test_two_runs_share_a_store_safely(two, start):
    assert hashes(two[0]) == hashes(two[1])
    assert {status for _, _, status, _ in hashes(two[0])} == {"ok"}
    assert [one["totals"]["verdicts"] for one in two] == [two[0]["totals"]["verdicts"]] * 2
    again = said(start("run", "two.yaml", "--report-dir", "reports/c"))
    assert "4 outcomes (4 from the store)" in again


def test_show_and_prune(two, start):
    shown = said(start("store", "show", "--report-dir", "reports/a"))
    assert f"{start.place}/reports/.store" in shown
    assert [line.split()[:2] for line in shown.splitlines() if line.split()[0] in ("outcome", "judged", "weights")] == [
        ["judged", "2"],
        ["outcome", "4"],
        ["weights", "1"],
    ]
    assert "removed nothing" in said(start("store", "prune", "--keep", "1GB"))
    pruned = said(start("store", "prune", "--keep", "0 B", "--store", "reports/.store"))
    assert "4 outcome" in pruned
    assert "; 0 bytes stay" in pruned
    assert "4 outcomes (0 from the store)" in said(start("run", "two.yaml", "--report-dir", "reports/c"))


def test_what_it_cannot_do_is_one_clear_message(start):
    assert said(start("store", "prune"), 2).startswith("harness store prune: say what may stay, --keep 10GB")
    assert "expected a size such as 10GB" in said(start("store", "prune", "--keep", "lots"), 2)
    assert "there is no store" in said(start("store", "show", "--store", "nowhere"), 2)
