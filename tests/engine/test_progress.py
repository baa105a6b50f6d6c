"""A long training tells how far it is, and nothing is left of that behind it."""

import pytest

from harness.engine import progress
from harness.engine.progress import Teller, forget, told


@pytest.fixture
def clock(monkeypatch):
    """Seconds, which pass as the test says."""
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_it_tells_now_and_then_how_many_steps_are_done(tmp_path, clock):
    teller = Teller(tmp_path, "case", "nsl", total=40)
    teller.step()
    assert told(tmp_path, "case", "nsl") is None
    clock[0] += 1.0
    teller.step()
    assert told(tmp_path, "case", "nsl") == (2, 40)
    teller.step()
    assert told(tmp_path, "case", "nsl") == (2, 40)
    clock[0] += 1.0
    teller.step()
    assert told(tmp_path, "case", "nsl") == (4, 40)
    assert told(tmp_path, "case", "cleverhans-v3") is told(tmp_path, "other", "nsl") is None
    forget(tmp_path, "case", "nsl")
    assert told(tmp_path, "case", "nsl") is None
    assert list((tmp_path / "progress").iterdir()) == []


def test_what_cannot_be_told_or_read_costs_nothing(tmp_path, clock):
    (tmp_path / "progress").write_text("no folder")
    teller = Teller(tmp_path, "case", "nsl", total=40)
    clock[0] += 1.0
    teller.step()
    assert told(tmp_path, "case", "nsl") is None
    forget(tmp_path, "case", "nsl")


@pytest.mark.parametrize("text", ["", "7", "seven of 40", "1 2 3"])
def test_a_damaged_word_is_none(tmp_path, clock, text):
    teller = Teller(tmp_path, "case", "nsl", total=40)
    clock[0] += 1.0
    teller.step()
    (path,) = (tmp_path / "progress").iterdir()
    path.write_text(text)
    assert told(tmp_path, "case", "nsl") is None


def test_a_run_tells_how_far_its_long_training_is(progressed, store):
    """Over all seeds and the twin; and the file is gone when the outcome is there."""
    steps = [(event.step, event.steps) for event in progressed if event.case.id == "long"]
    assert len(steps) > 1
    assert steps == sorted(steps)
    assert {total for _, total in steps} == {2 * 3000}
    assert 0 < steps[0][0] < steps[-1][0] <= 6000
    assert {event.subject for event in progressed if event.case.id == "long"} == {"reference-nsl"}
    assert list((store / "progress").iterdir()) == []
