"""Who pays for what ADL left: the insurance fund, then positive open profits, then nobody."""

from __future__ import annotations

import numpy as np

from tests.reference.result import Result
from tests.reference.settlement import Settlement
from tests.reference.state import Tick, Venue


def adl_share(venue: Venue, tentative: Settlement, result: Result, hours: float) -> float:
    """Share of the deficit accounts' quantity that ADL must close; records depletion and drawdown on the way.

    Reading: with insurance_fund out of the waterfall nothing is available, so any deficit counts as depletion, while
    the drawdown record still credits the fees that reached the fund.
    """
    rules = venue.rules
    deficits = sum(tentative.deficits.values())
    flow = venue.fund_flow + tentative.inflow
    result.fund_drawdown = max(result.fund_drawdown, deficits - flow)
    funded = "insurance_fund" in rules.waterfall
    # deficits - W > F, not deficits > F + W: so that depleted == (drawdown > F) holds exactly
    if (deficits - flow > rules.insurance_fund if funded else deficits > 0) and not result.depleted:
        result.depleted, result.time_to_depletion_hours = True, hours
    if deficits == 0 or "adl" not in rules.waterfall or rules.adl_policy == "none":
        return 0.0
    available = rules.insurance_fund + flow if funded else 0.0
    return max(0.0, 1 - available / deficits)


def pay(venue: Venue, tick: Tick, mark: np.ndarray, deficits: dict[int, float], tentative: float, result: Result) -> None:
    """Folds the deficits (USD by account) over the paying layers; what is left stays as negative cash.

    ``tentative``: the round's deficits at the prices of the full flow; a billionth of them is rounding and nobody is
    levied for it. Reading: fund and socialised loss pay in the order the waterfall lists them; ADL, wherever it is listed, has
    already taken its share.
    """
    owed = sum(deficits.values())
    rest = owed
    for layer in venue.rules.waterfall:
        if layer == "insurance_fund":
            paid = min(max(venue.fund, 0.0), rest)
            venue.fund_flow -= paid
            result.insurance_paid += paid
            rest -= paid
        elif layer == "socialised_loss" and rest > 1e-9 * tentative:
            paid = _levy(venue, tick, mark, rest)
            result.socialised_loss += paid
            rest -= paid
    for n, deficit in deficits.items():
        venue.cash[n] += (owed - rest) * deficit / owed
    result.uncovered += rest


def _levy(venue: Venue, tick: Tick, mark: np.ndarray, loss: float) -> float:
    """Takes up to ``loss`` from accounts in proportion to w = clip(open profit, 0, max(equity, 0)).

    Returns what it got. The residual account's w is not limited by its equity. The outside market is never levied.
    """
    profit = venue.profit(mark).sum(axis=1)  # [N]
    equity = venue.equity(mark)
    limit = np.where(venue.book.residual, np.inf, np.maximum(equity, 0.0))
    weight = np.minimum(np.maximum(profit, 0.0), limit)
    total = float(weight.sum())
    levied = min(loss, total)
    if levied <= 0:
        return 0.0
    for n in np.flatnonzero(weight):
        amount = levied * float(weight[n]) / total
        venue.cash[n] -= amount
        owner = venue.book.owners[venue.book.owner[n]]
        tick.socialised[owner] = tick.socialised.get(owner, 0.0) + amount
    return levied
