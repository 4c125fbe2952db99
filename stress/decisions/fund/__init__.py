"""How large the insurance fund must be: by target, horizon, market, default of the largest accounts, and cost."""

from __future__ import annotations

from typing import Any

from stress.config.decide.fund import FundConfig
from stress.decisions.desk import Desk
from stress.decisions.fund.cost import least_cost
from stress.decisions.fund.cover import by_default
from stress.decisions.fund.horizons import by_horizon
from stress.decisions.fund.markets import by_market
from stress.decisions.fund.targets import required
from stress.errors import UserError, bad_value

CURVE_POINTS = 60
BARE = {"run.twin": False}
"""Change of every setting: nothing here looks at cascades."""


def decide(desk: Desk, settings: FundConfig) -> dict[str, Any]:
    """Required funds in USD, each with its interval, and what they rest on.

    Raises UserError where the configuration has no fund, or no companion run with an unlimited one.
    """
    _check(desk, settings)
    run = desk.run(BARE)
    paths, targets = run.paths, sorted(set(settings.targets), reverse=True)
    return {
        "fund": paths.fund, "horizon_hours": paths.horizon_hours,
        "required": required(paths, targets),
        "curve": run.fund_curve(CURVE_POINTS),
        "depletion_probability": run.metrics["depletion_probability"],
        "horizons": by_horizon(desk, BARE, targets, settings),
        "markets": by_market(desk, BARE, targets),
        "cost": least_cost(paths, settings),
        "cover": by_default(desk, BARE, targets, settings.cover),
    }


def _check(desk: Desk, settings: FundConfig) -> None:
    if not desk.config.run.fund_curve:
        raise UserError("run.fund_curve=false: the command fund needs the companion with an unlimited fund. Leave it "
                        "true.")
    if "insurance_fund" not in desk.config.protocol.waterfall:
        raise bad_value("protocol.waterfall", desk.config.protocol.waterfall, "a list with insurance_fund",
                        "No fund pays at this venue: add the layer to size one.")
    cover = settings.cover
    lists = {"targets": settings.targets, "cover.accounts": cover.accounts, "cover.moves": cover.moves}
    for name, values in lists.items():
        if not values:
            raise bad_value(f"decide.fund.{name}", values, "at least one number", "Give one or more.")
