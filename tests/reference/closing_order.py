"""The positions of an account closed one after another, until the target of the rule is reached."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from tests.reference.draws import draw
from tests.reference.margin import position_requirement, restoring_share, tier_floor
from tests.reference.rules import Rules


def queue(rules: Rules, notional: np.ndarray, requirement: np.ndarray, profit: np.ndarray, number: int, tick: int,
          full: np.ndarray | None = None) -> list[int]:
    """Markets that an account holds, by what is closed first; of equals the first market.

    All are [A] in USD at the risk check; ``number`` is the account's place in the book. Reading: markets whose window is
    ``full`` [A] are passed over, so they are last, in no order.
    """
    def key(a: int) -> float:
        if full is not None and full[a]:
            return -math.inf
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
                  markets: list[int], discount: float, gains: np.ndarray | float = 0.0) -> np.ndarray:
    """Shares [A]: a position is closed by its share ``together`` [A] as long as the account is not healthy.

    ``gains`` [A] in USD count once a position is closed.
    """
    shares, gains = np.zeros(len(notional)), gains + np.zeros(len(notional))
    for a in markets:
        if equity >= _requirement(rules, (1 - shares) * notional, prices):
            break
        shares[a] = together[a]
        equity += shares[a] * gains[a] - (rules.fee + discount) * shares[a] * notional[a]
    return shares


def restoring(rules: Rules, equity: float, notional: np.ndarray, prices: np.ndarray, markets: list[int],
              discount: float, gains: np.ndarray | float = 0.0) -> np.ndarray:
    """Shares [A]: as much of each position, one after another, as restores the target."""
    shares, gains = np.zeros(len(notional)), gains + np.zeros(len(notional))
    for a in markets:
        others = (1 - shares) * notional
        others[a] = 0.0
        spare = equity - rules.target_multiple * _requirement(rules, others, prices)
        alone = dataclasses.replace(rules, tiers=[rules.tiers[a]])
        if spare >= rules.target_multiple * position_requirement(float(notional[a]), float(prices[a]), rules.tiers[a]):
            break
        shares[a] = restoring_share(spare, [float(notional[a])], alone, [float(prices[a])], discount, float(gains[a]))
        equity += shares[a] * gains[a] - (rules.fee + discount) * shares[a] * notional[a]
        if shares[a] < 1:
            break
    return shares


def first_fraction(rules: Rules, equity: float, notional: np.ndarray, prices: np.ndarray, markets: list[int],
                   since: float | None, cooldown: float, gains: np.ndarray | float = 0.0) -> np.ndarray:
    """Shares [A]: orders one after another, the first for a large position for a fraction, those of a cooldown for all.

    Reading: a tick is as long as some blocks, and shorter than the cooldown that a fraction begins. ``since`` are ticks
    since a part was closed, ``cooldown`` likewise.
    """
    shares, cooling = np.zeros(len(notional)), since is not None and since < cooldown

    def healthy() -> bool:
        return equity + float((shares * gains).sum()) >= _requirement(rules, (1 - shares) * notional, prices)

    if cooling and rules.waits_for_cooldown:
        return shares
    may_be_part = since is None if rules.waits_for_cooldown else not cooling
    for a in markets:
        if healthy():
            break
        if may_be_part and notional[a] > (rules.first_above_usd or 0.0):
            may_be_part, shares[a] = False, rules.close_factor
            if rules.waits_for_cooldown or healthy():
                break
        shares[a] = 1.0
    return shares


def stepping_down(rules: Rules, equity: float, notional: np.ndarray, prices: np.ndarray, markets: list[int],
                  gains: np.ndarray | float = 0.0) -> np.ndarray:
    """Shares [A]: each position goes down tier by tier, at last whole, as long as the account is not healthy."""
    left, held = notional.copy(), np.where(notional > 0, notional, 1.0)
    for a in markets:
        while left[a] > 0 and equity + float(((1 - left / held) * gains).sum()) < _requirement(rules, left, prices):
            left[a] = tier_floor(float(left[a]), rules.tiers[a])
        if left[a] > 0:
            break
    return np.where(notional > 0, 1 - left / held, 0.0)


def covering(rules: Rules, due: float, notional: np.ndarray, requirement: np.ndarray, markets: list[int],
             discount: float, gains: np.ndarray | float = 0.0) -> np.ndarray:
    """Shares [A]: of each position, one after another, what covers the USD of shortage that are ``due``."""
    shares, gains = np.zeros(len(notional)), gains + np.zeros(len(notional))
    for a in markets:
        if due <= 0:
            break
        frees = requirement[a] + gains[a] + ((rules.cover_buffer or 0.0) - rules.fee - discount) * notional[a]
        shares[a] = min(due / frees, 1.0) if frees > 0 else 1.0
        if shares[a] < 1:
            break
        due -= frees
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
