"""Formulas of Drift, GMX, Mango and Synthetix in one call: at their edges, and as what they reduce to."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from stress.liquidity.imbalance import capped_impact, closing_price, imbalance_impact, opening_price
from stress.liquidity.skew import skewed_fill
from stress.protocol.adl.trigger import share_paid
from stress.protocol.funding.velocity import velocity_rate
from stress.protocol.insurance.bankruptcy import Debtor, shares_of_account
from stress.protocol.liquidation import window
from stress.protocol.margin.health import below_minimum, falls_short
from stress.protocol.margin.linear_size import skew_margin, skew_scaled
from stress.protocol.margin.root_size import chosen_rate, fill_rate, high_leverage_initial, root_rate, sized_rate
from stress.protocol.margin.weights import borrow_scaled, deposit_scaled
from stress.protocol.marks import funding_basis
from stress.protocol.stable_price import counted_price
from stress.protocol.waterfall.socialised_loss import deposit_haircut, per_unit

RNG = np.random.default_rng(20251130)


def test_a_funding_basis_fades_and_does_not_come_back() -> None:
    """Drift: 24 x 1.2 of 100 less 1/5000 of 100 is 28.78, halved at half the period; none without a payment."""
    elapsed = np.array([0.0, 0.5, 1.0, 1.5])
    basis = funding_basis(np.full(4, 100.0), 1.2, np.full(4, 100.0), 1 / 5000, 24.0, elapsed)
    np.testing.assert_allclose(basis, [28.78, 14.39, 0.0, 0.0], rtol=1e-12)
    assert funding_basis(np.array(100.0), 1.2, np.array(0.0), 1 / 5000, 24.0, 0.0) == 0


def test_deposits_lose_no_more_than_all_and_nobody_nothing() -> None:
    np.testing.assert_allclose(deposit_haircut(jnp.array([10.0, 300.0, 5.0]), jnp.array([100.0, 100.0, 0.0]), 1.5), [0.15, 1.5, 0.0])
    assert deposit_haircut(100, 0, 1.111) == 0
    assert per_unit(1.0, 0.0, 0.0, 0.0) == 0
    np.testing.assert_allclose(per_unit(100.0, 0.0, 7.0, 4.0, 1e-6), 9.090910, rtol=1e-12)


def test_debts_weigh_more_where_deposits_weigh_less() -> None:
    total = np.array([0.0, 500.0, 1000.0, 2500.0])
    np.testing.assert_allclose(borrow_scaled(1.2, total, 1000.0), [1.2, 1.2, 1.2, 3.0], rtol=1e-12)
    np.testing.assert_allclose(borrow_scaled(1.2, total, 1000.0) * deposit_scaled(0.8, total, 1000.0), np.full(4, 0.96))


def test_a_minimum_includes_zero_where_a_requirement_does_not() -> None:
    equity = np.array([0.0, -1.0, 0.5, 99.0, 100.0])
    np.testing.assert_array_equal(below_minimum(equity, 1e4, 1.0, 0.01), [True, True, True, True, False])
    np.testing.assert_array_equal(below_minimum(equity, 0.0, 0.0, 0.0), [True, True, False, False, False])
    np.testing.assert_array_equal(falls_short(equity, np.zeros(5)), np.zeros(5, bool))


def test_margin_by_the_skew_scale_is_the_curve_s() -> None:
    size, price = RNG.normal(0, 50, 30), RNG.uniform(1, 9, 30)
    curve = skew_scaled(np.array([0.02]), np.array([2.0]), np.array([1e3]), np.array([0.5]))
    expected = curve.requirement(np.abs(size)[None], (np.abs(size) * price)[None])[0]
    np.testing.assert_allclose(skew_margin(size, price, 0.02, 2.0, 1e3, 0.5), expected, rtol=1e-12)
    np.testing.assert_allclose(skew_margin(size, price, 0.02, 2.0, 0.0, 0.5, 50.0), 0.01 * np.abs(size) * price + 50.0, rtol=1e-12)


def test_without_a_scale_nothing_leans() -> None:
    assert skewed_fill(100.0, 7.0, 0, -3.0) == 100.0
    assert velocity_rate(0.01, 7.0, 0, 3.0, 1.0) == 0.01


def test_rates_of_fills_and_of_choices() -> None:
    np.testing.assert_allclose(fill_rate(np.array([0.1, 0.0101]), np.array([0.05, 0.01]), 1e-4), [0.075, 0.01], rtol=1e-12)
    np.testing.assert_array_equal(chosen_rate(np.array([0.1, 0.1, 0.1]), np.array([0.0, 4.0, 0.5]), np.array([0.0, 2.0, 4.0])), [0.1, 4.0, 4.0])


def test_drift_counts_rates_in_whole_steps() -> None:
    """A fifth of 0.0333 is 66 steps of 1e-4; of a fill the size comes after the mean (``get_margin_ratio``)."""
    units = np.array([0.0, 1e6])
    np.testing.assert_allclose(root_rate(0.0333, 5e-5, units, 1e-4), [0.0333, 0.0267 + 0.05], rtol=1e-12)
    np.testing.assert_allclose(sized_rate(0.0333, 5e-5, np.array(0.0), 1e-4), 0.0267, rtol=1e-12)
    base = fill_rate(np.array(0.1), np.array(0.05), 1e-4)
    np.testing.assert_allclose(root_rate(base, 5e-5, np.array([8e4, 2e5]), 1e-4), [0.075, 0.06 + 0.0223], rtol=1e-12)


def test_high_leverage_ends_where_the_size_asks_for_more() -> None:
    """0.04 + 5e-5 sqrt(q) is counted as 0.05 from 40,000 units to 40,803: no interpolation there, and none beyond."""
    rate = high_leverage_initial(0.05, 0.01, 5e-5, np.array([1.0, 39_000.0, 40_000.0, 40_500.0, 41_000.0]), 1e-4)
    np.testing.assert_allclose(rate, [0.01, 0.01 + 0.0392, 0.01, 0.01, 0.0501], rtol=1e-12)


def test_initial_health_is_at_the_worse_price() -> None:
    np.testing.assert_array_equal(counted_price(10.0, 7.0, jnp.array([2.0, -2.0])), [7.0, 10.0])
    np.testing.assert_array_equal(counted_price(7.0, 10.0, jnp.array([2.0, -2.0])), [7.0, 10.0])


def test_an_impact_that_takes_all_units_is_refused() -> None:
    price = opening_price(100.0, 1e4, jnp.array([-1e4, -2e4, 500.0, -500.0]), 1.0)
    np.testing.assert_array_equal(jnp.isnan(price), [True, True, False, False])
    np.testing.assert_allclose(price[2:], [100 / 1.05, 100 / 0.95], rtol=1e-12)
    assert opening_price(100.0, 0.0, 0.0, 1.0) == closing_price(100.0, 0.0, 0.0, -1.0) == 100.0


def test_an_empty_pool_pays_no_impact() -> None:
    impact = imbalance_impact(jnp.array([2e5, 0.0]), jnp.array([0.0, 2e5]), 5e-9, 1e-8, 2.0)
    np.testing.assert_allclose(capped_impact(impact, 2e5, jnp.inf, jnp.inf, 0.0), [0.0, -400.0], rtol=1e-12)


def test_a_pool_pays_a_share_of_what_is_above_its_cap() -> None:
    factor = jnp.array([0.0, -0.2, 0.07, 0.25])
    np.testing.assert_allclose(share_paid(factor, 0.07), [1.0, 1.0, 1.0, 0.28], rtol=1e-12)


def test_a_window_without_a_limit_is_none_and_a_second_call_gets_nothing() -> None:
    held = np.array([40.0])
    np.testing.assert_array_equal(window.units_now(held, np.array([0.0]), 0.0, 0.0, 0.0, 0.06, False), held)
    for acted, units in ((False, 25.0), (True, 0.0)):
        found = window.units_now(held, np.array([25.0]), np.array([25.0]), 15.0, 1e3, 0.06, acted)
        np.testing.assert_array_equal(found, [units])


def test_a_loss_of_an_account_goes_to_those_whose_turn_it_is() -> None:
    """Mango's example: 40 tokens at 1.8 and 36 USD of debt leave 20 to settle; 9 are the fund's 6; the rest is all's."""
    debtor = Debtor(*(np.array(x) for x in (40.0, 50.0, -36.0, 100.0)))
    found = shares_of_account(debtor, 1.8, 2.2, 40.0, 2.0, 3.0, 6.0, 1.0)
    np.testing.assert_allclose([found.settled, found.paid, found.insured, found.socialised], [20.0, 6.0, 9.0, 21.0], rtol=1e-12)
