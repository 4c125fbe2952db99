"""The replay ledger: rows of a round, of a tick, and the final accounts."""

from __future__ import annotations

import numpy as np

from tests.reference.settlement import Fill, Settlement
from tests.reference.state import Tick, Venue


def add_round(venue: Venue, tick: Tick, final: Settlement) -> None:
    """One row per account, market and price channel.

    Fee and deficit of an account are split over its book rows by notional; matched rows carry neither (they close at
    the bankruptcy price), so the rounding-size deficit of an account that ADL closed entirely is not shown.
    """
    totals: dict[int, float] = {}
    for fill in final.book:
        totals[fill.account] = totals.get(fill.account, 0.0) + fill.notional(venue.rules)
    for fill in final.matches.losers:
        tick.liquidations.append(row(venue, fill) | {"fee": 0.0, "deficit": 0.0})
    for fill in final.book:
        part = fill.notional(venue.rules) / totals[fill.account]
        tick.liquidations.append(row(venue, fill) | {
            "fee": final.fees[fill.account] * part, "deficit": final.deficits.get(fill.account, 0.0) * part})
    tick.adl.extend(row(venue, fill) for fill in final.matches.winners)


def tick_row(venue: Venue, tick: Tick, hours: float, mark: np.ndarray, oracle: np.ndarray) -> dict:
    """The tick's entry; prices [A] are those at its end."""
    return {"time_hours": hours, "mark": _by_market(venue, mark), "oracle": _by_market(venue, oracle),
            "fund": venue.fund, "liquidations": tick.liquidations, "adl": tick.adl, "socialised": tick.socialised}


def final_row(venue: Venue, mark: np.ndarray) -> dict:
    """Accounts by owner, their margin accounts added up, at the final mark [A].

    Reading: where an owner holds a market twice (cross and isolated), sizes add and the entry price is the one that
    keeps the open profit; a net size of zero is not listed.
    """
    equity = venue.equity(mark)
    accounts: dict[str, dict] = {}
    for o, owner in enumerate(venue.book.owners):
        mine = np.flatnonzero(venue.book.owner == o)
        positions = {}
        for a, market in enumerate(venue.rules.markets):
            held = [n for n in mine if venue.size[n, a] != 0]
            size = float(sum(venue.size[n, a] for n in held))
            if size != 0:
                entry = sum(venue.size[n, a] * venue.book.entry[n, a] for n in held) / size
                entry = venue.book.entry[held[0], a] if len(held) == 1 else entry
                positions[market] = {"size": size, "entry_price": float(entry)}
        accounts[owner] = {"cash": float(venue.cash[mine].sum()), "equity": float(equity[mine].sum()),
                           "positions": positions}
        left = venue.coins[mine].sum(axis=0)
        if left.any():
            accounts[owner]["coins"] = {market: float(left[a]) for a, market in enumerate(venue.rules.markets) if left[a]}
    return {"fund": venue.fund, "accounts": accounts}


def row(venue: Venue, fill: Fill) -> dict:
    """What is closed of a position."""
    return {"account": venue.book.owners[venue.book.owner[fill.account]], "market": venue.rules.markets[fill.market],
            "size": fill.quantity, "price": fill.price}


def _by_market(venue: Venue, prices: np.ndarray) -> dict[str, float]:
    return {market: float(price) for market, price in zip(venue.rules.markets, prices, strict=True)}
