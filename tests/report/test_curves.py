"""The curves of trainings."""

import os
import re
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from harness.report.curves import (
    FILE_NAME,
    MOST_PAIRS,
    POINTS,
    course_of,
    draw_curves,
    file_name,
    pairs_of_interest,
    thin,
)
from harness.report.plot import DARK
from harness.report.write import write_reports
from harness.vocabulary import Verdict

CHECKOUT = Path(__file__).parents[2]
SECONDS_A_FIGURE = 0.3
BYTES = 100_000
TEXT = "{http://www.w3.org/2000/svg}text"


@pytest.fixture(scope="module")
def drawn(trained):
    return draw_curves(trained)


@pytest.fixture(scope="module")
def number_of(trained):
    return lambda start: next(n for n, record in enumerate(trained.cases) if record.case.id.startswith(start))


def texts(svg):
    return [element.text for element in ElementTree.fromstring(svg).iter(TEXT)]


def test_every_training_that_came_to_something_is_drawn_and_nothing_else(trained, drawn, number_of):
    assert [trained.cases[number].case.id[:7] for number in drawn] == ["alike", "apart", "overflo", "hostile"]
    for one in drawn.values():
        ElementTree.fromstring(one.svg)
        assert one.svg.isascii()
        assert len(one.svg) < BYTES
        assert one.words.startswith("Curves of ")
    assert "perturbed" not in [trained.cases[number].case.id for number in drawn]


def test_a_picture_names_its_subjects_and_what_it_shows(drawn, number_of):
    shown = texts(drawn[number_of("apart")].svg)
    assert {"nsl", "cleverhans-v4", "Total loss by step", "its noise twin"} <= set(shown)
    assert "Accuracy in % at the end: mean of 3 seeds, 90 % interval" in shown
    assert [text for text in shown if text.startswith("epsilon")] == ["epsilon 0.1", "epsilon 0.3"]
    assert "Accuracy in % by step" in texts(drawn[number_of("alike")].svg)
    assert "equal bit for bit:" in texts(drawn[number_of("alike")].svg)


def test_nothing_of_one_case_is_left_in_the_picture_of_the_next(trained, drawn, number_of):
    """One figure serves all of them."""
    number = number_of("hostile")
    alone = draw_curves(replace(trained, cases=(trained.cases[number],)))
    assert alone[0].svg == drawn[number].svg


def test_the_same_run_gives_the_same_bytes(trained, drawn):
    assert draw_curves(trained) == drawn
    assert not any("date" in one.svg.lower() for one in drawn.values())


def test_other_figures_give_another_picture(trained, case_of, drawn, number_of):
    record = case_of("apart")
    (comparison,) = record.comparisons
    further = [value and 10 * value for value in comparison.metrics["distance"]]
    changed = replace(comparison, metrics={**comparison.metrics, "distance": further})
    again = draw_curves(replace(trained, cases=(replace(record, comparisons=(changed,)),)))
    assert again[0].svg != drawn[number_of("apart")].svg


def test_what_is_drawn_is_what_was_recorded(trained, case_of):
    record = case_of("apart")
    course = course_of(trained, record)
    arrays = trained.arrays(record.outcome("nsl").arrays)
    for name, curves in course.losses.items():
        np.testing.assert_array_equal(curves["nsl"].values, arrays[f"{name}_loss"][0])
    assert set(course.losses["clean"]) == {"nsl"}  # cleverhans-v4 trains on adversarial examples only: computes none
    assert set(course.losses["adversarial"]) == {"nsl", "cleverhans-v4"}
    (distance,) = course.distances
    metrics = record.comparisons[0].metrics
    assert distance.distance.values.tolist() == metrics["distance"]
    assert distance.twin.values.tolist() == metrics["twin"]
    assert distance.distance.steps.tolist() == metrics["steps"]
    assert course_of(trained, case_of("alike")).equal == (("nsl", "cleverhans-v4"),)


def test_curves_in_words(drawn, number_of):
    words = drawn[number_of("apart")].words
    assert re.search(r"Total loss: nsl \d\.\d+ to 1\.2\d, cleverhans-v4 [\d.]+ to 1\.05\.", words)
    assert re.search(r"at the end: 0\.\d+ of their length apart, noise twin \d\.\de-0\d\.", words)
    assert re.search(r"Accuracy of nsl at the end: [\d.]+ % clean \([\d.]+ to [\d.]+ over 3 seeds\), ", words)
    assert "then not finite from step 2 on" in drawn[number_of("overflowing")].words
    assert "equal bit for bit" in drawn[number_of("alike")].words


def test_long_curves_are_thinned_to_their_ends():
    curve = thin(np.arange(5000), np.arange(5000) ** 2)
    assert len(curve.steps) == POINTS
    assert curve.steps[[0, -1]].tolist() == [0, 4999]
    np.testing.assert_array_equal(curve.values, curve.steps.astype(float) ** 2)
    assert thin([0, 1, 2], [0.0, None, 2.0]).values.tolist()[::2] == [0.0, 2.0]


def test_unexpected_pairs_and_libraries_come_first_and_are_few(case_of):
    record = case_of("apart")
    (one,) = record.comparisons
    same = {**one.metrics, "first_difference": None}
    pairs = [("nsl", "cleverhans-v4"), ("nsl", "reference-nsl"), ("cleverhans-v4", "reference-nsl")] * 4
    compared = [
        replace(one, left=left, right=right, status="unstated", verdict=Verdict.DIVERGED) for left, right in pairs
    ]
    found = pairs_of_interest(replace(record, comparisons=tuple(compared)))
    assert {(c.left, c.right) for c in found} == {("nsl", "cleverhans-v4")}
    equal = [replace(c, metrics=same) if c.right == "cleverhans-v4" else c for c in compared]
    found = pairs_of_interest(replace(record, comparisons=tuple(equal)))
    assert len(found) == MOST_PAIRS
    assert {(c.left, c.right) for c in found} > {("nsl", "cleverhans-v4")}
    wrong = [replace(compared[1], status="unexpected"), *compared]
    assert pairs_of_interest(replace(record, comparisons=tuple(wrong)))[0].right == "reference-nsl"


def test_every_colour_has_one_for_a_dark_theme(drawn):
    """Otherwise ink of the light theme stays on dark paper. Black is what the drawing library uses unasked."""
    for one in drawn.values():
        body = one.svg.partition("</style>")[2]
        used = set(re.findall(r"(?:fill|stroke): (#[0-9a-f]{6})", body))
        assert used <= set(DARK), used
        assert not [text for text in re.findall(r"<text[^>]*>", body) if "fill: " not in text]
        for colour in used:
            assert f"{DARK[colour]}!important" in one.svg


def test_what_is_hostile_is_text(drawn, number_of):
    svg = drawn[number_of("hostile")].svg
    tags = {element.tag.rpartition("}")[2] for element in ElementTree.fromstring(svg).iter()}
    assert tags <= {"svg", "title", "desc", "style", "g", "path", "text", "use", "defs", "clipPath", "rect"}
    assert "\\x1b" in svg


@pytest.mark.parametrize(
    ("case", "name"),
    [
        ("the-question", "curves/1-the-question.svg"),
        ("law[norm=l2,seed=0]", "curves/1-law-norm-l2-seed-0.svg"),
        ("../../etc/passwd", "curves/1-etc-passwd.svg"),
        ("</script>\x1b\u202e", "curves/1-script.svg"),
        ("\u4e2d", "curves/1.svg"),
        ("x" * 500, f"curves/1-{'x' * 60}.svg"),
    ],
)
def test_a_file_name_is_safe_whatever_the_case_is_called(case, name):
    assert file_name(0, case) == name
    assert FILE_NAME.fullmatch(name.removeprefix("curves/"))


def test_files_lie_where_the_markdown_report_links_to(trained, trained_folder, drawn):
    files = {f"curves/{path.name}" for path in (trained_folder / "curves").iterdir()}
    report = (trained_folder / "report.md").read_text(encoding="utf-8")
    assert files == set(re.findall(r"\]\((curves/[^)]*)\)", report))
    assert len(files) == len(drawn)
    for number, one in drawn.items():
        path = trained_folder / file_name(number, trained.cases[number].case.id)
        assert path.read_text(encoding="ascii") == one.svg


def test_curves_of_an_earlier_run_are_removed_and_nothing_else(trained, case_of, tmp_path):
    write_reports(trained, tmp_path)
    other = tmp_path / "curves" / "my-own.svg"
    other.write_text("kept")
    write_reports(replace(trained, cases=(case_of("alike"),)), tmp_path)
    assert {path.name for path in (tmp_path / "curves").iterdir()} == {"1-alike.svg", "my-own.svg"}
    other.unlink()
    write_reports(replace(trained, cases=(case_of("perturbed"),)), tmp_path)
    assert not (tmp_path / "curves").exists()


def test_a_report_is_made_without_the_arrays_too(trained, case_of):
    record = case_of("apart")
    gone = tuple(replace(outcome, arrays="0" * 64) for outcome in record.outcomes)
    (one,) = draw_curves(replace(trained, cases=(replace(record, outcomes=gone),))).values()
    assert one.svg == ""
    assert "is missing or damaged" in one.missing


def test_a_figure_is_quick(trained, case_of):
    many = replace(trained, cases=(case_of("apart"), case_of("alike")) * 4)
    draw_curves(many)  # imports, and fonts
    started = time.perf_counter()
    draw_curves(many)
    assert (time.perf_counter() - started) / len(many.cases) < SECONDS_A_FIGURE


def test_drawing_writes_to_no_stream_and_is_imported_only_for_trainings(trained_folder, tmp_path):
    """Not even where the drawing library finds no place for its cache: a file stands where the folder should be."""
    (tmp_path / "file").write_text("")
    script = f"""
import sys
from dataclasses import replace
from pathlib import Path
from harness.engine.record import load_run
from harness.report.curves import draw_curves
run = load_run(Path({str(trained_folder)!r}))
draw_curves(replace(run, cases=tuple(one for one in run.cases if one.case.kind != "training")))
assert "matplotlib" not in sys.modules
draw_curves(run)
assert "matplotlib" in sys.modules and "matplotlib.pyplot" not in sys.modules
"""
    environment = {**os.environ, "MPLCONFIGDIR": str(tmp_path / "file" / "folder")}
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, check=True, cwd=CHECKOUT, env=environment, capture_output=True, text=True)
    assert done.stdout + done.stderr == ""
