"""What a venue's page offers in place of what its preset leaves out is accepted with that preset, and what it calls refused is."""

from __future__ import annotations

import pytest
from documents import text

from stress.cli.compose import load
from stress.errors import UserError

COINS, EACH, LATE = "protocol.collateral={weights: 0.9}", "protocol.insurance={scope: market}", "protocol.oracle.lag_seconds=60"
OFFERED = [
    ("binance_usdm", COINS), ("okx", COINS), ("bybit", COINS), ("gmx_v2", COINS), ("synthetix_v3", COINS),
    ("bybit", "protocol.contract=inverse"), ("bybit", EACH), ("deribit", EACH), ("dydx_v4", "protocol.insurance.scope=market"),
    ("drift_v2", "protocol.insurance={scope: market, paid_at_most_usd: {BTC: 1e8, default: 1e5}}"),
    ("drift_v2", "protocol.margin.unrealised_gain_weight=0.8"),
    ("drift_v2", "protocol.oracle.stale_after_seconds=60"),
    ("drift_v2", "protocol.liquidation.cover_seconds=60"),
    ("gmx_v2", LATE), ("gmx_v2", "protocol.liquidation.keeper_delay_seconds=60"), ("gmx_v2", "liquidity=imbalance"),
    ("gmx_v2", "protocol.open_interest_cap_usd={BTC: 95e6, default: 95e6}"),
    ("hyperliquid", "protocol.open_interest_cap_usd=1e8"), ("hyperliquid", "protocol.oracle.update_interval_seconds=60"),
    ("synthetix_v3", "protocol.oracle.stale_after_seconds=60"), ("synthetix_v3", "liquidity=skew"),
]
REFUSED = [("bitmex", COINS, "other collateral is refused"), ("drift_v2", COINS, "are refused where liquidators take positions over")]


def beside(venue: str) -> str:
    """What a page says of what is not as on the venue."""
    page = text(f"docs/venues/{venue}.md")
    return page.partition("## What is approximated")[2].partition("## Assumed numbers")[0]


@pytest.mark.parametrize(("venue", "override"), OFFERED)
def test_what_a_page_offers_is_accepted(venue: str, override: str) -> None:
    assert override.partition("=")[0] in beside(venue) or override in beside(venue)
    load([f"protocol={venue}", override])


@pytest.mark.parametrize(("venue", "override", "words"), REFUSED)
def test_what_a_page_calls_refused_is(venue: str, override: str, words: str) -> None:
    assert words in beside(venue)
    with pytest.raises(UserError, match=r"protocol\.(collateral|liquidation\.execution): got"):
        load([f"protocol={venue}", override])
