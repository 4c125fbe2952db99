"""Liquidators who take positions over at a discount that grows, and a shortage that is covered at a pace: by hand."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from stress.build.margin import build_margin
from stress.build.price import Market
from stress.build.study import Study, assemble
from stress.config.check_execution import check_execution, check_window
from stress.config.liquidation import AuctionConfig, WindowConfig
from stress.price.given import GivenPath
from stress.session import replay
from tests.reference.building import Row, make_book
from tests.studies import config

STEP = 60.0
SHORT: Row = ("S", 1e4, {"X": (-20.0, 100.0)})
LONGS: list[Row] = [("A", 100.0, {"X": (10.0, 100.0)}), ("B", 101.0, {"X": (10.0, 100.0)})]
FULL = {"rule": "full"}


def auction(start: float, end: float, minutes: float = 1.0, grace: float = 0.0, **keepers: float) -> dict[str, Any]:
    numbers = AuctionConfig(start_discount=start, end_discount=end, minutes=minutes, grace_minutes=grace)
    return {"rule": "full", "execution": "auction", "auction": numbers, **keepers}


def study(liquidation: dict[str, Any], *prices: float, depth: float | None = None, longs: int = 1) -> Study:
    """Longs of 10 units since 100, liquidatable below 5 %, on given prices a minute apart; no fee, no spread."""
    cfg = config(price={"initial_prices": [100.0]},
                 liquidity={"law": "none" if depth is None else "linear", "depth_usd": depth or 1e6},
                 protocol={"maintenance_margin": 0.05, "oracle": {"impact_share": 0.0}, "liquidation": liquidation})
    path = np.array([100.0, *prices])[:, None]
    market = Market(GivenPath(jnp.asarray(path)), path[0], len(prices), STEP, ())
    margins = [build_margin(cfg.protocol, ["X"], rate) for rate in ("maintenance_margin", "initial_margin")]
    return assemble(cfg, market, make_book([*LONGS[:longs], SHORT]), *margins)


def closed(ledger: dict[str, Any]) -> list[tuple[int, str, Any, Any]]:
    """Tick, account, units and price of every liquidation."""
    return [(k, row["account"], near(row["size"]), near(row["price"]))
            for k, tick in enumerate(ledger["ticks"], 1) for row in tick["liquidations"]]


def near(value: float) -> Any:
    return pytest.approx(value, rel=1e-12)


def test_a_liquidator_takes_over_at_the_discount_and_keeps_what_the_book_gives_beyond() -> None:
    """Equity 100 - 60 is below 5 % of 940. He pays 94 x 0.98 and sells at 94."""
    ledger = replay(study(auction(0.02, 0.02), 94.0))
    assert closed(ledger) == [(1, "A", 10.0, 92.12)]
    assert ledger["final"]["accounts"]["A"]["cash"] == near(100 + 10 * (92.12 - 100))
    assert ledger["final"]["keepers"] == near(18.8)
    assert ledger["outcome"]["bad_debt"] == 0


def test_a_discount_beyond_the_equity_is_a_deficit() -> None:
    """He pays 94 x 0.95 = 89.3, so the account owes 7."""
    ledger = replay(study(auction(0.05, 0.05), 94.0))
    assert ledger["outcome"]["bad_debt"] == near(7.0)
    assert ledger["final"]["keepers"] == near(47.0)


def test_he_waits_until_the_discount_pays_for_cost_and_profit() -> None:
    """940 x 1 % a minute: after three minutes 28.2, the first to be 20 + 5."""
    ledger = replay(study(auction(0.0, 0.04, 4.0, keeper_cost_usd=20.0, keeper_profit_usd=5.0), *[94.0] * 6))
    assert closed(ledger) == [(4, "A", 10.0, 94 * 0.97)]
    assert ledger["final"]["keepers"] == near(28.2)


def test_in_the_grace_the_discount_is_that_of_the_start() -> None:
    rules = auction(0.0, 0.04, 4.0, 3.5, keeper_cost_usd=25.0)
    assert closed(replay(study(rules, *[94.0] * 6))) == [(5, "A", 10.0, 94 * 0.96)]


def test_he_waits_until_the_discount_pays_for_the_impact() -> None:
    """Selling 940 USD moves the price by 1 %, at 0.5 % on average; 0.6 % is the first discount beyond."""
    ledger = replay(study(auction(0.0, 0.02, 10.0), *[94.0] * 6, depth=940.0))
    assert closed(ledger) == [(4, "A", 10.0, 94 * 0.994)]
    assert ledger["final"]["keepers"] == near(940 * 0.001)


def test_the_riskiest_is_taken_first_and_the_next_waits_if_both_do_not_pay() -> None:
    """One pays, at 0.5 %, the second would get 1 % less, or, after it, 1.5 %."""
    assert closed(replay(study(auction(0.006, 0.006), 94.0, 94.0, depth=940.0, longs=2))) == [(1, "A", 10.0, 94 * 0.994)]
    both = closed(replay(study(auction(0.011, 0.011), 94.0, depth=940.0, longs=2)))
    assert both == [(1, name, 10.0, 94 * 0.989) for name in "AB"]


def test_who_recovers_is_first_liquidatable_anew() -> None:
    rules = auction(0.0, 0.04, 4.0, keeper_cost_usd=25.0)
    assert closed(replay(study(rules, 94.0, 94.0, 99.0, 94.0, 94.0, 94.0, 94.0))) == [(7, "A", 10.0, 94 * 0.97)]


def test_without_discount_and_impact_it_is_the_book() -> None:
    prices = (94.0, 88.0)
    book, taken = (replay(study(rules, *prices, longs=2)) for rules in (FULL, auction(0.0, 0.0)))
    assert book["final"] == taken["final"] and book["outcome"] == taken["outcome"]


def test_a_larger_discount_costs_accounts_more_and_a_slower_one_closes_later() -> None:
    ledgers = [replay(study(auction(rate, rate), 94.0, longs=2)) for rate in (0.0, 0.01, 0.03, 0.06)]
    assert (np.diff([ledger["final"]["keepers"] for ledger in ledgers]) > 0).all()
    assert (np.diff([ledger["outcome"]["bad_debt"] for ledger in ledgers]) >= 0).all()
    slower = [closed(replay(study(auction(0.0, 0.04, minutes, keeper_cost_usd=9.0), *[94.0] * 8)))[0][0]
              for minutes in (1.0, 4.0, 8.0, 16.0)]
    assert slower == [2, 2, 3, 5]


def test_a_shortage_is_covered_at_a_pace() -> None:
    """Short by 47 + 18.8 - 40 = 25.8; a USD frees 5 + 2 - 1 %. A fifth at once is 5.16, 70 % a minute later 12.9 more."""
    rules = {"rule": "cover_shortage", "fee": 0.01, "cover_buffer": 0.02, "cover_at_once": 0.2, "cover_seconds": 120.0}
    first = 5.16 / 0.06 / 94
    assert closed(replay(study(rules, 94.0, 94.0, 94.0))) == [(1, "A", first, 94.0), (2, "A", 12.9 / 0.06 / 94, 94.0)]
    at_once = closed(replay(study(rules | {"cover_seconds": 0.0}, 94.0)))
    assert at_once == [(1, "A", 25.8 / 0.06 / 94, 94.0)]


def test_the_discount_is_part_of_what_closing_costs() -> None:
    """Covering 25.8 where a USD frees 5 + 2 - 3 %."""
    rules = auction(0.03, 0.03) | {"rule": "cover_shortage", "cover_buffer": 0.02, "cover_at_once": 1.0, "cover_seconds": 0.0}
    assert closed(replay(study(rules, 94.0))) == [(1, "A", 25.8 / 0.04 / 94, 94 * 0.97)]


def test_a_window_lets_so_much_through_and_the_rest_waits() -> None:
    """Two minutes have room for 12 units: of the riskiest 10, of the next 2. A lower price makes it a little more."""
    rules = FULL | {"window": WindowConfig(seconds=120.0, usd=94.0 * 12)}
    ledger, more = replay(study(rules, 94.0, 93.0, 93.0, longs=2)), 94 * 12 / 93 - 12
    assert closed(ledger) == [(1, "A", 10.0, 94.0), (1, "B", 2.0, 94.0),
                              (2, "B", pytest.approx(more, rel=1e-9), 93.0),
                              (3, "B", pytest.approx(8 - more, rel=1e-9), 93.0)]
    scaled = FULL | {"window": WindowConfig(seconds=30.0, skew_scale=1000.0, skew_scale_share=0.003)}
    assert closed(replay(study(scaled, 94.0, 88.0))) == [(1, "A", 6.0, 94.0), (2, "A", 4.0, 88.0)]


def test_a_wide_window_is_none_and_a_narrower_one_closes_later() -> None:
    prices = (94.0, 94.0, 94.0, 92.0, 94.0, 88.0)
    wide, none = (replay(study(FULL | {"window": window}, *prices, longs=2))
                  for window in (WindowConfig(seconds=300.0, usd=1e9), None))
    assert wide["final"] == none["final"] and wide["outcome"] == none["outcome"]
    last = [closed(replay(study(FULL | {"window": WindowConfig(seconds=60.0, usd=usd)}, *prices, longs=2)))[-1][0]
            for usd in (1e4, 1e3, 400.0)]
    assert last == sorted(last) and last[0] < last[-1]


@pytest.mark.parametrize("window", [
    WindowConfig(seconds=60.0), WindowConfig(seconds=60.0, usd=1.0, skew_scale=1.0, skew_scale_share=0.1),
    WindowConfig(seconds=60.0, skew_scale=1.0), WindowConfig(seconds=1e6, usd=1.0),
])
def test_a_window_has_one_limit_and_a_length_that_can_be_remembered(window: WindowConfig) -> None:
    messages = list(check_window(window, STEP))
    assert len(messages) == 1 and "protocol.liquidation.window" in messages[0]


@pytest.mark.parametrize(("rules", "key"), [
    ({"execution": "auction"}, "protocol.liquidation.auction"),
    (auction(0.02, 0.01), "end_discount"),
    (auction(0.0, 0.01) | {"limit_price": "bankruptcy"}, "protocol.liquidation.limit_price"),
    (auction(0.0, 0.01) | {"settlement": "fill"}, "protocol.liquidation.settlement"),
])
def test_what_does_not_go_together_is_refused(rules: dict[str, Any], key: str) -> None:
    messages = list(check_execution(config(protocol={"liquidation": rules}).protocol))
    assert len(messages) == 1 and key in messages[0]
