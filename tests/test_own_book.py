"""Prices by the venue's own book, its skew or its imbalance: by hand, in the limit, and what they do not go with."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from stress.build.engine import kernel_obstacles, obstacles
from stress.build.study import Study
from stress.build.venue import build_venue, twin
from stress.cli.compose import load
from stress.config.adl import AdlPoolConfig
from stress.config.liquidation import BackstopConfig
from stress.config.liquidity import BY_BOOK, ImbalanceConfig
from stress.errors import UserError
from stress.liquidity.imbalance import Imbalance, closing_price, imbalance_impact
from stress.liquidity.skew import Skew, skewed_fill
from stress.report import own_book as words
from stress.report.own_book import own_book
from stress.session import replay
from tests.reference.building import Row, make_book
from tests.studies import config, padded, path_study

BOOK: list[Row] = [("A", 100.0, {"X": (10.0, 100.0)}), ("B", 1e4, {"X": (-4.0, 100.0)}), ("R", 1e4, {"X": (-6.0, 100.0)})]
"""Traders are long by 6; R stands for the pool."""
SKEW = {"law": "skew", "skew_scale": [600.0]}
POOL = BackstopConfig(capital_usd=1e6, below_requirement=1.0, takes_bankrupt=True, charge=0.0, sale_half_life_minutes=None)
CAP = jnp.asarray(0.5)


def test_the_report_knows_the_same_laws() -> None:
    assert words.BY_BOOK == BY_BOOK


def terms(**changes: Any) -> dict[str, Any]:
    """A trade of some hundred USD pays some USD."""
    given = {"positive_factor": 2e-5, "negative_factor": 1e-4, "positive_exponent": 2.0, "negative_exponent": 2.0,
             "max_positive": 0.5, "max_negative": 0.5}
    return {"law": "imbalance", "imbalance": ImbalanceConfig(**(given | changes))}


def study(liquidity: dict[str, Any], *prices: float, rows: list[Row] | None = None, **protocol: Any) -> Study:
    """Accounts are liquidatable below 5 % at the fundamental price; no fee and no spread."""
    settings = {"maintenance_margin": 0.05, "oracle": {"impact_share": 0.0}} | protocol
    book = padded(make_book(rows or BOOK, residual="R"), 6)
    cfg = config(protocol=settings, liquidity={"max_displacement": 0.5, "withdrawal": 0.0} | liquidity)
    return path_study(cfg, book, np.array(prices)[:, None])


def near(value: Any) -> Any:
    return pytest.approx(value, rel=1e-12, abs=1e-12)


def closed(out: dict[str, Any]) -> list[Any]:
    return [(k, row["account"], row["size"], near(row["price"]))
            for k, tick in enumerate(out["ticks"], 1) for row in tick["liquidations"]]


def test_a_sale_fills_at_the_mean_of_the_price_before_and_after() -> None:
    """A has 40 of the 47 it needs at 94. It sells 10: skew 6 to -4 of 600, so 94 x (1 + 2 / 1,200), and 94 x (1 - 4 / 600) after."""
    out = replay(study(SKEW, 100.0, 98.0, 94.0))
    assert out["ticks"][0]["mark"]["X"] == near(98 * 1.01)
    assert closed(out) == [(2, "A", 10.0, near(94 * (1 + 1 / 600)))]
    assert out["ticks"][1]["mark"]["X"] == near(94 * (1 - 4 / 600))
    assert out["final"]["accounts"]["A"]["cash"] == near(100 + 10 * (94 * (1 + 1 / 600) - 100))
    assert max(out["outcome"]["cash_residual"], out["outcome"]["contracts_residual"]) < 1e-9


def test_a_sale_gets_what_it_takes_off_the_imbalance_and_pays_for_what_it_adds() -> None:
    """From 6 x 94 = 564 to -376 USD: 2e-5 x 564^2 - 1e-4 x 376^2 = -7.77568 on 10 units; the mark is not moved."""
    out = replay(study(terms(), 100.0, 94.0))
    assert closed(out) == [(1, "A", 10.0, near(94 - 0.777568))]
    assert out["ticks"][0]["mark"]["X"] == 94.0
    assert out["final"]["accounts"]["A"]["cash"] == near(100 + 10 * (94 - 0.777568 - 100))


@pytest.mark.parametrize(("worst", "price"), [(0.005, 94 * 0.995), (0.0, 94.0)])
def test_what_is_paid_is_capped(worst: float, price: float) -> None:
    """As of liquidations on GMX v2, whose cap is zero: they pay nothing."""
    assert closed(replay(study(terms(max_negative=worst), 100.0, 94.0))) == [(1, "A", 10.0, near(price))]


def test_a_short_that_is_closed_buys_at_the_other_end() -> None:
    """Mirrored: traders short by 6, skew -6 to 4 at 106. They buy at 106 x (1 - 1 / 600), or pay 8 USD and some."""
    rows: list[Row] = [(name, cash, {"X": (-size, price)}) for name, cash, held in BOOK for size, price in held.values()]
    assert closed(replay(study(SKEW, 100.0, 106.0, rows=rows))) == [(1, "A", -10.0, near(106 * (1 - 1 / 600)))]
    paid = 1e-4 * 424**2 - 2e-5 * 636**2
    assert closed(replay(study(terms(), 100.0, 106.0, rows=rows))) == [(1, "A", -10.0, near(106 + paid / 10))]


def test_what_the_backstop_takes_is_no_trader_s_any_more() -> None:
    """At its price, without impact; the skew is -4 then."""
    out = replay(study(SKEW, 100.0, 94.0, backstop=POOL, waterfall=[]))
    assert closed(out) == [(1, "A", 10.0, 94.0)]
    assert out["ticks"][0]["mark"]["X"] == near(94 * (1 - 4 / 600))


@pytest.mark.slow
def test_what_a_pool_deleverages_is_no_trader_s_either() -> None:
    """B gained 4 x 10 of 100 at 90: above 20 %, so (40 - 10) / 0.9 / 10 units are closed. A is taken over in the same tick."""
    pool = AdlPoolConfig(long_usd=1e6, short_usd=100.0, max_factor=0.2, target_factor=0.1, max_paid_factor=None)
    adl = {"policy": "pro_rata", "trigger": "pnl_to_pool", "price": "oracle", "pool": pool}
    out = replay(study(SKEW, 100.0, 90.0, backstop=POOL, waterfall=[], adl=adl))
    units = 30 / 0.9 / 10
    assert [(row["account"], near(row["size"])) for row in out["ticks"][0]["adl"]] == [("B", -units)]
    assert out["ticks"][0]["mark"]["X"] == near(90 * (1 + (-4 + units) / 600))


def test_without_impact_neither_law_moves_anything() -> None:
    """The venue of the companion run."""
    for law in (SKEW, terms()):
        cfg = study(law, 100.0, 94.0).config
        venue = build_venue(cfg.protocol, cfg.liquidity, ["X"], 60.0)
        given = jnp.array([-6.0]), jnp.array([10.0]), jnp.array([94.0]), jnp.array([1.0])
        assert float(venue.liquidity.walk(*given)[0][0]) != 94.0
        still = twin(venue).liquidity
        assert (float(still.walk(*given)[0][0]), float(still.displacement(given[0])[0])) == (94.0, 0.0)


def test_the_engine_s_laws_are_the_venues_functions() -> None:
    skew, flow, price = jnp.array([6.0, -50.0, 0.0]), jnp.array([10.0, -20.0, 7.0]), jnp.array([94.0, 10.0, 3.0])
    scale = jnp.array([600.0, 1e3, 50.0])
    np.testing.assert_array_equal(Skew(scale).fill(price, skew, flow, CAP), skewed_fill(price, skew, scale, -flow))
    one = jnp.ones(3)
    curve = Imbalance(2e-5 * one, 1e-4 * one, one, 2 * one, jnp.asarray(1.0), jnp.asarray(1.0))
    gain = imbalance_impact(skew * price, (skew - flow) * price, 2e-5 * one, 1e-4 * one, one, 2 * one)
    expected = closing_price(price, jnp.abs(flow) * price, gain, jnp.sign(flow))
    np.testing.assert_array_equal(curve.fill(price, skew, flow, CAP), expected)


@pytest.mark.parametrize("curve", [
    Skew(jnp.array([600.0])),
    Skew(jnp.array([15.0])),  # beyond the cap
    Imbalance(*(jnp.array([x]) for x in (2e-7, 1e-8, 1.5, 2.0)), jnp.asarray(1.0), jnp.asarray(1.0)),
], ids=["skew", "skew beyond the cap", "imbalance"])
@pytest.mark.parametrize("start", [12.0, 3.0, -1.0])
def test_slicing_a_flow_changes_nothing(curve: Any, start: float) -> None:
    """Through the sign and the cap of the mark; no trade is so dear that what it pays is capped."""
    price, whole = jnp.array([1e4]), 10.0
    parts = [0.5, 2.5, 6.0, 1.0]
    places = start - np.concatenate([[0.0], np.cumsum(parts)])
    paid = sum(part * curve.fill(price, jnp.array([at]), jnp.array([part]), CAP)[0] for part, at in zip(parts, places, strict=False))
    assert float(paid) == pytest.approx(whole * float(curve.fill(price, jnp.array([start]), jnp.array([whole]), CAP)[0]), rel=1e-12)


@pytest.mark.slow
def test_a_balanced_book_is_a_linear_law_without_recovery() -> None:
    """Nested limit: depth is 1 % of the scale at the price, which stands still between two falls."""
    rows: list[Row] = [*BOOK[:1], ("C", 90.0, {"X": (9.0, 100.0)}), ("B", 1e4, {"X": (-19.0, 100.0)})]
    path = (100.0, 94.0, 94.0)
    linear = {"law": "linear", "depth_usd": 0.01 * 600 * 94, "recovery_half_life_minutes": None}
    one, other = (replay(study(law, *path, rows=rows)) for law in (SKEW, linear))
    assert len(closed(one)) == 2
    assert closed(one) == closed(other)
    assert one["ticks"][-1]["mark"]["X"] == near(other["ticks"][-1]["mark"]["X"])


def test_a_smaller_scale_moves_prices_further() -> None:
    """On both sides, at every step."""
    skew, flow = jnp.array([0.0]), jnp.array([10.0])
    fills = [float(Skew(jnp.array([scale])).fill(jnp.array([94.0]), skew, flow, CAP)[0]) for scale in (1e4, 1e3, 1e2)]
    assert fills[0] > fills[1] > fills[2]


def test_neither_ladder_nor_kernel_follows_the_skew() -> None:
    made = study(SKEW, 100.0, 94.0)
    given = made.config, made.book, made.margin, made.market
    assert any("liquidity.law=skew" in reason for reason in obstacles(*given))
    assert any("liquidity.law=skew" in reason for reason in kernel_obstacles(made.config, made.market))
    assert made.engine["name"] == "dense"
    assert any("liquidity.law=skew" in reason for reason in made.engine["not_ladder"])


@pytest.mark.parametrize(("values", "told"), [
    (("liquidity.law=skew",), r"liquidity\.skew_scale"),
    (("liquidity.law=imbalance", "liquidity.withdrawal=0", "liquidity.recovery_half_life_minutes=null"),
     r"liquidity\.imbalance"),
    (("liquidity=skew", "liquidity.recovery_half_life_minutes=3"), r"liquidity\.recovery_half_life_minutes"),
    (("liquidity=skew", "liquidity.withdrawal=1"), r"liquidity\.withdrawal"),
    (("liquidity=skew", "protocol.liquidation.limit_price=bankruptcy"), r"protocol\.liquidation\.limit_price"),
    (("liquidity=imbalance", "protocol=hyperliquid"), r"protocol\.backstop\.sale_half_life_minutes"),
    (("liquidity=imbalance", "protocol=bitmex"), r"protocol\.contract"),
    (("liquidity=imbalance", "liquidity.imbalance.negative_exponent=0.5"), r"liquidity\.imbalance\.negative_exponent"),
])
def test_what_makes_no_sense_is_refused(values: tuple[str, ...], told: str) -> None:
    with pytest.raises(UserError, match=told):
        load(list(values))


@pytest.mark.parametrize(("law", "told"), [
    ("skew", "no order book: the price leans with longs less shorts"),
    ("imbalance", "closings pay for the imbalance of longs and shorts that they make"),
])
def test_a_report_says_so(law: str, told: str) -> None:
    settings = dataclasses.asdict(load([f"liquidity={law}"])[0].liquidity)
    run: Any = SimpleNamespace(setting=lambda key: settings)
    assert told in own_book(run, lambda run, value, word: word(1.0)).replace("\xa0", " ")
