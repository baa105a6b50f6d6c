"""A run as DataFrames."""

from dataclasses import replace

import numpy as np
import pytest

from harness.oracle.metrics import describe
from harness.report.frames import comparisons_frame, outcomes_frame


@pytest.fixture(scope="module")
def comparisons(run):
    return comparisons_frame(run)


@pytest.fixture(scope="module")
def outcomes(run):
    return outcomes_frame(run)


def rows(frame, **cells):
    """The rows with these values. ``query`` refuses the column whose hostile name is no text, from Python 3.12 on."""
    return frame.loc[np.logical_and.reduce([frame[name] == value for name, value in cells.items()])]


def test_one_row_for_each_comparison_and_each_outcome(run, comparisons, outcomes):
    assert len(comparisons) == run.totals["comparisons"]
    assert len(outcomes) == run.totals["outcomes"]
    assert comparisons["verdict"].value_counts().to_dict() == {
        name: number for name, number in run.totals["verdicts"].items() if number
    }


def test_every_metric_has_a_column_of_numbers(find, comparisons):
    comparison = find("default-labels").comparisons[0]
    row = comparisons.set_index(["case", "left", "right"]).loc[("default-labels", "nsl", "cleverhans-v4")]
    for name, value in comparison.metrics.items():
        if name != "worst" and value is not None:
            assert row[name] == value, name
    assert row["worst_input"] == "x"
    assert row["worst_index"] == "[0,0,0,0]"
    assert (row["worst_left"], row["worst_right"], row["worst_x"]) == pytest.approx((-0.1, 0.1, 0.0))
    assert row["tolerance_max_roundoff"] == 4.0


def test_the_norms_of_each_side_stand_against_its_epsilon(run, find, comparisons):
    row = rows(comparisons, case="alike[norm=l2]", left="nsl", right="cleverhans-v4").iloc[0]
    record = find("alike[norm=l2]")
    for side, subject in (("left", "nsl"), ("right", "cleverhans-v4")):
        measured = describe(run.inputs(record), run.adversarial(record.outcome(subject)))["perturbation"]
        for norm, spread in measured.items():
            shown = [row[f"{side}_perturbation_{norm}_{part}"] for part in ("min", "median", "max")]
            assert shown == pytest.approx(spread)
        assert row[f"{side}_epsilon"] == 0.1
        assert row[f"{side}_norm"] == "l2"
        assert row[f"{side}_perturbation_l2_max"] == pytest.approx(0.1, rel=1e-5)
        assert row[f"{side}_unperturbed"] == 0
        assert row[f"{side}_loss_increase"] > 0


def test_each_side_has_its_own_figures(comparisons, outcomes):
    row = rows(comparisons, case="default-labels", left="nsl", right="cleverhans-v4").iloc[0]
    by_subject = rows(outcomes, case="default-labels").set_index("subject")
    for side in ("left", "right"):
        for name in ("status", "adversarial_loss", "loss_increase"):
            assert row[f"{side}_{name}"] == by_subject.loc[row[side], name]
    assert row["left_loss_increase"] != row["right_loss_increase"]


def test_loss_and_accuracy_of_an_outcome(find, outcomes):
    row = rows(outcomes, case="default-labels", subject="nsl").iloc[0]
    summary = find("default-labels").outcome("nsl").summary
    assert row["loss_increase"] == summary["adversarial"]["loss"] - summary["clean"]["loss"]
    assert row["clean_accuracy"] == summary["clean"]["accuracy"]


def test_settings_really_used_and_those_left_to_defaults(outcomes):
    row = rows(outcomes, case="default-labels", subject="cleverhans-v4").iloc[0]
    assert row["settings.labels"] == "predicted"
    assert "labels" in row["defaulted"].split(";")
    assert "epsilon" not in row["defaulted"].split(";")
    assert np.isnan(row["point.attack.norm"])
    assert rows(outcomes, case="alike[norm=l2]")["point.attack.norm"].unique().tolist() == ["l2"]


def test_what_does_not_exist_is_missing_and_no_number(comparisons, outcomes):
    refused = rows(comparisons, case="refused")
    assert (
        refused[["elements", "max_absolute", "roundoff_to_pass", "cosine", "left_loss_increase"]].isna().all(axis=None)
    )
    failed = outcomes[outcomes["status"] != "ok"]
    assert failed["seconds"].isna().all()
    assert (failed["reason"] != "").all()


def test_columns_have_one_type_whatever_the_run(run, comparisons, outcomes):
    empty = replace(run, cases=())
    for frame, bare in ((comparisons, comparisons_frame(empty)), (outcomes, outcomes_frame(empty))):
        assert len(bare) == 0
        fixed = [name for name in bare.columns if not name.startswith("point.")]
        assert (frame[fixed].dtypes == bare[fixed].dtypes).all()
    assert str(comparisons["sign_flips"].dtype) == "Int64"
    assert comparisons["max_roundoff"].dtype == float


def test_infinite_and_nan_values_are_numbers(run, find):
    record = find("alike[norm=linf]")
    comparison = record.comparisons[0]
    worst = {**comparison.metrics["worst"], "left": "nan", "right": "-inf"}
    changed = replace(comparison, metrics={**comparison.metrics, "worst": worst, "max_absolute": None})
    frame = comparisons_frame(replace(run, cases=(replace(record, comparisons=(changed,)),)))
    assert np.isnan(frame["worst_left"][0])
    assert frame["worst_right"][0] == -np.inf
    assert np.isnan(frame["max_absolute"][0])
