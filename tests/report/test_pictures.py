"""Pictures, pixel by pixel."""

import base64
import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from harness.explain.step_pictures import is_image
from harness.report.html import html
from harness.report.pictures import EXAMPLES, pictures_of
from harness.report.png import LEVELS, NONFINITE, data_uri, diverging_levels, grey_levels, palette


def decoded(uri):
    kind, _, content = uri.partition(";base64,")
    assert kind == "data:image/png"
    image = Image.open(io.BytesIO(base64.b64decode(content)))
    image.load()
    return image


def pixels(sheet, row, column):
    """RGB of one picture of a sheet."""
    everything = np.asarray(decoded(sheet.image).convert("RGB"))
    top, left = row * sheet.height, column * sheet.width
    return everything[top : top + sheet.height, left : left + sheet.width]


def test_a_png_says_what_was_put_into_it():
    indices = np.arange(255, dtype=np.uint8).reshape(15, 17)
    image = decoded(data_uri(indices))
    assert image.mode == "P"
    assert (np.asarray(image) == indices).all()
    assert (np.asarray(image.convert("RGB")) == palette()[indices]).all()


def test_both_scales_are_what_they_are_said_to_be():
    colours = palette()
    assert colours[grey_levels(np.array([0.0, 1.0]), 0.0, 1.0)].tolist() == [[0, 0, 0], [255, 255, 255]]
    blue, white, red = colours[diverging_levels(np.array([-0.1, 0.0, 0.1]), 0.1)].tolist()
    assert blue[2] > blue[0]
    assert red[0] > red[2]
    assert white[0] == white[1] == white[2] == 247


def test_values_that_are_not_finite_have_a_colour_of_their_own():
    values = np.array([np.nan, np.inf, -np.inf])
    assert (grey_levels(values, 0.0, 1.0) == NONFINITE).all()
    assert (diverging_levels(values, 1.0) == NONFINITE).all()


@pytest.mark.parametrize("largest", [0.0, 5e-324, 1.7e308])
def test_extreme_scales_do_not_break_the_picture(largest):
    levels = diverging_levels(np.array([-largest, 0.0, largest]), largest)
    assert levels[1] == LEVELS + LEVELS // 2
    assert ((levels >= LEVELS) & (levels < NONFINITE)).all()


def test_a_sheet_shows_every_subject_and_every_pair_that_differs(run, find):
    (sheet,) = pictures_of(run, find("default-labels")).sheets
    assert [(row.kind, row.subjects) for row in sheet.rows] == [
        ("input", ()),
        ("adversarial", ("nsl",)),
        ("perturbation", ("nsl",)),
        ("adversarial", ("cleverhans-v4",)),
        ("perturbation", ("cleverhans-v4",)),
        ("adversarial", ("reference-float64",)),
        ("perturbation", ("reference-float64",)),
        ("difference", ("nsl", "cleverhans-v4")),
        ("difference", ("nsl", "reference-float64")),
        ("difference", ("cleverhans-v4", "reference-float64")),
    ]
    assert (sheet.height, sheet.width, len(sheet.examples)) == (8, 8, EXAMPLES)
    assert decoded(sheet.image).size == (EXAMPLES * 8, len(sheet.rows) * 8)


def test_pictures_are_of_the_arrays_of_the_run(run, find):
    record = find("default-labels")
    (sheet,) = pictures_of(run, record).sheets
    x = run.inputs(record)["x"][..., 0].astype(float)
    adversarial = run.adversarial(record.outcome("nsl"))["x"][..., 0].astype(float)
    perturbation = adversarial - x
    for column, example in enumerate(sheet.examples):
        grey = pixels(sheet, 0, column)[..., 0] / 255 * (sheet.grey[1] - sheet.grey[0]) + sheet.grey[0]
        assert np.abs(grey - x[example]).max() < 0.01
        moved = pixels(sheet, 2, column).astype(int)
        assert ((moved[..., 0] > moved[..., 2]) == (perturbation[example] > 0)).all()
    assert [int(run.labels(record)[example]) for example in sheet.examples] == list(sheet.labels)


def test_perturbations_share_one_scale_and_differences_have_their_own(run, find):
    (sheet,) = pictures_of(run, find("default-labels")).sheets
    (shared,) = {row.largest for row in sheet.rows if row.kind == "perturbation"}
    assert shared == pytest.approx(0.1)
    scales = {row.subjects: row.largest for row in sheet.rows if row.kind == "difference"}
    assert scales["nsl", "cleverhans-v4"] == pytest.approx(0.2)
    assert 0 < scales["nsl", "reference-float64"] < 1e-7


def test_the_examples_that_differ_most_come_first(run, find):
    record = find("default-labels")
    (sheet,) = pictures_of(run, record).sheets
    left, right = (run.adversarial(record.outcome(name))["x"] for name in ("nsl", "cleverhans-v4"))
    apart = np.abs(left - right).reshape(len(left), -1).max(axis=1)
    shown = apart[list(sheet.examples)]
    assert (np.diff(shown) <= 1e-6).all()
    assert shown[0] == apart.max() > apart.min()


def test_data_that_are_no_images_have_no_pictures(run, find):
    assert pictures_of(run, find("tabular")).sheets == ()
    assert pictures_of(run, find("refused")).sheets == ()


@pytest.mark.parametrize(
    ("shape", "drawn"),
    [((4, 8, 8, 1), True), ((4, 28, 28, 1), True), ((4, 8, 8, 3), False), ((4, 8), False), ((4, 200, 8, 1), False)],
)
def test_small_grey_images_are_drawn(shape, drawn):
    assert is_image(np.zeros(shape)) is drawn


def test_missing_arrays_cost_the_pictures_and_not_the_report(run, find, own_folder):
    record = find("default-labels")
    (own_folder / "arrays" / f"{record.outcome('nsl').arrays}.npz").unlink()
    damaged = replace(run, folder=own_folder)
    assert "missing or damaged" in pictures_of(damaged, record).missing
    assert "missing or damaged" in html(damaged)


def test_pictures_beyond_the_limit_are_left_out_and_the_page_says_so(run, monkeypatch):
    monkeypatch.setattr("harness.report.details.PICTURES_LIMIT", 3_000)
    page = html(run)
    assert 0 < page.count("data:image/png") < 4
    assert "left out, to keep the pictures of this page below 3,000 bytes" in page
