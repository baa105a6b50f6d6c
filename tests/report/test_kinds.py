"""Reports of a run that mixes the three kinds of case."""

import io
import json
import math
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from harness.report.accuracies import accuracies
from harness.report.equivalence import answer_text
from harness.report.expectation import expected_text
from harness.report.frames import comparisons_frame, outcomes_frame
from harness.report.html import html
from harness.report.known import known_differences
from harness.report.markdown import markdown
from harness.report.matrix import matrix_of
from harness.report.summary import summary_text
from harness.report.tables import csv
from harness.report.text import printable

from .conftest import HOSTILE
from .test_html import Page, islands
from .test_markdown import rendered


@pytest.fixture(scope="module")
def report(trained_folder):
    return (trained_folder / "report.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def details(trained, trained_folder):
    found = islands(Page((trained_folder / "report.html").read_text(encoding="utf-8")))
    return {record.case.id.split("[")[0][:11]: found[f"case-{n}"] for n, record in enumerate(trained.cases)}


def section(report, name):
    return report.partition(f"### {name}\n")[2].partition("\n### ")[0].partition("\n## ")[0]


# Terminal


def test_the_terminal_says_what_is_unexpected_of_an_answer_over_seeds(trained, trained_folder):
    """The verdict is as expected, the answer of the equivalence test is not."""
    lines = summary_text(trained, trained_folder).splitlines()
    (line,) = [line for line in lines if line.startswith("unexpected")]
    assert line.startswith(
        "unexpected  apart  nsl | cleverhans-v4  DIVERGED, expected DIVERGED and undecided over the seeds "
        "(true against predicted labels): 67 of 67 weights differ after 12 steps"
    )


def test_the_matrix_counts_all_kinds(trained):
    cell = matrix_of(trained)["nsl", "cleverhans-v4"]
    assert cell.total == 6
    assert known_differences(trained, ("nsl", "cleverhans-v4")) == []


def test_an_expectation_without_an_answer_is_a_verdict_alone(find, case_of):
    record = find("default-labels")
    assert expected_text(record, record.comparisons[0]) == "DIVERGED"
    assert expected_text(case_of("alike"), case_of("alike").comparisons[0]) == ""


# Accuracies


def test_intervals_are_those_of_students_t(case_of):
    for one in accuracies(case_of("apart").outcome("nsl")):
        mean, error = np.mean(one.seeds), stats.sem(one.seeds)
        low, high = stats.t.interval(0.9, len(one.seeds) - 1, loc=mean, scale=error) if error else (mean, mean)
        assert one.interval == pytest.approx((max(low, 0), min(high, 1)))
        assert one.mean == pytest.approx(mean)
    names = [one.name for one in accuracies(case_of("apart").outcome("nsl"))]
    assert names == ["clean", "0.1", "0.3"]


def test_one_seed_has_no_interval(case_of):
    assert [one.interval for one in accuracies(case_of("alike").outcome("nsl"))] == [None] * 3
    assert accuracies(case_of("alike").outcome("nsl"))[0].steps == (0, 4, 8, 12)


def test_epsilons_are_in_order_of_size(case_of):
    outcome = case_of("alike").outcome("nsl")
    evaluation = dict(outcome.summary["evaluation"])
    by_epsilon = {"10.0": [0.1], "9.0": [0.2], "0.5": [0.3]}
    evaluation |= {
        "adversarial_accuracy": by_epsilon,
        "seeds": {"clean_accuracy": [1], "adversarial_accuracy": by_epsilon},
    }
    found = accuracies(replace(outcome, summary={"evaluation": evaluation}))
    assert [one.name for one in found] == ["clean", "0.5", "9.0", "10.0"]


def test_answers_in_words():
    one = {"answer": "undecided", "difference": -0.4, "interval": [-1.5, 0.7], "margin": 1.0, "seeds": 3}
    start = "undecided: -0.40 points (-1.50 to +0.70), margin 1"
    assert answer_text({**one, "seeds_to_decide": 12}) == f"{start}; 12 seeds would decide it"
    assert answer_text({**one, "seeds_to_decide": None}) == f"{start}; no number of seeds would decide it"
    assert answer_text({**one, "answer": "different", "seeds_to_decide": None}) == start.replace(
        "undecided", "different"
    )
    assert answer_text(None) == ""


# Markdown


def test_every_objective_is_there_in_one_notation(report):
    step = section(report, "apart")
    (nsl,) = [line for line in step.splitlines() if line.startswith("| nsl | `")]
    (cleverhans,) = [line for line in step.splitlines() if line.startswith("| cleverhans-v4 | `")]
    assert nsl.startswith("| nsl | `1.000 * clean + 0.200 * adversarial, rate 0.100` \\* | 0.3 | linf | given \\* |")
    assert cleverhans.startswith(
        "| cleverhans-v4 | `0.000 * clean + 1.000 * adversarial, rate 0.100` \\* | 0.3 | linf | predicted \\* |"
    )
    assert "as the library's tutorial does" in cleverhans
    head = next(line for line in step.splitlines() if line.startswith("| subject | objective"))
    assert {"gradient_flow", "mode", "attack_mode", "composed"} <= set(head.replace(" ", "").split("|"))
    assert "optimizer sgd, rate 0.1" in step.partition("The same for all: ")[2].partition("\n")[0]


def test_cases_with_the_same_objective_share_a_row(report):
    rows = [line for line in section(report, "step").splitlines() if line.startswith("| nsl | `1.000 *")]
    assert [row.rstrip(" |").rpartition("| ")[2] for row in rows] == ["`norm=linf`", "`norm=l2`"]


def test_what_sets_the_libraries_apart_is_one_sentence(report, find, folder):
    sentences = [line for line in section(report, "apart").splitlines() if "differ in" in line]
    assert len(sentences) == 1
    assert "labels given (default) against predicted (default)" in sentences[0]
    perturbed = section((folder / "report.md").read_text(encoding="utf-8"), "default-labels")
    (sentence,) = [line for line in perturbed.splitlines() if "differ in" in line]
    assert sentence == (
        "- nsl and cleverhans-v4 differ in: labels given (default) against predicted (default), "
        "loss_reduction mean (default) against none (default)."
    )


def test_losses_accuracies_and_answers_are_there(report, case_of):
    apart = section(report, "apart")
    final = case_of("apart").outcome("nsl").summary["final"]
    (row,) = [line for line in apart.splitlines() if line.startswith(f"| nsl | {final['clean_loss']:.4g} ")]
    assert re.search(r"\| [\d.]+ % \([\d.]+ to [\d.]+\) \|", row)
    (pair,) = [line for line in apart.splitlines() if line.startswith("| nsl \\| cleverhans-v4 | DIVERGED | ")][-1:]
    assert "different: -24.67 points (-29.82 to -19.52), margin 1" in pair
    overflowing = section(report, "overflowing")
    assert "| nsl | - | - | - | 2 |" in overflowing
    loss = section(report, "step")
    (pair,) = [line for line in loss.splitlines() if line.startswith("| nsl \\| cleverhans-v4 | `norm=l2` | CLOSE |")]
    assert "| 1 | 1 |" in pair


def test_why_a_subject_did_not_come_to_anything_is_said_once(trained, case_of):
    records = [case_of("step[norm=linf]"), case_of("step[norm=l2]")]
    refused = [
        replace(one, outcomes=tuple(replace(o, status="unsupported", reason="it cannot") for o in one.outcomes[:1]))
        for one in records
    ]
    assert markdown(replace(trained, cases=tuple(refused))).count("- nsl: unsupported: it cannot\n") == 1


def test_the_page_is_markdown_and_nothing_hostile_is_more_than_text(report):
    page = rendered(report)
    assert page.tags.count("table") == sum(line.startswith("| ---") for line in report.splitlines())
    assert not {"script", "a", "del"} & set(page.tags)
    assert page.tags.count("img") == len(re.findall(r"^!\[", report, re.M))
    assert printable(HOSTILE) in page.text


# HTML


def test_details_of_a_step(details, case_of):
    one = details["step"]
    record = case_of("step[norm=l2]")
    assert one["kind"] == "loss"
    assert [outcome["losses"] for outcome in one["outcomes"]] == [
        {name: pytest.approx(value, rel=1e-5) for name, value in outcome.summary["losses"].items()}
        for outcome in record.outcomes
    ]
    shown = one["comparisons"][0]["metrics"]
    assert shown["by_weight"].keys() == {"00-kernel", "01-bias", "02-kernel", "03-bias"}
    assert shown["scale"] == pytest.approx(1)
    assert one["comparisons"][0]["allowed"] == record.comparisons[0].tolerance["max_gradient_roundoff"]
    assert one["curves"] is None
    assert one["training"].startswith("match_scale yes; weighting clean 1, adversarial 0.2")


def test_details_of_a_training(details, case_of, trained_folder):
    one = details["apart"]
    metrics = case_of("apart").comparisons[0].metrics
    (shown,) = one["comparisons"]
    assert not {"steps", "distance", "twin"} & shown["metrics"].keys()  # in the picture
    assert shown["metrics"]["times_twin"] == pytest.approx(metrics["times_twin"], rel=1e-5)
    assert shown["allowed"] == case_of("apart").comparisons[0].tolerance["max_times_twin"]
    assert shown["expected"] == "DIVERGED and undecided over the seeds"
    assert [name for name, _ in shown["tests"]] == [
        "clean accuracy",
        "accuracy at epsilon 0.1",
        "accuracy at epsilon 0.3",
    ]
    assert shown["tests"][0][1]["answer"] == "different"
    name, mean, (low, high) = one["outcomes"][0]["accuracies"][0]
    assert name == "clean accuracy"
    assert low <= mean <= high
    assert one["outcomes"][0]["used"]["objective"] == ["1.000 * clean + 0.200 * adversarial, rate 0.100", True]
    assert len(one["apart"]) == 1
    (file,) = (trained_folder / "curves").glob("*-apart.svg")
    assert one["curves"]["svg"] == file.read_text(encoding="ascii")
    assert details["overflowing"]["outcomes"][0]["nonfinite"] == "2"


def test_curves_beyond_the_limit_are_left_to_their_files(trained, case_of, monkeypatch):
    monkeypatch.setattr("harness.report.details.CURVES_LIMIT", 25_000)
    many = replace(trained, cases=(case_of("alike"), case_of("apart")))
    found = islands(Page(html(many)))
    assert found["case-1"]["curves"] is not None  # it is unexpected, so of the greater interest
    assert found["case-0"]["curves"] is None
    assert found["case-0"]["undrawn"].startswith("in curves/1-alike.svg: left out here")


def test_the_glossary_has_the_words(trained_folder):
    page = (trained_folder / "report.html").read_text(encoding="utf-8")
    for word in ("noise twin", "times the twin", "equivalent, different, undecided", "objective"):
        assert f"<dt>{word}</dt>" in page


# Tables


def test_figures_of_a_kind_are_missing_in_the_others(trained):
    frame = comparisons_frame(trained).set_index("case")
    assert frame.loc["perturbed", ["relative_distance", "times_twin", "left_total_loss"]].isna().all()
    assert frame.loc["alike", ["relative_distance", "mean_absolute", "left_perturbation_linf_max"]].isna().all()
    assert frame.loc["step[norm=l2]", "relative_distance"].notna().all()
    assert frame.loc["step[norm=l2]", "times_twin"].isna().all()


def test_a_step_as_a_row(trained, case_of):
    record = case_of("step[norm=l2]")
    row = comparisons_frame(trained).query("case == 'step[norm=l2]'").iloc[0]
    metrics = record.comparisons[0].metrics
    for name in ("relative_distance", "scale", "cosine", "max_roundoff"):
        assert row[name] == metrics[name]
    assert row["loss_difference_total"] == metrics["loss_difference"]["total"]
    assert row["worst_name"] == metrics["worst"]["name"]
    assert row["left_objective_adversarial"] == 0.2
    assert row["left_total_loss"] == record.outcome("nsl").summary["losses"]["total_loss"]
    assert not [name for name in row.index if "by_weight" in name]


def test_a_training_as_a_row(trained, case_of):
    row = comparisons_frame(trained).query("case == 'apart'").iloc[0]
    metrics = case_of("apart").comparisons[0].metrics
    for name in ("times_twin", "final_distance", "agreement", "first_difference", "seeds"):
        assert row[name] == metrics[name]
    clean = metrics["equivalence"]["clean"]
    assert (row["equivalence_clean_answer"], row["expected_answer"]) == ("different", "undecided")
    assert [row["equivalence_clean_interval_low"], row["equivalence_clean_interval_high"]] == clean["interval"]
    assert row["equivalence_0.3_seeds_to_decide"] == metrics["equivalence"]["0.3"]["seeds_to_decide"]
    assert row["left_objective_rate"] == 0.1
    assert math.isnan(row["right_clean_loss"])
    overflowing = comparisons_frame(trained).query("case == 'overflowing'").iloc[0]
    assert overflowing["left_nonfinite_step"] == 2
    assert pd.isna(overflowing["left_nonfinite"])  # that counts elements of adversarial examples


def test_outcomes_of_a_training_as_rows(trained, case_of):
    frame = outcomes_frame(trained)
    row = frame[(frame["case"] == "apart") & (frame["subject"] == "nsl")].iloc[0]
    summary = case_of("apart").outcome("nsl").summary
    assert row["clean_accuracy"] == pytest.approx(np.mean(summary["evaluation"]["seeds"]["clean_accuracy"]))
    at = summary["evaluation"]["seeds"]["adversarial_accuracy"]["0.1"]
    assert row["adversarial_accuracy_0.1"] == pytest.approx(np.mean(at))
    assert row["total_loss"] == summary["final"]["total_loss"]
    assert row["nonfinite_seeds"] == 0
    assert json.loads(row["settings.objective"])["adversarial"] == 0.2


def test_columns_have_one_type_whatever_the_run(run, trained):
    for make in (comparisons_frame, outcomes_frame):
        bare = make(replace(trained, cases=()))
        for full in (make(trained), make(run)):
            fixed = [name for name in bare.columns if not name.startswith("point.")]
            assert (full[fixed].dtypes == bare[fixed].dtypes).all()


def test_a_gradient_that_a_side_lacks_is_missing_and_no_number(trained, case_of):
    record = case_of("step[norm=l2]")
    comparison = record.comparisons[0]
    worst = {"name": "gradient/04-scale", "index": [], "left": "absent", "right": "shape [3]"}
    changed = replace(comparison, metrics={**comparison.metrics, "worst": worst})
    frame = comparisons_frame(replace(trained, cases=(replace(record, comparisons=(changed,)),)))
    assert frame["worst_left"].isna().all()
    assert frame["worst_name"].tolist() == ["gradient/04-scale"]


def test_csv_reads_back(trained):
    frame = pd.read_csv(io.StringIO(csv(trained)))
    assert len(frame) == trained.totals["comparisons"]
    assert frame["equivalence_clean_answer"].dropna().tolist() == ["different"]
