"""Shapley values: how a joint effect is shared among those who brought it about."""

from __future__ import annotations

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
