"""Functions that answer a venue's case in one call: by hand, by what they conserve, by what they reduce to."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

from stress.liquidity.constant_product import closing_value
from stress.protocol.adl.bitmex import queue_place
from stress.protocol.adl.pair import no_riskier, valid_transition
from stress.protocol.adl.ranked import closed_of_queue
from stress.protocol.funding.clamped import margin_cap
from stress.protocol.funding.premium_index import impact_price, premium_index
from stress.protocol.insurance.delta import fill_delta, fund_delta
from stress.protocol.insurance.penalty import cover_debt
from stress.protocol.keepers import risk_order
from stress.protocol.liquidation import half
from stress.protocol.liquidation.prices import inverse_bankruptcy_price, inverse_liquidation_price
from stress.protocol.liquidation.taken import taken
from stress.protocol.margin.flat import flat_requirement, maintenance_rate
from stress.protocol.margin.health import compare_risk, gain_on_notional, unrealised_pnl
from stress.protocol.margin.liquidation_price import liquidation_price, liquidation_price_at_rate
from stress.protocol.margin.tiers import margin_table

RNG = np.random.default_rng(20261201)
SCORES = jnp.array([3.0, 6.0, 1.0, 4.0, 5.0, 2.0])
LONGS = jnp.array([10.0, 10.0, 20.0, 30.0, 20.0, 10.0])


# --- margin ---------------------------------------------------------------------------------------------------------
def test_the_order_of_risk_is_that_of_pairs() -> None:
    """Of liquidatable accounts, ties among them, as dYdX compares two."""
    equity, margin = RNG.integers(-6, 6, 200) * 50.0, RNG.integers(1, 5, 200) * 100.0
    order = np.asarray(risk_order(jnp.asarray(equity), jnp.asarray(margin), jnp.ones(200, bool)))
    e, m = equity[order], margin[order]
    assert (compare_risk(e[:-1], m[:-1], e[1:], m[1:]) >= 0).all()
    assert (compare_risk(e[:-1], m[:-1], e[1:], m[1:]) == 0).any()
    np.testing.assert_array_equal(compare_risk(e[:-1], m[:-1], e[1:], m[1:]), -compare_risk(e[1:], m[1:], e[:-1], m[:-1]))


def test_at_its_liquidation_price_an_account_has_just_its_requirement() -> None:
    size = np.array([3.0, -3.0, 0.2, -40.0])
    price, slack, rate, deduction = 250.0, np.array([90.0, 90.0, -3.0, 1_500.0]), 0.02, 12.0
    at = liquidation_price_at_rate(size, price, slack, rate, deduction)
    equity = slack + unrealised_pnl(size, at, price)
    np.testing.assert_allclose(equity, np.abs(size) * at * rate - deduction, rtol=1e-12)


def test_one_rate_is_a_table_of_one_tier() -> None:
    size = np.array([2.0])
    table = margin_table([np.array([np.inf])], [np.array([0.05])])
    expected = liquidation_price(table, size, np.array([100.0]), np.array([30.0]))
    np.testing.assert_allclose(liquidation_price_at_rate(size, 100.0, 30.0, 0.05), expected, rtol=1e-14)


def test_a_gain_of_notionals_is_a_gain_of_prices() -> None:
    size = np.array([4.0, -4.0])
    expected = unrealised_pnl(size, np.full(2, 25.0), np.full(2, 20.0))
    np.testing.assert_allclose(gain_on_notional(size, np.full(2, 100.0), np.full(2, 80.0)), expected, rtol=1e-15)


def test_flat_rates_round_as_the_venue_does() -> None:
    """dYdX: requirements up, rates down, to millionths; what is a whole number of them stays."""
    np.testing.assert_allclose(flat_requirement(np.array([1.00000001, 1.0]), 0.1, 1e-6), [0.100001, 0.1], rtol=1e-12)
    np.testing.assert_allclose(maintenance_rate(np.array([0.745345, 0.02]), np.array([0.564947, 0.6]), 1e-6), [0.42108, 0.012])
    np.testing.assert_allclose(margin_cap(jnp.asarray(6.0), 0.1000003, 0.05, 1e-6), 0.300001, rtol=1e-12)


# --- liquidation ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("side", [1.0, -1.0])
def test_an_inverse_contract_has_lost_its_slack_at_its_liquidation_price(side: float) -> None:
    contracts, entry, slack = 20_000.0, 8_000.0, 0.0375
    price = inverse_liquidation_price(contracts, contracts / entry, slack, side)
    assert side * contracts * (1 / entry - 1 / price) == pytest.approx(-slack, rel=1e-12)
    all_of_it = inverse_liquidation_price(contracts, contracts / entry, contracts / entry / 25, side)
    assert all_of_it == pytest.approx(inverse_bankruptcy_price(entry, 25.0, side), rel=1e-12)


@pytest.mark.parametrize("size", [8.0, -8.0])
def test_what_a_liquidator_gains_is_the_reward(size: float) -> None:
    """Half of 8 units opened at 100, now at 110: 4 units, 440 USD, 2 % of it for the liquidator."""
    got = taken(np.array(size), -100.0 * size, 110.0, 0.5, 0.02)
    np.testing.assert_allclose([got.units, got.notional, got.realised], [size / 2, 440.0, 5.0 * size], rtol=1e-14)
    assert got.quote + got.units * 110.0 == pytest.approx(0.02 * 440.0, rel=1e-12)


def test_small_positions_close_whole_and_shares_are_rounded_down() -> None:
    """Curie: 90 of 290 USD is whole, of 200 it is half of all; a share of 0.725 in steps of 0.01."""
    notional, account = np.array([[90.0], [200.0]]), np.array([0.5])
    np.testing.assert_allclose(half.share_of_position(account, notional, 100.0, 0.01), [[1.0], [0.72]], rtol=1e-12)
    np.testing.assert_allclose(half.share_of_position(account, notional), [[1.0], [0.725]], rtol=1e-12)
    np.testing.assert_allclose(half.share_of_position(np.array([0.1]), notional, 100.0), [[1.0], [0.145]], rtol=1e-12)


# --- insurance ------------------------------------------------------------------------------------------------------
def test_a_fill_pays_the_fund_at_most_its_fee() -> None:
    received, quote = jnp.array([5_610.0, 5_105.1, 5_049.0, -4_410.0]), jnp.array([5_100.0, 5_100.0, 5_100.0, -4_900.0])
    np.testing.assert_allclose(fill_delta(received, quote, 0.005), [28.05, 5.1, -51.0, 22.05], rtol=1e-9)
    np.testing.assert_array_equal(fill_delta(received, quote, 1.0), fund_delta(received - quote, jnp.abs(received)))


def test_a_debt_is_paid_out_of_what_was_prepaid_first() -> None:
    debt = np.array([100.0, 20.0, 60.0, 0.0])
    used, paid, rest = cover_debt(debt, 30.0, 50.0)
    np.testing.assert_array_equal([used, paid, rest], [[30, 20, 30, 0], [50, 0, 30, 0], [20, 0, 0, 0]])


# --- ADL ------------------------------------------------------------------------------------------------------------
def test_an_account_without_positions_may_only_gain() -> None:
    """Nothing else is no riskier than nothing; opening a position from there has to be well collateralised."""
    before, after = jnp.array([-2.0, -2.0, -2.0, -2.0]), jnp.array([-1.0, -2.0, -3.0, 100.0])
    margins = jnp.zeros(4), jnp.array([0.0, 0.0, 0.0, 1.0])
    np.testing.assert_array_equal(no_riskier(before, margins[0], after, margins[1]), [True, False, False, False])
    found = valid_transition(before, margins[0], after, jnp.array([0.0, 0.0, 0.0, 2.0]), margins[1])
    np.testing.assert_array_equal(found, [True, False, False, True])


def test_a_queue_closes_from_the_top_and_shows_how_far_it_is() -> None:
    """BitMEX's six longs; of equal scores the first in the list goes first, and both are as far from the top."""
    units, paid = closed_of_queue(jnp.asarray(45.0), jnp.asarray(650.0), LONGS, SCORES)
    np.testing.assert_allclose(units, [0, 10, 0, 15, 20, 0])
    np.testing.assert_allclose(paid, 650.0 * units)
    np.testing.assert_allclose(queue_place(SCORES, LONGS), [0.8, 0.2, 1.0, 0.6, 0.4, 0.8], rtol=1e-12)
    tied, _ = closed_of_queue(jnp.asarray(15.0), jnp.asarray(1.0), jnp.array([10.0, 10.0]), jnp.ones(2))
    np.testing.assert_allclose(tied, [10.0, 5.0])
    np.testing.assert_allclose(queue_place(jnp.ones(2), jnp.array([10.0, 10.0])), [1.0, 1.0])
    more, _ = closed_of_queue(jnp.asarray(1_000.0), jnp.asarray(1.0), LONGS, SCORES)
    np.testing.assert_allclose(more, LONGS)


# --- prices ---------------------------------------------------------------------------------------------------------
def test_an_impact_notional_of_zero_trades_at_the_best_price() -> None:
    prices, units = jnp.array([10.0, 9.0]), jnp.array([1.0, 2.0])
    np.testing.assert_allclose(impact_price(prices, units, 0.0), 10.0)
    np.testing.assert_allclose(impact_price(prices, units, 1e-6), 10.0, rtol=1e-9)
    assert np.isnan(impact_price(jnp.zeros(0), jnp.zeros(0), 0.0))
    assert premium_index(impact_price(jnp.zeros(0), jnp.zeros(0), 0.0), jnp.nan, 9.0) == 0


def test_a_constant_product_stays_constant() -> None:
    """Of reserves of 1,000 and 1,000: a close gives away as much base as it takes quote, at their product."""
    size = np.array([10.0, -10.0, 0.0])
    quote = np.sign(size) * closing_value(size, 1_000.0, 1.0)
    np.testing.assert_allclose((1_000.0 + size) * (1_000.0 - quote), 1e6, rtol=1e-12)
    np.testing.assert_allclose(closing_value(size, 1e12, 3.0), 3.0 * np.abs(size), rtol=1e-10)
