"""Seeded defects and correct rewritings: enough of them, and told apart by runs of the real libraries.

All of them on all shipped scenarios: ``python -m tests.mutants``.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from harness.engine.run import Options
from harness.scenario.paths import shipped_scenarios
from harness.scenario.select import load_cases
from tests.mutants.conduct import FAMILIES, conduct
from tests.mutants.kinds import mutants_of
from tests.mutants.table import failures, table

pytestmark = pytest.mark.long

FGM, ADVERSARIAL_LOSS = FAMILIES


def run(family, keyword, store, *names):
    by_name = {mutant.subject.partition(":")[2]: mutant for mutant in mutants_of([family.module])}
    cases = load_cases([shipped_scenarios()], keyword=keyword)
    return conduct([by_name[name] for name in names], family, cases, Options(store=store, jobs=1))


def verdicts(found):
    return {one.record.case.id: str(one.comparison.verdict) for one in found.asked}


@pytest.fixture(scope="module")
def attacks(tmp_path_factory):
    store = tmp_path_factory.mktemp("attacks")
    return run(FGM, "zero-gradients and not tied", store, "sign_of_zero_up", "sign_by_cases")


def test_there_are_enough_and_no_two_are_said_to_be_the_same():
    every = mutants_of([family.module for family in FAMILIES])
    assert sum(not mutant.correct for mutant in every) >= 40
    assert sum(mutant.correct for mutant in every) >= 10
    for family in FAMILIES:
        said = Counter(mutant.what for mutant in every if mutant.subject.startswith(f"{family.module}:"))
        assert [what for what, times in said.items() if times > 1] == []


def test_a_defect_is_caught_where_it_shows_and_a_rewriting_nowhere(attacks):
    defect, rewriting = attacks
    assert verdicts(defect) == {
        "zero-gradients[norm=l1]": "EQUAL",
        "zero-gradients[norm=l2]": "EQUAL",
        "zero-gradients[norm=linf]": "DIVERGED",
    }
    assert set(verdicts(rewriting)) == set(verdicts(defect))
    assert set(verdicts(rewriting).values()) == {"EQUAL"}
    assert defect.as_it_should_be
    assert rewriting.as_it_should_be
    assert failures(attacks) == ""


def test_the_table_names_the_cases_and_the_verdicts(attacks):
    told = table(attacks)
    assert (
        "| `fgm:sign_of_zero_up`: linf: sign of zero is one | 1 of 3 | `zero-gradients[norm=linf]` | 1 DIVERGED |"
        in told
    )
    assert "| `fgm:sign_by_cases`: sign by cases | 3 of 3 |  |  |" in told
    assert told.endswith("1 of 1 defects are caught; 0 of 1 correct rewritings are taken for one.")


def test_a_defect_that_escapes_and_a_rewriting_that_is_caught_are_failures(attacks):
    defect, rewriting = attacks
    escaped = replace(defect, asked=tuple(one for one in defect.asked if one.conforms))
    alarm = replace(rewriting, asked=defect.asked)
    unasked = replace(rewriting, asked=())
    assert [one.as_it_should_be for one in (escaped, alarm, unasked)] == [False, False, False]
    assert "sign_of_zero_up (escaped)" in failures([escaped, alarm])
    assert "zero-gradients[norm=linf]: DIVERGED: " in failures([escaped, alarm])
    assert "0 of 1 defects are caught; 1 of 1 correct rewritings" in table([escaped, alarm])


def test_steps_are_told_apart_too(tmp_path):
    found = run(ADVERSARIAL_LOSS, "step-named-inputs and l2", tmp_path, "l2_of_each_input", "joined_length")
    assert [set(verdicts(one)) for one in found] == [{"step-named-inputs[norm=l2]"}] * 2
    assert [one.as_it_should_be for one in found] == [True, True]


def test_an_implementation_that_moves_the_statistics_of_the_model_leaves_the_next_one_its_own(tmp_path):
    keyword = "dropout-and-batch-normalisation and linf"
    found = run(FGM, keyword, tmp_path, "training_mode", "as_it_stands")
    assert [list(verdicts(one).values()) for one in found] == [["DIVERGED"], ["EQUAL"]]
