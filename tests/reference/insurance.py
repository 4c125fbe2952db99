"""Which fund owes and pays what of a round's deficits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tests.reference.check import Check
from tests.reference.settlement import Settlement
from tests.reference.state import Venue


@dataclass
class Payout:
    """Axes: ``N`` accounts, ``G`` funds. USD."""

    owed: np.ndarray  # [N, G]
    asked: np.ndarray  # [N, G] of it insured
    inflow: np.ndarray  # [G]
    paid: np.ndarray  # [N, G]


def parts(venue: Venue, check: Check, done: Settlement) -> np.ndarray:
    """Whose market an account's deficit is [N, A]: shares of the maintenance requirement at the check.

    Reading: what ADL closed at the bankruptcy price owes nothing any more, and does not count; unless that is all.
    """
    share = np.zeros_like(check.requirement)
    for n in done.deficits:
        need = check.requirement[n].copy()
        if venue.rules.adl_price == "bankruptcy":
            for a in range(len(need)):
                matched = sum(abs(f.quantity) for f in [*done.matches.losers, *done.matches.winners]
                              if f.account == n and f.market == a)
                sold = sum(abs(f.quantity) for f in done.book if f.account == n and f.market == a)
                if matched:
                    need[a] *= sold / (sold + matched)
        if not need.any():
            need = check.requirement[n]
        share[n] = need / need.sum()
    return share


def payout(venue: Venue, check: Check, done: Settlement, step: float) -> Payout:
    """Each fund pays what is insured, pro rata, as far as its limit and what it holds after the round's inflow reach."""
    funds = venue.funds
    assert funds is not None
    deficits = np.zeros(len(venue.cash))
    for n, deficit in done.deficits.items():
        deficits[n] = deficit
    owed = deficits[:, None] * parts(venue, check, done) if funds.by_market else deficits[:, None]
    asked = owed.copy()
    for n in done.deficits:
        asked[n] *= min(1.0, funds.largest(step) / deficits[n])
    income = inflow(venue, done)
    paid = np.zeros_like(asked)
    for g in range(len(income)):
        total = asked[:, g].sum()
        if total > 0:
            pays = max(0.0, min(total, funds.room(step)[g], funds.balance[g] + income[g]))
            paid[:, g] = asked[:, g] * (pays / total)
    return Payout(owed, asked, income, paid)


def inflow(venue: Venue, done: Settlement) -> np.ndarray:
    """Fees, and what closed accounts leave, go where the account was closed: fees by what it sold in the book."""
    funds = venue.funds
    assert funds is not None
    result = np.zeros(len(funds.flow))
    to_fund = {n: (1 - venue.rules.keeper_share) * fee for n, fee in done.fees.items()}
    for amounts, fills in ((to_fund, done.book), (done.left, [*done.book, *done.matches.losers])):
        for n, amount in amounts.items():
            mine = [fill for fill in fills if fill.account == n]
            for fill in mine:
                g = fill.market if funds.by_market else 0
                result[g] += amount * fill.notional(venue.rules) / sum(other.notional(venue.rules) for other in mine)
    return result
