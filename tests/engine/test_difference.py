"""Two runs side by side: arrays, problems, settings, verdicts."""

import hashlib
from dataclasses import replace

import numpy as np
import pytest

from harness.engine.difference import difference
from harness.engine.known_differences import assess, read_known
from harness.oracle.verdicts import Tolerance
from harness.vocabulary import YARDSTICK, HarnessError, Verdict

PAIR = ("nsl", "cleverhans-v4")


@pytest.fixture
def run(synthetic, make_case):
    """A run of one case. ``nsl`` and ``cleverhans-v4``: what their outcomes are made of, see ``Synthetic``."""

    def run(nsl=0, v4=0, *, name="case", epsilon=0.1, weights=1.0, **fields):
        case = make_case(name, subjects=PAIR, **fields)
        record = synthetic.record(case, {"nsl": nsl, "cleverhans-v4": v4}, epsilon=epsilon, weights=weights)
        return synthetic.run(record)

    return run


def compared(before, after, *, subject="nsl", **limits):
    found = difference(before, after, replace(Tolerance(), **limits))
    return next(one for one in found.outcomes if one.subject == subject)


@pytest.mark.parametrize(
    ("before", "after", "state", "verdict", "fails"),
    [
        (0, 0, "compared", "EQUAL", False),
        (0, "close", "compared", "CLOSE", False),
        (0, 3, "compared", "DIVERGED", True),
        (0, "error", "other status", "ERROR", True),
        ("unsupported", 0, "other status", "ERROR", True),
        ("unsupported", "error", "other status", "ERROR", True),
        ("unsupported", "unsupported", "unsupported", "UNSUPPORTED", False),
        ("error", "error", "failed", "ERROR", False),
    ],
)
def test_a_subject_is_held_against_itself(run, before, after, state, verdict, fails):
    one = compared(run(before), run(after))
    assert (one.case, one.state, str(one.verdict), one.fails) == ("case", state, verdict, fails)
    assert compared(run(before), run(after), subject="cleverhans-v4").verdict is Verdict.EQUAL


def test_drifting_together_changes_no_verdict_and_is_seen(run):
    """What verdicts alone would not show."""
    found = difference(run(0, 0), run(3, 3), Tolerance())
    assert found.verdicts == ()
    assert [one.verdict for one in found.outcomes] == [Verdict.DIVERGED] * 2
    assert "3 of 64 elements differ" in found.outcomes[0].sentence


def test_the_tolerance_decides(run):
    assert compared(run(0), run("close"), max_roundoff=0.1).verdict is Verdict.DIVERGED
    assert compared(run(0), run(3), max_roundoff=1e9).verdict is Verdict.CLOSE


@pytest.mark.parametrize(
    ("other", "words"),
    [({"weights": 2.0}, "had other weights"), ({"attack": {"epsilon": 0.2}}, "state another attack")],
)
def test_of_another_problem_nothing_follows(run, other, words):
    one = compared(run(), run(**other))
    assert (one.state, one.verdict, one.fails) == ("other problem", Verdict.ERROR, True)
    assert words in one.sentence


def test_the_same_weights_in_another_file_are_the_same_problem(synthetic, run):
    """Another version of NumPy may write another header."""
    after = run(3)
    folder = synthetic.store.root / "arrays"
    digest = after.cases[0].identity["weights"]
    np.savez_compressed(folder / "other.npz", **synthetic.store.get_arrays(digest))
    content = (folder / "other.npz").read_bytes()
    other = hashlib.sha256(content).hexdigest()
    (folder / "other.npz").rename(folder / f"{other}.npz")
    record = replace(after.cases[0], identity={**after.cases[0].identity, "weights": other})
    assert other != digest
    assert compared(run(0), replace(after, cases=(record,))).verdict is Verdict.DIVERGED


def test_other_settings_are_named(run):
    one = compared(run(), run(epsilon=0.2))
    assert (one.verdict, dict(one.settings)) == (Verdict.DIVERGED, {"epsilon": (0.1, 0.2)})


def test_the_yardstick_excuses_what_float32_cannot_know(synthetic, make_case):
    case = make_case("case", subjects=("nsl", YARDSTICK))

    def run(nsl, uncertain):
        return synthetic.run(synthetic.record(case, {"nsl": nsl, YARDSTICK: 0}, uncertain=uncertain))

    for uncertain, verdict in ((0.3, Verdict.CLOSE), (0.1, Verdict.DIVERGED)):
        assert compared(run(0, uncertain), run(3, uncertain)).verdict is verdict


def test_arrays_that_do_not_fit_are_no_pass(synthetic, run):
    after = run()
    (record,) = after.cases
    shorter = synthetic.store.put_arrays({"adversarial/x": np.zeros((2, 4), np.float32)})
    outcomes = (replace(record.outcomes[0], arrays=shorter), record.outcomes[1])
    one = compared(run(), replace(after, cases=(replace(record, outcomes=outcomes),)))
    assert (one.verdict, one.fails) == (Verdict.ERROR, True)
    assert "cannot be laid side by side" in one.sentence


def test_missing_arrays_are_one_clear_error(synthetic, run):
    before, after = run(), run(5)
    synthetic.store.path_of(after.cases[0].outcomes[0].arrays).unlink()
    with pytest.raises(HarnessError, match="is missing or damaged"):
        difference(before, after, Tolerance())


def test_verdicts_cases_subjects_and_versions_that_differ(synthetic, run, make_case):
    both = run(0, 0), run(0, 5)
    found = difference(*both, Tolerance())
    (one,) = found.verdicts
    assert (one.subject, one.before, one.after, one.fails) == (
        "nsl|cleverhans-v4",
        Verdict.EQUAL,
        Verdict.DIVERGED,
        True,
    )
    (one,) = difference(run(0, 0), run(0, "close"), Tolerance()).verdicts
    assert not one.fails  # which of the two it is depends on the processor

    more = synthetic.record(make_case("more", subjects=PAIR), dict.fromkeys(PAIR, 0))
    third = synthetic.record(make_case("case", subjects=(*PAIR, YARDSTICK)), dict.fromkeys((*PAIR, YARDSTICK), 0))
    after = replace(synthetic.run(more, third), environment={"tensorflow": "2.15.1"})
    found = difference(both[0], after, Tolerance())
    assert (found.only_before, found.only_after) == ((), ("case  reference-float64", "more"))
    assert found.environment["tensorflow"] == ("2.21.0", "2.15.1")
    assert set(difference(after, both[0], Tolerance()).only_before) == {"case  reference-float64", "more"}


# What is known.


@pytest.fixture
def known(tmp_path):
    def known(text):
        file = tmp_path / "known.txt"
        file.write_text(text, encoding="utf-8")
        return read_known(file)

    return known


def test_known_differences_pass_with_their_reason_and_stale_lines_are_told(run, known):
    found = difference(run(0, 0), run(3, 0), Tolerance())
    assert [(one.case, one.subject) for one in assess(found).failing] == [
        ("case", "nsl"),
        ("case", "nsl|cleverhans-v4"),
    ]
    entries = known("# of 2.15\n\ncase nsl  2.15 sums in another order\nc* nsl|* # the same\ncase[x] * gone\n")
    assessment = assess(found, entries)
    assert assessment.failing == ()
    assert [reason for _, reason in assessment.known] == ["2.15 sums in another order", "the same"]
    assert [one.line for one in assessment.unused] == [5]
    assert [one.subject for one in assess(found, entries[:1]).failing] == ["nsl|cleverhans-v4"]


def test_other_problems_pass_only_where_they_are_allowed_and_hide_no_verdict(run):
    found = difference(run(0, 0), run(0, 5, weights=2.0), Tolerance())
    assert len(assess(found).failing) == 3
    assessment = assess(found, allow_other_problems=True)
    assert [one.subject for one in assessment.failing] == ["nsl|cleverhans-v4"]
    assert len(assessment.other_problems) == 2
    drifted = difference(run(0, 0), run(3, 3), Tolerance())
    assert len(assess(drifted, allow_other_problems=True).failing) == 2


def test_brackets_of_an_id_are_no_pattern(run, known):
    found = difference(run(0, 0, name="case[x=1]"), run(3, 3, name="case[x=1]"), Tolerance())
    assert assess(found, known("case[x=1] * known\n")).failing == ()
    assert len(assess(found, known("case.x=1. * another\n")).failing) == 2


@pytest.mark.parametrize("text", ["case", "case nsl", "case nsl #", "case # because"])
def test_a_known_difference_without_a_reason_is_refused_with_its_line(known, text):
    with pytest.raises(HarnessError, match=r"known\.txt:2: expected a case, a subject and the reason"):
        known(f"# first\n{text}\n")


def test_a_list_that_cannot_be_read_is_one_clear_error(tmp_path):
    with pytest.raises(HarnessError, match="cannot be read: No such file"):
        read_known(tmp_path / "known.txt")
