"""Cross-field checks of the insurance fund and of socialised loss."""

from __future__ import annotations

from collections.abc import Iterator

from stress.config.insurance import InsuranceConfig
from stress.config.schema import Config
from stress.errors import bad_value

FEES = ("turnover_per_day", "trading_fee", "fee_share")
"""Keys that are given together or not at all."""


def check_insurance(config: Config) -> Iterator[str]:
    """Messages on ``protocol.insurance`` and ``protocol.socialised_loss``."""
    protocol = config.protocol
    if protocol.socialised_loss is not None and "socialised_loss" not in protocol.waterfall:
        yield str(bad_value("protocol.socialised_loss", protocol.socialised_loss.by,
                            "null while protocol.waterfall has no socialised_loss",
                            "Add the layer to protocol.waterfall, or nobody is levied."))
    rules = protocol.insurance
    if rules is None:
        return
    if "insurance_fund" not in protocol.waterfall:
        yield str(bad_value("protocol.insurance", f"scope={rules.scope}",
                            "null while protocol.waterfall has no insurance_fund",
                            "Add the layer to protocol.waterfall, or no fund pays."))
    yield from _income(rules)
    yield from _limit(rules)
    if rules.shares is not None and rules.scope != "market":
        yield str(bad_value("protocol.insurance.shares", rules.shares, "null unless scope=market",
                            "One fund is not split."))
    yield from _depositors(config, rules)


def _income(rules: InsuranceConfig) -> Iterator[str]:
    missing = [name for name in FEES if getattr(rules, name) is None]
    if 0 < len(missing) < len(FEES):
        yield str(bad_value(f"protocol.insurance.{missing[0]}", None,
                            f"a value when any of {', '.join(FEES)} is given"))


def _limit(rules: InsuranceConfig) -> Iterator[str]:
    for name in ("paid_within_seconds", "paid_at_most_per"):
        if rules.paid_at_most_usd is None and getattr(rules, name) is not None:
            yield str(bad_value(f"protocol.insurance.{name}", getattr(rules, name),
                                "null while paid_at_most_usd=null", "Give the limit in USD, too."))
    most, key = rules.paid_at_most_usd, "protocol.insurance.paid_at_most_usd"
    if isinstance(most, dict | list) and rules.scope != "market":
        yield str(bad_value(key, most, f"one number when scope={rules.scope}",
                            "Limits by market are those of funds for each market: use scope=market."))
    if isinstance(most, dict | list) and rules.paid_at_most_per == "account":
        yield str(bad_value(key, most, "one number when paid_at_most_per=account",
                            "An account's limit is for all of its markets: use paid_at_most_per=fund."))


def _depositors(config: Config, rules: InsuranceConfig) -> Iterator[str]:
    if rules.depositors is None:
        return
    if rules.scope == "market":
        yield str(bad_value("protocol.insurance.depositors", "given", "null when scope=market",
                            "Deposits are shares of one fund: use scope=shared."))
    if config.run.fund_curve:
        yield str(bad_value("run.fund_curve", True, "false with protocol.insurance.depositors",
                            "What leaves depends on the size of the fund, so one run does not tell of all sizes: "
                            "give run.fund_curve=false, and sweep protocol.insurance_fund."))
