"""Units of keys, as pictures of sweeps print them."""

from __future__ import annotations

import pytest

from stress.config.units import unit_of
from stress.report.sweep_load import with_unit


@pytest.mark.parametrize(("key", "unit"), [
    ("protocol.insurance_fund", "USD"), ("protocol.oracle.lag_seconds", "s"), ("protocol.withdrawals.run.delay_hours", "h"),
    ("protocol.liquidation.keeper_capacity_usd_per_minute", "USD/min"), ("protocol.initial_margin", ""),
    ("protocol", ""), ("shock", ""), ("disposal", ""), ("protocol.insurance_fund.more", ""),
])
def test_unit_of_a_key(key: str, unit: str) -> None:
    assert unit_of(key) == unit


@pytest.mark.parametrize(("key", "unit"), [
    ("protocol.insurance_fund", " (USD)"), ("protocol.oracle.lag_seconds", ""), ("liquidity.depth_usd", ""), ("shock", ""),
    ("price.volatility", " (per sqrt(year))"), ("protocol.liquidation.keeper_capacity_usd_per_minute", ""),
])
def test_a_unit_is_said_once(key: str, unit: str) -> None:
    assert with_unit(key) == key + unit
    assert with_unit(key, "short") == "short" + unit
