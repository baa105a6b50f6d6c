"""What reports say of a run that was held against a baseline."""

import re
from dataclasses import replace

import pytest

from harness.engine.accepting import accept
from harness.engine.baseline import Scope, standing
from harness.engine.baseline_file import Accepted, Baseline
from harness.engine.standing import Standing
from harness.report.headline import headline, unexpected, unstated
from harness.report.html import html
from harness.report.markdown import markdown
from harness.report.markdown_text import escaped
from harness.report.standing import baseline_line
from harness.report.summary import summary_text
from harness.vocabulary import Expectation, Location, Verdict

from .conftest import CONTROL, HOSTILE

PAIR = ("nsl", "cleverhans-v4")
REASON = f"to be mended {HOSTILE} {CONTROL}"


@pytest.fixture
def held(synthetic, make_case, tmp_path):
    """A run in which every group holds something: one case each, named by its group."""

    def made(name, right, expect=None):
        expected = Expectation(Verdict(expect), "a reason", Location(f"{name}.yaml", 9, 3)) if expect else None
        case = make_case(name, subjects=PAIR, expectations={"|".join(PAIR): expected} if expected else {})
        return synthetic.record(case, {"nsl": 0, "cleverhans-v4": right})

    before = {name: made(name, 0) for name in ("as-it-was", "changed", "vanished", "left-out")}
    before |= {name: made(name, 5, "CLOSE") for name in ("accepted", "expired")}
    baseline = Baseline(tmp_path / "baseline.json")
    chosen = dict.fromkeys(before, False)
    baseline = accept(synthetic.run(*before.values()), baseline, chosen, reason=REASON).baseline
    past = replace(baseline.accepted["expired"]["|".join(PAIR)], expires="2001-01-01")
    baseline = replace(baseline, accepted={**baseline.accepted, "expired": {"|".join(PAIR): past}})
    now = {**before, "changed": made("changed", 5), "new": made("new", 5), "also-new": made("also-new", 0)}
    scope = Scope([record.case for name, record in now.items() if name != "vanished"])
    scope = replace(scope, cases=[*scope.cases, replace(before["vanished"].case, id="vanished[x=1]")])
    run = synthetic.run(*(record for name, record in now.items() if name not in ("vanished", "left-out")))
    return replace(run, standing=standing(run, baseline, scope))


def test_the_terminal_shows_each_group_apart(held, tmp_path):
    lines = summary_text(held, tmp_path).splitlines()
    starts = {line.split("  ")[0]: line for line in lines if line[:1].isalpha() and "  " in line}
    assert (
        "changed     changed  nsl | cleverhans-v4  EQUAL became DIVERGED: 5 of 64 elements differ" in starts["changed"]
    )
    assert starts["changed"].endswith("  changed.yaml:1:1")
    assert "accepted until 2001-01-01" in starts["expired"]
    assert [line for line in lines if line.startswith("new ")] == [
        line for line in lines if line.startswith(("new         new  nsl", "new         1 comparison as expected"))
    ]
    assert starts["vanished"].startswith("vanished    vanished  no longer in the scenario files")
    assert starts["not run"] == "not run     1 case of the baseline not in this run, in left-out"
    assert starts["accepted"].startswith("accepted    1 comparison: to be mended")
    assert baseline_line(held.standing) in lines


def test_what_is_accepted_is_no_alarm_and_what_is_not_is_the_headline(held):
    assert [record.case.id for record, _ in unexpected(held)] == ["expired"]
    assert [record.case.id for record, _ in unstated(held)] == ["changed", "new"]
    assert headline(held).sentence == "1 of 2 comparisons is not as expected."
    names = {"accepted", "changed"}
    rest = replace(held, cases=tuple(record for record in held.cases if record.case.id in names))
    kept = replace(held.standing, expired=(), new=())
    assert headline(replace(rest, standing=kept)).sentence == "1 comparison is not as in the baseline."
    calm = headline(replace(rest, standing=replace(kept, changed=())))
    assert (calm.tone, calm.sentence) == ("good", "The one comparison is as expected or accepted.")


def test_a_run_as_the_baseline_has_it_says_so_in_one_line():
    assert baseline_line(Standing("b.json")) == "Against the baseline b.json: nothing has changed."


def test_pages_have_a_section_of_it_in_which_text_is_text(held):
    page, text = html(held), markdown(held)
    for name in ("New", "Changed", "Vanished", "Not run", "Expired", "Accepted"):
        assert f"### {name}\n" in text
        assert f"1 {name.lower()}</summary>" in page or f"2 {name.lower()}</summary>" in page
    for report in (page, text):
        assert not re.search(r"(?<!\\)<script>window\.broken", report)
        assert "\x1b" not in report
    assert escaped(REASON.split("\u2028")[0]) in text


def test_many_are_summed_up(held, tmp_path):
    (one,) = held.standing.changed
    many = replace(held.standing, changed=(one,) * 300, vanished=held.standing.vanished * 300)
    run = replace(held, standing=many)
    lines = summary_text(run, tmp_path).splitlines()
    assert len([line for line in lines if line.startswith("changed")]) == 51
    assert [line for line in lines if line.startswith("vanished")] == [
        "vanished    300 cases no longer in the scenario files, in vanished"
    ]
    assert "- and 250 more, in changed" in markdown(run)
    assert "and 100 more</p>" in html(run)


def test_entries_of_a_baseline_are_told_with_reason_and_days():
    from harness.report.standing import case_lines, divergence_lines

    entry = Accepted(Verdict.DIVERGED, {"max_absolute": 0.2, "scale": None}, (), "known", "2026-03-01", "2026-12-31")
    baseline = Baseline(__file__, {"case": {"a|b": entry, "a|c": Accepted(Verdict.CLOSE)}})
    words = "DIVERGED (max_absolute 0.2, scale none): known (2026-03-01, until 2026-12-31)"
    head, only = divergence_lines(baseline)
    assert head.endswith("1 case, 2 comparisons: 1 CLOSE, 1 DIVERGED")
    assert only == f"case  a | b  {words}"
    assert [line.split() for line in case_lines("case", baseline.accepted["case"])] == [
        ["case"],
        ["a", "|", "b", *words.split()],
        ["a", "|", "c", "CLOSE"],
    ]
