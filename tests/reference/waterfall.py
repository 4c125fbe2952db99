"""Who pays for what ADL left: the insurance fund, then those who are levied, then nobody."""

from __future__ import annotations

import numpy as np

from tests.reference import insurance, levies
from tests.reference.check import Check
from tests.reference.result import Result
from tests.reference.settlement import Settlement
from tests.reference.state import Tick, Venue


def adl_share(
        venue: Venue, check: Check, tentative: Settlement, result: Result, hours: float, step: float
) -> dict[int, np.ndarray]:
    """Share [A or 1] of each deficit account's quantity that ADL must close; records depletion and drawdown on the way.

    Reading: with insurance_fund out of the waterfall nothing is available, so any deficit counts as depletion, while
    the drawdown record still credits the fees that reached the fund. Reading: whether the fund has fallen far from its
    peak is seen after the round's inflow and before it pays; ADL then takes all deficits of the round.
    """
    rules = venue.rules
    deficits = sum(tentative.deficits.values())
    flow = venue.fund_flow + tentative.inflow
    funded, lost = "insurance_fund" in rules.waterfall, deficits - flow
    if venue.funds is not None:
        lost = _needed(venue, check, tentative, step)
    result.fund_drawdown = max(result.fund_drawdown, lost)
    # deficits - W > F, not deficits > F + W: so that depleted == (drawdown > F) holds exactly
    if (lost > rules.insurance_fund if funded else deficits > 0) and not result.depleted:
        result.depleted, result.time_to_depletion_hours = True, hours
    if deficits == 0 or "adl" not in rules.waterfall or rules.adl_policy == "none":
        return {}
    if venue.funds is not None:
        due = insurance.payout(venue, check, tentative, step)
        share = {n: np.where(due.owed[n] > 0, 1 - due.paid[n] / np.where(due.owed[n] > 0, due.owed[n], 1.0), 0.0)
                 for n in tentative.deficits}
        if rules.adl_drawdown is not None:
            fell = venue.funds.balance + due.inflow < (1 - rules.adl_drawdown) * venue.funds.peaks
            share = {n: np.where(fell & (due.owed[n] > 0), 1.0, part) for n, part in share.items()}
        return share
    available = rules.insurance_fund + flow if funded else 0.0
    if rules.adl_drawdown is not None and available < (1 - rules.adl_drawdown) * venue.fund_peak:
        return dict.fromkeys(tentative.deficits, np.ones(1))
    return dict.fromkeys(tentative.deficits, np.array([max(0.0, 1 - available / deficits)]))


def _needed(venue: Venue, check: Check, tentative: Settlement, step: float) -> float:
    """What all funds together must have for none of them, with its share, to fall short of what it is asked for.

    Reading: beyond the limit a fund is not asked, so it does not fall short of that.
    """
    funds = venue.funds
    assert funds is not None
    due = insurance.payout(venue, check, tentative, step)
    lost = np.minimum(due.asked.sum(axis=0), funds.room(step)) - funds.flow - due.inflow
    funds.drawdown = np.maximum(funds.drawdown, lost)
    for g, amount in enumerate(lost):
        if amount > funds.share[g] * venue.rules.insurance_fund:
            funds.depleted[g] = True
    return float(np.where(lost > 0, lost / funds.share, lost).max())


def pay(
        venue: Venue, tick: Tick, check: Check, final: Settlement, tentative: float, result: Result, step: float
) -> None:
    """Folds the deficits (USD by account) over the paying layers; what is left stays as negative cash.

    ``tentative``: the round's deficits at the prices of the full flow; a billionth of them is rounding and nobody is
    levied for it. Reading: fund and socialised loss pay in the order the waterfall lists them; ADL, wherever it is
    listed, has already taken its share. What is levied is shared by accounts in proportion to what they still owe.
    """
    rest = final.deficits.copy()
    for layer in venue.rules.waterfall:
        if layer == "insurance_fund":
            paid = _from_funds(venue, check, final, step) if venue.funds is not None else _from_fund(venue, rest)
            venue.fund_flow -= sum(paid.values())
            result.insurance_paid += sum(paid.values())
            rest = {n: owed - paid[n] for n, owed in rest.items()}
        elif layer == "socialised_loss" and sum(rest.values()) > 1e-9 * tentative:
            total = sum(rest.values())
            raised = levies.levy(venue, tick, check, final, rest)
            result.socialised_loss += raised
            rest = {n: owed * (1 - raised / total) for n, owed in rest.items()}
    for n, deficit in final.deficits.items():
        venue.cash[n] += deficit - rest[n]
    result.uncovered += sum(rest.values())


def _from_fund(venue: Venue, owed: dict[int, float]) -> dict[int, float]:
    total = sum(owed.values())
    paid = min(max(venue.fund, 0.0), total)
    return {n: paid * deficit / total for n, deficit in owed.items()}


def _from_funds(venue: Venue, check: Check, final: Settlement, step: float) -> dict[int, float]:
    """What each account gets, of what the funds hold after the round's inflow."""
    funds = venue.funds
    assert funds is not None
    due = insurance.payout(venue, check, final, step)
    funds.paid = funds.paid + due.paid.sum(axis=0)
    funds.flow = funds.flow - due.paid.sum(axis=0)
    funds.left = due.owed - due.paid
    return {n: float(due.paid[n].sum()) for n in final.deficits}
