"""The files of a run folder."""

import io
import json
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from harness.report.tables import TABLES, csv
from harness.report.text import printable
from harness.report.write import PAGE, REPORTS, write_reports
from harness.vocabulary import HarnessError

CASES = 150
SECONDS = 5.0
PAGE_BYTES = 8_000_000


def test_every_report_is_there_and_nothing_half_written(folder):
    written = {path.name for path in folder.iterdir()}
    assert written == {"arrays", "run.json", PAGE, *REPORTS, *TABLES} - {"differences.md"}, (
        "no case isolates a difference"
    )


def test_csv_reads_back_as_the_same_table(run, folder):
    frame = pd.read_csv(folder / "comparisons.csv")
    assert len(frame) == run.totals["comparisons"]
    by_hand = [comparison.metrics.get("max_roundoff") for record in run.cases for comparison in record.comparisons]
    assert frame["max_roundoff"].fillna(-1).tolist() == [-1 if value is None else value for value in by_hand]
    assert frame["case"].iloc[-1] == printable(run.cases[-1].case.id)


@pytest.mark.parametrize("start", ["=", "+", "-", "@"])
def test_csv_holds_no_formula(run, find, start):
    record = find("alike")
    formula = f"{start}HYPERLINK(1)"
    changed = replace(record, case=replace(record.case, id=formula, scenario=formula))
    frame = pd.read_csv(io.StringIO(csv(replace(run, cases=(changed,)))))
    assert set(frame["case"]) == set(frame["scenario"]) == {f"'{formula}"}
    assert frame["worst_left"].notna().any()


def test_reports_can_be_made_again(folder, own_folder, run):
    for path in write_reports(run, own_folder):
        assert path.read_bytes() == (folder / path.name).read_bytes()


def test_a_folder_that_cannot_be_written_is_one_clear_error(run, tmp_path):
    (tmp_path / "report").write_text("a file where the folder should be")
    with pytest.raises(HarnessError, match="cannot be written"):
        write_reports(run, tmp_path / "report")


def test_reports_of_a_long_run_are_quick_and_small(run, find, tmp_path):
    """The shipped scenarios make about as many comparisons of image data as this."""
    record = find("default-labels")
    pairs = [*record.comparisons] * 5
    cases = tuple(
        replace(
            record, case=replace(record.case, id=f"case-{number}", scenario=f"s{number // 5}"), comparisons=tuple(pairs)
        )
        for number in range(CASES)
    )
    started = time.perf_counter()
    write_reports(replace(run, cases=cases), tmp_path)
    assert time.perf_counter() - started < SECONDS
    assert (tmp_path / "report.html").stat().st_size < PAGE_BYTES


def test_no_library_is_imported_for_a_report(folder):
    script = f"""
import sys
from pathlib import Path
from harness.engine.record import load_run
from harness.report.curves import draw_curves
from harness.report.summary import summary_text
from harness.report.write import REPORTS
run = load_run(Path({str(folder)!r}))
summary_text(run, Path())
for make in REPORTS.values():
    make(run, draw_curves(run))
heavy = {{"tensorflow", "keras", "tf_keras", "sklearn", "matplotlib", "cleverhans", "neural_structured_learning"}}
assert not heavy & set(sys.modules), heavy & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", script], check=True, cwd=Path(__file__).parents[2])


def test_run_json_is_left_as_it_was(folder):
    assert json.loads((folder / "run.json").read_bytes())["format_version"] == 1
