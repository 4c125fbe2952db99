"""The insurance funds of which a drawdown is told by account: when it can be, and what the loss of a path is."""

from __future__ import annotations

import dataclasses
from itertools import pairwise

import numpy as np

from stress.config.decide.attribution import AttributionConfig
from stress.config.schema import Config
from stress.decisions.desk import Run
from stress.errors import UserError, bad_value
from stress.mc.estimators.metrics import Paths
from stress.mc.estimators.sample import as_float

DRAWDOWNS = ("fund_drawdown", "total_drawdown")
"""Measures of a fund that never runs out."""


def refuse(config: Config, settings: AttributionConfig) -> None:
    """Raises UserError where the measure is not recorded or is not defined."""
    bands = settings.leverage_bands
    if any(low >= high for low, high in pairwise(bands)):
        raise bad_value("decide.attribution.leverage_bands", bands, "numbers that rise")
    if settings.measure in DRAWDOWNS and not config.run.fund_curve:
        raise UserError(f"run.fund_curve=false: decide.attribution.measure={settings.measure} needs the companion with "
                        "an unlimited fund. Leave it true, or set decide.attribution.measure=bad_debt.")
    if settings.measure == "total_drawdown" and scope(config) != "market":
        raise bad_value("decide.attribution.measure", settings.measure, "fund_drawdown or bad_debt with one fund",
                        "It adds up the drawdowns of several funds: set protocol.insurance={scope: market}, or use "
                        "fund_drawdown, which is the same of one.")


def scope(config: Config) -> str:
    """Whether all markets share a fund, or each has one: a choice of ``protocol.insurance.scope``."""
    rules = config.protocol.insurance
    return "shared" if rules is None else rules.scope


def has_income(config: Config) -> bool:
    """Whether something flows into the funds that no account pays."""
    rules = config.protocol.insurance
    return rules is not None and bool(rules.income_usd_per_day or rules.turnover_per_day is not None)


def measured(run: Run, settings: AttributionConfig) -> Paths:
    """What estimators take, with a column of the measure."""
    paths = run.paths
    if settings.measure in paths.columns:
        return paths
    each = [as_float(paths.columns[f"fund_drawdown_{market}"]) for market in run.study.markets]
    return dataclasses.replace(paths, columns={settings.measure: np.sum(each, axis=0)})
