"""The training step against the least that it can cost: real steps, of a small model."""

import pytest

from harness.bench.rows import ratios
from harness.bench.training import OVER_LEAST, WORKS, check_same_losses, rows
from harness.bench.training_steps import LEAST, Work, first_losses
from harness.engine.workers import Workers
from harness.subjects.environments import TENSORFLOW_1, TENSORFLOW_2
from harness.vocabulary import HarnessError

pytestmark = pytest.mark.long

SMALL = Work("MLP", 4)
STEPS = ["nsl", "cleverhans-v4", "reference-nsl", "reference-cleverhans", "reference-float64", "cleverhans-v3"]


@pytest.fixture(scope="module")
def losses():
    """The losses before each of the first steps, as each implementation in its own environment has them."""
    workers = Workers()
    try:
        found = {}
        for environment in (TENSORFLOW_2, TENSORFLOW_1):
            arguments = (first_losses, environment.name, SMALL, 3)
            found |= workers.submit(environment, *arguments, workers=1, timeout=300.0).result()
        return found
    finally:
        workers.close()


def test_all_steps_do_the_same_work(losses):
    assert list(losses) == [LEAST, *STEPS]
    check_same_losses(losses)


@pytest.mark.parametrize("name", STEPS)
def test_a_step_that_does_other_work_is_refused(losses, name):
    without_an_update = [losses[name][0], *losses[name][:-1]]
    with pytest.raises(HarnessError, match=f"the first losses of {name} are "):
        check_same_losses({**losses, name: without_an_update})
    with pytest.raises(HarnessError, match=f"the first losses of {name} are "):
        check_same_losses({**losses, name: [float("nan")] * 3})


def test_every_step_is_measured_beside_the_least():
    found = {row.name: row for row in rows(repetitions=2, works={SMALL: 3})}
    least = found.pop(f"{SMALL}: {LEAST}")
    assert least.unit == "ms"
    for name in STEPS:
        step, over_least = found.pop(f"{SMALL}: {name}"), found.pop(f"{SMALL}: {name} / {LEAST}")
        assert len(step.values) == 2
        assert over_least.values == pytest.approx(ratios(step.values, least.values))
        assert over_least.limit == (OVER_LEAST if name == "reference-nsl" else None)
    assert not found


def test_the_models_and_batches_are_a_small_dense_and_a_convolutional_one():
    assert [str(work) for work in WORKS] == ["MLP, batch 64", "CNN, batch 256"]
