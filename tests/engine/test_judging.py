"""A saved run judged again: other tolerances, the same figures."""

from dataclasses import replace

import pytest

from harness.engine.judging import judge_again, rejudged
from harness.engine.record import load_run, save_run
from harness.vocabulary import YARDSTICK, Expectation, HarnessError, Location, Verdict

PAIR = ("nsl", "cleverhans-v4")
NAMES = (*PAIR, YARDSTICK)
CLOSE = {"|".join(PAIR): Expectation(Verdict.CLOSE, "only round-off", Location("case.yaml", 9, 3))}


@pytest.fixture
def saved(synthetic, make_case, tmp_path):
    """Round-off between two, a divergence of both from the third; and a case in which a side failed."""
    cases = make_case("case", subjects=NAMES, expectations=CLOSE), make_case("failing", subjects=PAIR)
    records = [
        synthetic.record(cases[0], {"nsl": 0, "cleverhans-v4": "close", YARDSTICK: 9}),
        synthetic.record(cases[1], {"nsl": 0, "cleverhans-v4": "error"}),
    ]
    return synthetic.saved(tmp_path / "run", *records)


def pair(run):
    return run.cases[0].comparisons[0]


def test_judged_as_it_was_it_is_what_it_was(saved):
    assert "both differ from reference-float64" in pair(saved).sentence
    assert judge_again(saved, {}).cases == saved.cases


def test_verdict_sentence_status_and_note_follow_the_tolerance(saved):
    needed = pair(saved).metrics["roundoff_to_pass"]
    assert (pair(saved).verdict, pair(saved).status) == (Verdict.CLOSE, "expected")
    strict = judge_again(saved, {"max_roundoff": needed / 2})
    assert (pair(strict).verdict, pair(strict).status) == (Verdict.DIVERGED, "unexpected")
    assert pair(strict).sentence.endswith(f"; max_roundoff {needed:.0f} would pass")
    assert pair(strict).tolerance["max_roundoff"] == needed / 2
    assert [(one.record.case.id, one.before, one.after) for one in rejudged(saved, strict)] == [
        ("case", pair(saved), pair(strict))
    ]
    lenient = judge_again(strict, {"max_roundoff": 1e9})
    assert {one.verdict for one in lenient.cases[0].comparisons} == {Verdict.CLOSE}
    assert "both differ" not in pair(lenient).sentence
    assert judge_again(lenient, {"max_roundoff": 4.0}).cases == saved.cases


def test_other_limits_stay_what_the_run_was_judged_with(saved):
    strict = judge_again(judge_again(saved, {"max_roundoff": 0.1}), {"max_times_twin": 3.0})
    assert (pair(strict).tolerance["max_roundoff"], pair(strict).tolerance["max_times_twin"]) == (0.1, 3.0)
    assert pair(strict).verdict is Verdict.DIVERGED


def test_what_failed_stays_failed(saved):
    assert judge_again(saved, {"max_roundoff": 1e9}).cases[1] == saved.cases[1]
    assert saved.cases[1].comparisons[0].verdict is Verdict.ERROR


def test_a_judged_run_can_be_saved_with_its_arrays(saved, tmp_path):
    again = save_run(judge_again(saved, {"max_roundoff": 0.1}), tmp_path / "again")
    assert load_run(tmp_path / "again") == again
    outcome = again.cases[0].outcomes[0]
    assert again.arrays(outcome.arrays).keys() == {"adversarial/x"}
    save_run(judge_again(saved, {"max_roundoff": 0.1}), saved.folder)  # in its own place
    assert load_run(saved.folder).arrays(outcome.arrays).keys() == {"adversarial/x"}


def test_figures_that_are_not_there_are_one_clear_error(saved):
    record = saved.cases[0]
    broken = replace(record.comparisons[0], metrics={"differing": 3})
    run = replace(saved, cases=(replace(record, comparisons=(broken, *record.comparisons[1:])),))
    with pytest.raises(HarnessError, match="case does not have the figures that a verdict takes"):
        judge_again(run, {})
