"""How much of an account that is liquidated now is closed, position by position."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from tests.reference import closing_order
from tests.reference.margin import position_requirement, restoring_share, tier_floor
from tests.reference.rules import Rules


@dataclass
class Account:
    """An account at the risk check. Axis: ``A`` markets."""

    equity: float  # USD at the oracle price
    equity_at_mark: float
    notional: np.ndarray  # [A] USD at the oracle price
    units: np.ndarray  # [A] >= 0
    requirement: np.ndarray  # [A] USD
    ticks_since: int | None  # since it was last liquidated
    prices: np.ndarray  # [A] USD per unit, the oracle's, or what a coin counts
    ticks_short: int = 0  # since it was first liquidatable
    covered: float = 0.0  # USD of shortage since then
    discount: float = 0.0  # at which liquidators take over
    queue: list[int] | None = None  # markets by what is closed first; None: all together
    not_counted: np.ndarray | float = 0.0  # [A] USD of open profit that is no margin before it is realised

    def equity_after(self, share: np.ndarray) -> float:
        """Equity in USD that counts once shares [A] are closed at the check's prices."""
        return self.equity + float((share * self.not_counted * np.ones_like(share)).sum())


def wanted_shares(rules: Rules, account: Account, step_seconds: float) -> np.ndarray:
    """Share of each position [A] that the rule closes."""
    whole = np.ones(len(account.notional))
    if rules.rule != "portion" and account.equity_at_mark <= 0:
        return whole
    if account.queue is not None:
        return _in_order(rules, account, step_seconds, account.queue)
    return _together(rules, account, step_seconds)


def _in_order(rules: Rules, account: Account, step_seconds: float, queue: list[int]) -> np.ndarray:
    """Position by position. Reading: dYdX takes one a block, so a tick of fewer blocks than positions reaches as many."""
    given = rules, account.equity, account.notional, account.prices
    gains = account.not_counted
    match rules.rule:
        case "portion":
            return _portion(rules, account.notional, step_seconds, queue)
        case "restore_target" if account.notional.sum() >= rules.close_whole_below_usd:
            return closing_order.restoring(*given, queue, account.discount, gains)
        case "first_fraction":
            cooldown = (rules.cooldown_seconds or 0.0) / step_seconds
            return closing_order.first_fraction(*given, queue, account.ticks_since, cooldown, gains)
        case "step_down":
            return closing_order.stepping_down(*given, queue, gains)
        case "cover_shortage" if account.notional.sum() > rules.close_whole_below_usd:
            due = _due(rules, account, step_seconds)
            return closing_order.covering(rules, due, account.notional, account.requirement, queue, account.discount,
                                          gains)
    together = _together(rules, account, step_seconds)
    if rules.rule in ("restore_target", "cover_shortage"):
        return together
    return closing_order.until_healthy(*given, together, queue, account.discount, gains)


def _together(rules: Rules, account: Account, step_seconds: float) -> np.ndarray:
    whole = np.ones(len(account.notional))
    match rules.rule:
        case "full":
            return whole
        case "close_factor":
            return whole if account.notional.sum() < rules.close_whole_below_usd else rules.close_factor * whole
        case "restore_target":
            if account.notional.sum() < rules.close_whole_below_usd:
                return whole
            return restoring_share(account.equity, account.notional.tolist(), rules, account.prices.tolist(),
                                   account.discount, float((account.not_counted * whole).sum())) * whole
        case "cover_shortage":
            return _cover_shortage(rules, account, step_seconds) * whole
        case "half":
            enough = account.equity >= (rules.half_from_margin or 0.0) * account.requirement.sum()
            small = account.notional.sum() <= rules.close_whole_below_usd
            return rules.close_factor * whole if enough and not small else whole
        case "portion":
            return _portion(rules, account.notional, step_seconds)
        case "first_fraction":
            return _first_fraction(rules, account, step_seconds)
        case "step_down":
            return _step_down(rules, account)
    raise AssertionError(rules.rule)


def _cover_shortage(rules: Rules, account: Account, step_seconds: float) -> float:
    """Of the shortage, so far covered and still open, as much as is due by now.

    A USD of notional that is closed frees its margin and its buffer and costs fee and discount. Where it frees nothing,
    and of small accounts, all is closed as soon as anything is due.
    """
    buffer, notional = rules.cover_buffer or 0.0, float(account.notional.sum())
    now = _due(rules, account, step_seconds)
    if now == 0:
        return 0.0
    freed = float((account.not_counted * np.ones_like(account.notional)).sum())
    each = (account.requirement.sum() + freed) / notional + buffer - rules.fee - account.discount
    if each <= 0 or notional <= rules.close_whole_below_usd:
        return 1.0
    return min(now / (each * notional), 1.0)


def _due(rules: Rules, account: Account, step_seconds: float) -> float:
    """USD of the shortage that are to be covered now."""
    buffer, notional = rules.cover_buffer or 0.0, float(account.notional.sum())
    short = max(float(account.requirement.sum()) + buffer * notional - account.equity, 0.0)
    duration = (rules.cover_seconds or 0.0) / step_seconds
    passed = account.ticks_short / duration if duration > 0 else 1.0
    due = min((rules.cover_at_once or 0.0) + passed, 1.0) * (short + account.covered) - account.covered
    return short if short < rules.close_whole_below_usd else min(max(due, 0.0), short)


def _portion(rules: Rules, notional: np.ndarray, step_seconds: float, queue: list[int] | None = None) -> np.ndarray:
    """dYdX, block by block: one position a block. Reading: with at least one block a position they get equally many,
    whole or not; else the largest position has the tick's only block."""
    blocks = max(1.0, step_seconds / (rules.block_seconds or step_seconds))
    held = np.flatnonzero(notional)
    shares = np.zeros(len(notional))
    each = blocks / len(held) if blocks >= len(held) else 1.0
    few = [int(np.argmax(notional))] if queue is None else queue[: math.floor(blocks)]
    for a in held if blocks >= len(held) else few:
        left_over = (1.0 - rules.close_factor) ** each
        least = min((rules.close_at_least_usd or 0.0) * each, notional[a])
        most = math.inf if rules.close_at_most_usd is None else rules.close_at_most_usd * each
        shares[a] = min(max((1.0 - left_over) * notional[a], least), most) / notional[a]
    return shares


def _first_fraction(rules: Rules, account: Account, step_seconds: float) -> np.ndarray:
    since, cooldown = account.ticks_since, (rules.cooldown_seconds or 0.0) / step_seconds
    large = account.notional > (rules.first_above_usd or 0.0)
    if rules.waits_for_cooldown:
        if since is None:
            return np.where(large, rules.close_factor, 1.0)
        return np.zeros(len(large)) if since < cooldown else np.ones(len(large))
    if since is not None and since < cooldown:
        return np.ones(len(large))
    part = np.where(large, rules.close_factor, 1.0)
    return part if account.equity_after(part) >= _need(rules, account, (1 - part) * account.notional) else np.ones(len(large))


def _step_down(rules: Rules, account: Account) -> np.ndarray:
    """All positions go down tier by tier together, until the account is healthy."""
    left, held = account.notional.copy(), np.where(account.notional > 0, account.notional, 1.0)
    while left.any():
        left = np.array([tier_floor(x, tiers) for x, tiers in zip(left, rules.tiers, strict=True)])
        if account.equity_after(1 - left / held) >= _need(rules, account, left):
            break
    return np.where(account.notional > 0, 1 - left / held, 0.0)


def _need(rules: Rules, account: Account, notional: np.ndarray) -> float:
    return sum(position_requirement(float(x), float(price), margin)
               for x, price, margin in zip(notional, account.prices, rules.tiers, strict=True))
