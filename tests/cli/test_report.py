"""``harness report``."""

import io
import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from harness.engine.record import save_run

CHECKOUT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def folder(make_case, run_cases, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    save_run(run_cases([make_case("alike")], tmp_path_factory.mktemp("store"), jobs=1), folder)
    return folder


def report(*arguments):
    """Runs the real command."""
    command = [sys.executable, "-c", "from harness.cli.main import main; main()", "report", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, encoding="utf-8", cwd=CHECKOUT, check=False)


def test_text_is_what_the_terminal_said(folder):
    done = report(folder)
    assert done.returncode == 0
    assert "1 comparison, and no scenario states what to expect." in done.stdout
    assert "\x1b" not in done.stdout


def test_csv_is_a_table(folder):
    frame = pd.read_csv(io.StringIO(report(folder, "--format", "csv").stdout))
    assert frame["verdict"].tolist() == ["EQUAL"]


def test_json_is_the_run_itself(folder):
    assert json.loads(report(folder, "--format", "json").stdout) == json.loads((folder / "run.json").read_bytes())


@pytest.mark.parametrize(
    ("form", "start"),
    [("html", "<!doctype html>"), ("md", "# 1 comparison, and no scenario"), ("junit", "<?xml version=")],
)
def test_a_page_can_go_to_a_file(folder, tmp_path, form, start):
    done = report(folder, "--format", form, "-o", tmp_path / "page")
    assert (done.returncode, done.stdout) == (0, "")
    assert (tmp_path / "page").read_text(encoding="utf-8").startswith(start)
    assert report(folder, "--format", form).stdout == (tmp_path / "page").read_text(encoding="utf-8")


def test_what_is_no_run_is_one_clear_error(tmp_path):
    done = report(tmp_path)
    assert done.returncode == 2
    assert "run.json cannot be read" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_file_that_cannot_be_written_is_one_clear_error(folder, tmp_path):
    (tmp_path / "file").write_text("")
    done = report(folder, "-o", tmp_path / "file" / "page")
    assert done.returncode == 2
    assert "cannot be written" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unknown_form_names_the_valid_ones(folder):
    done = report(folder, "--format", "pdf")
    assert done.returncode == 2
    assert "'html'" in done.stderr


def test_a_markdown_report_elsewhere_has_its_curves_beside_it(make_case, run_cases, tmp_path):
    optimizer = {"momentum": 0.0, "nesterov": False, "weight_decay": 0.0, "clip_norm": None}
    training = {
        "match_scale": True,
        "optimizer": {"kind": "sgd", "rate": 0.1, **optimizer},
        "steps": 3,
        "batch_size": 16,
        "seeds": 1,
        "seed": 0,
        "evaluate": {"every": 0, "epsilons": [0.1]},
        "margin": 1.0,
    }
    case = make_case("long", kind="training", data={"source": "iris"}, training=training, subjects=("reference-nsl",))
    save_run(run_cases([case], tmp_path / "store", jobs=1), tmp_path / "run")
    (tmp_path / "curves").mkdir()
    (tmp_path / "curves" / "7-of-someone.svg").write_text("")
    assert report(tmp_path / "run", "--format", "md", "-o", tmp_path / "page.md").returncode == 0
    assert "](curves/1-long.svg)" in (tmp_path / "page.md").read_text(encoding="utf-8")
    assert {path.name for path in (tmp_path / "curves").iterdir()} == {"1-long.svg", "7-of-someone.svg"}
