"""From the section on insurance to the funds' rules."""

from __future__ import annotations

import math
from dataclasses import replace

import jax.numpy as jnp
import numpy as np

from stress.build.leaves import in_ticks
from stress.build.leaves import real as _f
from stress.build.leaves import whole as _i
from stress.config.fields import PerMarket
from stress.config.insurance import DepositorsConfig, InsuranceConfig
from stress.config.markets import per_market
from stress.errors import bad_value
from stress.protocol.insurance.depositors import Depositors
from stress.protocol.insurance.fund import Insurance, PayLimit
from stress.protocol.venue import Venue
from stress.units import SECONDS_PER_DAY, SECONDS_PER_HOUR


def insured_venue(
    venue: Venue, rules: InsuranceConfig | None, markets: list[str], interest: np.ndarray, step_seconds: float
) -> Venue:
    """The venue with the funds that the section asks for; ``interest`` [A] in USD is that of one side at time zero."""
    if rules is None:
        return venue
    return replace(venue, insurance=build_insurance(rules, markets, interest, step_seconds))


def build_insurance(
    rules: InsuranceConfig, markets: list[str], interest: np.ndarray, step_seconds: float
) -> Insurance:
    """The funds. Raises UserError for a limit of each account over longer than a tick."""
    shares, each = _shares(rules, markets, interest), rules.scope == "market"
    income = _income(rules, markets, interest) * (step_seconds / SECONDS_PER_DAY)
    income += (rules.income_usd_per_day or 0.0) * (step_seconds / SECONDS_PER_DAY) * shares
    return Insurance(
        shares=jnp.asarray(shares if each else np.ones(1)),
        income=jnp.asarray(income if each else income.sum(keepdims=True)),
        limit=None if rules.paid_at_most_usd is None else _limit(rules, rules.paid_at_most_usd, markets, step_seconds),
        depositors=None if rules.depositors is None else _depositors(rules.depositors, step_seconds),
    )


def _shares(rules: InsuranceConfig, markets: list[str], interest: np.ndarray) -> np.ndarray:
    """How the fund is split [A]: as given, or by open interest, or evenly where there is none."""
    parts = interest if rules.shares is None else per_market(rules.shares, markets, "protocol.insurance.shares")
    parts = parts if parts.sum() > 0 else np.ones(len(markets))
    return parts / parts.sum()


def _income(rules: InsuranceConfig, markets: list[str], interest: np.ndarray) -> np.ndarray:
    """The fund's part of trading fees [A] in USD a day."""
    if rules.turnover_per_day is None:
        return np.zeros(len(markets))
    turnover = per_market(rules.turnover_per_day, markets, "protocol.insurance.turnover_per_day")
    return turnover * interest * (rules.trading_fee or 0.0) * (rules.fee_share or 0.0)


def _limit(rules: InsuranceConfig, most: PerMarket, markets: list[str], step_seconds: float) -> PayLimit:
    """The limit; blocks that are shorter than a tick count together."""
    length, by_account = rules.paid_within_seconds, rules.paid_at_most_per == "account"
    if by_account and (length is None or length > step_seconds):
        raise bad_value(
            "protocol.insurance.paid_within_seconds", length,
            f"at most a tick ({step_seconds:g} s) when paid_at_most_per=account",
            "What an account got in earlier ticks is not remembered: shorten it, or use paid_at_most_per=fund.",
        )
    blocks = 1.0 if length is None else max(1.0, step_seconds / length)
    ticks = in_ticks(None if length is None else length / step_seconds, 1.0)
    by_market = isinstance(most, dict | list)
    limit = per_market(most, markets, "protocol.insurance.paid_at_most_usd") if by_market else np.asarray(most)
    return PayLimit(most=jnp.asarray(limit * blocks, jnp.float64), ticks=ticks, by_account=by_account)


def _depositors(rules: DepositorsConfig, step_seconds: float) -> Depositors:
    return Depositors(
        share=_f(rules.deposited_share),
        below=_f(rules.starts_below),
        kept=_f((1.0 - rules.leaves_per_day) ** (step_seconds / SECONDS_PER_DAY)),
        delay=_i(math.ceil(rules.delay_hours * SECONDS_PER_HOUR / step_seconds - 1e-9)),
    )
