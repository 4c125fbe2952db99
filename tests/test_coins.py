"""Collateral in coins: prices of liquidation and deficits by hand, what a haircut does, and what is the same as USD."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from stress.book.exposure import distance_to_liquidation
from stress.book.margin import shortfall
from stress.book.schema import Book
from stress.build.engine import kernel_obstacles, obstacles
from stress.config.check_collateral import check_collateral
from stress.config.collateral import CollateralConfig
from stress.config.liquidation import BackstopConfig
from stress.engine.check import check_at
from stress.engine.screen import screen
from stress.engine.state import Accounts
from stress.protocol.coins import Coins, Haircuts
from stress.protocol.margin.tiers import margin_table
from stress.session import replay
from tests import studies
from tests.reference.building import Row, make_book
from tests.reference.rules import Rules
from tests.reference.venue import simulate
from tests.z_tests import mean

LONG: Row = ("usd", 50.0, {"X": (1.0, 100.0)})
WRONG_WAY: Row = ("coins", 0.0, {"X": (1.0, 100.0)})
OTHER_SIDE: Row = ("short", 1e6, {"X": (-2.0, 100.0)})
UNITS, WEIGHT = 0.625, 0.8
"""0.625 coins at 100 USD and 80 % count for the 50 USD that the other one has."""


def holding(book: Book, coins: dict[str, tuple[float, ...]], weight: float = WEIGHT, factor: float = 0.0) -> Book:
    """The book whose owners hold units of every market's coin [A]."""
    units = np.array([coins.get(book.owners[o], (0.0,) * len(book.markets)) for o in book.owner])
    weights = np.full(len(book.markets), weight)
    return dataclasses.replace(book, coins=units, counted=Haircuts(weights, 0 * weights + factor).counted(units))


def taking(weight: float = WEIGHT, **changes: Any) -> Any:
    """A venue that takes coins, of 1 % maintenance margin."""
    protocol = {"collateral": CollateralConfig(weights=weight)} | changes.pop("protocol", {})
    return studies.config(protocol=protocol, **changes)


def two(*prices: float, **changes: Any) -> tuple[dict[str, Any], Any]:
    """Both longs of twice their collateral along prices: the engine's ledger, and the reference's path."""
    cfg, path = taking(**changes), np.array(prices)[:, None]
    book = holding(make_book([LONG, WRONG_WAY, OTHER_SIDE]), {"coins": (UNITS,)})
    study = studies.path_study(cfg, book, path)
    expected = simulate(study.book, Rules.from_config(cfg, ["X"]), path, np.ones(len(prices) - 1), 60.0)
    return replay(study), expected


def closed(ledger: dict[str, Any]) -> list[tuple[int, str]]:
    return [(k, row["account"]) for k, tick in enumerate(ledger["ticks"], 1) for row in tick["liquidations"]]


# --- by hand ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("price", "who"), [
    (67.2, []), (67.1, ["coins"]), (50.6, ["coins"]), (50.5, ["usd", "coins"])])
def test_a_long_that_pays_in_the_coin_is_liquidated_first(price: float, who: list[str]) -> None:
    """USD: 50 + P - 100 < 0.01 P below 50/0.99 = 50.51. Coins: 0.8 x 0.625 P + P - 100 < 0.01 P below 100/1.49 = 67.11,
    although both start at an equity of 50 for a notional of 100."""
    ledger, expected = two(100.0, price)
    assert [owner for _, owner in closed(ledger)] == who
    assert closed(expected.ledger) == closed(ledger)


def test_a_gap_costs_the_wrong_way_collateral_more() -> None:
    """At 40 USD: 50 - 60 = -10. At 40 coins: -60 + 0.625 x 40 = -35. Together they owe 45."""
    ledger, expected = two(100.0, 40.0)
    assert {row["account"]: row["deficit"] for row in ledger["ticks"][0]["liquidations"]} == {
        "usd": pytest.approx(10.0), "coins": pytest.approx(35.0)}
    assert ledger["outcome"]["bad_debt"] == pytest.approx(45.0) == expected.bad_debt
    assert [(sale["asset"], sale["units"], sale["price"]) for sale in ledger["ticks"][0]["coins"]] == [
        ("X", UNITS, pytest.approx(40.0))]


def test_what_the_coins_bring_beyond_the_debt_is_the_traders() -> None:
    """At 67: 67 - 100 + 0.625 x 67 = 8.875 USD, before a fee of 1 % of 67."""
    ledger, _ = two(100.0, 67.0, 67.0, protocol={"liquidation": {"fee": 0.01}})
    account = ledger["final"]["accounts"]["coins"]
    assert account == {"cash": pytest.approx(8.875 - 0.67), "equity": pytest.approx(8.875 - 0.67), "positions": {}}


def test_coins_are_sold_after_the_positions_and_push_the_price_further() -> None:
    """A long of one unit at S = 67 with 1 % for 6,700 USD: the position moves the price by 1 bp, at half of that on
    average; the coins by a further 0.625 bp, at 1.3125 bp. Less a spread of 10 bp each."""
    liquidity = {"law": "linear", "depth_usd": 6700.0, "half_spread_bps": 10.0}
    ledger, expected = two(100.0, 67.0, liquidity=liquidity)
    fill, coin = 67 * (1 - 0.5e-4) * 0.999, 67 * (1 - 1.3125e-4) * 0.999
    assert ledger["ticks"][0]["mark"]["X"] == pytest.approx(67 * (1 - 1.625e-4), rel=1e-12)
    assert ledger["ticks"][0]["coins"][0]["price"] == pytest.approx(coin, rel=1e-12)
    assert ledger["final"]["accounts"]["coins"]["cash"] == pytest.approx(fill - 100 + UNITS * coin, rel=1e-10)
    assert expected.coin_proceeds == pytest.approx(UNITS * coin, rel=1e-12)


ALL = {"collateral": CollateralConfig(weights=WEIGHT, sale="all")}
DEBT = {"collateral": CollateralConfig(weights=WEIGHT, sale="debt")}


@pytest.mark.parametrize(("price", "charge", "debt", "vault"), [
    (67.0, None, 0.0, (-100 + UNITS * 67, 1.0)),
    (67.0, 0.01, 0.0, (-100 + UNITS * 67 - (8.875 - 0.67), 1.0)),
    (62.0, None, 0.0, (-100 + UNITS * 62, 1.0)),
    (60.0, None, 2.5, (0.0, 0.0)),
])
@pytest.mark.parametrize("sale", ["all", "debt"])
def test_a_backstop_takes_the_coins_too_and_sells_them(sale: str, price: float, charge: float | None, debt: float, vault: Any
                                                       ) -> None:
    """At 67 the account is worth 8.875: it gives all, or 1 % of 67, and the vault has the long and what the coins bring.

    At 62, 0.5 x 62 - 38 = -7 count, but with all of 0.625 coins it is worth 0.75: not bankrupt. At 60 it is: -2.5. With
    ``sale=debt``, too, all coins go.
    """
    backstop = BackstopConfig(capital_usd=None, below_requirement=1.0, takes_bankrupt=False, charge=charge,
                              sale_half_life_minutes=None)
    protocol = {"backstop": backstop, "collateral": CollateralConfig(weights=WEIGHT, sale=sale)}
    cfg = taking(protocol=protocol, run={"paths": 128, "block_paths": 128})
    rows: list[Row] = [WRONG_WAY, ("short", 1e6, {"X": (-1.0, 100.0)})]
    study = studies.path_study(cfg, holding(make_book(rows), {"coins": (UNITS,)}), np.array([[100.0], [price]]))
    (result,) = studies.simulated(study, 1)
    assert result.vault is not None and result.sold_coins is not None
    assert (result.vault.quote[0, 0], result.vault.size[0, 0, 0]) == pytest.approx(vault, abs=1e-9)
    assert result.sold_coins.units[0, 0, 0] == UNITS and result.outcome.bad_debt[0, 0] == pytest.approx(debt)


@pytest.mark.parametrize(("fee", "due"), [(0.0, 33.0), (0.01, 33.67)])
def test_as_many_coins_are_sold_as_the_debt_needs(fee: float, due: float) -> None:
    """At 67 the position leaves 67 - 100 = -33 USD and a fee of 1 % of 67; the rest of 0.625 coins stays, in coins."""
    ledger, expected = two(100.0, 67.0, 67.0, protocol=DEBT | {"liquidation": {"fee": fee}})
    account, kept = ledger["final"]["accounts"]["coins"], UNITS - due / 67
    assert account == {"cash": pytest.approx(0.0, abs=1e-7), "equity": pytest.approx(kept * 67), "positions": {},
                       "coins": {"X": pytest.approx(kept)}}
    assert expected.coin_proceeds == pytest.approx(due) and ledger["outcome"]["bad_debt"] == 0
    assert expected.ledger["final"]["accounts"]["coins"]["coins"] == account["coins"]


def test_who_owes_more_than_its_coins_bring_sells_all() -> None:
    """As where all are sold: -60 + 0.625 x 40."""
    ledger, expected = two(100.0, 40.0, protocol=DEBT)
    assert ledger["outcome"]["bad_debt"] == pytest.approx(45.0) == expected.bad_debt
    assert ledger["ticks"][0]["coins"][0]["units"] == UNITS


def test_what_a_debt_needs_is_worked_out_at_the_price_that_it_brings() -> None:
    """In the book of the test above u coins at 67 (1 - 1e-4 - 0.5e-4 u) 0.999 bring what the position lacks to 100."""
    liquidity = {"law": "linear", "depth_usd": 6700.0, "half_spread_bps": 10.0}
    ledger, expected = two(100.0, 67.0, liquidity=liquidity, protocol=DEBT)
    debt = (100 - 67 * (1 - 0.5e-4) * 0.999) / (67 * 0.999)
    units = ((1 - 1e-4) - np.sqrt((1 - 1e-4) ** 2 - 2e-4 * debt)) / 1e-4
    assert ledger["ticks"][0]["coins"][0]["units"] == pytest.approx(units, rel=1e-8)
    assert ledger["ticks"][0]["mark"]["X"] == pytest.approx(67 * (1 - 1e-4 * (1 + units)), rel=1e-12)
    assert expected.coins_sold[0] == pytest.approx(units, rel=1e-8)


@pytest.mark.parametrize(("price", "who"), [(20.3, []), (20.1, ["short"]), (1000.0, [])])
def test_a_short_that_its_coins_outweigh_is_hurt_by_a_fall(price: float, who: list[str]) -> None:
    """-120 USD, short one from 100, 2.5 coins at 80 %: -120 + 100 - P + 2 P = P - 20 < 0.01 P below 20.2, and never
    above."""
    rows: list[Row] = [("short", -120.0, {"X": (-1.0, 100.0)}), ("long", 1e6, {"X": (1.0, 100.0)})]
    book = holding(make_book(rows), {"short": (2.5,)})
    ledger = replay(studies.path_study(taking(), book, np.array([[100.0], [60.0], [price]])))
    assert [owner for _, owner in closed(ledger)] == who


def test_a_fall_of_a_coin_without_a_position_liquidates() -> None:
    """5 coins of Y at 80 %, a debt of 40 USD and a long of one X from 100, where it stays: 4 P - 40 < 1 below 10.25."""
    rows: list[Row] = [("a", -40.0, {"X": (1.0, 100.0)}), ("b", 1e6, {"X": (-1.0, 100.0)})]
    book = holding(make_book(rows, ("X", "Y")), {"a": (0.0, 5.0)})
    path = np.array([[100.0, 20.0], [100.0, 10.3], [100.0, 10.2]])
    ledger = replay(studies.path_study(taking(markets=("X", "Y")), book, path))
    assert closed(ledger) == [(2, "a")]
    assert ledger["final"]["accounts"]["a"]["cash"] == pytest.approx(-40 + 5 * 10.2)


def test_weights_fall_with_the_units() -> None:
    """min(0.9, 1.1 / (1 + 0.01 sqrt(2500))) = 0.7333; and back."""
    haircuts = Haircuts(np.array([0.9, 0.0]), np.array([0.01, 0.0]))
    units = np.array([[2500.0, 7.0], [4.0, 0.0]])
    np.testing.assert_allclose(haircuts.counted(units), [[2500 * 1.1 / 1.5, 0.0], [3.6, 0.0]], rtol=1e-14)
    np.testing.assert_allclose(haircuts.units(haircuts.counted(units)), [[2500.0, 0.0], [4.0, 0.0]], rtol=1e-12)


# --- limits ----------------------------------------------------------------------------------------------------------
GAPS = {"law": "linear", "depth_usd": 2e4, "half_spread_bps": 5.0}


def market(rng: np.random.Generator, long_share: float = 0.5, leverage: tuple[float, float] = (2.0, 20.0)) -> Book:
    """Twenty accounts, and a rich one that balances them."""
    size = np.where(rng.random(20) < long_share, 1.0, -1.0) * (rng.pareto(1.5, 20) * 10 + 1)
    cash = np.abs(size) * 100.0 / rng.uniform(*leverage, 20)
    rows: list[Row] = [(f"a{n}", float(cash[n]), {"X": (float(size[n]), 100.0)}) for n in range(20)]
    return make_book([*rows, ("rich", 1e6, {"X": (-float(size.sum()), 100.0)})], ("X", "Y"))


def outcomes(book: Book, weight: float = 1.0, **changes: Any) -> Any:
    run = {"paths": 512, "block_paths": 512}
    price = {"volatility": 6.0, "correlation": 0.0, "initial_prices": [100.0, 50.0]} | changes.pop("price", {})
    cfg = taking(weight, markets=("X", "Y"), run=run, price=price, **changes)
    (result,) = studies.simulated(studies.study(cfg, book))
    return result


def test_a_coin_whose_price_stands_still_is_usd() -> None:
    """Of Y, at full weight, sold into a book that it does not move."""
    book = market(np.random.default_rng(1))
    n = book.accounts - 1  # the rich one keeps its cash
    coins = np.zeros_like(book.size)
    coins[:n, 1] = book.cash[:n] / 50.0
    cash = np.append(np.zeros(n), book.cash[n])
    changes = {"price": {"volatility": [6.0, 0.0]}, "liquidity": {"law": "none"}}
    usd, coin = outcomes(book, **changes), outcomes(
        dataclasses.replace(book, cash=cash, coins=coins, counted=coins), **changes)
    assert (usd.outcome.liquidated_accounts > 0).mean() > 0.5
    for name in ("liquidated", "liquidated_accounts", "bad_debt", "drawdown", "depletion_tick"):
        ours, theirs = getattr(coin.outcome, name), getattr(usd.outcome, name)
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-7, err_msg=name)
    assert usd.sold_coins is None and coin.sold_coins.value.max() > 0


def test_no_coins_are_as_if_there_were_none() -> None:
    book = market(np.random.default_rng(2))
    none = np.zeros_like(book.size)
    without, empty = outcomes(book, liquidity=GAPS), outcomes(
        dataclasses.replace(book, coins=none, counted=none), liquidity=GAPS)
    for name, theirs in vars(without.outcome).items():
        if "residual" not in name or name == "adl_residual":
            np.testing.assert_allclose(getattr(empty.outcome, name), theirs, rtol=1e-12, atol=1e-9, err_msg=name)
    assert not empty.sold_coins.value.any()


def test_a_larger_haircut_never_liquidates_fewer() -> None:
    """On every path, without impact: an account that is short of margin at one weight is so at any lower one."""
    book = market(np.random.default_rng(3))
    coins = np.zeros_like(book.size)
    coins[:-1, 0] = 2.0 * book.cash[:-1] / 100.0
    cash = np.append(np.zeros(book.accounts - 1), book.cash[-1])
    counts = []
    for weight in (1.0, 0.8, 0.6, 0.5):
        given = dataclasses.replace(book, cash=cash, coins=coins, counted=weight * coins)
        counts.append(outcomes(given, liquidity={"law": "none"}).outcome.liquidated_accounts[0])
    for high, low in zip(counts, counts[1:], strict=False):
        assert (low >= high).all()
        assert (low > high).mean() > 0.2, "it matters"


def test_selling_what_a_debt_needs_spares_the_book() -> None:
    """Without impact deficits are those of selling all, path by path, and fewer coins are sold; with it the price is
    pushed less, in the mean."""
    book = market(np.random.default_rng(4), 1.0, (2.0, 4.0))
    coins = np.zeros_like(book.size)
    coins[:-1, 0] = book.cash[:-1] / 80.0
    cash = np.append(np.zeros(book.accounts - 1), book.cash[-1])
    book = dataclasses.replace(book, cash=cash, coins=coins, counted=WEIGHT * coins)
    for liquidity in ({"law": "none"}, GAPS):
        results = [outcomes(book, liquidity=liquidity, price={"volatility": 20.0}, protocol=venue) for venue in (ALL, DEBT)]
        sold = [result.sold_coins.value[0] for result in results]
        assert (sold[1] < sold[0]).mean() > 0.2
        if liquidity["law"] == "none":
            assert (sold[1] <= sold[0] * (1 + 1e-9)).all()
            np.testing.assert_allclose(results[1].outcome.bad_debt, results[0].outcome.bad_debt, rtol=1e-9, atol=1e-6)
            continue
        less = mean((results[0].outcome.max_displacement - results[1].outcome.max_displacement)[0])
        assert less.value > 4 * less.error, less


def test_a_fund_that_takes_what_is_left_takes_no_coins() -> None:
    cfg = taking(protocol=DEBT | {"liquidation": {"remaining_equity": "fund"}})
    (message,) = check_collateral(cfg)
    assert "protocol.collateral.sale" in message and "remaining_equity" in message
    assert not [*check_collateral(taking(protocol=DEBT))]
    assert not [*check_collateral(taking(protocol={"liquidation": {"remaining_equity": "fund"}}))]


def test_wrong_way_collateral_makes_the_cascade_worse() -> None:
    """The same leverage and noise: longs at 2 to 4 times that hold the coin are closed more often than ones that hold
    USD, push the price further, and owe more. Means: a sale that comes earlier may come at a better price."""
    book = market(np.random.default_rng(4), 1.0, (2.0, 4.0))
    n = book.accounts - 1
    coins = np.zeros_like(book.size)
    coins[:n, 0] = book.cash[:n] / 100.0
    cash = np.append(np.zeros(n), book.cash[n])
    changes = {"liquidity": GAPS, "price": {"volatility": 20.0}}
    usd, coin = outcomes(book, **changes), outcomes(
        dataclasses.replace(book, cash=cash, coins=coins, counted=coins), **changes)
    for name in ("liquidated_accounts", "max_displacement", "bad_debt"):
        more = mean((getattr(coin.outcome, name) - getattr(usd.outcome, name))[0])
        assert more.value > 4 * more.error, f"{name}: {more}"


# --- how far prices may move -----------------------------------------------------------------------------------------
PRICES = np.array([100.0, 10.0])
CURVE = margin_table([np.array([1e4, np.inf])] * 2, [np.array([0.01, 0.05])] * 2)


def near_the_edge(rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Quote [N], sizes and coins that count [A, N] of accounts with up to half of their notional above the requirement;
    coins are worth a part of the positions or several times as much."""
    notional = np.exp(rng.uniform(np.log(1e2), np.log(3e5), (2, count))) * rng.choice([0, 1, 1], (2, count))
    size = notional * rng.choice([-1.0, 1.0], (2, count)) / PRICES[:, None]
    coins = notional.sum(0) * np.exp(rng.normal(-1.0, 1.5, (2, count))) * rng.choice([0, 1], (2, count)) / PRICES[:, None]
    need = np.asarray(CURVE.requirement(np.abs(size), notional)).sum(0)
    slack = notional.sum(0) * np.exp(rng.uniform(np.log(1e-4), np.log(0.5), count)) + 1e-3
    return need + slack - ((size + coins) * PRICES[:, None]).sum(0), size, coins


def test_the_screen_misses_no_liquidation() -> None:
    """Every account alone: prices inside its box never make it liquidatable; some are at the corners a little beyond."""
    rng = np.random.default_rng(8)
    quote, size, counted = (jnp.asarray(values) for values in near_the_edge(rng, 400))
    venue: Any = SimpleNamespace(gain_weight=None, maintenance=CURVE, contract=None, size_units=lambda units, _: units)

    def account(size: Any, counted: Any) -> Accounts:
        coins = Coins(counted[:, None] / 0.9, counted[:, None])
        return Accounts(jnp.zeros_like(size)[:, None], jnp.zeros(1, bool), jnp.zeros(()), coins=coins)

    def seen(quote: Any, size: Any, counted: Any, price: Any) -> Any:
        return check_at(venue, account(size, counted), quote[None], size[:, None], price)

    def box_of(quote: Any, size: Any, counted: Any) -> Any:
        now = seen(quote, size, counted, jnp.asarray(PRICES))
        return screen(venue, account(size, counted), size[:, None], now, jnp.zeros((1, 1)))

    box = jax.vmap(box_of, in_axes=(0, 1, 1))(quote, size, counted)
    short = jax.jit(jax.vmap(lambda *given: seen(*given).liquidatable[0], in_axes=(0, 1, 1, 0)))
    beyond = 0
    for _ in range(40):
        up = np.minimum(np.asarray(box.high), 4 * PRICES) if rng.random() < 0.5 else PRICES
        inside = np.where(rng.random((400, 2)) < 0.5, np.asarray(box.low) * (1 + 1e-9), up * (1 - 1e-9))
        inside = np.where(rng.random((400, 2)) < 0.3, PRICES, np.maximum(inside, 1e-6))
        assert not np.asarray(short(quote, size, counted, inside)).any()
        beyond += int(short(quote, size, counted, np.where(inside < PRICES, inside * 0.9, inside * 1.1)).sum())
    assert beyond > 400, f"no power: {beyond}"


def test_distances_are_where_accounts_fall_short() -> None:
    quote, size, counted = (values.T for values in near_the_edge(np.random.default_rng(6), 200))
    book = Book(("X", "Y"), tuple(f"a{n}" for n in range(200)), np.arange(200), np.zeros(200, bool), np.zeros(200, bool),
                size, np.where(size != 0, PRICES, 0.0), quote + (size * PRICES).sum(1), coins=counted / 0.9,
                counted=counted)
    distance, checked = distance_to_liquidation(book, PRICES, CURVE), 0
    for a in range(2):
        for factor, short in ((1 + 1e-7, True), (1 - 1e-7, False)):
            for n in np.flatnonzero(np.isfinite(distance[:, a])):
                moved = PRICES.copy()
                moved[a] *= 1 + distance[n, a] * factor
                assert (shortfall(book, moved, CURVE)[n] > 0) == short, (n, a)
                checked += 1
    assert checked > 200


# --- engines ---------------------------------------------------------------------------------------------------------
def test_neither_ladder_nor_kernel_follows_coins() -> None:
    book = holding(make_book([LONG, WRONG_WAY, OTHER_SIDE]), {"coins": (UNITS,)})
    study = studies.path_study(taking(), book, np.array([[100.0], [99.0]]))
    (reason,) = obstacles(study.config, study.book, study.margin, study.market)
    assert "protocol.collateral" in reason
    (reason,) = kernel_obstacles(study.config, study.market, book=study.book)
    assert "protocol.collateral" in reason
    assert study.engine["name"] == "dense"
    bare = studies.path_study(taking(), make_book([LONG, OTHER_SIDE]), np.array([[100.0], [99.0]]))
    assert bare.engine["name"] == "ladder", "the venue takes coins, but nobody holds any"
