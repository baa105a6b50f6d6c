"""The causes: every code has a page, and what the page says is held to the libraries and to the shipped scenarios."""

from __future__ import annotations

import ast
import functools
import sysconfig
from pathlib import Path

import numpy as np
import pytest

from harness.explain.cause import NATURES
from harness.explain.causes import CAUSES
from harness.explain.measured import LIBRARIES, is_at
from harness.explain.page import page
from harness.scenario.select import load_cases
from harness.subjects.environments import CLEVERHANS_V3
from harness.vocabulary import Verdict

CHECKOUT = Path(__file__).resolve().parents[2]
CODES = {
    *("label-source", "output-kind", "epsilon", "norm", "clip", "loss-reduction", "gradient-flow", "loss-weighting"),
    *("nonfinite-gradient", "dtype", "training-mode", "round-off", "unexplained", "l2-form", "step-form", "clip-order"),
    *("prediction-ties", "label-smoothing", "sample-weights", "regularization", "batch-statistics", "learning-rate"),
    *("optimizer-form", "feature-mask", "random-draws", "target", "several-inputs", "batch-order", "loss-limit"),
}
"""For ever: a code may be added, and none is renamed or given another meaning."""

IN_NO_SCENARIO = {"clip-order", "batch-order", "loss-limit", "unexplained"}
"""Each says why on its page; ``test_alike`` measures the first one on the libraries themselves."""

EACH = pytest.mark.parametrize("cause", CAUSES.values(), ids=list(CAUSES))
SHOWN_BY = {
    "default": {Verdict.DIVERGED},
    "convention": {Verdict.DIVERGED},
    "missing feature": {Verdict.UNSUPPORTED, Verdict.ERROR},
    "defect": {Verdict.UNSUPPORTED, Verdict.ERROR, Verdict.DIVERGED},
    "arithmetic": {Verdict.CLOSE, Verdict.DIVERGED},
    "measurement": {Verdict.CLOSE},
}
"""The verdicts that scenarios expect where a cause is at work, by its nature."""


@functools.cache
def shipped():
    return load_cases([CHECKOUT / "scenarios"])


def test_the_codes_are_these() -> None:
    assert set(CAUSES) == CODES
    assert all(cause.code == code for code, cause in CAUSES.items())


@EACH
def test_every_page_is_complete_and_fits_a_terminal(cause) -> None:
    assert cause.nature in NATURES
    for text in (cause.title, *(behaviour.does for behaviour in cause.libraries)):
        assert text
        assert not text.endswith(".")
    assert cause.matters.endswith(".")
    assert cause.alike.endswith(".")
    both = {behaviour.library.partition(" ")[0] for behaviour in cause.libraries}
    assert both == (set() if cause.nature == "measurement" else {"nsl", "cleverhans"})
    lines = page(cause, measured="Not yet.").splitlines()
    assert [line for line in lines if len(line) > 80 and "https://" not in line] == []
    assert cause.isolation is None or cause.scenario in "\n".join(lines)


@pytest.mark.parametrize("library", ["nsl 1.4.0", "cleverhans 4.0.0", "cleverhans 3.1.0"])
def test_what_a_library_does_it_does_in_a_function_that_is_there(library) -> None:
    root = CLEVERHANS_V3 if library == "cleverhans 3.1.0" else Path(sysconfig.get_paths()["purelib"])
    behaviours = [one for cause in CAUSES.values() for one in cause.libraries if one.library == library]
    if not (root / behaviours[0].module.partition(".")[0]).is_dir():
        pytest.skip(f"{library} is not installed")
    stated = {(one.module, one.name): one.line for one in behaviours}
    found = {place: line_of((root / place[0].replace(".", "/")).with_suffix(".py"), place[1]) for place in stated}
    assert found == stated


def line_of(file: Path, name: str) -> int | None:
    node: ast.AST | None = ast.parse(file.read_text(encoding="utf-8"))
    for part in name.split("."):
        inside = [one for one in getattr(node, "body", []) if isinstance(one, ast.ClassDef | ast.FunctionDef)]
        node = next((one for one in inside if one.name == part), None)
    return getattr(node, "lineno", None)


@EACH
def test_its_scenario_is_shipped_and_expects_what_the_cause_does(cause) -> None:
    assert (cause.isolation is None) == bool(cause.unmeasured) == (cause.code in IN_NO_SCENARIO)
    if cause.isolation is None:
        assert cause.unmeasured.endswith(".")
        assert " ".join(cause.unmeasured.split()) in " ".join(page(cause, measured="").split())
        return
    isolation = cause.isolation
    cases = [case for case in shipped() if case.scenario == isolation.scenario and is_at(case, isolation.where)]
    assert cases
    pairs = [isolation.pair] if isolation.pair else [(a, b) for a in LIBRARIES for b in LIBRARIES if a != b]
    expected = {
        case.expectations["|".join(pair)].verdict
        for case in cases
        for pair in pairs
        if "|".join(pair) in case.expectations
    }
    assert expected & SHOWN_BY[cause.nature]


@EACH
def test_its_option_is_one_of_the_reimplementation(cause) -> None:
    if not cause.option:
        return
    owner, _, field = cause.option.partition(".")
    found = [
        node
        for file in (CHECKOUT / "harness" / "reference").glob("*.py")
        for node in ast.parse(file.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == owner
    ]
    assert len(found) == 1
    fields = [
        one.target.id for one in found[0].body if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name)
    ]
    assert not field or field in fields


def test_the_form_of_the_step_changes_the_adversarial_example_only_at_powers_of_two_and_infinity() -> None:
    """What the page of ``step-form`` says, in half precision for every step in [1, 2) and every x down to 2^-14.

    Rounding does not know of scale; and of an x that is larger than the step, or far smaller, both forms are exact.
    """
    ones = np.arange(1 << 10, dtype=np.uint16)
    step = (ones | 15 << 10).view(np.float16)
    differ = 0
    for exponent in range(1, 16):
        for sign in (0, 1 << 15):
            x = (ones | exponent << 10 | sign).astype(np.uint16).view(np.float16)[:, None]
            difference, product = x + ((step + x) - x), x + step
            other = difference != product
            differ += int(other.sum())
            assert (product[other] == 1).all()
            assert (difference[other] == np.nextafter(np.float16(1), np.float16(0))).all()
    assert 0 < differ < 1e-4 * (30 << 20)
    infinite = np.full(1, np.inf, np.float32)
    with np.errstate(invalid="ignore"):
        assert np.isnan(infinite + ((np.float32(0) + infinite) - infinite)).all()
