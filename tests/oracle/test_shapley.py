"""Shapley values of games whose answer is known."""

import numpy as np
import pytest

from harness.oracle.shapley import shapley


def game(players, value):
    return np.array([value({i for i in range(players) if mask >> i & 1}) for mask in range(1 << players)])


@pytest.mark.parametrize(
    ("players", "value", "expected"),
    [
        (3, lambda s: sum((1.0, 2.0, 5.0)[i] for i in s), [1, 2, 5]),  # each for itself
        (3, lambda s: float(s >= {0, 1, 2}), [1 / 3] * 3),  # nothing without all
        (3, lambda s: float(0 in s and len(s) > 1), [2 / 3, 1 / 6, 1 / 6]),  # one left glove, two right ones
        (2, lambda s: max([0.0, *((3.0, 1.0)[i] for i in s)]), [2.5, 0.5]),  # the larger hides the smaller
        (2, lambda s: {0: 0.0, 1: 3.0, 2: -1.0, 3: 2.0}[sum(1 << i for i in s)], [3, -1]),  # one undoes
        (1, lambda s: 7.0 * len(s), [7]),
    ],
)
def test_known_games(players, value, expected):
    np.testing.assert_allclose(shapley(game(players, value)), expected, atol=1e-12)


def test_shares_add_up_and_who_changes_nothing_gets_nothing():
    values = np.random.default_rng(0).normal(size=1 << 9)
    with_idle = np.concatenate([values, values])  # a tenth player that changes nothing
    shares = shapley(with_idle)
    assert shares.sum() == pytest.approx(values[-1] - values[0])
    assert shares[-1] == 0
    np.testing.assert_allclose(shares[:-1], shapley(values), atol=1e-12)


def test_a_table_with_gaps_is_refused():
    with pytest.raises(ValueError, match="3 values: expected a power of two"):
        shapley(np.zeros(3))
