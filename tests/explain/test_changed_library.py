"""A library of which one line was changed, in the worker that runs it: unexplained, and the step is named."""

from __future__ import annotations

import numpy as np
import pytest

from harness.engine.run import Options, complete, execute
from harness.explain.explaining import explain_run
from harness.report.causes import said, unexplained
from harness.scenario.select import load_cases
from harness.subjects.environments import TENSORFLOW_2

NSL = "neural_structured_learning.lib.utils"
CLEVERHANS = "cleverhans.tf2.attacks.fast_gradient_method"
FLOOR, TIES, CONSTANT = "another floor", "another tie rule", "a constant a thousandth off"
IN_A_STEP = "a constant of the attack in a training step"
WHERE_CONFIDENT = "the same in a step of a model a hundred times as confident, of which float32 knows less"

SCENARIO = """
summary: Six examples, the first of which ties all predictions; features 0 and 1 tie for the largest gradient.
kind: KIND
model: {layers: [{dense: 4}], weights: weights.npz}
data:
  source: inline
  classes: 4
  x: [[0, 0, 0], [1, 0, 2], [0.5, 0.5, 0], [0, 3, 1], [2, 1, 0], [1, 1, 1]]
  y: [1, 2, 0, 3, 1, 2]
attack: {epsilon: 0.1, norm: NORM}
subjects: [nsl, cleverhans-v4]
"""

CHANGES = {
    ("nsl", FLOOR): (NSL, "maximize_within_unit_norm", "epsilon=1e-6", "epsilon=0.15", "l2"),
    ("nsl", TIES): (
        *(NSL, "maximize_within_unit_norm", "tf.cast(tf.equal(t, _expand_to_rank(max_elem, rank)), t.dtype)"),
        *("tf.one_hot(tf.argmax(t, axis=1), t.shape[1], dtype=t.dtype)", "l1"),
    ),
    ("nsl", CONSTANT): (NSL, "maximize_within_unit_norm", "tensor * _expand", "1.001 * tensor * _expand", "l2"),
    ("cleverhans-v4", FLOOR): (CLEVERHANS, "optimize_linear", "avoid_zero_div = 1e-12", "avoid_zero_div = 0.5", "l2"),
    ("cleverhans-v4", TIES): (
        *(CLEVERHANS, "fast_gradient_method", "tf.argmax(model_fn(x), 1)"),
        *("3 - tf.argmax(tf.reverse(model_fn(x), [1]), 1)", "linf"),
    ),
    ("cleverhans-v4", CONSTANT): (
        *(CLEVERHANS, "fast_gradient_method", "x + optimal_perturbation", "x + 1.001 * optimal_perturbation", "linf"),
    ),
    ("nsl", IN_A_STEP): (NSL, "maximize_within_unit_norm", "tensor * _expand", "1.001 * tensor * _expand", "l2"),
    ("cleverhans-v4", IN_A_STEP): (
        *(CLEVERHANS, "fast_gradient_method", "x + optimal_perturbation", "x + 1.001 * optimal_perturbation", "linf"),
    ),
    ("nsl", WHERE_CONFIDENT): (NSL, "maximize_within_unit_norm", "tensor * _expand", "1.001 * tensor * _expand", "l2"),
}
"""By library and change: the module, the function, what stands in its source, what stands there instead, the norm."""

EXPECTED = {
    ("nsl", FLOOR): ("scale", "the scale (the norm and its floor): "),
    ("nsl", TIES): ("direction", "the direction of the gradient: "),
    ("nsl", CONSTANT): ("scale", "the scale (epsilon): all 6 examples, "),
    ("cleverhans-v4", FLOOR): ("scale", "the scale (the norm and its floor): "),
    ("cleverhans-v4", TIES): (
        "labels",
        "the labels: 1 of 6 examples, first example 0, which follows the gradient of class 3",
    ),
    ("cleverhans-v4", CONSTANT): ("scale", "the scale (epsilon): "),
    ("nsl", IN_A_STEP): ("adversarial loss", "the adversarial loss: "),
    ("cleverhans-v4", IN_A_STEP): ("adversarial loss", "the adversarial loss: "),
    ("nsl", WHERE_CONFIDENT): ("adversarial loss", "the adversarial loss: "),
}


def change(module_name: str, function: str, old: str, new: str) -> None:
    """Gives a library's module a function with another source, and takes back what was changed before."""
    import importlib
    import inspect
    import sys

    from harness.subjects.nsl_call import import_nsl

    import_nsl()
    kept = sys.__dict__.setdefault("_of_the_libraries", [])
    while kept:
        setattr(*kept.pop())
    module = importlib.import_module(module_name)
    original = getattr(module, function)
    kept.append((module, function, original))
    source = inspect.getsource(original)
    assert source.count(old) == 1
    names = dict(original.__globals__)
    exec(source.replace(old, new), names)
    setattr(module, function, names[function])


@pytest.mark.parametrize(("library", "what"), CHANGES)
def test_a_changed_library_is_unexplained_at_the_step_that_was_changed(
    library, what, workers, tmp_path, request
) -> None:
    *arguments, norm = CHANGES[library, what]
    kernel = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)
    kernel[1] = kernel[0] = 2 * kernel[0]
    kernel *= 100 if what == WHERE_CONFIDENT else 1
    np.savez(tmp_path / "weights.npz", kernel, np.zeros(4, np.float32))
    kind = "loss" if what in (IN_A_STEP, WHERE_CONFIDENT) else "perturbation"
    text = SCENARIO.replace("NORM", norm).replace("KIND", kind)
    (tmp_path / "changed.yaml").write_text(text, encoding="utf-8")
    called = f"__import__('runpy').run_path(path)['change'](*{arguments!r})"
    workers.submit(TENSORFLOW_2, eval, called, {"path": str(request.path)}, workers=1, timeout=120.0).result()

    options = Options(store=tmp_path / "store", jobs=1)
    run = complete(execute(load_cases([tmp_path / "changed.yaml"]), options, shared=workers), lambda event: None)
    explained = explain_run(run, options, workers)

    ((comparison,),) = ([*record.comparisons] for record in explained.cases)
    (group,) = unexplained(explained)
    assert comparison.causes == ({"code": "unexplained", "share": 1.0},)
    ends = comparison.metrics["bridge"]["ends"]
    other = "nsl" if library == "cleverhans-v4" else "cleverhans-v4"
    assert (ends[other]["verdict"], ends[library]["verdict"]) == ("EQUAL", "DIVERGED")
    step, words = EXPECTED[library, what]
    assert ends[library]["leaves"]["step"] == step
    assert ends[library]["leaves"]["words"].startswith(words)
    assert f"does not meet {library}: it leaves at {words}" in group.reason
    assert group.reason in said(comparison)
