"""Parts of margin rules that no venue's case covers, by hand; JAX and NumPy alike."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

from stress.protocol.margin.liquidation_price import liquidation_price
from stress.protocol.margin.open_interest import proportional_rate
from stress.protocol.margin.orders import worst_units
from stress.protocol.margin.tiers import leverage_table, margin_table
from stress.protocol.margin.weights import capped_gain
from stress.protocol.marks import median_mark, within_band
from stress.protocol.rounding import round_down, round_up


@pytest.mark.parametrize("xp", [np, jnp])
def test_rounding_takes_floats_for_the_multiples_they_stand_for(xp):
    values = xp.array([0.1 + 0.2, 0.30000001, 0.29999999, -0.1 - 0.2])
    np.testing.assert_allclose(round_up(values, 0.1), [0.3, 0.4, 0.3, -0.3], rtol=1e-15)
    np.testing.assert_allclose(round_down(values, 0.1), [0.3, 0.3, 0.2, -0.3], rtol=1e-15)
    assert round_up(values) is not None and (round_up(values) == values).all()


def test_gains_are_capped_and_losses_are_not():
    np.testing.assert_array_equal(capped_gain(np.array([-500.0, 50.0, 500.0]), 100.0), [-500.0, 50.0, 100.0])


def test_margin_in_proportion_to_open_interest_has_a_floor():
    """GMX, BTC on Arbitrum: 0.5 % up to 83 million USD, then 6e-11 a USD."""
    rates = proportional_rate(np.array([0.005, 0.005]), 6e-11, np.array([50e6, 95e6]))
    np.testing.assert_allclose(rates, [0.005, 0.0057])


def test_orders_count_on_the_worse_side():
    np.testing.assert_array_equal(worst_units(np.array([10.0, -10.0]), np.array([1.0, 1.0]), np.array([30.0, 1.0])),
                                  [20.0, 11.0])


def test_a_median_of_marks_in_its_band():
    marks = [jnp.array([100.0, 1.0]), jnp.array([104.0, 2.0]), jnp.array([90.0, 9.0])]
    np.testing.assert_array_equal(median_mark(marks), [100.0, 2.0])
    np.testing.assert_allclose(within_band(jnp.array([100.0, 2.0]), jnp.array([98.0, 2.0]), 0.01), [98.98, 2.0])
    assert within_band(jnp.array(5.0), jnp.array(1.0), jnp.inf) == 5.0


def test_tiers_by_leverage_are_continuous():
    """BTC on Hyperliquid: 40x up to 150 million USD, 20x above; the deduction is 150e6 x (1/40 - 1/80)."""
    table = leverage_table([np.array([150e6, np.inf])], [np.array([40.0, 20.0])], np.array([0.5]))
    np.testing.assert_allclose(table.rate, [[0.0125, 0.025]])
    np.testing.assert_allclose(table.deduction, [[0.0, 1.875e6]])


def test_a_liquidation_price_in_another_tier_than_the_entry():
    """A short of 10 with 450 USD at a price of 80: 1,250 - 10 p = 0.1 x 500 + 0.2 x (10 p - 500) at p = 1300 / 12."""
    table = margin_table([np.array([500.0, np.inf])], [np.array([0.1, 0.2])])
    found = liquidation_price(table, np.array([-10.0]), np.array([80.0]), np.array([450.0]))
    assert found[0] == pytest.approx(1300.0 / 12.0)
