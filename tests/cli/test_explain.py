"""``harness explain`` through the real command line."""

from __future__ import annotations

from harness.explain.causes import CAUSES

LIGHT = "import sys; assert not {'tensorflow', 'numpy', 'typer'} & set(sys.modules)"
POINT = {"attack.norm": "linf", "model.pretrain.epochs": 1}


def test_the_list_has_one_line_for_each_cause(harness) -> None:
    shown = harness("explain", "--list", after=LIGHT)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert [line.split()[0] for line in shown.stdout.splitlines()] == list(CAUSES)


def test_a_page_without_a_run_says_how_to_measure(harness) -> None:
    shown = harness("explain", "label-source", after=LIGHT)
    assert (shown.returncode, shown.stderr) == (0, "")
    words = " ".join(shown.stdout.split())
    for told in (
        "label-source: Whose labels the attack ascends",
        "nsl 1.4.0 ascends the loss of the given labels. adversarial_loss https://github.com/",
        "Give y= to CleverHans",
        "Measured There is no run in reports/latest. harness run -k default-labels measures it.",
    ):
        assert told in words


def test_a_page_with_a_run_says_what_it_measured(harness, scenarios, synthetic, make_case) -> None:
    case = make_case("default-labels", point=POINT)
    synthetic.saved(scenarios / "mine", synthetic.record(case, {"nsl": 0, "cleverhans-v4": 16}))
    figures = "nsl and cleverhans-v4 in default-labels: 16 of 64 elements differ; the perturbations are 100 %"
    for arguments in (["--run", "mine"], []):
        shown = harness("explain", "label-source", *arguments)
        assert (shown.returncode, shown.stderr) == (0, "")
        assert (figures in " ".join(shown.stdout.split())) == bool(arguments)
    (scenarios / "reports").mkdir()
    (scenarios / "mine").rename(scenarios / "reports" / "latest")
    assert figures in " ".join(harness("explain", "label-source").stdout.split())
    synthetic.saved(scenarios / "none", synthetic.record(case, {"nsl": 0, "cleverhans-v4": 0}))
    assert "In none: no effect in default-labels." in " ".join(
        harness("explain", "label-source", "--run", "none").stdout.split()
    )
    assert "Measured" not in harness("explain", "clip-order").stdout
    told = " ".join(harness("explain", "norm").stdout.split())
    assert "nothing of it. harness run -k default-norm measures it." in told


def test_the_page_of_all_causes_and_where_it_goes(harness, scenarios, synthetic, make_case) -> None:
    case = make_case("default-labels", point=POINT)
    synthetic.saved(scenarios / "mine", synthetic.record(case, {"nsl": 0, "cleverhans-v4": 16}))
    shown = harness("explain", "--page", "--run", "mine")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert shown.stdout.startswith("# What differs between NSL and CleverHans\n")
    (scenarios / "mine.md").write_text("Before\n<!-- differences -->\n<!-- /differences -->\nAfter\n")
    (scenarios / "other.md").write_text("Mine\n")
    written = harness("explain", "--page", "--run", "mine", "--into", "new.md", "mine.md")
    assert (written.returncode, written.stdout.split()) == (0, ["new.md", "mine.md"])
    assert (scenarios / "new.md").read_text() == shown.stdout
    before, _, rest = (scenarios / "mine.md").read_text().partition("| what differs | nature | measured | case |")
    assert before.startswith("Before\n")
    assert "`label-source` | default | 100 % of the length of the perturbations | `default-labels` |" in rest
    assert rest.endswith("After\n")
    refused = harness("explain", "--page", "--run", "mine", "--into", "new.md", "other.md")
    assert refused.returncode == 2
    assert refused.stderr.startswith("other.md: expected a page of differences or a file with <!-- differences -->")
    assert (scenarios / "other.md").read_text() == "Mine\n"


def test_what_is_no_cause(harness) -> None:
    for arguments, message in (
        (["lable-source"], "'lable-source' is not a cause. Did you mean 'label-source'? Valid: label-source, "),
        ([], "expected the code of a cause, e.g. harness explain label-source; see harness explain --list."),
        (["norm", "--run", "nowhere"], "nowhere/run.json cannot be read"),
    ):
        shown = harness("explain", *arguments)
        assert (shown.returncode, shown.stdout) == (2, "")
        assert shown.stderr.startswith(message)
