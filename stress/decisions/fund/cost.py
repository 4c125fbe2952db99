"""The fund of least cost: capital tied up against losses that it does not cover."""

from __future__ import annotations

from typing import Any

from stress.config.decide.fund import FundConfig
from stress.mc.estimators.binomial import paths_needed
from stress.mc.estimators.metrics import Paths
from stress.mc.estimators.newsvendor import Newsvendor, price_of_shortfall
from stress.units import HOURS_PER_YEAR

POINTS = 60


def least_cost(paths: Paths, settings: FundConfig) -> dict[str, Any]:
    """The newsvendor's fund, its cost curve in USD a year, and what the configured fund costs more."""
    periods = HOURS_PER_YEAR / paths.horizon_hours
    trade = Newsvendor(settings.capital_cost / periods, settings.adl_cost, periods)
    drawdown, confidence = paths.sample("fund_drawdown"), paths.confidence
    best = trade.optimum(drawdown, confidence)
    shown = [x for x in (paths.fund, best.estimate, best.low, best.high) if x is not None]
    excess = None
    if best.estimate is not None:
        found = trade.excess(paths.fund, best.estimate, paths.known("fund_drawdown"), confidence)
        excess = found.metric(confidence, "USD a year")
    return {
        "capital_cost": settings.capital_cost, "adl_cost": settings.adl_cost, "tail": trade.tail,
        "optimum": best.metric(confidence, "USD"), "excess": excess,
        "paths_needed": paths_needed(1 - trade.tail, confidence) if 0 < trade.tail < 1 else None,
        "implied_adl_cost": price_of_shortfall(trade.holding, paths.fund, drawdown, confidence).metric(
            confidence, "USD for a USD"),
        "curve": [{"fund": fund} | {k: v for k, v in cost.metric(confidence, "USD a year").items()
                                    if k in ("estimate", "low", "high", "reason")}
                  for fund, cost in trade.curve(drawdown, POINTS, shown, confidence)],
    }
