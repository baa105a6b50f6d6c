"""Cost against size: what is made of the figures, and one small real run."""

import pytest

from harness.bench.processes import Measured
from harness.bench.scale import Repetition, repeat, rows_of_size, rows_of_workers
from harness.bench.watched_run import Watched


def repetition(gaps, *, seconds=100.0, again=1.5, worker=None):
    """A run whose cases come after these gaps, in seconds."""
    judged, now = [], 0.0
    for gap in gaps:
        now += gap
        judged.append(now)
    looks = len(judged) // 20
    return Repetition(
        Measured(seconds, 150.0), Watched(judged, [100.0] * looks, worker or [700.0] * looks), Measured(again, 160.0)
    )


def of(rows):
    return {row.name: row for row in rows}


def test_a_case_that_costs_more_at_the_end_does_not_hold():
    flat = [1.0] * 1000
    flat[50] = 100.0  # the libraries are loaded
    rising = flat[:900] + [1.2] * 100
    for gaps, holds in ((flat, True), (rising, False)):
        row = of(rows_of_size(1000, 2, [repetition(gaps)]))["1,000 cases, -j 2: a case, last hundred / second hundred"]
        assert row.holds is holds
    assert row.median == pytest.approx(1.2)


def test_a_worker_that_grows_does_not_hold_and_a_second_run_that_is_slow_does_not():
    grows = repetition([1.0] * 1000, again=2.5, worker=[700.0 + index * 2 for index in range(50)])
    rows = of(rows_of_size(1000, 2, [grows]))
    assert rows["1,000 cases, -j 2: largest worker, end / case 200"].holds is False
    assert rows["1,000 cases, -j 2: second run, no TensorFlow imported"].holds is False


def test_a_small_run_is_held_to_nothing():
    rows = of(rows_of_size(100, 2, [repetition([1.0] * 100, again=9.0)]))
    assert all(row.limit is None for row in rows.values())
    assert not any("hundred" in name for name in rows)


def test_two_workers_are_held_to_a_least():
    one, slow, fast = (repetition([gap] * 1000, seconds=gap * 1000) for gap in (1.0, 0.7, 0.5))
    for two, holds in ((slow, False), (fast, True)):
        row = of(rows_of_workers(1000, [one], [two]))["1,000 cases: rate of two workers / one"]
        assert (row.holds, row.bound) == (holds, ">=")


@pytest.mark.long
def test_a_real_grid_is_run_twice():
    found = repeat(100, 2)
    assert found.cases == 100
    assert list(found.inside.judged) == sorted(found.inside.judged)
    assert found.inside.judged[-1] < found.first.seconds
    assert len(found.inside.worker) == 5
    assert found.inside.worker[-1] > 200  # TensorFlow is in there
    assert found.second.seconds < found.first.seconds / 2
