"""What to set to make two sides agree: proposed from the causes, and checked on the real libraries."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.engine.events import Explaining
from harness.engine.run import Options
from harness.engine.workers import Workers
from harness.explain import proposals_run
from harness.explain.causes import CAUSES
from harness.explain.explaining import execute_explained
from harness.explain.proposals import propose
from harness.explain.proposals_run import with_proposals
from harness.report.causes import advised
from harness.report.known import known_differences
from harness.report.proposed import proposed
from harness.scenario.schema.settings import SETTINGS
from harness.scenario.select import load_cases
from harness.vocabulary import Verdict

SHIPPED = Path(__file__).parents[2] / "scenarios"
SUBJECTS = ["nsl", "cleverhans-v4", "reference-cleverhans"]
CASES = (
    ("perturbation/default-labels.yaml", "linf and epochs=1"),
    ("perturbation/label-source.yaml", "linf and given and epochs=1"),
    ("perturbation/partly-nonfinite-gradients.yaml", "linf"),
    ("perturbation/confident-probabilities-taken-for-logits.yaml", "l2"),
    ("loss/step-default-weighting.yaml", None),
    ("loss/step-nonfinite-gradients.yaml", None),
)


@pytest.fixture(scope="module")
def options(tmp_path_factory):
    return Options(store=tmp_path_factory.mktemp("store"), jobs=1)


@pytest.fixture(scope="module")
def heard():
    return []


@pytest.fixture(scope="module")
def run(options, heard):
    cases = [
        case for file, keyword in CASES for case in load_cases([SHIPPED / file], keyword=keyword, subjects=SUBJECTS)
    ]
    return execute_explained(cases, options, heard.append)


def between(run, scenario, left="nsl", right="cleverhans-v4"):
    record = next(record for record in run.cases if record.case.scenario == scenario)
    return next(one for one in record.comparisons if (one.left, one.right) == (left, right))


def proposal(run, scenario, **pair) -> dict[str, Any]:
    return between(run, scenario, **pair).metrics["proposal"]


def test_the_settings_that_make_the_two_agree_were_run(run) -> None:
    found = proposal(run, "confident-probabilities-taken-for-logits")
    assert found["settings"] == {"attack.loss": "cross_entropy", "attack.loss_reduction": "sum"}
    assert found["case"] == "confident-probabilities-taken-for-logits[loss=cross_entropy,loss_reduction=sum,norm=l2]"
    assert found["verdict"] in ("EQUAL", "CLOSE")
    assert between(run, "confident-probabilities-taken-for-logits").verdict is Verdict.DIVERGED

    found = proposal(run, "step-default-weighting")
    assert found["settings"] == {"training.weighting": {"clean": 1.0, "adversarial": 0.2}}
    assert found["verdict"] in ("EQUAL", "CLOSE")


def test_a_case_that_the_run_has_anyway_is_not_run_again(run) -> None:
    found = proposal(run, "default-labels")
    assert found["settings"] == {"attack.labels": "given"}
    assert found["case"] == "label-source[labels=given,norm=linf,epochs=1]"
    assert found["verdict"] == "EQUAL"
    assert found["ways"] == {"label-source": CAUSES["label-source"].shortest_way}


def test_what_no_setting_changes_is_said_and_so_is_another_divergence(run) -> None:
    found = proposal(run, "partly-nonfinite-gradients")
    assert (found["settings"], found["remaining"], found["verdict"]) == ({}, ["nonfinite-gradient"], "")
    words = proposed(between(run, "partly-nonfinite-gradients"))
    assert words.startswith("to make the two agree: nothing that a user can set changes nonfinite-gradient (in code")

    found = proposal(run, "step-nonfinite-gradients")
    assert (found["verdict"], found["remaining"]) == ("DIVERGED", ["nonfinite-gradient"])
    words = proposed(between(run, "step-nonfinite-gradients"))
    assert "attack.loss_reduction: sum for both still leads to DIVERGED (run); " in words


def test_the_sentence_and_the_summary_say_it(run) -> None:
    way = "label-source: Give y= to CleverHans (3.1.0: one column a class; in CrossEntropy pass_y=True)"
    words = f"; to make the two agree: attack.labels: given for both leads to EQUAL (run); {way}"
    assert advised(between(run, "default-labels")).endswith(f"because: label-source 100 %{words}")
    known = [one.words for one in known_differences(run, ("nsl", "cleverhans-v4"))]
    assert any(one.endswith("; they agree with attack.labels: given") for one in known)


def test_progress_is_told(run, heard) -> None:
    told = [event for event in heard if isinstance(event, Explaining)]
    causes = [event for event in told if event.what == "causes"]
    assert [event.done for event in causes] == list(range(causes[0].cases + 1))
    assert any(event.what == "proposals" and event.done == event.cases for event in told)


def test_only_divergences_with_causes_have_one_and_none_without_looking_for_them(run, options) -> None:
    for record in run.cases:
        for one in record.comparisons:
            assert ("proposal" in one.metrics) == (one.verdict is Verdict.DIVERGED)
    cases = [record.case for record in run.cases]
    plain = execute_explained(cases, options, lambda event: None, explain=False)
    assert not any("proposal" in one.metrics for record in plain.cases for one in record.comparisons)


def test_beyond_a_number_of_outcomes_pairs_of_libraries_come_first_and_the_rest_says_so(
    run, options, monkeypatch
) -> None:
    monkeypatch.setattr(proposals_run, "MOST_OUTCOMES", 4)
    with closing(Workers()) as workers:
        found = with_proposals(run, options, workers)
    both = {"left": "nsl", "right": "cleverhans-v4"}
    assert proposal(found, "confident-probabilities-taken-for-logits", **both)["verdict"]
    third = proposal(found, "step-nonfinite-gradients", left="nsl", right="reference-cleverhans")
    assert third["verdict"] == ""
    assert third["reason"].startswith("not run: at most ")
    words = proposed(between(found, "step-nonfinite-gradients", "nsl", "reference-cleverhans"))
    assert f"attack.loss_reduction: sum for both ({third['reason']})" in words


def test_what_both_were_told_is_not_told_again(run) -> None:
    record = next(record for record in run.cases if record.case.scenario == "default-labels")
    told = replace(record, case=replace(record.case, attack={**record.case.attack, "labels": "given"}))
    found = propose(told, between(run, "default-labels"))
    assert found is not None
    assert (found.settings, found.remaining) == ({}, ("label-source",))


@pytest.mark.parametrize("cause", CAUSES.values(), ids=list(CAUSES))
def test_what_a_cause_wants_set_is_a_setting_of_scenarios(cause) -> None:
    assert set(cause.settings) <= set(SETTINGS)
    assert cause.shortest_way
    assert cause.alike.startswith(cause.shortest_way)
