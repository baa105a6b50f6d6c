"""``differences.md``: one row a cause, in the order of what was measured."""

from __future__ import annotations

import re
from dataclasses import replace

from harness.report.differences_page import differences_page, differences_table
from harness.report.write import write_reports

LABELS = {"attack.norm": "linf", "model.pretrain.epochs": 1}


def record_of(synthetic, make_case, scenario, made_of, *, point=None):
    case = make_case(scenario, point=point or {"attack.norm": "linf"}, subjects=tuple(made_of))
    return synthetic.record(case, made_of)


def rows(text: str) -> dict[str, str]:
    """The rows of the page by the code of their cause, in order."""
    """The rows of the page by the code of their cause, in order; those of causes that nothing measures left out."""
    lines = text.partition("What no shipped scenario can have")[0].splitlines()
    return {found[1]: line for line in lines if (found := re.match(r"\| [^|]*<br>`([a-z0-9-]+)` \|", line))}


def test_a_row_for_each_cause_the_largest_effect_first(synthetic, make_case) -> None:
    run = synthetic.run(
        record_of(synthetic, make_case, "targeted", {"nsl": "unsupported", "cleverhans-v4": 0}),
        record_of(synthetic, make_case, "probabilities-taken-for-logits", {"nsl": 0, "cleverhans-v4": 1}),
        record_of(synthetic, make_case, "default-labels", {"nsl": 0, "cleverhans-v4": 16}, point=LABELS),
        # More signs, but not at the settings at which nothing else is at work, and not between two libraries.
        record_of(synthetic, make_case, "default-labels", {"nsl": 0, "cleverhans-v4": 60}, point={"attack.norm": "l2"}),
        record_of(synthetic, make_case, "default-labels", {"nsl": 0, "reference-nsl": 60}, point=LABELS),
    )
    found = rows(differences_page(run))
    assert list(found) == ["label-source", "output-kind", "target"]
    # 16 of 64 elements point the other way: the distance is 2 * sqrt(16 / 64) of the length.
    assert "16 of 64 elements differ; the perturbations are 100 % of their length apart" in found["label-source"]
    assert "1 of 64 elements differ; the perturbations are 25 % of their length apart" in found["output-kind"]
    assert "1 case without a result on a side | `targeted`" in found["target"]
    for told in ("default", "ascends the loss of the given labels", "4.0.0: without y=", "3.1.0: without y="):
        assert told in found["label-source"]


def test_an_established_cause_counts_more_than_what_a_scenario_is_said_to_isolate(synthetic, make_case) -> None:
    isolating = record_of(synthetic, make_case, "default-labels", {"nsl": 0, "cleverhans-v4": 4}, point=LABELS)
    other = record_of(synthetic, make_case, "mine", {"nsl": 0, "cleverhans-v4": 16})
    causes = ({"code": "loss-reduction", "share": 0.75}, {"code": "label-source", "share": 0.25})
    other = replace(other, comparisons=tuple(replace(one, causes=causes) for one in other.comparisons))
    found = rows(differences_page(synthetic.run(isolating, other)))
    assert list(found) == ["loss-reduction", "label-source"]
    assert "100 % of their length apart, 75 % of that by this cause | `mine`" in found["loss-reduction"]
    assert "100 % of their length apart, 25 % of that by this cause | `mine`" in found["label-source"]


def test_what_is_established_in_the_scenario_that_isolates_it_is_shown_and_not_a_larger_effect_elsewhere(
    synthetic, make_case
) -> None:
    isolating = record_of(synthetic, make_case, "default-labels", {"nsl": 0, "cleverhans-v4": 4}, point=LABELS)
    other = record_of(synthetic, make_case, "mine", {"nsl": 0, "cleverhans-v4": 16})
    causes = ({"code": "label-source", "share": 1.0},)
    established = [
        replace(one, comparisons=(replace(one.comparisons[0], causes=causes),)) for one in (other, isolating)
    ]
    found = rows(differences_page(synthetic.run(*established)))
    assert list(found) == ["label-source"]
    assert "4 of 64 elements differ; the perturbations are 50 % of their length apart" in found["label-source"]
    table = differences_table(synthetic.run(*established)).splitlines()
    assert table[2].endswith("| default | 50 % of the length of the perturbations | `default-labels` |")


def test_what_is_a_number_on_one_side_only_comes_first(synthetic, make_case) -> None:
    flipped = record_of(synthetic, make_case, "default-labels", {"nsl": 0, "cleverhans-v4": 32}, point=LABELS)
    broken = record_of(synthetic, make_case, "nonfinite-gradients", {"nsl": 0, "cleverhans-v4": 1})
    metrics = {**broken.comparisons[0].metrics, "incomparable": 1}
    causes = ({"code": "nonfinite-gradient", "share": 0.9}, {"code": "loss-reduction", "share": 0.1})
    broken = replace(broken, comparisons=(replace(broken.comparisons[0], metrics=metrics, causes=causes),))
    found = rows(differences_page(synthetic.run(flipped, broken)))
    assert list(found) == ["nonfinite-gradient", "label-source", "loss-reduction"]
    assert "1 of 64 elements are a number on one side only, 90 % of that by this cause" in found["nonfinite-gradient"]


def test_a_run_without_such_scenarios_has_no_page_and_loses_that_of_an_earlier_one(
    synthetic, make_case, tmp_path
) -> None:
    folder, place = tmp_path / "run", tmp_path / "run" / "differences.md"
    isolating = record_of(synthetic, make_case, "default-labels", {"nsl": 0, "cleverhans-v4": 4}, point=LABELS)
    write_reports(synthetic.saved(folder, isolating), folder)
    assert place.read_text(encoding="utf-8").startswith("# What differs between NSL and CleverHans\n")
    other = record_of(synthetic, make_case, "mine", {"nsl": 0, "cleverhans-v4": 4})
    write_reports(synthetic.saved(folder, other), folder)
    assert not place.exists()


def test_a_run_of_one_library_has_no_page(synthetic, make_case) -> None:
    made_of = {"nsl": 0, "my_package.attacks:fgsm": 4}
    assert (
        differences_page(synthetic.run(record_of(synthetic, make_case, "default-labels", made_of, point=LABELS))) == ""
    )
