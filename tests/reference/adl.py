"""Auto-deleveraging: who gives how much to the deficit accounts, at which price."""

from __future__ import annotations

import numpy as np

from tests.reference.check import Check
from tests.reference.settlement import Fill, Matches, Orders, Settlement
from tests.reference.state import Venue


def match(venue: Venue, check: Check, orders: Orders, tentative: Settlement, share: float) -> Matches:
    """Matches ``share`` of the deficit accounts' quantity with the other side, market by market and side by side.

    And all that orders with limits leave to ADL.

    Where the eligible quantity falls short, every deficit account of that market and side is scaled down alike.
    """
    matches = Matches()
    if share <= 0 and not orders.stranded.any():
        return matches
    given = _given(venue, orders, tentative, share)
    order = check.risk_order([int(n) for n in np.flatnonzero(given.any(axis=1))])
    for a in range(len(venue.rules.markets)):
        for side in (1.0, -1.0):
            losers = [Fill(n, a, float(given[n, a]), _price(venue, check, orders, tentative, n, a))
                      for n in order if given[n, a] * side > 0]
            winners = eligible(venue, check, a, -side)
            need = sum(abs(fill.quantity) for fill in losers)
            have = sum(abs(float(venue.size[n, a])) for n in winners)
            if need == 0 or have == 0:
                continue
            if have < need:
                losers = [Fill(f.account, a, f.quantity * have / need, f.price) for f in losers]
            matches.losers.extend(losers)
            if venue.rules.adl_policy == "pro_rata":
                fraction = 1.0 if have <= need else need / have
                matches.winners.extend(_pro_rata(venue, a, losers, winners, fraction))
            else:
                matches.winners.extend(_ranked(venue, check, a, losers, winners))
    return matches


def _given(venue: Venue, orders: Orders, tentative: Settlement, share: float) -> np.ndarray:
    """Units [N, A] of losers, signed as their positions."""
    given = orders.stranded.copy()
    for n in tentative.deficits:
        given[n] += share * (orders.quantity[n] if venue.rules.settlement == "fill" else venue.size[n])
    return given


def _price(venue: Venue, check: Check, orders: Orders, tentative: Settlement, n: int, a: int) -> float:
    if venue.rules.settlement == "fill" or orders.stranded[n, a]:
        return float(orders.bankruptcy[n, a])
    return bankruptcy_price(venue, check, tentative, n, a)


def bankruptcy_price(venue: Venue, check: Check, tentative: Settlement, n: int, a: int) -> float:
    """b_a = p_a - (E / size_a) MM_a / sum(MM): closed there in every market, the account ends with exactly nothing.

    p the account's tentative fill price, E its (negative) equity at those prices, MM at the check.
    """
    size, need = float(venue.size[n, a]), check.requirement[n]
    price = float(tentative.sell[a] if size > 0 else tentative.buy[a])
    return price - (-tentative.deficits[n] / size) * float(need[a] / need.sum())


def eligible(venue: Venue, check: Check, a: int, side: float) -> list[int]:
    """Accounts with a position on ``side`` that are neither liquidated nor pending; ranked policies: in profit only."""
    accounts = []
    for n in range(len(venue.cash)):
        if venue.size[n, a] * side <= 0 or n in check.liquidatable:
            continue
        in_profit = (check.mark[a] - venue.book.entry[n, a]) * side > 0
        if venue.rules.adl_policy == "pro_rata" or in_profit:
            accounts.append(n)
    return accounts


def score(venue: Venue, mark: np.ndarray, n: int, a: int) -> float:
    """Profit over entry times the margin account's leverage, both at the mark [A].

    The leverage factor is 1 for the residual account and where equity is not positive.
    """
    entry = float(venue.book.entry[n, a])
    profit = (float(mark[a]) - entry) * float(np.sign(venue.size[n, a])) / entry
    equity = float(venue.equity(mark)[n])
    if venue.book.residual[n] or equity <= 0:
        return profit
    return profit * float((np.abs(venue.size[n]) * mark).sum()) / equity


def _pro_rata(venue: Venue, a: int, losers: list[Fill], winners: list[int], fraction: float) -> list[Fill]:
    """One fraction of every eligible position, at the quantity-weighted mean of the bankruptcy prices."""
    price = sum(fill.quantity * fill.price for fill in losers) / sum(fill.quantity for fill in losers)
    return [Fill(n, a, fraction * float(venue.size[n, a]), price) for n in winners]


def _ranked(venue: Venue, check: Check, a: int, losers: list[Fill], winners: list[int]) -> list[Fill]:
    """Deficit accounts, riskiest first, laid end to end against winners, highest score first."""
    queue = sorted(winners, key=lambda n: (-score(venue, check.mark, n, a), n))
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
