"""Derivatives path by path, for the parameters of what flows into the insurance fund.

The companion with an unlimited fund never lets ADL or a levy happen, so nobody's account hears of the fund. Let d_r be
the deficits of round r, x_r what liquidations bring the fund in it, and

    D = max(0, max over rounds r of [d_1 + ... + d_r - (x_1 + ... + x_r)])

the drawdown of a path. Which parameters move D alone, accounts and marks staying what they are, and how?

- the fund F: not at all; the excess (D - F)+ then has slope -1 where D > F;
- the keepers' share k: x_r = (1 - k) c_r + what is left of closed accounts, c_r the fees charged: x_r is affine in k;
- the fee rate f, where accounts are closed whole at once (rule full): an account closed with equity E >= 0 pays
  min(f n, E) on its notional n, is flat, and never trades again, so c_r is concave and piecewise linear in f.

So D is a maximum of functions that are affine (convex) in k (in f): convex, piecewise linear, and Lipschitz with the
charged notional, which is bounded by what the book can trade, as constant. Hence D is differentiable but at the kinks,
which a smooth law of prices puts on no path, differences of D are dominated, and derivative and mean may be exchanged
(Glasserman 2003, Monte Carlo Methods in Financial Engineering, section 7.2; Broadie and Glasserman 1996):

    d E(D - F)+ = E[(D - F)' 1{D > F}],    d ES_p = E[D' | D > q_p] (Hong and Liu 2009),
    d P(D > F) = h(F) E[(D - F)' | D = F], h the density of D.

The third is not pathwise, for the slope of an indicator is zero: it takes a density (``density``). D' needs no
differentiation of the engine: D is piecewise linear, so a difference over a tiny step is D', to rounding, on all paths
without a kink within the step.

That accounts do not hear of the fund is checked when it is used: on paths whose fund lasts in both runs all other
outcomes of the main run must be the same to the last bit.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from stress.config.schema import Config
from stress.decisions.desk import Desk, Run
from stress.decisions.sensitivity.moves import Move
from stress.decisions.sensitivity.parameters import Parameter

FUND, SHARE, FEE = "protocol.insurance_fund", "protocol.liquidation.keeper_share", "protocol.liquidation.fee"
KEYS = (FUND, SHARE, FEE)
PROBE = 1e-5
"""Step over which a drawdown's slope is read: relative, absolute where the parameter is zero."""
NOT_CHECKED = ("fund_end", "fund_drawdown", "fees_to_fund", "cash_residual", "contracts_residual",
               "liquidated_notional_twin", "amplification", "cascade")
"""Columns that tell of the fund, rounding, and the twin, whose fund may run dry where that of the main run lasts."""


def obstacle(key: str, desk: Desk) -> str | None:
    """Why a parameter has no pathwise derivative of the drawdown, or None."""
    if key not in KEYS:
        return "it moves who is liquidated when, and a liquidation has no slope"
    config, plan = desk.config, desk.base.plan
    reasons = {
        "run.fund_curve=false": not config.run.fund_curve,
        "the waterfall has no insurance fund": not plan.insured,
        "a rule looks at the fund (protocol.adl.trigger)": plan.insured and not plan.one_depletion,
        "the fund has rules of its own (protocol.insurance)": config.protocol.insurance is not None,
    } | (_of_fees(config, key) if key != FUND else {})
    return next((reason for reason, holds in reasons.items() if holds), None)


def _of_fees(config: Config, key: str) -> dict[str, bool]:
    protocol, rules = config.protocol, config.protocol.liquidation
    reasons = {
        "keepers decide by their reward (protocol.liquidation.keeper_cost_usd)": rules.keeper_cost_usd is not None,
        "protocol.liquidation.execution=auction": (rules.execution or "book") != "book",
        "protocol.liquidation.settlement=fill": (rules.settlement or "account") != "account",
        "protocol.backstop takes accounts over": protocol.backstop is not None,
    }
    if key == SHARE:
        return reasons
    return reasons | {
        "accounts are closed in parts, and the fee of one part is missing at the next":
            rules.rule != "full" or rules.keeper_capacity_usd_per_minute is not None or rules.window is not None
            or rules.limit_price is not None}


def probe(parameter: Parameter) -> Move:
    """The setting a tiny step away, where D' is read; nothing moves for the fund."""
    if parameter.key == FUND:
        return Move({}, 0.0)
    value = parameter.leaves[()]
    shift = -PROBE * value if value else PROBE  # downwards: shares and rates end at one
    return Move({parameter.root: value + shift}, shift)


def slopes(parameter: Parameter, base: Run, near: Run, by: float) -> np.ndarray | str:
    """Slope [P] of the drawdown less the fund, NaN on failed paths; or, in words, why there is none."""
    known = base.paths.known("fund_drawdown")
    if parameter.key == FUND:
        return np.where(np.isfinite(known), -1.0, np.nan)
    other = near.paths.known("fund_drawdown")
    lasts = (known <= base.study.plan.fund) & (other <= base.study.plan.fund)
    for name in base.columns:
        if name not in NOT_CHECKED and not _same(base.columns[name][lasts], near.columns[name][lasts]):
            return f"accounts hear of it: {name} changes on paths whose fund lasts"
    return (other - known) / by


def _same(a: Any, b: Any) -> bool:
    a, b = np.asarray(a), np.asarray(b)
    return bool(np.array_equal(a, b, equal_nan=a.dtype.kind == "f"))
