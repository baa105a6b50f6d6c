"""Shapley values of games whose answer is known."""

import numpy as np
import pytest

from harness.oracle.shapley import antithetic_orders, sampled_shapley, shapley


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


def gathered(mask: int) -> float:
    """Twelve players: three reach 3 only together, one of two suffices for 2, each of the others brings its number."""
    together = 3.0 * (mask & 0b111 == 0b111)
    either = 2.0 * (mask >> 3 & 0b11 != 0)
    return together + either + sum(0.1 * player for player in range(5, 12) if mask >> player & 1)


def test_of_many_players_a_sample_of_orders_comes_near_and_says_how_near():
    exact = np.array([1, 1, 1, 1, 1, *(0.1 * player for player in range(5, 12))])
    assert shapley(np.array([gathered(mask) for mask in range(1 << 12)])) == pytest.approx(exact)
    found = sampled_shapley(gathered, antithetic_orders(12, pairs=50))
    assert found.values.sum() == pytest.approx(exact.sum(), abs=1e-12)
    assert found.errors[5:] == pytest.approx(0, abs=1e-12)  # what depends on nobody else is the same in every order
    off = np.abs(found.values - exact)
    assert (off <= 3 * found.errors + 1e-12).all()
    assert (found.errors[:3] > 0).all()
    assert (found.errors[:3] < 0.25).all()


def test_the_stated_error_is_how_far_samples_lie_apart():
    samples = [sampled_shapley(gathered, antithetic_orders(12, pairs=20, seed=seed)) for seed in range(60)]
    spread = np.std([one.values for one in samples], axis=0)[:3]
    stated = np.sqrt(np.mean([one.errors**2 for one in samples], axis=0))[:3]
    assert stated == pytest.approx(spread, rel=0.3)


def test_the_same_seed_draws_the_same_orders():
    orders = antithetic_orders(7, pairs=3)
    assert np.array_equal(orders, antithetic_orders(7, pairs=3))
    assert not np.array_equal(orders, antithetic_orders(7, pairs=3, seed=1))
    assert all(sorted(order) == list(range(7)) for order in orders)
    assert np.array_equal(orders[1::2], orders[::2, ::-1])
