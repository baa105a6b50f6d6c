"""The comparisons as files of columns with types, and when they are made again."""

import io
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pyarrow.parquet
import pytest

from harness.engine.record import load_run
from harness.report import tables
from harness.report.frames import comparisons_frame
from harness.report.tables import csv, parquet, write_tables
from harness.vocabulary import HarnessError

WITHOUT = """
import sys
sys.modules["pyarrow"] = None
import importlib.util
found = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name == "pyarrow" else found(name, *rest)
from harness.cli.main import main
main()
"""


def test_parquet_has_the_columns_of_csv_with_types(run, folder):
    table = pyarrow.parquet.read_table(folder / "comparisons.parquet")
    frame = pd.read_csv(io.StringIO(csv(run)))
    assert table.column_names == list(frame.columns)
    assert table.num_rows == len(frame) == run.totals["comparisons"]
    types = {name: str(table.schema.field(name).type) for name in ("case", "verdict", "differing", "max_roundoff")}
    assert types == {"case": "string", "verdict": "string", "differing": "int64", "max_roundoff": "double"}
    written = table.column("max_roundoff").to_pandas()
    pd.testing.assert_series_equal(written, comparisons_frame(run)["max_roundoff"], check_names=False)


def test_settings_of_several_types_are_texts(run, find):
    record = find("alike")
    values = (0.5, "given", True, {"target": 1}, "\ud800")
    cases = [replace(record, case=replace(record.case, point={"attack.labels": value})) for value in values]
    table = pyarrow.parquet.read_table(io.BytesIO(parquet(replace(run, cases=tuple(cases)))))
    said = table.column("point.attack.labels").to_pylist()
    assert {str(value) for value in said} == {*said}
    assert {"0.5", "given", "True"} < {*said}


def test_tables_of_the_same_cases_stay_and_others_are_made_again(own_folder, monkeypatch):
    monkeypatch.setenv("HARNESS_STORE", str(own_folder / "store"))
    (own_folder / "store").mkdir()
    run = load_run(own_folder)
    write_tables(run, own_folder)
    paths = [own_folder / name for name in tables.TABLES]
    contents = [path.read_bytes() for path in paths]
    for path in paths:
        os.utime(path, (0, 0))
    write_tables(load_run(own_folder), own_folder)
    assert [path.stat().st_mtime for path in paths] == [0, 0]
    paths[0].write_text("somebody's own")
    write_tables(load_run(own_folder), own_folder)
    assert ([path.read_bytes() for path in paths], paths[1].stat().st_mtime) == (contents, 0)
    write_tables(replace(run, cases=run.cases[:1]), own_folder)
    assert all(len(path.read_bytes()) < len(content) for path, content in zip(paths, contents, strict=True))


def test_without_pyarrow_nothing_is_lost_and_one_who_asks_is_told_the_extra(own_folder, monkeypatch):
    asked = [sys.executable, "-c", WITHOUT, "report", str(own_folder), "--format", "parquet"]
    told = subprocess.run(asked, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2])
    assert (told.returncode, told.stdout) == (2, "")
    assert "adversarial-harness[parquet]" in told.stderr
    monkeypatch.setattr(tables, "has_parquet", lambda: False)
    assert write_tables(load_run(own_folder), own_folder) == [own_folder / "comparisons.csv"]
    assert not (own_folder / "comparisons.parquet").exists()
    with pytest.raises(HarnessError, match="extra 'parquet'"):
        parquet(load_run(own_folder))
