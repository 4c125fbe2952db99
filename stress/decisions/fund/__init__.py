"""How large the insurance fund must be."""

from __future__ import annotations

from typing import Any

from stress.config.decide.fund import FundConfig
from stress.decisions.desk import Desk
from stress.errors import UserError
from stress.mc.estimators.quantiles import quantile

CURVE_POINTS = 60


def decide(desk: Desk, settings: FundConfig) -> dict[str, Any]:
    """Required fund by target probability, from one simulation.

    Raises UserError where the configuration has no companion run with an unlimited fund.
    """
    if not desk.config.run.fund_curve:
        raise UserError("run.fund_curve=false: the command fund needs the companion with an unlimited fund. Leave it "
                        "true.")
    run = desk.run()
    paths = run.paths
    drawdown = paths.sample("fund_drawdown")
    required = [{"target": target} | dict(quantile(drawdown, 1 - target, paths.confidence).metric(
        paths.confidence, "USD")) for target in settings.targets]
    return {"fund": paths.fund, "horizon_hours": paths.horizon_hours, "required": required,
            "curve": run.fund_curve(CURVE_POINTS),
            "depletion_probability": run.metrics["depletion_probability"]}
