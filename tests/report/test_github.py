"""What GitHub Actions gets: annotations on lines of scenario files, and a summary that fits."""

from dataclasses import replace

import pytest

from harness.engine.standing import Deviation, Standing
from harness.report.annotations import annotations_of
from harness.report.github import MOST_BYTES, MOST_OF_A_LEVEL, Annotation, cut_to_fit, workflow_commands
from harness.report.markdown import overview
from harness.report.text import printable
from harness.vocabulary import Location, Verdict

from .conftest import CONTROL, HOSTILE


@pytest.fixture
def one_case(run, find):
    """Makes a run of a case with these verdicts and statuses, one comparison each, and a standing."""
    record = find("alike[norm=linf]")

    def one_case(*said, **groups):
        comparisons = tuple(
            replace(one, verdict=verdict, status=status, sentence="why")
            for one, (verdict, status) in zip(record.comparisons, said, strict=False)
        )
        standing = Standing("baseline.json", **groups) if groups else None
        return replace(run, cases=(replace(record, comparisons=comparisons),), standing=standing)

    return one_case


def levels(run, **options):
    return [(one.level, one.title.rpartition(" ")[2]) for one in annotations_of(run, **options)]


def test_what_is_not_as_expected_is_an_error_on_the_line_of_its_expectation(run):
    first = next(one for one in annotations_of(run) if "alike[norm=linf]" in one.title)
    assert (first.level, first.location) == ("error", Location("alike.yaml", 9, 3))
    assert first.title.startswith("alike[norm=linf]: nsl | reference-float64: CLOSE")
    assert first.lines[0].startswith("CLOSE, expected DIVERGED (an expectation that is wrong on purpose): ")
    assert first.lines[1].startswith("to reproduce: harness run ")


def test_the_gravest_come_first_and_those_of_a_place_are_one(one_case):
    grave = one_case((Verdict.UNSUPPORTED, "unexpected"), (Verdict.ERROR, "unexpected"), (Verdict.DIVERGED, "unstated"))
    error, warning = annotations_of(grave)
    assert error.title.endswith("nsl | reference-float64: ERROR and 1 other")
    assert error.lines[-1].endswith("nsl | cleverhans-v4: UNSUPPORTED")
    assert (warning.level, warning.location) == ("warning", grave.cases[0].case.location)


def test_what_is_unstated_is_an_error_only_where_that_fails(one_case):
    said = one_case((Verdict.EQUAL, "expected"), (Verdict.EQUAL, "expected"), (Verdict.EQUAL, "unstated"))
    assert levels(said) == []
    assert levels(said, strict=True) == [("error", "EQUAL")]


def test_news_to_the_baseline_is_a_warning(one_case):
    new = Deviation("alike[norm=linf]", "nsl", "cleverhans-v4", now="EQUAL")
    gone = Deviation("gone", location=Location("alike.yaml"), was="EQUAL", sentence="no longer in the scenario files")
    changed = Deviation("alike[norm=linf]", "nsl", "cleverhans-v4", was="DIVERGED", now="EQUAL", fails=True)
    expected = (Verdict.EQUAL, "expected")
    assert levels(one_case(expected, new=(new,))) == [("warning", "EQUAL")]
    assert levels(one_case(expected, vanished=(gone,))) == [("warning", "vanished")]
    assert levels(one_case(expected, vanished=(gone,)), strict=True) == [("error", "vanished")]
    assert levels(one_case(expected, changed=(changed,))) == [("error", "EQUAL")]
    assert levels(one_case(expected, accepted=(new,))) == []


def test_a_command_has_a_path_from_the_workspace_and_nothing_that_github_takes_for_more(tmp_path, monkeypatch):
    (tmp_path / "sub").mkdir()
    monkeypatch.chdir(tmp_path / "sub")
    annotation = Annotation(
        "error", "a, b: 100 %\n::x", ("first: 50 %, ::warning::no", "\rsecond"), Location("c.yaml", 3, 5)
    )
    (line,) = workflow_commands([annotation], workspace=tmp_path)
    assert line == (
        "::error file=sub/c.yaml,line=3,col=5,title=a%2C b%3A 100 %25 %3A%3Ax::first: 50 %25, ::warning::no%0A\\rsecond"
    )


def test_a_file_outside_of_the_workspace_is_named_in_the_message(tmp_path):
    place = Location(str(tmp_path / "c.yaml"), 3, 5)
    (line,) = workflow_commands([Annotation("warning", "t", ("m",), place)], workspace=tmp_path / "elsewhere")
    assert line == f"::warning title=t::m%0A{place}"


def test_no_more_than_github_shows_and_the_rest_counted(tmp_path):
    found = [Annotation(level, f"t{n}", ("m",)) for level in ("error", "warning") for n in range(12)]
    lines = workflow_commands(found, workspace=tmp_path)
    for level in ("error", "warning"):
        assert [line for line in lines if line.startswith(f"::{level} ")] == [
            f"::{level} title=t{n}::m" for n in range(MOST_OF_A_LEVEL)
        ]
    assert lines[-1].startswith("::notice title=harness::and 2 errors and 2 warnings more")
    assert len(lines) == 2 * MOST_OF_A_LEVEL + 1


def test_hostile_names_stay_within_their_line(run, tmp_path):
    for line in workflow_commands(annotations_of(run, strict=True), workspace=tmp_path):
        assert line == printable(line)
        assert line.startswith("::")
    assert any("hostile" in line for line in workflow_commands(annotations_of(run, strict=True), workspace=tmp_path))


def test_a_summary_has_the_results_and_no_pictures(run):
    summary = overview(run)
    assert summary.splitlines()[0].endswith(" as expected.")
    assert "## Subjects against subjects" in summary
    assert "## Scenarios" not in summary
    assert "![" not in summary
    assert HOSTILE not in summary
    assert CONTROL not in summary


def test_a_summary_is_cut_after_a_line_and_says_so():
    short = "line\n" * 10
    assert cut_to_fit(short) == short
    cut = cut_to_fit("ü" * 40 + "\n" + "wörter\n" * 200_000)
    assert len(cut.encode()) < MOST_BYTES - 30_000
    *lines, note = cut.rstrip("\n").splitlines()
    assert set(lines[1:-1]) == {"wörter"}
    left_out = 200_001 - (len(lines) - 1)
    assert (
        note == f"*Cut short to what GitHub shows: {left_out:,} lines left out. The whole report is in the run folder.*"
    )


def test_what_a_step_has_written_already_counts():
    text = "words\n" * 1000
    assert cut_to_fit(text, written=MOST_BYTES // 2) == text
    assert len(cut_to_fit(text, written=MOST_BYTES - 66_000).encode()) < 1000
