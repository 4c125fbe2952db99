"""How much of an account is closed: worked by hand, and what must hold whatever the numbers."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from stress.protocol.insurance.fees import fund_fee
from stress.protocol.liquidation import cover_shortage, first_fraction, half, portion, step_down
from stress.protocol.liquidation.prices import (
    bankruptcy_price,
    bankruptcy_price_at_leverage,
    fillable_price,
    inverse_bankruptcy_price,
)
from stress.protocol.margin.tiers import margin_table
from stress.protocol.rounding import round_down, round_up

CURVE = margin_table([np.array([1_000.0, 5_000.0, np.inf]), np.array([2_000.0, np.inf])],
                     [np.array([0.01, 0.02, 0.05]), np.array([0.03, 0.10])])
"""Deductions: 0, 10 and 160 USD in the first market, 0 and 140 in the second."""

TIERS = 3

PRICE = np.array([[2.0], [50.0]])

RNG = np.random.default_rng(12)

EITHER = pytest.mark.parametrize("xp", [np, jnp], ids=["numpy", "jax"])


def some_notional(accounts: int = 400) -> np.ndarray:
    """Notional [A, N] in USD over all tiers; a quarter of the positions is none."""
    notional = np.exp(RNG.uniform(np.log(10.0), np.log(60_000.0), (2, accounts)))
    return np.where(RNG.uniform(size=notional.shape) < 0.25, 0.0, notional)


def need(notional: np.ndarray) -> np.ndarray:
    """Requirement [N]."""
    return CURVE.requirement(notional / PRICE, notional).sum(0)


def tier(notional: np.ndarray) -> np.ndarray:
    """Tier [A, N], counted from the bounds; a position at a bound is in the lower one."""
    return np.stack([np.searchsorted([1_000.0, 5_000.0], notional[0]), np.searchsorted([2_000.0], notional[1])])


# a portion a block


@EITHER
def test_portion_by_hand(xp: Any) -> None:
    """A tenth, at least 1,000 USD, at most what the block leaves."""
    notional = xp.asarray([[50_000.0, 4_000.0, 600.0, 2e6, 0.0, 50_000.0]])
    left = xp.asarray([100_000.0, 100_000.0, 100_000.0, 100_000.0, 100_000.0, 3_000.0])
    share = portion.share(notional, notional > 0, 1_000.0, 0.1, left)
    np.testing.assert_allclose(share, [[0.1, 0.25, 1.0, 0.05, 0.0, 0.06]], rtol=1e-12)


@EITHER
def test_a_block_closes_one_position_of_an_account(xp: Any) -> None:
    notional = xp.asarray([[10.0, 0.0, 7.0], [30.0, 0.0, 7.0]])
    chosen = portion.largest(notional)
    np.testing.assert_array_equal(chosen, [[False, False, True], [True, False, False]])
    share = portion.share(notional, chosen, 0.0, 0.5, xp.full(3, xp.inf))
    np.testing.assert_allclose(share, [[0.0, 0.0, 0.5], [0.5, 0.0, 0.0]])


# half


@EITHER
def test_half_by_hand(xp: Any) -> None:
    """Curie: a requirement of 6.25 % and halves from half of it on; up to 100 USD whole."""
    notional = xp.asarray([[880.0, 880.0, 90.0, 500.0], [0.0, 0.0, 0.0, 500.0]])
    equity = xp.asarray([27.5, 27.4, 5.0, 40.0])
    share = half.share(equity, 0.5 * 0.0625 * notional.sum(0), notional, 0.5, 100.0)
    np.testing.assert_array_equal(share, [0.5, 1.0, 1.0, 0.5])


@EITHER
def test_half_of_an_account_in_one_position(xp: Any) -> None:
    notional = xp.asarray([[800.0, 300.0], [200.0, 700.0], [0.0, 0.0]])
    found = half.share_of_position(xp.asarray([0.5, 0.5]), notional)
    np.testing.assert_allclose(found, [[0.625, 1.0], [1.0, 5.0 / 7.0], [0.0, 0.0]], rtol=1e-12)


# what covers a shortage


@EITHER
def test_cover_by_hand(xp: Any) -> None:
    """Of 2,000 USD at 5 % with a buffer of 2 %, fees of 1 % each: 5 % of what is closed is freed."""
    notional, equity = xp.asarray([[2_000.0]]), xp.asarray([50.0])
    short = cover_shortage.shortage(equity, 0.05 * notional.sum(0), notional.sum(0), xp.zeros(1), 0.02)
    np.testing.assert_allclose(short, [90.0], rtol=1e-12)
    arguments = short, 0.05 * notional, notional, 0.02, 0.01, 0.01
    np.testing.assert_allclose(cover_shortage.share(*arguments, xp.ones(1), 50.0), [0.9], rtol=1e-12)
    np.testing.assert_allclose(cover_shortage.share(*arguments, xp.full(1, 0.1), 50.0), [0.09], rtol=1e-12)
    np.testing.assert_array_equal(cover_shortage.share(*arguments, xp.full(1, 0.1), 2_000.0), [1.0])


@EITHER
def test_pace_by_hand(xp: Any) -> None:
    """A tenth at once and all after 135 slots of 150; what was freed counts; below 50 USD there is no pace."""
    short = xp.asarray([90.0, 90.0, 90.0, 60.0, 49.0])
    freed = xp.asarray([0.0, 0.0, 10.0, 30.0, 0.0])
    elapsed = xp.asarray([0.0, 75.0, 0.0, 135.0, 0.0])
    found = cover_shortage.pace(short, freed, elapsed, 0.1, 150.0)
    np.testing.assert_allclose(found, [0.1, 0.6, 0.0, 1.0, 1.0], rtol=1e-12)


def test_covering_leaves_an_account_with_its_buffer_and_no_less_does() -> None:
    """Flat rates, so that a position's margin ratio is that of each USD of it; nothing has been lost yet."""
    rate, buffer, fee = np.array([[0.05], [0.1]]), 0.02, 0.01
    notional = RNG.uniform(0.0, 5_000.0, (2, 300))
    margin, total = rate * notional, notional.sum(0)
    equity = margin.sum(0) * RNG.uniform(0.75, 1.0, 300)
    short = cover_shortage.shortage(equity, margin.sum(0), total, np.zeros(300), buffer)
    charged = fund_fee(short, total, (margin.sum(0) + buffer * total) / total, fee, 0.005)
    share = cover_shortage.share(short, margin, notional, buffer, fee, charged, np.ones(300), 0.0)
    assert (share < 1).sum() > 200 and (share > 0).all()

    def missing(part: np.ndarray) -> np.ndarray:
        left = equity - part * (fee + charged) * total
        return (1.0 - part) * (margin.sum(0) + buffer * total) - left

    partly = share < 1
    np.testing.assert_allclose(missing(share)[partly], 0.0, atol=1e-9)
    assert (missing(0.99 * share)[partly] > 0).all()


def test_covering_grows_with_the_shortage_and_with_time() -> None:
    short = np.linspace(1.0, 400.0, 200)
    notional = np.full((1, 200), 2_000.0)
    share = cover_shortage.share(short, 0.05 * notional, notional, 0.02, 0.01, 0.0, np.ones(200), 0.0)
    assert (np.diff(share) >= 0).all() and share[0] < 0.01 and share[-1] == 1.0
    parts = [cover_shortage.pace(short, np.full(200, 40.0), np.full(200, t), 0.1, 100.0, small=0.0) for t in range(0, 120, 10)]
    assert (np.diff(parts, axis=0) >= 0).all() and (parts[-1] == 1.0).all() and (parts[0] < 1.0).all()


def test_a_position_that_frees_nothing_closes_whole() -> None:
    notional = np.array([[1_000.0]])
    found = cover_shortage.share(np.array([5.0]), 0.005 * notional, notional, 0.0, 0.01, 0.0, np.ones(1), 0.0)
    np.testing.assert_array_equal(found, [1.0])
    assert np.isinf(cover_shortage.cover_units(jnp.asarray(5.0), 100.0, 0.005, 0.01, 0.0))


@EITHER
def test_units_by_hand(xp: Any) -> None:
    """Of 20 units at 100 USD the part of what covers, in steps of a hundredth; what is tiny or hopeless closes whole."""
    held = xp.asarray([20.0, 20.0, 20.0, 0.5, 20.0, 0.5])
    cover = xp.asarray([18.0, 18.004, 30.0, 18.0, xp.inf, 18.0])
    part = xp.asarray([0.2888, 1.0, 1.0, 0.1, 0.1, 0.0])
    found = cover_shortage.units_now(held, 100.0, cover, part, step=0.01)
    np.testing.assert_allclose(found, [5.2, 18.01, 20.0, 0.5, 20.0, 0.0], rtol=1e-12)
    np.testing.assert_allclose(cover_shortage.units_now(held, 100.0, cover, part)[:2], [5.1984, 18.004], rtol=1e-12)


@EITHER
def test_the_fund_takes_no_more_than_an_account_bears(xp: Any) -> None:
    """Closing all frees 4 % of 1,000 USD: of what is beyond the shortage 95 %, up to the largest fee."""
    short = xp.asarray([20.0, 1.0, 50.0, 20.0])
    notional = xp.asarray([1_000.0, 1_000.0, 1_000.0, 0.0])
    np.testing.assert_allclose(fund_fee(short, notional, 0.05, 0.01, 0.03), [0.019, 0.03, 0.0, 0.0], rtol=1e-12)


# down a tier


@EITHER
def test_a_tier_down_by_hand(xp: Any) -> None:
    notional = xp.asarray([[800.0, 1_000.0, 4_000.0, 5_000.0, 20_000.0, 0.0], [0.0, 2_000.0, 2_500.0, 0.0, 0.0, 8_000.0]])
    units = notional / PRICE
    floors = step_down.tier_floor(CURVE, units, notional)
    np.testing.assert_allclose(floors, [[0, 0, 1_000, 1_000, 5_000, 0], [0, 0, 2_000, 0, 0, 2_000]], atol=1e-9)
    one = step_down.share(CURVE, units, notional)
    np.testing.assert_allclose(one, [[1, 1, 0.75, 0.8, 0.75, 0], [0, 1, 0.2, 0, 0, 0.75]], atol=1e-12)
    two = step_down.share(CURVE, units, notional, steps=2)
    np.testing.assert_allclose(two, [[1, 1, 1, 1, 0.95, 0], [0, 1, 1, 0, 0, 1]], atol=1e-12)


def test_a_tier_down_is_a_tier_down_and_no_less_is() -> None:
    notional = some_notional()
    share = step_down.share(CURVE, notional / PRICE, notional)
    left, higher = (1.0 - share) * notional, tier(notional) > 0
    down_one = tier(left * (1.0 - 1e-12))
    np.testing.assert_array_equal(down_one, np.maximum(tier(notional) - 1, 0))
    almost = (1.0 - 0.999 * share) * notional
    np.testing.assert_array_equal(tier(almost)[higher], tier(notional)[higher])
    np.testing.assert_array_equal(left[~higher], 0.0)
    two, three = (step_down.share(CURVE, notional / PRICE, notional, n) for n in (2, 3))
    assert (share <= two).all() and (two <= three).all() and ((three == 1.0) == (notional > 0)).all()


def test_down_until_healthy() -> None:
    """No account is left short unless it is closed whole, and a step less would not have been enough."""
    notional = some_notional()
    notional = notional[:, notional.sum(0) > 0]
    units, equity = notional / PRICE, need(notional) * RNG.uniform(-0.1, 1.0, notional.shape[1])
    share = step_down.share_until_healthy(CURVE, equity, units, notional, TIERS)
    whole = ((share == 1.0) | (notional == 0)).all(0)
    assert (~whole).sum() > 50 and whole.sum() > 50
    assert (equity >= need((1.0 - share) * notional))[~whole].all()
    options = [np.zeros_like(share), *(step_down.share(CURVE, units, notional, n) for n in range(1, TIERS + 1))]
    for smaller, larger in zip(options, options[1:], strict=False):
        took = (share == larger).all(0) & ~(smaller == larger).all(0)
        assert (equity < need((1.0 - smaller) * notional))[took].all()


def test_down_until_healthy_is_monotone_in_equity() -> None:
    notional = np.repeat(np.array([[20_000.0], [8_000.0]]), 200, axis=1)
    equity = np.linspace(-100.0, need(notional)[0], 200)
    share = step_down.share_until_healthy(CURVE, equity, notional / PRICE, notional, TIERS)
    assert (np.diff(share, axis=1) <= 0).all() and len(np.unique(share[0])) == 3


# a fraction first


@EITHER
def test_first_fraction_by_hand(xp: Any) -> None:
    """A fifth of what is above 100,000 USD, everything in the 30 ticks after that, then a fifth again."""
    notional = xp.asarray([[200_000.0] * 5, [5_000.0] * 5])
    since = xp.asarray([-1, 0, 29, 30, 500])
    found = first_fraction.share(notional, since, 0.2, 100_000.0, 30)
    np.testing.assert_array_equal(found, [[0.2, 1.0, 1.0, 0.2, 0.2], [1.0] * 5])
    waiting = first_fraction.share_after_waiting(notional, since, 0.2, 100_000.0, 30)
    np.testing.assert_array_equal(waiting, [[0.2, 0.0, 0.0, 1.0, 1.0], [1.0, 0.0, 0.0, 1.0, 1.0]])


# all of them


def shares(notional: Any, equity: Any, since: Any) -> list[Any]:
    """Of every rule, each [N] or [A, N]."""
    xp = jnp if isinstance(notional, jnp.ndarray) else np
    units, margin, ones = notional / PRICE, CURVE.requirement(notional / PRICE, notional), xp.ones_like(equity)
    short = cover_shortage.shortage(equity, margin.sum(0), notional.sum(0), 0.1 * equity, 0.02)
    part = cover_shortage.pace(short, 0.0 * ones, since + 1.0, 0.1, 20.0)
    account = half.share(equity, 0.5 * margin.sum(0), notional, 0.5, 100.0)
    return [
        portion.share(notional, portion.largest(notional), 1_000.0, 0.1, 5_000.0 * ones),
        account,
        half.share_of_position(account, notional),
        cover_shortage.share(short, margin, notional, 0.02, 0.01, 0.002, part, 50.0),
        step_down.share(CURVE, units, notional),
        step_down.share_until_healthy(CURVE, equity, units, notional, TIERS),
        first_fraction.share(notional, since, 0.2, 10_000.0, 5),
        first_fraction.share_after_waiting(notional, since, 0.2, 10_000.0, 5),
    ]


def test_rules_compile_and_are_the_same_there() -> None:
    """Over paths too; every rule closes something, and not all of everything."""
    notional = some_notional().reshape(2, 4, 100).swapaxes(0, 1)
    equity = np.stack([need(path) for path in notional]) * RNG.uniform(0.2, 1.0, (4, 100))
    since = RNG.integers(-1, 10, (4, 100))
    compiled = jax.jit(jax.vmap(shares))(notional, equity, since)
    for path in range(4):
        for found, expected in zip(compiled, shares(notional[path], equity[path], since[path]), strict=True):
            np.testing.assert_allclose(found[path], expected, rtol=1e-12, atol=1e-15)
    for found in compiled:
        assert ((found >= 0) & (found <= 1)).all() and (found < 1).any() and (found > 0).any()


# prices


def test_at_the_bankruptcy_price_equity_over_requirement_stays() -> None:
    """Closing a position there leaves an account as risky as it was; all of an isolated one leaves nothing."""
    price, rate = np.array([100.0, 7.0]), np.array([0.05, 0.1])
    units, cash = np.array([30.0, -500.0]), 710.0
    margin = rate * np.abs(units) * price
    equity = cash + units @ price
    found = bankruptcy_price(price, units, np.full(2, equity), margin / margin.sum())
    left = cash + units[0] * found[0] + units[1] * price[1]
    assert left / margin[1] == pytest.approx(equity / margin.sum(), rel=1e-12)
    assert equity > 0 and found[0] < 100.0 and found[1] > 7.0


@pytest.mark.parametrize("side", [1.0, -1.0])
def test_bankruptcy_at_leverage_is_where_equity_is_gone(side: float) -> None:
    entry, leverage, units = 7_890.08, 50.0, 3.0
    margin = entry * units / leverage
    linear = bankruptcy_price_at_leverage(entry, leverage, side)
    assert margin + side * units * (linear - entry) == pytest.approx(0.0, abs=1e-9)
    assert bankruptcy_price(entry, side * units, margin, 1.0) == pytest.approx(linear, rel=1e-12)
    inverse, contracts = inverse_bankruptcy_price(entry, leverage, side), 10_000.0
    own = contracts / entry / leverage
    assert own + side * contracts * (1.0 / entry - 1.0 / inverse) == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("side", [1.0, -1.0])
def test_fillable_and_bankruptcy_prices_cross_where_six_tenths_of_the_requirement_are_left(side: float) -> None:
    """With dYdX's spread of 1.5: below that the fund pays for fills at the limit."""
    price, units, rate = 50_000.0, side * 0.1, 0.03
    margin = rate * price * abs(units)

    def gap(ratio: float) -> float:
        equity = jnp.asarray(ratio * margin)
        return side * float(fillable_price(price, units, equity, margin, margin, 1.0, 1.5)
                            - bankruptcy_price(price, units, equity, 1.0))

    assert gap(0.6) == pytest.approx(0.0, abs=1e-8)
    assert gap(0.7) > 1.0 and gap(0.5) < -1.0


# rounding


@EITHER
def test_rounding(xp: Any) -> None:
    values = xp.asarray([0.3, 0.31, -0.31, 0.0, 1.0])
    np.testing.assert_allclose(round_down(values, 0.1), [0.3, 0.3, -0.4, 0.0, 1.0], rtol=1e-12)
    np.testing.assert_allclose(round_up(values, 0.1), [0.3, 0.4, -0.3, 0.0, 1.0], rtol=1e-12)
    np.testing.assert_array_equal(round_down(values, 0.0), values)
    np.testing.assert_allclose(round_down(xp.asarray([1.0, 123_456.789]), 1e-9), [1.0, 123_456.789], rtol=1e-14)
