"""The risk check and who may be closed, by how much."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from tests.reference.auction import Liquidators, discount, paid_prices
from tests.reference.closing_order import queue as closing_queue
from tests.reference.closing_order import within as within_budget
from tests.reference.contract import notional as value_of
from tests.reference.contract import per_unit
from tests.reference.margin import position_requirement
from tests.reference.sizing import Account, wanted_shares
from tests.reference.state import Tick, Venue
from tests.reference.window import filled, within


@dataclass
class Check:
    """One round's risk check, at oracle prices."""

    oracle: np.ndarray  # [A]
    mark: np.ndarray  # [A] at the round's start
    equity: np.ndarray  # [N] that counts as margin
    worth: np.ndarray  # [N] equity without haircuts
    requirement: np.ndarray  # [N, A] maintenance by market
    not_counted: np.ndarray  # [N, A] open profit that is no margin
    liquidatable: set[int]

    def risk_order(self, accounts: list[int]) -> list[int]:
        """Riskiest first: equity over requirement ascending; ties: larger requirement first, then index."""
        def key(n: int) -> tuple[float, float, int]:
            need = float(self.requirement[n].sum())
            return float(self.equity[n]) / need, -need, n
        return sorted(accounts, key=key)


def risk_check(venue: Venue, oracle: np.ndarray, mark: np.ndarray) -> Check:
    """Liquidatable: holds a position, is not the residual account, equity strictly below the requirement."""
    equity, worth, unit = venue.margin_equity(oracle), venue.equity(oracle), per_unit(venue.rules, oracle)
    value = value_of(venue.rules, venue.size, oracle)
    need = np.zeros_like(venue.size)
    liquidatable = set()
    for n in range(len(venue.cash)):
        held = np.flatnonzero(venue.size[n])
        for a in held:
            need[n, a] = position_requirement(float(value[n, a]), float(unit[a]), venue.rules.tiers[a])
        if len(held) and not venue.book.residual[n] and equity[n] < need[n].sum():
            liquidatable.add(n)
    return Check(oracle, mark, equity, worth, need, venue.not_counted(oracle), liquidatable)


def watch(venue: Venue, check: Check, k: int) -> None:
    """Starts the keeper delay of who is newly liquidatable in tick k and clears it for who is healthy."""
    for n in list(venue.first_seen):
        if n not in check.liquidatable:
            del venue.first_seen[n]
    for n in check.liquidatable:
        if n not in venue.first_seen:
            venue.first_seen[n], venue.covered[n] = k, 0.0


def may_act(venue: Venue, check: Check, tick: Tick, step_seconds: float) -> list[int]:
    """Liquidatable accounts that nothing holds back (capacity apart), riskiest first.

    Held back: who has acted this tick, whose keeper delay runs, who holds a position in a halted market.
    """
    delay = math.ceil(venue.rules.keeper_delay_seconds / step_seconds)
    free = []
    for n in check.liquidatable:
        halted = any(tick.halted[a] for a in np.flatnonzero((venue.size[n] != 0) | (venue.coins[n] > 0)))
        if n not in tick.acted and not halted and tick.number >= venue.first_seen[n] + delay:
            free.append(n)
    return check.risk_order(free)


def closing_shares(venue: Venue, check: Check, tick: Tick, accounts: list[int], step_seconds: float
                   ) -> dict[int, np.ndarray]:
    """Share of each position [A] that is closed now, by account, within the tick's keeper capacity.

    ``accounts`` are riskiest first; the first that does not fit is closed by the share that does, the rest waits.
    """
    equity_at_mark = venue.equity(check.mark)
    liquidators = Liquidators(venue, tick, paid_prices(venue, check.oracle, tick, step_seconds))
    shares = {}
    for n in accounts:
        notional = value_of(venue.rules, venue.size[n], check.oracle)
        queue = _queue(venue, check, tick, n, notional, step_seconds)
        account = Account(
            equity=float(check.equity[n]), equity_at_mark=float(equity_at_mark[n]), notional=notional,
            units=np.abs(venue.size[n]), requirement=check.requirement[n], ticks_since=_since(venue, tick, n),
            not_counted=check.not_counted[n],
            prices=per_unit(venue.rules, check.oracle), queue=queue,
            **_since_breach(venue, tick, n, step_seconds))
        share = wanted_shares(venue.rules, account, step_seconds)
        wanted = float((share * notional).sum())
        gain = liquidators.gain(n, share * venue.size[n]) if venue.rules.execution == "auction" else None
        if wanted == 0 or not _worth_it(venue, tick, wanted, float(check.worth[n]), gain):
            continue
        liquidators.come(share * venue.size[n])
        if tick.capacity_left <= 0:
            break
        tick.in_part += bool(((share > 0) & (share < 1)).any())
        if wanted > tick.capacity_left:
            part = tick.capacity_left / wanted
            share = share * part if queue is None else within_budget(tick.capacity_left, share, notional, queue)
            wanted = tick.capacity_left
        tick.capacity_left -= wanted
        shares[n] = share
    fitting = within(venue, check.oracle, tick, shares, step_seconds)
    for n, share in shares.items():
        waits = (share - fitting.get(n, 0.0)) * np.abs(venue.size[n]) * check.oracle
        tick.capacity_left += float(waits.sum())
    return fitting


def _queue(venue: Venue, check: Check, tick: Tick, n: int, notional: np.ndarray, step_seconds: float
           ) -> list[int] | None:
    if venue.rules.order in (None, "together"):
        return None
    profit = venue.profit(check.oracle)[n]
    full = filled(venue, check.oracle, tick, step_seconds)
    return closing_queue(venue.rules, notional, check.requirement[n], profit, n, tick.number, full)


def _worth_it(venue: Venue, tick: Tick, notional: float, equity: float, gain: float | None) -> bool:
    """Whether a keeper comes for what is closed of an account: fee and equity at the oracle price.

    ``gain`` is what liquidators who take positions over earn besides; they do not come for a loss.
    """
    rules = venue.rules
    reward = rules.keeper_share * min(rules.fee * notional, max(equity, 0.0)) + (gain or 0.0)
    if gain is not None and reward < -1e-12 * notional:
        return False
    if rules.keeper_cost_usd is None:
        return True
    cost = rules.keeper_cost_usd * (1 + (rules.keeper_congestion or 0.0) * tick.move / 0.01)
    return reward - cost >= (rules.keeper_profit_usd or 0.0)


def _since_breach(venue: Venue, tick: Tick, n: int, step_seconds: float) -> dict:
    ticks = tick.number - venue.first_seen[n]
    return {"ticks_short": ticks, "covered": venue.covered[n], "discount": discount(venue.rules, ticks, step_seconds)}


def covered_by(venue: Venue, check: Check, n: int, units: np.ndarray, rate: float) -> float:
    """USD of the shortage that closing ``units`` [A] covers; ``rate`` is the liquidators' discount."""
    rules, total = venue.rules, 0.0
    for a in np.flatnonzero(units):
        held = float(venue.size[n, a])
        notional = abs(held) * check.oracle[a]
        freed = check.requirement[n, a] + check.not_counted[n, a]
        total += units[a] / held * (freed + ((rules.cover_buffer or 0.0) - rules.fee - rate) * notional)
    return float(total)


def _since(venue: Venue, tick: Tick, n: int) -> int | None:
    return tick.number - venue.last_closed[n] if n in venue.last_closed else None
