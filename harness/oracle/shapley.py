"""Shapley values: how a joint effect is shared among those who brought it about."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import factorial

import numpy as np


def shapley(values: np.ndarray) -> np.ndarray:
    """The exact Shapley value of each player (Shapley 1953): its mean effect over all orders in which players come.

    Args:
        values: float ``(2^k,)``; ``values[mask]`` is what the players whose bits are set in ``mask`` reach together.

    Returns:
        float ``(k,)``; they add up to ``values[-1] - values[0]``. A player's value may be negative.

    Raises:
        ValueError: the number of values is no power of two.
    """
    values = np.asarray(values, np.float64)
    players = len(values).bit_length() - 1
    if len(values) != 1 << players:
        raise ValueError(f"{len(values)} values: expected a power of two, one for each set of players")
    masks = np.arange(len(values))
    sizes = np.array([mask.bit_count() for mask in range(len(values))])
    # How many of the orders have exactly these players before the next one, over all orders.
    weights = np.array([factorial(n) * factorial(max(players - n - 1, 0)) / factorial(players) for n in sizes])
    shares = np.zeros(players)
    for player in range(players):
        without = masks[(masks >> player) & 1 == 0]
        shares[player] = weights[without] @ (values[without | 1 << player] - values[without])
    return shares


@dataclass(frozen=True)
class Estimate:
    """Shapley values out of some of all orders.

    Attributes:
        values: float ``(k,)``; they add up to what all players reach together, whatever orders were drawn.
        errors: float ``(k,)``, the standard error of each.
    """

    values: np.ndarray
    errors: np.ndarray


def antithetic_orders(players: int, *, pairs: int, seed: int = 0) -> np.ndarray:
    """Orders in which players may come: drawn uniformly, each followed by its reverse, in which who came late is early.

    Args:
        players: how many.
        pairs: of orders, at least 2.
        seed: of the generator.

    Returns:
        int ``(2 * pairs, players)``.
    """
    drawn = np.random.default_rng(seed)
    orders = np.array([drawn.permutation(players) for _ in range(pairs)])
    return np.stack([orders, orders[:, ::-1]], axis=1).reshape(-1, players)


def sampled_shapley(value: Callable[[int], float], orders: np.ndarray) -> Estimate:
    """The mean effect of each player over the orders (Castro, Gomez and Tejada 2009; Mitchell et al. 2022).

    Args:
        value: of a set of players, whose bits are set in the argument.
        orders: as ``antithetic_orders`` draws them. The two of a pair count as one drawing.
    """
    effects = np.zeros(orders.shape)
    for row, order in enumerate(orders):
        mask, before = 0, value(0)
        for player in order:
            mask |= 1 << int(player)
            after = value(mask)
            effects[row, player] = after - before
            before = after
    of_pairs = effects.reshape(-1, 2, orders.shape[1]).mean(axis=1)
    errors = of_pairs.std(axis=0, ddof=1) / np.sqrt(len(of_pairs))
    return Estimate(of_pairs.mean(axis=0), errors)
