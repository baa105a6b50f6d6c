"""The picture of the table."""

import json

import numpy as np
from PIL import Image

from harness.bench import scale
from harness.bench.attack_calls import BARE
from harness.bench.picture import costs, draw, memories, read_rows
from harness.bench.rows import Row

ROWS = [
    Row("attack", f"MLP, batch 64: nsl / {BARE}", (9.0, 9.5, 8.0), "x"),
    Row("scale", "100 cases, -j 2: a case, whole run", (90.0,), "ms"),
    Row("scale", "1,000 cases, -j 2: a case, whole run", (40.0, 41.0, 42.0), "ms"),
    Row("scale", "1,000 cases, -j 2: second run, no TensorFlow imported", (3.0,), "s", 2.0),
    Row("scale", "1,000 cases, -j 2: starting process, most memory", (150.0,), "MB"),
    Row("scale", "1,000 cases: rate of two workers / one", (1.8,), "x", 1.7, ">="),
    Row("simulated run", "100,000 cases: a case", (5.0,), "ms"),
    Row("simulated run", "100,000 cases: starting process, most memory after reporting", (1500.0,), "MB", 2000.0),
    Row("start-up", "harness --help", (0.05,), "s", 0.3),
]


def test_the_curves_are_of_what_was_measured_at_each_number_of_cases():
    assert costs(ROWS) == {
        "first run, whole run": [(100, 90.0), (1000, 41.0)],
        "second run": [(1000, 3.0)],
        "simulated: subjects that cost nothing": [(100_000, 5.0)],
    }
    assert memories(ROWS) == {"starting process": [(1000, 150.0)], "simulated: starting process": [(100_000, 1500.0)]}


def test_the_picture_of_a_table_and_that_of_an_empty_one_are_small_and_can_be_opened(tmp_path):
    for name, rows in (("full.png", ROWS), ("empty.png", [])):
        draw(rows, tmp_path / name)
        with Image.open(tmp_path / name) as picture:
            assert picture.width == 1200
        assert (tmp_path / name).stat().st_size < 150_000


def test_what_does_not_keep_its_limit_is_red(tmp_path):
    def reds(value):
        draw([Row("speed", "something", (value,), "x", 1.0)], tmp_path / "one.png")
        with Image.open(tmp_path / "one.png") as picture:
            red, green, blue = np.asarray(picture.convert("RGB")).transpose(2, 0, 1)
        return int(np.sum((red > 150) & (green < 80) & (blue < 80)))

    assert reds(1.2) > 3 * reds(0.9)


def test_a_table_is_read_back_as_it_was_written(tmp_path):
    (tmp_path / "bench.json").write_text(json.dumps({"rows": [row.to_json() for row in ROWS]}))
    assert read_rows(tmp_path / "bench.json") == ROWS


def test_the_names_are_those_of_the_sections():
    """The picture finds its figures by them."""
    watched = scale.Watched([float(n) for n in range(1000)], [100.0] * 50, [700.0] * 50)
    repetition = scale.Repetition(scale.Measured(1020.0, 150.0), watched, scale.Measured(1.5, 160.0))
    rows = list(scale.rows_of_size(1000, 2, [repetition]))
    assert set(costs(rows)) == {"first run, whole run", "first run, first to last", "second run"}
    assert set(memories(rows)) == {"starting process", "largest worker"}
