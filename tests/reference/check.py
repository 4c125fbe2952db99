"""The risk check and who may be closed, by how much."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from tests.reference.margin import position_requirement, restoring_share
from tests.reference.state import Tick, Venue


@dataclass
class Check:
    """One round's risk check, at oracle prices."""

    oracle: np.ndarray  # [A]
    mark: np.ndarray  # [A] at the round's start
    equity: np.ndarray  # [N]
    requirement: np.ndarray  # [N, A] maintenance by market
    liquidatable: set[int]

    def risk_order(self, accounts: list[int]) -> list[int]:
        """Riskiest first: equity over requirement ascending; ties: larger requirement first, then index."""
        def key(n: int) -> tuple[float, float, int]:
            need = float(self.requirement[n].sum())
            return float(self.equity[n]) / need, -need, n
        return sorted(accounts, key=key)


def risk_check(venue: Venue, oracle: np.ndarray, mark: np.ndarray) -> Check:
    """Liquidatable: holds a position, is not the residual account, equity strictly below the requirement."""
    equity = venue.equity(oracle)
    need = np.zeros_like(venue.size)
    liquidatable = set()
    for n in range(len(venue.cash)):
        held = np.flatnonzero(venue.size[n])
        for a in held:
            need[n, a] = position_requirement(float(abs(venue.size[n, a]) * oracle[a]), oracle[a], venue.rules.tiers[a])
        if len(held) and not venue.book.residual[n] and equity[n] < need[n].sum():
            liquidatable.add(n)
    return Check(oracle, mark, equity, need, liquidatable)


def watch(venue: Venue, check: Check, k: int) -> None:
    """Starts the keeper delay of who is newly liquidatable in tick k and clears it for who is healthy."""
    for n in list(venue.first_seen):
        if n not in check.liquidatable:
            del venue.first_seen[n]
    for n in check.liquidatable:
        venue.first_seen.setdefault(n, k)


def may_act(venue: Venue, check: Check, tick: Tick, step_seconds: float) -> list[int]:
    """Liquidatable accounts that nothing holds back (capacity apart), riskiest first.

    Held back: who has acted this tick, whose keeper delay runs, who holds a position in a halted market.
    """
    delay = math.ceil(venue.rules.keeper_delay_seconds / step_seconds)
    free = []
    for n in check.liquidatable:
        halted = any(tick.halted[a] for a in np.flatnonzero(venue.size[n]))
        if n not in tick.acted and not halted and tick.number >= venue.first_seen[n] + delay:
            free.append(n)
    return check.risk_order(free)


def closing_shares(venue: Venue, check: Check, tick: Tick, accounts: list[int]) -> dict[int, float]:
    """Share of every position that is closed now, by account, within the tick's keeper capacity.

    ``accounts`` are riskiest first; the first that does not fit is closed by the share that does, the rest waits.
    """
    equity_at_mark = venue.equity(check.mark)
    shares = {}
    for n in accounts:
        notionals = [float(x) for x in np.abs(venue.size[n]) * check.oracle]
        share = _wanted_share(venue, float(check.equity[n]), float(equity_at_mark[n]), notionals,
                              check.oracle.tolist())
        wanted = share * sum(notionals)
        if tick.capacity_left <= 0:
            break
        if wanted > tick.capacity_left:
            share *= tick.capacity_left / wanted
            wanted = tick.capacity_left
        tick.capacity_left -= wanted
        shares[n] = share
    return shares


def _wanted_share(venue: Venue, equity: float, equity_at_mark: float, notionals: list[float],
                  prices: list[float]) -> float:
    rules = venue.rules
    if rules.rule == "full" or equity_at_mark <= 0 or sum(notionals) < rules.close_whole_below_usd:
        return 1.0
    if rules.rule == "close_factor":
        return rules.close_factor
    assert rules.rule == "restore_target", rules.rule
    return restoring_share(equity, notionals, rules, prices)
