"""``harness conform`` and own subjects through the real command line, in a user's folder, on real libraries."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path

import pytest

from harness.cli.conform import exit_status
from harness.engine.conformance import as_expected, conformance, questions, read_known
from harness.engine.record import load_run
from harness.vocabulary import HarnessError

SOURCE = Path(__file__).parents[1] / "own_attacks.py"
WRONG, LIKE = "my_package.attacks:too_far", "cleverhans-v4"
"""Wrong under l2."""
SMALL = """\
summary: A few examples of four features.
kind: perturbation
model: {layers: [{dense: 3}]}
data: {source: iris, batch: 6}
attack: {epsilon: 0.1, labels: given}
matrix: {attack.norm: [l2, linf]}
"""
LARGE = """\
summary: More examples of more features, and a case that CleverHans cannot express.
kind: perturbation
model: {layers: [{dense: 10}]}
data: {source: digits, batch: 16}
attack: {epsilon: 0.1, norm: l2, labels: given}
matrix: {attack.clip: [[0, 1], [0, null], [-9, 9]]}
"""
OWN = """\
summary: One of the user's own in a scenario.
kind: perturbation
model: {layers: [{dense: 3}]}
data: {source: iris, batch: 6}
attack: {epsilon: 0.1, norm: linf, labels: given}
subjects: [my_package.attacks:fgsm, cleverhans-v4]
expect:
  - {pair: [my_package.attacks:fgsm, any], verdict: CLOSE, because: it is right}
"""
KNOWN = """\
# What is known of it.

large[clip=-9..9]   # the length is a hundredth too much
small[norm=linf]    was wrong once
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A user's folder: a package, scenarios and known failures."""
    folder = tmp_path_factory.mktemp("user")
    for name in ("my_package", "scenarios", "own"):
        (folder / name).mkdir()
    shutil.copy(SOURCE, folder / "my_package" / "attacks.py")
    (folder / "scenarios" / "small.yaml").write_text(SMALL)
    (folder / "scenarios" / "large.yaml").write_text(LARGE)
    (folder / "own" / "own.yaml").write_text(OWN)
    (folder / "known.txt").write_text(KNOWN)
    return folder


@pytest.fixture(scope="module")
def conformed(folder, harness_in):
    """What the command said of a wrong implementation."""
    return harness_in(folder, "conform", WRONG, "scenarios", "--known", "known.txt", "-j", "2")


@pytest.fixture(scope="module")
def lines(conformed):
    return conformed.stdout.splitlines()


def test_a_failure_that_is_not_known_fails(conformed):
    assert (conformed.returncode, conformed.stderr) == (1, "")


def test_failures_come_with_the_smallest_case_first_and_how_to_see_each_again(lines, folder, harness_in):
    failed = [number for number, line in enumerate(lines) if line.startswith("FAILED")]
    assert [lines[number].split()[1:3] for number in failed] == [
        ["small[norm=l2]", "DIVERGED"],
        ["large[clip=0..1]", "DIVERGED"],
    ]
    assert "max_roundoff" in lines[failed[0]]
    assert lines[failed[0]].endswith("(24 elements)")
    command = shlex.split(lines[failed[0] + 1])
    assert command[:3] == ["harness", "run", "scenarios/small.yaml"]
    again = harness_in(folder, *command[1:])
    assert again.returncode == 0, again.stderr  # no scenario states what to expect of it
    assert f"small[norm=l2]  {WRONG} | {LIKE}  DIVERGED" in again.stdout


def test_what_is_known_what_is_mended_and_what_was_not_asked_are_said(lines):
    known = next(line for line in lines if line.startswith("known"))
    assert known.split()[1:3] == ["large[clip=-9..9]", "DIVERGED"]
    assert known.endswith("(the length is a hundredth too much)")
    assert "mended  small[norm=linf] conforms now. Remove it from the known failures." in lines
    assert f"Not asked: 1 case: unsupported by {LIKE}." in lines


def test_the_summary_can_be_pasted(lines):
    summary = lines[lines.index("") + 1 :]
    assert summary[0] == f"**{WRONG} does not conform to {LIKE}: it fails in 2 of 4 cases; 1 more known to.**"
    assert {"| verdict | cases | of these known |", "| DIVERGED | 3 | 1 |"} <= set(summary)
    assert f"- `{LIKE}`: cleverhans 4.0.0" in summary
    assert any(line.startswith("- `large[clip=0..1]` **DIVERGED**: ") for line in summary)


def test_the_run_folder_says_what_the_command_says(folder, conformed):
    run = load_run(folder / "reports" / "conform")
    told = {
        record.case.id: (one.status, one.expected)
        for record in run.cases
        for one in record.comparisons
        if {one.left, one.right} == {WRONG, LIKE}
    }
    assert told == {
        "small[norm=l2]": ("unexpected", "CLOSE"),
        "small[norm=linf]": ("expected", "CLOSE"),
        "large[clip=0..1]": ("unexpected", "CLOSE"),
        "large[clip=-9..9]": ("expected", "DIVERGED"),
        "large[clip=0..none]": ("unstated", ""),
    }
    assert (folder / "reports" / "conform" / "report.html").is_file()


def test_it_passes_once_every_failure_is_known(folder, conformed):
    run = load_run(folder / "reports" / "conform")
    ids = [record.case.id for record in run.cases]
    assert exit_status(conformance(run, WRONG, LIKE, {})) == 1
    result = conformance(run, WRONG, LIKE, dict.fromkeys(ids, "known"))
    assert exit_status(result) == 0
    assert len(result.known) == 3
    assert as_expected(run, result).totals["unexpected"] == 0


def test_where_the_other_one_computes_nothing_nothing_conforms(folder, conformed):
    run = load_run(folder / "reports" / "conform")
    without = [record for record in run.cases if record.outcome(LIKE).status != "ok"]
    assert exit_status(conformance(type(run)(**{**vars(run), "cases": tuple(without)}), WRONG, LIKE, {})) == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("small[norm=l2]\n", "known.txt:1: expected an id and a reason, got 'small[norm=l2]' alone. Say why it fails."),
        (
            "small[norm=l2] #\n",
            "known.txt:1: expected an id and a reason, got 'small[norm=l2]' alone. Say why it fails.",
        ),
        ("\nsmall[norm=l1] why\n", "known.txt:2: there is no case 'small[norm=l1]'. Did you mean 'small[norm=l2]'?"),
        ("\x1b[2J why\n", r"known.txt:1: there is no case '\x1b[2J'. harness list shows the ids."),
        (
            "small[norm=l2] a\nsmall[norm=l2] b\n",
            "known.txt:2: small[norm=l2] stands twice. Remove one of the lines.",
        ),
    ],
)
def test_a_wrong_line_among_the_known_failures_is_told_with_its_number(tmp_path, monkeypatch, text, message):
    monkeypatch.chdir(tmp_path)
    Path("known.txt").write_text(text)
    with pytest.raises(HarnessError) as error:
        read_known(Path("known.txt"), ["small[norm=l2]", "small[norm=linf]"])
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("a.b:",), "'a.b:' is not a subject. Write one of your own as module:function, e.g. my_package.attacks:fgsm."),
        (("reference-nsl",), "reference-nsl is no implementation of yours: say with --like what it is held to."),
        (("a:b", "--like", "nls"), "'nls' is not a subject. Did you mean 'nsl'? Valid: "),
        (("a:b", "-k", "nothing-like-it"), "nothing selected: no id of "),
        (("absent:fgsm",), "subject absent:fgsm: the module absent cannot be imported: ModuleNotFoundError"),
    ],
)
def test_what_cannot_be_done_is_one_message(folder, harness_in, arguments, message):
    """The last two look for the shipped scenarios, which are not in this folder."""
    told = harness_in(folder, "conform", *arguments)
    assert (told.returncode, told.stdout) == (2, "")
    assert told.stderr.startswith(message)


def test_a_scenario_that_names_code_needs_leave_and_the_user_does_not(folder, harness_in):
    refused = harness_in(folder, "list", "own")
    assert refused.returncode == 2
    assert refused.stderr == (
        "own/own.yaml:6:12: subjects[0]: the function my_package.attacks:fgsm would be run. Allow it with "
        "--allow-code if you trust this file.\n"
    )
    assert harness_in(folder, "list", "own", "--allow-code").returncode == 0
    assert harness_in(folder, "list", "own", "--subjects", "my_package.attacks:fgsm,cleverhans-v4").returncode == 0


def test_without_a_folder_of_scenarios_the_shipped_ones_are_meant(tmp_path, harness_in):
    listed = harness_in(tmp_path, "list", "-k", "tabular", "--subjects", "a.b:c,nsl")
    assert [line.split()[0] for line in listed.stdout.splitlines()] == [
        f"tabular[norm={n}]" for n in ("linf", "l2", "l1")
    ]


def test_an_own_subject_of_the_command_line_takes_part_in_every_case(make_case):
    from harness.scenario.select import load_cases

    own = ["b.c:d", "a:b"]
    cases = load_cases([SOURCE.parents[1] / "scenarios" / "perturbation"], subjects=[*own, "nsl", "reference-float64"])
    assert {case.subjects for case in cases} == {(*own, "nsl", "reference-float64")}


def test_only_cases_that_both_can_be_asked_are(make_case):
    cases = [
        make_case("both", subjects=("nsl", LIKE)),
        make_case("step", kind="loss", training={}, subjects=("nsl", LIKE)),
        make_case("one", subjects=("nsl", "cleverhans-v3")),
        make_case("form", subjects=("nsl", LIKE), tags=("edge", "form")),
    ]
    (asked,) = questions(cases, "a:b", LIKE, ("perturbation",))
    assert (asked.id, asked.subjects) == ("both", ("a:b", LIKE, "reference-float64"))
    with pytest.raises(HarnessError, match=r"no case of kind training has cleverhans-v4 among its subjects\."):
        questions(cases, "a:b", LIKE, ("training",))


def test_a_rewriting_is_excused_where_the_labels_are_left_to_the_library(harness_in, tmp_path, monkeypatch):
    """The model is sure of itself, so float32 cannot know small gradients; the yardstick must be asked about the same
    labels as the two."""
    rewriting, file = "tests.mutants.fgm:log_softmax", "scenarios/perturbation/default-labels.yaml"
    options = ("-k", "l2 and epochs=40", "--report-dir", str(tmp_path / "conform"))
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    done = harness_in(Path(__file__).parents[2], "conform", rewriting, file, *options)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "summary.md").read_text() in done.stdout, "on GitHub the summary of the step is the one to paste"
    assert f"{rewriting} conforms to cleverhans-v4" in done.stdout


def test_what_the_command_names_is_allowed_where_a_run_is_held_against_a_baseline_too(harness_in, folder):
    """Which scenarios there are besides the selected cases is read once more then, and they name it."""
    (folder / "baseline.json").write_text('{"format_version": 1, "scenarios": {}, "accepted": {}}')
    named = ("--subjects", "my_package.attacks:fgsm,cleverhans-v4", "--baseline", "baseline.json", "--no-explain")
    done = harness_in(folder, "run", "own", *named)
    assert (done.returncode, done.stderr) == (0, "")
    assert "1 new" in done.stdout
