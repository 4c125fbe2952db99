"""Inverse contracts: what they cost, by hand and by the venues' formulas; where they are liquidated; what they refuse.

That the engine agrees with a reference that counts contracts and coins is in ``test_engine_reference``.
"""

from __future__ import annotations

import itertools
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad

from stress.book.exposure import distance_to_liquidation, liquidation_heatmap
from stress.book.inverse import mirrored
from stress.book.schema import Book
from stress.build.study import Study, build_study
from stress.cli.compose import load
from stress.config.insurance import InsuranceConfig
from stress.contract import Inverse
from stress.engine.check import check_at
from stress.engine.screen import reaches
from stress.errors import UserError
from stress.liquidity.book import Liquidity
from stress.liquidity.impact import Impact
from stress.liquidity.reciprocal import mean_reciprocal
from stress.protocol.liquidation.limits import OrderCase
from stress.protocol.liquidation.prices import bankruptcy_price_at_leverage, inverse_bankruptcy_price
from stress.protocol.margin.linear_size import LinearSize
from stress.protocol.margin.tiers import MarginTable, margin_table
from stress.report.assumptions import limitations
from stress.report.contract import COINS, contract
from stress.session import replay
from tests.quick import block
from tests.reference.building import Row, make_book, near
from tests.studies import config, path_study
from tests.test_impact import EXPONENTS, LAWS, WALKS
from tests.test_report_liquidation import run_of

S = 100.0
"""USD per coin at time zero."""


# --- the walk through the book --------------------------------------------------------------------------------------
def impact(gamma: float, cap: float) -> Impact:
    return Impact(jnp.asarray(1.0), jnp.asarray(gamma), jnp.asarray(cap), LAWS.get(gamma, "power"))


def reciprocal(z: float, gamma: float, cap: float) -> float:
    """1 / (1 - X), as the page has X."""
    return 1.0 / (1.0 + float(np.sign(z)) * min(0.01 * abs(z) ** gamma, cap))


@pytest.mark.parametrize("cap", [0.04, 0.99])
@pytest.mark.parametrize("gamma", [0.3, *EXPONENTS])
@pytest.mark.parametrize(("start", "end"), WALKS)
def test_contracts_are_sold_at_the_mean_of_one_over_the_price(gamma: float, cap: float, start: float, end: float) -> None:
    """By quadrature, through the middle of the book and the cap; a walk of no length has the price itself."""
    ours = float(mean_reciprocal(impact(gamma, cap), jnp.asarray(start), jnp.asarray(end)))
    knee, low, high = (cap / 0.01) ** (1 / gamma), min(start, end), max(start, end)
    if low == high:
        assert ours == pytest.approx(reciprocal(start, gamma, cap), rel=1e-15)
        return
    cuts = [low, *(z for z in (-knee, 0.0, knee) if low < z < high), high]
    area = sum(quad(reciprocal, a, b, args=(gamma, cap), epsabs=0, epsrel=2e-14, limit=400)[0] for a, b in itertools.pairwise(cuts))
    assert ours == pytest.approx(area / (high - low), rel=1e-12)


@pytest.mark.parametrize("gamma", EXPONENTS)
def test_coins_do_not_depend_on_slices(gamma: float) -> None:
    book = Liquidity(impact(gamma, 0.3), jnp.array([2e5]), jnp.asarray(0.0), jnp.asarray(1.0), jnp.asarray(0.0), Inverse(jnp.array([S])))
    flows = np.random.default_rng(3).normal(0.0, 3e5, 200)
    walk, z, coins = jax.jit(book.walk), jnp.array([-0.7]), 0.0
    whole, end = walk(z, jnp.array([flows.sum()]), jnp.array([80.0]), jnp.array([2e5]))
    for flow in flows:
        price, z = walk(z, jnp.array([flow]), jnp.array([80.0]), jnp.array([2e5]))
        coins += flow * float(price[0])
    assert float(z[0]) == pytest.approx(float(end[0]), rel=1e-11)
    assert coins == pytest.approx(flows.sum() * float(whole[0]), rel=1e-10)


# --- by hand --------------------------------------------------------------------------------------------------------
LONG: Row = ("long", 100.0, {"X": (10.0, S)})
"""1,000 contracts since 100 USD, which are 10 coins, with a coin of margin: ten times leveraged."""
SHORT: Row = ("short", 1000.0, {"X": (-10.0, S)})


def ledger(*prices: float, contract: str = "inverse", liquidity: dict[str, Any] | None = None, **protocol: Any) -> dict[str, Any]:
    cfg = config(protocol={"contract": contract} | protocol, liquidity=liquidity)
    return replay(path_study(cfg, make_book([LONG, SHORT]), np.array(prices)[:, None]))


@pytest.mark.parametrize(("most", "paid"), [(None, 0.9), (60.0, 0.6)])
def test_a_fund_with_rules_of_its_own_counts_coins(most: float | None, paid: float) -> None:
    """The same fall: 1.5 coins are owed; the fund has 0.9, and a limit of 60 USD is one of 0.6 coins."""
    found = ledger(S, 80.0, insurance_fund=90.0, insurance=InsuranceConfig(scope="shared", paid_at_most_usd=most,
                   paid_within_seconds=None if most is None else 60.0))
    assert found["outcome"]["insurance_paid"] == near(paid * S)
    assert found["outcome"]["uncovered"] == near((1.5 - paid) * S)
    assert found["ticks"][0]["fund"] == near(90.0 - paid * S)


def test_a_fall_to_80_by_hand() -> None:
    """Closed at 80 the long gains 1000 (1/100 - 1/80) = -2.5 coins. It had 1; the fund has 0.9 and 0.6 are missing."""
    found = ledger(S, 80.0, insurance_fund=90.0)
    (fill,) = found["ticks"][0]["liquidations"]
    assert (fill["account"], fill["size"]) == ("long", near(10.0))
    assert (fill["price"], fill["deficit"]) == (near(80.0), near(150.0))
    assert found["outcome"]["liquidated_notional"] == near(1250.0)  # 1000 / 80 coins
    assert (found["outcome"]["insurance_paid"], found["outcome"]["uncovered"]) == (near(90.0), near(60.0))
    short = found["final"]["accounts"]["short"]
    assert short["positions"]["X"] == {"size": near(-10.0), "entry_price": near(S)}
    assert short["equity"] == near(1000.0 + 250.0)
    assert found["final"]["accounts"]["long"]["cash"] == near(-60.0)
    linear = ledger(S, 80.0, contract="linear", insurance_fund=90.0)
    assert linear["ticks"][0]["liquidations"][0]["deficit"] == near(100.0), "10 coins lose 200 USD, and 100 were there"


def test_fee_spread_and_impact_by_hand() -> None:
    """Depth 50,000 USD and a linear law: 1,000 contracts move the price by 0.02 %, sold at the mean of 1/p on the way."""
    book = {"law": "linear", "depth_usd": 5e4, "half_spread_bps": 10.0}
    found = ledger(S, 91.5, liquidity=book, liquidation={"fee": 0.001})
    coins = 1000.0 / 91.5 * np.log(1.0 / (1.0 - 2e-4)) / 2e-4 / 0.999  # the mean of 1 / (1 - x) over x to 0.0002
    (fill,) = found["ticks"][0]["liquidations"]
    assert fill["price"] == pytest.approx(1000.0 / coins, rel=1e-12)
    assert fill["fee"] == pytest.approx(0.001 * coins * S, rel=1e-11)
    assert found["ticks"][0]["mark"]["X"] == pytest.approx(91.5 * (1 - 2e-4), rel=1e-12)
    left = 1.0 - (coins - 10.0) - 0.001 * coins
    assert found["final"]["accounts"]["long"]["cash"] == pytest.approx(left * S, rel=1e-9)
    assert found["ticks"][0]["fund"] == pytest.approx(0.001 * coins * S, rel=1e-11)


def test_funding_is_paid_in_coins() -> None:
    """At 125 a rate of 1 % on 1,000 contracts is 0.08 coins, from long to short."""
    funding = {"interval_hours": 1 / 60, "kind": "deadband", "deadband": 0.0, "cap": 1.0, "premium": 0.01}
    found = ledger(S, 125.0, funding=funding)["final"]["accounts"]
    assert found["long"]["cash"] == near(92.0)
    assert found["short"]["cash"] == near(1008.0)
    assert found["long"]["equity"] == near(92.0 + 200.0)  # 1000 (1/100 - 1/125) = 2 coins


def test_winners_are_closed_where_the_loser_has_nothing_left() -> None:
    """ADL at the bankruptcy price, 100 x 10 / 11: the short gets the coin that the long had."""
    found = ledger(S, 80.0, waterfall=["adl"], adl={"policy": "bitmex"})
    (row,) = found["ticks"][0]["adl"]
    assert (row["account"], row["size"]) == ("short", near(-10.0))
    assert row["price"] == pytest.approx(float(inverse_bankruptcy_price(S, 10.0, 1.0)), rel=1e-12)
    assert found["final"]["accounts"]["short"]["cash"] == near(1100.0)


# --- where accounts are liquidated and bankrupt ---------------------------------------------------------------------
def isolated(leverage: float, side: float, entry: float = S) -> Book:
    """A position at its entry's price with the initial margin of a leverage, and one that balances it."""
    return make_book([("a", 10.0 * S / leverage, {"X": (side * 10.0, entry)}), ("b", 1e9, {"X": (-side * 10.0, entry)})])


@pytest.mark.parametrize("side", [1.0, -1.0])
@pytest.mark.parametrize("leverage", [2.0, 25.0, 50.0])
def test_the_bankruptcy_price_is_the_venues(leverage: float, side: float) -> None:
    """Bybit's and BitMEX's E L / (L + 1) for longs, E L / (L - 1) for shorts, from the engine's at another price."""
    held, price = mirrored(isolated(leverage, side), np.array([S])), np.array([S * S / 97.0])
    equity = jnp.asarray(held.equity(price))
    margin = jnp.asarray(0.01 * np.abs(held.size.T) * price)
    case = OrderCase(jnp.asarray(price)[:, None], jnp.asarray(held.size.T), margin, equity, margin.sum(0))
    found = S * S / float(case.bankruptcy()[0, 0])
    assert found == pytest.approx(float(inverse_bankruptcy_price(S, leverage, side)), rel=1e-12)


@pytest.mark.parametrize("side", [1.0, -1.0])
@pytest.mark.parametrize("leverage", [3.0, 10.0, 25.0])
def test_liquidated_beyond_the_price_by_hand_and_not_before(leverage: float, side: float) -> None:
    """Equity n/(E L) + side n (1/E - 1/p) is below 0.01 n/p: beyond E (1 + side 0.01) L / (L + side)."""
    price = float(inverse_bankruptcy_price(S, leverage, side)) * (1.0 + side * 0.01)
    curve, book = flat(0.01), isolated(leverage, side)
    move = distance_to_liquidation(book, np.array([S]), curve, inverse=True)[0, 0]
    assert move == pytest.approx(price / S - 1.0, rel=1e-12)
    cfg = config(protocol={"contract": "inverse"})
    for factor, closed in ((1.0 + side * 1e-9, 0), (1.0 - side * 1e-9, 1)):
        found = replay(path_study(cfg, book, np.array([[S], [price * factor]])))
        assert found["outcome"]["liquidated_accounts"] == closed


def flat(rate: float) -> MarginTable:
    return margin_table([np.array([np.inf])], [np.array([rate])])


@pytest.mark.parametrize("leverage", [2.0, 5.0, 20.0, 50.0])
def test_longs_are_liquidated_sooner_than_linear_ones_and_shorts_later(leverage: float) -> None:
    """Their collateral falls with the price; bankruptcy prices, too, are nearer for longs and farther for shorts."""
    for side in (1.0, -1.0):
        here, linear = (distance_to_liquidation(isolated(leverage, side), np.array([S]), flat(0.01), inverse)[0, 0] for inverse in (True, False))
        assert here > linear
        assert inverse_bankruptcy_price(S, leverage, side) > bankruptcy_price_at_leverage(S, leverage, side)


def test_both_agree_for_infinitesimal_moves() -> None:
    """The ratio of the distances goes to one with the distance: 1 - d, for one of d."""
    for leverage in (1e3, 1e5):
        for side in (1.0, -1.0):
            rate = 0.1 / leverage
            here, linear = (distance_to_liquidation(isolated(leverage, side), np.array([S]), flat(rate), inverse)[0, 0] for inverse in (True, False))
            assert here / linear == pytest.approx(1.0, abs=2.0 / leverage)
            assert here != linear


def test_the_heat_map_shows_longs_below_and_shorts_above() -> None:
    """Each becomes liquidatable where the venue's formula says."""
    moves = np.array([-0.09, -0.08, 0.09, 0.10, 0.11])
    book = make_book([LONG, ("short", 100.0, {"X": (-10.0, S)})])
    heat = liquidation_heatmap(book, np.array([S]), flat(0.01), moves, inverse=True)
    np.testing.assert_allclose(heat[:, 0, 0], [1000.0, 0.0, 0.0, 0.0, 0.0])  # below 100 x 1.01 x 10 / 11 = 91.8
    np.testing.assert_allclose(heat[:, 0, 1], [0.0, 0.0, 0.0, 0.0, 1000.0])  # above 100 x 0.99 x 10 / 9 = 110


@pytest.mark.parametrize("side", [1.0, -1.0])
def test_rates_grow_with_the_coins_of_the_moment(side: float) -> None:
    """Deribit: 1 % and 0.1 % for each coin of the position, of which there are more the lower the price."""
    curve, book = LinearSize(np.array([0.01]), np.array([0.001])), isolated(5.0, side)
    price = S * (1.0 + float(distance_to_liquidation(book, np.array([S]), curve, inverse=True)[0, 0]))
    coins = 1000.0 / price
    assert 2.0 + side * (10.0 - coins) == pytest.approx((0.01 + 0.001 * coins) * coins, rel=1e-12)
    margin = {"kind": "linear_size", "initial_margin": 0.02, "maintenance_margin": 0.01, "size_slope": 0.001}
    cfg = config(protocol={"contract": "inverse", "margin": margin_config(margin), "maintenance_margin": None, "initial_margin": None})
    for factor, closed in ((1.0 + side * 1e-9, 0), (1.0 - side * 1e-9, 1)):
        found = replay(path_study(cfg, book, np.array([[S], [price * factor]])))
        assert found["outcome"]["liquidated_accounts"] == closed


def margin_config(values: dict[str, Any]) -> Any:
    from stress.config.margin import MarginConfig

    return MarginConfig(**values)


@pytest.mark.parametrize("curve", [flat(0.02), LinearSize(np.array([0.01]), np.array([0.004]))], ids=["flat", "by coins"])
def test_the_screen_misses_no_liquidation(curve: Any) -> None:
    """Mirrored prices inside an account's reach never make it liquidatable; a little beyond, most are."""
    rng = np.random.default_rng(8)
    size, start = rng.choice([-1.0, 1.0], (1, 300)) * rng.uniform(0.1, 20.0, (1, 300)), np.array([S])
    liquidity: Any = SimpleNamespace(contract=Inverse(jnp.asarray(start)))
    venue: Any = SimpleNamespace(gain_weight=None, contract=liquidity.contract, maintenance=curve, size_units=lambda _, notional: notional / S)
    need = np.asarray(curve.requirement(np.abs(size), np.abs(size) * S))[0]
    quote = need * (1.0 + rng.exponential(3.0, 300)) - size[0] * S
    accounts: Any = SimpleNamespace(residual=jnp.zeros(300, bool), coins=None)

    def liquidatable(price: float) -> np.ndarray:
        return np.asarray(check_at(venue, accounts, jnp.asarray(quote), jnp.asarray(size), jnp.array([price])).liquidatable)

    seen = check_at(venue, accounts, jnp.asarray(quote), jnp.asarray(size), jnp.asarray(start))
    reach, beyond = np.asarray(reaches(venue, accounts, jnp.asarray(size), seen)), 0
    for n in range(300):
        inside, outside = (S * (1.0 - np.sign(size[0, n]) * reach[n] * factor) for factor in (1.0 - 1e-9, 1.3))
        assert not any(liquidatable(price)[n] for price in np.linspace(S, inside, 4))
        beyond += bool(outside > 0 and liquidatable(outside)[n])
    assert beyond > 100, "no power: the reach is far from where accounts fall short"


# --- what comes out ---------------------------------------------------------------------------------------------------
def test_results_are_in_dollars_per_coin_and_longs_are_longs() -> None:
    cfg = config(protocol={"contract": "inverse"}, run={"block_paths": 128})
    result = jax.device_get(block(path_study(cfg, make_book([LONG, SHORT]), np.array([[S], [95.0], [80.0]])).plan.job, np.uint32(0), 0))
    np.testing.assert_allclose(result.trace["mark"][:, 0], [95.0, 80.0], rtol=1e-14)
    np.testing.assert_allclose(result.trace["fundamental"][:, 0], [95.0, 80.0], rtol=1e-14)
    np.testing.assert_allclose(result.fan[:, 0, 5], [95.0, 80.0], rtol=1e-6)
    np.testing.assert_allclose(result.trace["liquidated"][:, 0], [[0.0, 0.0], [1250.0, 0.0]], rtol=1e-14)


def test_the_report_says_what_amounts_are() -> None:
    run = SimpleNamespace(**vars(run_of(["protocol=bitmex", "price.markets=[BTC]"])), manifest={})
    assert "shown in USD at time-zero prices" in contract(run)
    assert contract(run_of(["protocol=generic"])) == ""
    assert COINS in limitations(run)
    assert not any("at par" in text for text in limitations(run))


# --- configuration --------------------------------------------------------------------------------------------------
SMALL = ("price=gbm", "price.volatility=1", "price.correlation=0", "book.accounts=80", "run.paths=128", "run.step_seconds=60", "run.horizon_hours=0.1")


def built(*words: str) -> Study:
    return build_study(load([*SMALL, *words])[0])


def test_the_synthetic_book_has_the_same_leverage() -> None:
    """Equity over notional at time zero, though what was gained since entry is another amount."""
    one = ["price.markets=[BTC]", "price.initial_prices=100000"]
    here, linear = built("protocol.contract=inverse", *one), built(*one)
    prices = here.prices0
    np.testing.assert_array_equal(here.book.size, linear.book.size)
    # who would pay in less than the requirement pays that
    mine, theirs = mirrored(here.book, prices).equity(prices), linear.book.equity(prices)
    assert (np.abs(mine / theirs - 1.0) < 1e-3).mean() > 0.8
    assert (here.book.cash != linear.book.cash).mean() > 0.9


def test_several_markets_have_margin_accounts_by_coin() -> None:
    several = built("protocol.contract=inverse", "price.markets=[BTC,ETH]", "price.initial_prices=[100000,4000]").book
    held = (several.size[~several.residual] != 0).sum(1)
    assert held.max() == 1
    assert any("inverse" in note for note in several.notes)


def test_files_with_accounts_of_several_markets_are_refused(tmp_path: Any) -> None:
    two = ["price.markets=[BTC,ETH]", "price.initial_prices=[100000,4000]"]
    positions, collateral = tmp_path / "positions.csv", tmp_path / "collateral.csv"
    positions.write_text("account,market,size,entry_price,margin_mode,isolated_margin\na,BTC,1,100000,cross,\na,ETH,-1,4000,cross,\n"
                         "b,BTC,-1,100000,cross,\n")
    collateral.write_text("account,asset,amount\na,USD,50000\nb,USD,50000\n")
    files = ["book=file", f"book.positions={positions}", f"book.collateral={collateral}"]
    with pytest.raises(UserError, match=r"1 cross accounts .* several markets.*multi_market_share=0, or set protocol.contract=linear"):
        built("protocol.contract=inverse", *two, *files)


AUCTION = ("protocol.liquidation={execution: auction, auction: {start_discount: 0.01, end_discount: 0.02, minutes: 1, "
           "grace_minutes: 0}}")


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("protocol.liquidation.limit_price=fillable", "bankruptcy when protocol.contract=inverse"),
        ("protocol.liquidation.limit_price=discount", "bankruptcy when protocol.contract=inverse"),
        ("protocol.funding={kind: velocity, velocity: {skew_scale: 1, max_velocity: 1, initial_rate: 0}}", "clamped or deadband"),
        ("protocol.margin={kind: root_size, initial_margin: 0.05, maintenance_margin: 0.03, size_factor: 1e-4}", "linear_size"),
        ("shock=[depeg_adverse]", "another shock"),
        ("protocol.liquidation.window={seconds: 60, usd: 1e6}", "null when protocol.contract=inverse. No venue does so"),
        (AUCTION, "book when protocol.contract=inverse. No venue does so"),
    ],
)
def test_rules_that_no_venue_has_for_them_are_refused(word: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        load(["price=gbm", "price.volatility=1", "price.correlation=0", "protocol.contract=inverse", word])


def test_ladders_are_refused_with_the_reason() -> None:
    with pytest.raises(UserError, match=r"protocol.contract=inverse"):
        built("protocol.contract=inverse", "run.engine=ladder", "protocol.maintenance_margin=0.01", "protocol.initial_margin=0.05")
