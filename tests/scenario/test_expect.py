"""What a scenario expects of its pairs: which entry counts, and which entries are mistakes."""

from __future__ import annotations

from itertools import combinations

import pytest

from harness.vocabulary import SUBJECTS, Verdict

from .conftest import save_model

THREE = "subjects: [nsl, cleverhans-v4, reference-nsl]\n"
NORMS = "matrix: {attack.norm: [linf, l2, l1]}\n"


def verdicts(case) -> dict[str, str]:
    return {pair: str(expectation.verdict) for pair, expectation in case.expectations.items()}


def test_pairs_stand_in_the_order_of_the_subjects_whatever_the_order_in_the_entry(read) -> None:
    (case,) = read(THREE + "expect: [{pair: [reference-nsl, nsl], verdict: EQUAL, because: Same operations.}]\n")
    (expectation,) = case.expectations.values()
    assert list(case.expectations) == ["nsl|reference-nsl"]
    assert (expectation.verdict, expectation.because) == (Verdict.EQUAL, "Same operations.")
    assert (expectation.location.line, expectation.location.column) == (2, 10)


def test_any_stands_for_each_subject_and_among_for_each_pair_of_a_group(read) -> None:
    (case,) = read("expect: [{pair: [nsl, any], verdict: CLOSE, because: a}]\n")
    assert list(case.expectations) == [f"nsl|{other}" for other in SUBJECTS[1:]]
    (case,) = read("expect: [{pair: [any, any], verdict: CLOSE, because: a}]\n")
    assert list(case.expectations) == [f"{left}|{right}" for left, right in combinations(SUBJECTS, 2)]
    (case,) = read("expect: [{among: [cleverhans-v4, nsl, cleverhans-v3], verdict: CLOSE, because: a}]\n")
    assert list(case.expectations) == ["nsl|cleverhans-v4", "nsl|cleverhans-v3", "cleverhans-v4|cleverhans-v3"]


def test_the_first_entry_that_fits_counts(read) -> None:
    linf, l2, l1 = read(
        THREE
        + NORMS
        + "expect:\n"
        + "  - {pair: [nsl, cleverhans-v4], verdict: CLOSE, where: {attack.norm: l2}, because: a}\n"
        + "  - {pair: [nsl, any], verdict: DIVERGED, where: {attack.norm: [l1, l2]}, because: b}\n"
        + "  - {pair: [any, any], verdict: EQUAL, because: c}\n"
    )
    assert set(verdicts(linf).values()) == {"EQUAL"}
    assert verdicts(l2) == {
        "nsl|cleverhans-v4": "CLOSE",
        "nsl|reference-nsl": "DIVERGED",
        "cleverhans-v4|reference-nsl": "EQUAL",
    }
    assert verdicts(l1) == verdicts(l2) | {"nsl|cleverhans-v4": "DIVERGED"}


@pytest.mark.parametrize(
    "where",
    [
        "{attack.epsilon: 8/255}",
        f"{{attack.epsilon: {8 / 255!r}}}",
        "{attack.epsilon: [8/255, 0.3]}",
        "{attack.clip: [0, 1]}",
        "{attack.clip: [[0, 1], [null, null]]}",
        "{attack.labels: {target: 3}}",
        "{attack.labels: [given, {target: 3}]}",
        "{data.source: digits, data.split: test, data.batch: 64, data.seed: 0}",
        "{model.layers: [{dense: 8}, relu, {dense: {units: 10}}]}",
        "{model.init.seed: 0, model.init.scale: 1, model.output: logits}",
        "{model.init: {}}",
        "{}",
    ],
)
def test_where_compares_canonical_values_of_any_setting(read, where: str) -> None:
    (case,) = read(
        "attack: {epsilon: 8/255, clip: [0.0, 1.0], labels: {target: 3}}\n"
        f"expect: [{{pair: [any, any], verdict: EQUAL, where: {where}, because: a}}]\n"
    )
    assert set(verdicts(case).values()) == {"EQUAL"}


def test_where_compares_paths_as_they_are_written(read, tmp_path) -> None:
    for name in ("a.keras", "b.keras"):
        save_model(tmp_path / name)
    first, second = read(
        "model: {output: logits}\nmatrix: {model.keras: [a.keras, b.keras]}\n"
        "expect: [{pair: [nsl, any], verdict: EQUAL, where: {model.keras: b.keras}, because: a}]\n"
    )
    assert (first.expectations, len(second.expectations)) == ({}, 5)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("{pair: [nsl, cleverhans-v4], verdict: EQUAL}", "3:10: expect[0].because: is missing. Why this is so"),
        ("{pair: [nsl, cleverhans-v4], because: a}", "3:10: expect[0].verdict: is missing. EQUAL: bit for bit."),
        (
            "{pair: [nsl, cleverhans-v4], verdict: equal, because: a}",
            "3:48: expect[0].verdict: 'equal' is not a verdict. Did",
        ),
        ("{pair: [nsl], verdict: EQUAL, because: a}", "3:17: expect[0].pair: expected two subjects, got a list of 1."),
        (
            "{pair: [nsl, nsl], verdict: EQUAL, because: a}",
            "3:17: expect[0].pair: expected two different subjects, got 'nsl'",
        ),
        ("{pair: [nsl, all], verdict: EQUAL, because: a}", "3:23: expect[0].pair[1]: 'all' is not a subject."),
        ("{among: [nsl, any], verdict: EQUAL, because: a}", "3:24: expect[0].among[1]: 'any' is not a subject."),
        (
            "{pair: [nsl, cleverhans-v3], verdict: EQUAL, because: a}",
            "3:23: expect[0].pair[1]: 'cleverhans-v3' does not take part in this scenario. "
            "Its subjects: nsl, cleverhans-v4, reference-nsl.",
        ),
        ("{verdict: EQUAL, because: a}", "3:10: expect[0]: expected either pair: [subject, subject] or among:"),
        (
            "{pair: [any, any], among: [nsl, cleverhans-v4], verdict: EQUAL, because: a}",
            "3:10: expect[0]: expected either",
        ),
        (
            "{pair: [any, any], verdict: EQUAL, because: a, where: {attack.norm: l3}}",
            "3:78: expect[0].where.attack.norm: 'l3' is not a norm.",
        ),
        (
            "{pair: [any, any], verdict: EQUAL, because: a, where: {attack.norm: [l2, l3]}}",
            "3:83: expect[0].where.attack.norm[1]: 'l3' is not a norm.",
        ),
        (
            "{pair: [any, any], verdict: EQUAL, because: a, where: {attack.nrom: l2}}",
            "3:65: expect[0].where.attack.nrom: there is no such setting. Did you mean 'attack.norm'?",
        ),
        (
            "{pair: [any, any], verdict: EQUAL, because: a, where: {attack.epsilon: 0.3}}",
            "3:10: expect[0]: says nothing: no case has attack.epsilon: 0.3. Correct where, or remove the entry.",
        ),
        (
            "{pair: [any, any], verdict: EQUAL, because: a, where: {attack.clip: [0, 1]}}",
            "3:10: expect[0]: says nothing: no case has attack.clip: 0..1. Correct where, or remove the entry.",
        ),
        (
            "{pair: [any, any], verdict: EQUAL, because: a}, {pair: [nsl, any], verdict: CLOSE, because: b}",
            "3:58: expect[1]: says nothing: earlier entries fit all its pairs. Move it before them, or remove it.",
        ),
    ],
)
def test_entries_that_are_mistakes(complaints, entry: str, message: str) -> None:
    (found,) = complaints(f"{THREE}{NORMS}expect: [{entry}]\n")
    assert found.startswith(message)
