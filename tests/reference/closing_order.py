"""The positions of an account closed one after another, until it is healthy."""

from __future__ import annotations

import dataclasses

import numpy as np

from tests.reference.draws import draw
from tests.reference.margin import position_requirement, restoring_share
from tests.reference.rules import Rules


def queue(rules: Rules, notional: np.ndarray, requirement: np.ndarray, profit: np.ndarray, number: int, tick: int
          ) -> list[int]:
    """Markets that an account holds, by what is closed first; of equals the first market.

    All are [A] in USD at the risk check; ``number`` is the account's place in the book.
    """
    def key(a: int) -> float:
        match rules.order:
            case "largest_notional":
                return float(notional[a])
            case "largest_maintenance":
                return float(requirement[a])
            case "largest_loss":
                return -float(profit[a])
            case "random":
                return draw(rules.order_seed or 0, tick, a, number)
        raise ValueError(rules.order)

    return sorted((int(a) for a in np.flatnonzero(notional)), key=key, reverse=True)


def until_healthy(rules: Rules, equity: float, notional: np.ndarray, prices: np.ndarray, together: np.ndarray,
                  markets: list[int], gains: np.ndarray | float = 0.0) -> np.ndarray:
    """Shares [A]: a position is closed by its share ``together`` [A] as long as the account is not healthy.

    ``gains`` [A] in USD count once a position is closed.
    """
    shares, gains = np.zeros(len(notional)), gains + np.zeros(len(notional))
    for a in markets:
        if equity >= _requirement(rules, (1 - shares) * notional, prices):
            break
        shares[a] = together[a]
        equity += shares[a] * gains[a] - rules.fee * shares[a] * notional[a]
    return shares


def restoring(rules: Rules, equity: float, notional: np.ndarray, prices: np.ndarray, markets: list[int],
              gains: np.ndarray | float = 0.0) -> np.ndarray:
    """Shares [A]: as much of each position, one after another, as restores the target."""
    shares, gains = np.zeros(len(notional)), gains + np.zeros(len(notional))
    for a in markets:
        others = (1 - shares) * notional
        others[a] = 0.0
        spare = equity - rules.target_multiple * _requirement(rules, others, prices)
        alone = dataclasses.replace(rules, tiers=[rules.tiers[a]])
        if spare >= rules.target_multiple * position_requirement(float(notional[a]), float(prices[a]), rules.tiers[a]):
            break
        shares[a] = restoring_share(spare, [float(notional[a])], alone, [float(prices[a])], gains=float(gains[a]))
        equity += shares[a] * gains[a] - rules.fee * shares[a] * notional[a]
        if shares[a] < 1:
            break
    return shares


def within(budget: float, share: np.ndarray, notional: np.ndarray, markets: list[int]) -> np.ndarray:
    """Shares [A] of which keepers execute ``budget`` USD, the first position first."""
    shares = np.zeros(len(share))
    for a in markets:
        wanted = share[a] * notional[a]
        if wanted > 0:
            shares[a] = share[a] * min(1.0, budget / wanted)
        budget = max(budget - wanted, 0.0)
    return shares


def _requirement(rules: Rules, notional: np.ndarray, prices: np.ndarray) -> float:
    return sum(position_requirement(float(x), float(price), margin)
               for x, price, margin in zip(notional, prices, rules.tiers, strict=True))
