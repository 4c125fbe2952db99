"""Auto-deleveraging: who gives how much to the deficit accounts, at which price."""

from __future__ import annotations

import numpy as np

from tests.reference.adl_policies import parts, score
from tests.reference.check import Check
from tests.reference.contract import mean_price, price_without, worth
from tests.reference.settlement import Fill, Matches, Orders, Settlement
from tests.reference.state import Venue

QUEUES = ("profit_leverage", "bitmex", "binance", "hyperliquid", "position_size", "random")
"""Policies that take winners one after the other; the others give all of them a part at one price."""
IN_PROFIT = ("profit_leverage", "binance", "pro_rata_profit")
"""Policies that spare who is not in profit."""

def match(
        venue: Venue, check: Check, orders: Orders, tentative: Settlement, share: dict[int, np.ndarray],
        tick: int) -> Matches:
    """Matches ``share`` [A or 1] of each deficit account's quantity with the other side, market by market and side by side.

    And all that orders with limits leave to ADL.

    Where the eligible quantity falls short, every deficit account of that market and side is scaled down alike.
    """
    matches = Matches()
    if not any((part > 0).any() for part in share.values()) and not orders.stranded.any():
        return matches
    given = _given(venue, orders, tentative, share)
    order = check.risk_order([int(n) for n in np.flatnonzero(given.any(axis=1))])
    for a in range(len(venue.rules.markets)):
        for side in (1.0, -1.0):
            losers = [Fill(n, a, float(given[n, a]), price(venue, check, orders, tentative, n, a))
                      for n in order if given[n, a] * side > 0]
            winners = eligible(venue, check, a, -side, losers)
            need = sum(abs(fill.quantity) for fill in losers)
            have = sum(abs(float(venue.size[n, a])) for n in winners)
            if need == 0 or have == 0:
                continue
            if have < need:
                losers = [Fill(f.account, a, f.quantity * have / need, f.price) for f in losers]
            matches.losers.extend(losers)
            if venue.rules.adl_policy in QUEUES:
                queue = sorted(winners, key=lambda n: (-score(venue, check, n, a, tick), n))
                matches.winners.extend(_queued(venue, a, losers, queue))
            else:
                units = parts(venue, check, a, winners, min(need, have))
                matches.winners.extend(_at_one_price(venue, a, losers, units))
    return matches


def _given(venue: Venue, orders: Orders, tentative: Settlement, share: dict[int, np.ndarray]) -> np.ndarray:
    """Units [N, A] of losers, signed as their positions."""
    given = orders.stranded.copy()
    for n, part in share.items():
        given[n] += part * (orders.quantity[n] if venue.rules.settlement == "fill" else venue.size[n])
    return given


def price(venue: Venue, check: Check, orders: Orders, tentative: Settlement, n: int, a: int) -> float:
    """What the loser gets: by the rules the bankruptcy price, the mark at the round's start, or the oracle's price.

    Where fills are settled one by one, or an order was not filled, it is the bankruptcy price of the check.
    """
    match venue.rules.adl_price:
        case "mark":
            return float(check.mark[a])
        case "oracle":
            return float(check.oracle[a])
    if venue.rules.settlement == "fill" or orders.stranded[n, a]:
        return float(orders.bankruptcy[n, a])
    return bankruptcy_price(venue, check, orders, tentative, n, a)


def bankruptcy_price(
        venue: Venue, check: Check, orders: Orders, tentative: Settlement, n: int, a: int) -> float:
    """b_a = p_a - (E / size_a) MM_a / sum(MM): closed there in every market, the account ends with exactly nothing.

    p the price that the account gets tentatively, E its (negative) equity at those prices, MM at the check.
    """
    size, need = float(venue.size[n, a]), check.requirement[n]
    price = float(tentative.sell[a] if size > 0 else tentative.buy[a])
    if orders.paid is not None:
        price = float(orders.paid[n, a])
    return price_without(venue.rules, price, size, -tentative.deficits[n] * float(need[a] / need.sum()), a)


def eligible(venue: Venue, check: Check, a: int, side: float, losers: list[Fill]) -> list[int]:
    """Accounts with a position on ``side`` that are neither liquidated nor pending, and that the policy may take.

    Reading: a random queue skips who would be valid against some of the losers only.
    """
    policy, accounts = venue.rules.adl_policy, []
    for n in range(len(venue.cash)):
        if venue.size[n, a] * side <= 0 or n in check.liquidatable:
            continue
        in_profit = (check.mark[a] - venue.book.entry[n, a]) * side > 0
        if policy in IN_PROFIT and not in_profit:
            continue
        if policy == "random" and not all(valid_pair(venue, check, n, a, fill) for fill in losers):
            continue
        accounts.append(n)
    return accounts


def valid_pair(venue: Venue, check: Check, n: int, a: int, loser: Fill) -> bool:
    """Whether equity over requirement does not fall when the whole position closes at the loser's price.

    Both at the oracle's price; the residual account has unlimited means.
    """
    if venue.book.residual[n]:
        return True
    size, whole = float(venue.size[n, a]), check.requirement[n].sum()
    gain = float(size * (worth(venue.rules, loser.price, a) - worth(venue.rules, check.oracle[a], a)))
    equity, left = float(check.worth[n]), float(whole - check.requirement[n, a])
    return bool((equity + gain) * whole >= equity * left - 1e-12 * abs(equity) * whole)


def _at_one_price(venue: Venue, a: int, losers: list[Fill], units: dict[int, float]) -> list[Fill]:
    """Units of every winner at the quantity-weighted mean of the losers' prices."""
    mean = mean_price(venue.rules, [fill.quantity for fill in losers], [fill.price for fill in losers])
    return [Fill(n, a, amount * float(np.sign(venue.size[n, a])), mean) for n, amount in units.items() if amount > 0]


def _queued(venue: Venue, a: int, losers: list[Fill], queue: list[int]) -> list[Fill]:
    """Deficit accounts, riskiest first, laid end to end against winners in the order of the queue."""
    left = {n: float(venue.size[n, a]) for n in queue}
    fills = []
    for loser in losers:
        wanted = abs(loser.quantity)
        for n in queue:
            taken = min(wanted, abs(left[n]))
            if taken > 0:
                signed = taken * float(np.sign(left[n]))
                fills.append(Fill(n, a, signed, loser.price))
                left[n] -= signed
                wanted -= taken
    return fills
