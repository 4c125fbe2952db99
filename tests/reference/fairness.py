"""How ADL treats the accounts in profit: whom it hit, what share of its profit each gave up, and how unequally."""

from __future__ import annotations

import numpy as np

from tests.reference import coins, insurance
from tests.reference.check import Check
from tests.reference.contract import worth
from tests.reference.result import Result
from tests.reference.settlement import Matches, Settlement
from tests.reference.state import Venue


def note(
        venue: Venue, check: Check, tentative: Settlement, matches: Matches, result: Result, step: float) -> None:
    """After the matches of a round are known and before they are booked.

    Profit is what an account has at the mark at the round's start beyond its cash at time zero that was not taken out,
    with what ADL cost it in earlier rounds. Reading: the residual account is not counted, accounts in profit on either
    side of any market are.
    """
    rules = venue.rules
    if "adl" in rules.waterfall and rules.adl_policy != "none":
        result.adl_needed += _beyond_the_fund(venue, check, tentative, step)
    if not matches.winners:
        return
    gained = venue.equity(check.mark) - coins.value(venue, check.mark) - venue.stake
    profit = {n: float(gain) + venue.given_up.get(n, 0.0) for n, gain in enumerate(gained)}
    for fill in matches.winners:
        a = fill.market
        lost = fill.quantity * float(worth(rules, check.mark[a], a) - worth(rules, fill.price, a))
        venue.given_up[fill.account] = venue.given_up.get(fill.account, 0.0) + lost
    winners = [n for n, gain in profit.items() if gain > 0 and not venue.book.residual[n]]
    result.adl_cost = sum(max(lost, 0.0) for lost in venue.given_up.values())
    if not winners:
        result.adl_hit_share = result.adl_largest_haircut = result.adl_gini = None
        return
    cut = np.array([min(max(venue.given_up.get(n, 0.0) / profit[n], 0.0), 1.0) for n in winners])
    result.adl_hit_share = sum(n in venue.given_up for n in winners) / len(winners)
    result.adl_largest_haircut = float(cut.max())
    result.adl_gini = gini(cut) if cut.sum() > 0 else None


def _beyond_the_fund(venue: Venue, check: Check, tentative: Settlement, step: float) -> float:
    """Deficits that no fund can pay, in USD."""
    rules = venue.rules
    if venue.funds is not None and tentative.deficits:
        due = insurance.payout(venue, check, tentative, step)
        return sum(float((due.owed[n] - due.paid[n]).sum()) for n in tentative.deficits)
    funded = "insurance_fund" in rules.waterfall
    fund = rules.insurance_fund + venue.fund_flow + tentative.inflow if funded else 0.0
    return max(0.0, sum(tentative.deficits.values()) - fund)


def gini(values: np.ndarray) -> float:
    """Mean difference of all pairs over twice the mean."""
    return float(np.abs(values[:, None] - values).mean() / (2 * values.mean()))
