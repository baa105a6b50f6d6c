"""The run whose subjects cost nothing, small: everything else in it is real."""

import json

import pytest

from harness.bench.simulated import STEP, SUBJECTS, Stages, simulate, write_scenarios
from harness.bench.simulation import CARRIED, MEMORY, WITHIN, rows_of_stages, rows_of_what_travels
from harness.scenario.select import load_cases


def test_the_scenarios_have_as_many_cases_as_asked_for_and_few_models(tmp_path):
    cases = load_cases(write_scenarios(tmp_path, 12 * STEP), subjects=SUBJECTS)
    assert len({case.id for case in cases}) == 12 * STEP
    assert len({str(case.model) for case in cases}) == 10
    assert len({str(case.attack) for case in cases}) == 12 * STEP // 50
    assert [len(list(tmp_path.iterdir()))] == [2]  # a file holds 10,000
    with pytest.raises(ValueError, match="in thousands: 1500"):
        write_scenarios(tmp_path, 1500)


def test_the_limits_are_those_of_the_whole_run():
    seconds, megabytes = {"planning": 5.0, "reporting": 500.0}, {"planning": 100.0, "reporting": 2500.0}
    stages = Stages(100_000, seconds, seconds, megabytes, {}, {})
    rows = {row.name: row for row in rows_of_stages(stages, 505.0)}
    assert (rows["100,000 cases: whole run"].limit, rows["100,000 cases: whole run"].holds) == (WITHIN, True)
    memory = rows["100,000 cases: starting process, most memory after reporting"]
    assert (memory.limit, memory.holds) == (MEMORY, False)
    assert rows["100,000 cases: a case"].median == pytest.approx(5.05)


@pytest.mark.long
def test_a_simulated_run_has_every_outcome_comparison_and_report(tmp_path):
    stages = simulate(tmp_path, STEP)
    assert list(stages.seconds) == ["planning", "preparing", "computing", "saving", "reporting"]
    assert 0 < stages.processor["computing"] < 2 * stages.seconds["computing"]
    assert stages.megabytes["reporting"] >= stages.megabytes["planning"] > 10
    assert {verdict: count for verdict, count in stages.verdicts.items() if count} == {"EQUAL": 500, "CLOSE": 500}
    body = json.loads((tmp_path / "run" / "run.json").read_text())
    assert body["totals"]["outcomes"] == 2 * STEP
    assert body["totals"]["unexpected"] == 0
    assert (tmp_path / "run" / "report.html").exists()
    arrays = {outcome["arrays"] for case in body["cases"] for outcome in case["outcomes"]}
    assert len(arrays) > STEP  # each outcome has arrays of its own, but where both subjects return the same


@pytest.mark.long
def test_what_travels_is_weighed():
    rows = {row.name: row for row in rows_of_what_travels()}
    assert {row.section for row in rows.values()} == {CARRIED}
    each = sum(sum(rows[name].values) for name in ("a task, without its problem", "a result, without its arrays"))
    each += sum(rows["arrays of a result"].values)
    assert rows["100,000 such cases, in all"].median == pytest.approx(each)  # kB of 100 cases, MB of 100,000
    assert rows["a task, without its problem"].median < 5
