"""Numbers of Synthetix v3 by market: windows, speed of funding and maintenance rates as its files have them."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

from stress.build.funding import build_funding
from stress.build.liquidation import build_window
from stress.build.margin import build_margin
from stress.cli.compose import load
from stress.errors import UserError
from stress.protocol.funding.base import SkewRule

MARKETS = ["BTC", "ETH", "SOL", "ADA", "DOGE"]
PROTOCOL = load(["protocol=synthetix_v3"])[0].protocol


def test_a_window_has_the_fees_of_its_market() -> None:
    """30 s at 1.5 times maker and taker fee: 1,127 BTC, 63,281 SOL, 8.1 million ADA; as many twice in a minute."""
    fees = np.array([1e-6 + 5e-4, 1e-6 + 5e-4, 2e-4 + 8e-4, 2e-4 + 1e-3, 2e-4 + 1e-3])
    expected = np.array([5e4, 3.5e5, 1_406_250, 1.5e8, 1.5e8]) * fees * 1.5 * 30
    window = build_window(PROTOCOL.liquidation.window, MARKETS, 30.0)
    assert window is not None
    np.testing.assert_allclose(window.limit, expected, rtol=1e-12)
    minute = build_window(PROTOCOL.liquidation.window, MARKETS, 60.0)
    assert minute is not None
    np.testing.assert_allclose(minute.limit, 2 * expected, rtol=1e-12)


def test_a_rate_gains_the_speed_of_its_market() -> None:
    """A skew beyond the scale for an hour: 9 a day each day are 0.375 a day after it, and half of that has been paid."""
    rule = build_funding(PROTOCOL.funding, MARKETS, 60.0).rule
    assert isinstance(rule, SkewRule)
    after, paid = rule.next(jnp.zeros(5), jnp.full(5, 1e9), jnp.zeros(5), jnp.ones(5))
    np.testing.assert_allclose(after, np.array([9, 9, 36, 36, 36]) / 24, rtol=1e-12)
    np.testing.assert_allclose(paid, np.array([9, 9, 36, 36, 36]) / 24 / 2 / 24, rtol=1e-12)


def test_maintenance_is_its_market_s_share_of_initial_margin() -> None:
    small = np.full((5, 1), 1e-9)
    need = [build_margin(PROTOCOL, MARKETS, rate).requirement(small, small) / small for rate in ("maintenance_margin", "initial_margin")]
    np.testing.assert_allclose(need[0] / need[1], [[0.28], [0.28], [0.33], [0.33], [0.33]], rtol=1e-9)


@pytest.mark.parametrize("key", ["protocol.funding.velocity.max_velocity", "protocol.liquidation.window.skew_scale_share"])
def test_a_market_without_a_number_is_named(key: str) -> None:
    with pytest.raises(UserError, match=f"{key}: no value for SOL"):
        load(["protocol=synthetix_v3", f"~{key}", f"+{key}={{BTC: 1, ETH: 1}}", "price.markets=[BTC,ETH,SOL]"])
