"""A run against the accepted state: what counts as new, changed, gone or expired, and what may be accepted."""

import datetime
import json
from dataclasses import replace
from pathlib import Path

import pytest

from harness.engine.accepting import accept, prune
from harness.engine.baseline import Scope, standing
from harness.engine.baseline_file import Baseline
from harness.engine.choosing import choose_cases
from harness.engine.record import load_run, save_run
from harness.engine.standing import GROUPS
from harness.report.grade import run_fails
from harness.vocabulary import Expectation, HarnessError, Location, Verdict

PAIR = ("nsl", "cleverhans-v4")
KEY = "|".join(PAIR)
TODAY = datetime.date(2026, 3, 1)


def expecting(verdict):
    return {KEY: Expectation(Verdict(verdict), "for a reason", Location("scenarios/case.yaml", 9, 3))}


@pytest.fixture
def record(synthetic, make_case):
    """One case of two subjects, the left one plain, and what is expected of the two."""

    def record(right, *, expect=None, name="case", epsilon=0.1, **fields):
        case = make_case(name, subjects=PAIR, expectations=expecting(expect) if expect else {}, **fields)
        return synthetic.record(case, {"nsl": 0, "cleverhans-v4": right}, epsilon=epsilon)

    return record


@pytest.fixture
def accepted(synthetic, tmp_path):
    """The baseline after accepting all of a run of these records."""

    def accepted(*records, reason="", expires="", before=None, named=False):
        chosen = {one.case.id: named for one in records}
        baseline = before or Baseline(tmp_path / "baseline.json")
        run = synthetic.run(*records)
        return accept(run, baseline, chosen, reason=reason, expires=expires, today=TODAY).baseline

    return accepted


@pytest.fixture
def told(synthetic):
    """How a run of these records stands to a baseline: the names of the groups that hold something."""

    def told(baseline, *records, scope=None, today=TODAY):
        found = standing(synthetic.run(*records), baseline, scope, today=today)
        return [name for name in GROUPS if getattr(found, name)]

    return told


@pytest.mark.parametrize(
    ("right", "expect", "reason"),
    [(0, None, ""), ("close", "CLOSE", ""), (9, "DIVERGED", ""), ("unsupported", None, ""), ("error", "ERROR", "")],
)
def test_what_was_accepted_and_is_as_it_was_is_not_spoken_of(record, accepted, told, right, expect, reason):
    same = record(right, expect=expect)
    assert told(accepted(same, reason=reason), same) == []


def test_bit_for_bit_and_round_off_are_one_where_the_scenario_says_so_and_else_not(record, accepted, told):
    """Which of the two meets an expectation of CLOSE is the processor's."""
    for before, after in (("close", 0), (0, "close")):
        assert told(accepted(record(before, expect="CLOSE")), record(after, expect="CLOSE")) == []
    assert told(accepted(record("close")), record(0)) == []
    assert told(accepted(record(0)), record("close")) == ["changed"]


@pytest.mark.parametrize(("before", "after"), [(0, 5), (5, 0), ("unsupported", 0), ("error", 5), (5, "error")])
def test_a_verdict_that_changes_counts_also_for_the_better(synthetic, record, accepted, before, after):
    baseline, now = accepted(record(before), reason="known"), synthetic.run(record(after))
    found = standing(now, baseline, today=TODAY)
    (one,) = found.changed
    assert (one.case, one.left, one.right, one.fails) == ("case", *PAIR, True)
    assert one.was != one.now
    assert run_fails(replace(now, standing=found), strict=False)


def test_figures_may_move_as_another_machine_moves_them_and_no_further(synthetic, record, accepted, told):
    baseline = accepted(record(10, expect="DIVERGED"))
    assert told(baseline, record(18, expect="DIVERGED")) == told(baseline, record(6, expect="DIVERGED")) == []
    assert told(baseline, record(25, expect="DIVERGED")) == ["changed"]  # two and a half times as many signs flip
    assert told(baseline, record(3, expect="DIVERGED")) == ["changed"]
    other = record(10, expect="DIVERGED", epsilon=0.2)  # as many, but by twice epsilon
    (one,) = standing(synthetic.run(other), baseline).changed
    assert one.sentence.startswith("max_absolute 0.4, accepted 0.2; 10 of 64 elements differ")


def test_what_nobody_knows_is_new_and_fails_if_it_differs_and_nobody_said_so(synthetic, record, tmp_path):
    empty = Baseline(tmp_path / "baseline.json")
    for right, expect, fails in ((0, None, False), (5, None, True), (5, "DIVERGED", False), (0, "DIVERGED", True)):
        found = standing(synthetic.run(record(right, expect=expect)), empty)
        assert [one.fails for one in found.new] == [fails]


def test_an_accepted_divergence_passes_with_its_reason_until_its_last_day(synthetic, record, accepted):
    for expect in (None, "CLOSE"):  # unstated, and against what the scenario says
        now = synthetic.run(record(5, expect=expect))
        baseline = accepted(record(5, expect=expect), reason="to be mended", expires="2026-03-31")
        for day, group, fails in ((31, "accepted", False), (32, "expired", True)):
            found = standing(now, baseline, today=TODAY + datetime.timedelta(days=day - 1))
            (one,) = getattr(found, group)
            assert one.reason == "to be mended"
            assert run_fails(replace(now, standing=found), strict=False) is fails


def test_an_expectation_that_is_now_met_needs_no_acceptance(record, accepted, told):
    baseline = accepted(record(5), reason="to be mended", expires="2026-03-02")
    assert told(baseline, record(5, expect="DIVERGED"), today=TODAY.replace(year=2027)) == []


def test_what_is_against_its_scenario_is_not_accepted_without_a_reason(synthetic, record, accepted):
    """It was as expected when it was accepted; then the scenario came to expect something else."""
    baseline, now = accepted(record(5, expect="DIVERGED")), synthetic.run(record(5, expect="CLOSE"))
    assert run_fails(replace(now, standing=standing(now, baseline)), strict=False)


# What is missing in a run.


@pytest.fixture
def three(record, accepted):
    """The baseline of two cases of one scenario and one of another."""
    names = ("one[norm=l1]", "one[norm=l2]", "other")
    files = {name: Location(f"scenarios/{name.partition('[')[0]}.yaml") for name in names}
    records = [record(0, name=name, scenario=name.partition("[")[0], location=files[name]) for name in names]
    return records, accepted(*records)


def groups(found):
    return {name: [(one.case, one.left, one.right) for one in getattr(found, name)] for name in ("vanished", "not_run")}


def test_what_was_left_out_is_not_run_and_what_the_files_no_longer_have_vanished(synthetic, three):
    (first, second, other), baseline = three
    run = synthetic.run(first)
    whole = lambda record: (record.case.id, "", "")  # noqa: E731
    for scope, vanished, not_run in (
        (None, [], [second, other]),
        (Scope([first.case, second.case, other.case]), [], [second, other]),
        (Scope([first.case]), [second], [other]),
    ):
        found = groups(standing(run, baseline, scope))
        assert found == {"vanished": [*map(whole, vanished)], "not_run": [*map(whole, not_run)]}


def test_a_pair_vanishes_with_a_subject_of_its_scenario_but_not_a_users_own(synthetic, make_case, accepted):
    names = (*PAIR, "my.attacks:fgsm")
    full = synthetic.record(make_case("case", subjects=names), dict.fromkeys(names, 0))
    baseline = accepted(full)
    left = replace(full, comparisons=full.comparisons[1:2], outcomes=full.outcomes[::2])
    found = standing(synthetic.run(left), baseline, Scope([replace(full.case, subjects=("nsl", "cleverhans-v3"))]))
    assert groups(found) == {"vanished": [("case", *PAIR)], "not_run": [("case", "cleverhans-v4", "my.attacks:fgsm")]}


def test_a_scenario_whose_file_was_deleted_vanished_if_its_folder_was_run(synthetic, three, tmp_path, monkeypatch):
    (first, second, _), baseline = three
    monkeypatch.chdir(tmp_path)
    (tmp_path / "scenarios").mkdir()
    baseline = replace(baseline, scenarios={"other": "scenarios/other.yaml"})
    cases = [first.case, second.case]
    run = synthetic.run(first, second)
    assert groups(standing(run, baseline, Scope(cases, [Path("scenarios")])))["vanished"] == [("other", "", "")]
    assert groups(standing(run, baseline, Scope(cases, [Path("scenarios/one.yaml")])))["vanished"] == []
    (tmp_path / "scenarios" / "other.yaml").touch()
    assert groups(standing(run, baseline, Scope(cases, [Path("scenarios")])))["vanished"] == []


def test_pruning_removes_what_vanished_and_nothing_else(three):
    (first, second, other), baseline = three
    pruned, gone = prune(baseline, Scope([first.case]))
    assert sorted(pruned.accepted) == ["one[norm=l1]", "other"]
    assert [one.case for one in gone] == ["one[norm=l2]"]
    pruned, gone = prune(baseline, Scope([replace(first.case, subjects=("nsl",)), second.case, other.case]))
    assert (sorted(pruned.accepted), len(gone)) == (["one[norm=l2]", "other"], 1)


# Accepting.


def test_a_divergence_is_accepted_with_a_reason_only(synthetic, record, accepted):
    for right, expect in ((5, None), ("error", None), (0, "DIVERGED")):
        with pytest.raises(HarnessError, match=r"1 comparison is not as a scenario expects.*--reason"):
            accepted(record(right, expect=expect))
        baseline = accepted(record(right, expect=expect), reason="known", expires="2026-12-31")
        entry = baseline.accepted["case"][KEY]
        assert (entry.reason, entry.date, entry.expires) == ("known", "2026-03-01", "2026-12-31")
    assert accepted(record(5, expect="DIVERGED"), reason="known").accepted["case"][KEY].reason == ""


def test_half_a_run_is_no_state_to_accept(synthetic, record, tmp_path):
    for run, words in (
        (synthetic.run(record(0), interrupted=True), "interrupted"),
        (synthetic.run(record(0), unavailable="nsl"), "nsl could not run"),
    ):
        with pytest.raises(HarnessError, match=words):
            accept(run, Baseline(tmp_path / "baseline.json"), {"case": True}, reason="known")


def test_accepting_one_case_leaves_the_others_and_pairs_that_were_not_run(synthetic, record, accepted, make_case):
    names = (*PAIR, "cleverhans-v3")
    full = synthetic.record(make_case("case", subjects=names), dict.fromkeys(names, 0))
    before = accepted(full, record(0, name="other"))
    after = accepted(record("close"), before=before)
    assert after.accepted["other"] == before.accepted["other"]
    assert {pair: str(one.verdict) for pair, one in after.accepted["case"].items()} == {
        KEY: "CLOSE",
        "nsl|cleverhans-v3": "EQUAL",
        "cleverhans-v4|cleverhans-v3": "EQUAL",
    }


def test_a_divergence_that_is_as_it_was_keeps_its_reason_unless_its_case_is_named(record, accepted):
    before = accepted(record(5), reason="first", expires="2026-12-31")

    def reason(right, **given):
        entry = accepted(record(right), before=before, **given).accepted["case"][KEY]
        return entry.reason, entry.expires

    assert reason(5) == reason(5, reason="second") == reason(6, named=True) == ("first", "2026-12-31")
    assert reason(5, reason="second", named=True) == reason(30, reason="second") == ("second", "")
    with pytest.raises(HarnessError, match="--reason"):
        reason(30)  # another divergence, of which the old reason says nothing


def test_a_case_is_meant_by_its_id_first_and_then_by_an_expression():
    ids = ["defaults", "step-defaults", "tabular[norm=l2]"]
    assert choose_cases(ids, ["defaults"], everything=False) == {"defaults": True}
    assert choose_cases(ids, ["default"], everything=False) == {"defaults": False, "step-defaults": False}
    chosen = choose_cases(ids, ["step or l2", "tabular[norm=l2]"], everything=True)
    assert chosen == {"defaults": False, "step-defaults": False, "tabular[norm=l2]": True}
    with pytest.raises(HarnessError, match="Did you mean 'defaults'"):
        choose_cases(ids, ["defalts"], everything=False)


def test_a_run_keeps_how_it_stands_and_reads_back_without(synthetic, record, accepted, tmp_path):
    baseline = accepted(record(5, expect="DIVERGED"), record(0, name="left-out"))
    run = synthetic.run(record(0))
    found = standing(run, baseline, Scope([record(0).case]))
    saved = save_run(replace(run, standing=found), tmp_path / "run")
    assert saved.standing == found
    assert saved.standing.changed[0].location == Location("case.yaml")
    path = tmp_path / "run" / "run.json"
    body = json.loads(path.read_text())
    del body["baseline"]  # as an older version leaves it
    path.write_text(json.dumps(body))
    assert load_run(tmp_path / "run").standing is None


def test_causes_are_kept_that_matter(record, accepted):
    diverged = record(5, expect="DIVERGED")
    causes = ({"code": "norm", "share": 0.9}, {"code": "clip", "share": -0.2}, {"code": "round-off", "share": 1e-7})
    explained = replace(diverged, comparisons=(replace(diverged.comparisons[0], causes=causes),))
    (pairs,) = accepted(explained).accepted.values()
    assert [entry.causes for entry in pairs.values()] == [("clip", "norm")]
