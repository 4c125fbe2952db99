"""Rules of funding, impact and socialised loss: what no venue's own case shows, by hand and by what they conserve."""

from __future__ import annotations

from dataclasses import replace

import jax.numpy as jnp
import numpy as np
import pytest

from stress.liquidity.imbalance import capped_impact, closing_price, imbalance_impact, opening_price
from stress.liquidity.skew import skewed_fill
from stress.protocol.adl.pair import overlap, valid_transition
from stress.protocol.adl.trigger import lowers_enough
from stress.protocol.funding.adaptive import (
    AdaptiveRule,
    adaptive_rate,
    paid_rate,
    received_rate,
    side_rates,
    static_rate,
)
from stress.protocol.funding.borrowing import borrowing_rate, kinked_borrowing_rate
from stress.protocol.funding.clamped import clamped_rate
from stress.protocol.funding.deadband import Deadband, deadband_rate
from stress.protocol.funding.twap import sided_rates
from stress.protocol.funding.velocity import Velocity
from stress.protocol.liquidation.prices import bankruptcy_price
from stress.protocol.waterfall.socialised_loss import deposit_haircut, per_unit

RNG = np.random.default_rng(20261130)
GMX = AdaptiveRule(*map(jnp.asarray, (1e-6, 2e-8, 0.05, 0.03, 1e-7, 5e-5)))


def test_a_deadband_costs_nothing_inside_and_what_is_beyond_outside() -> None:
    """Deribit's documents: a premium of 0.05 % at a width of 0.025 % is a rate of 0.025 %."""
    premium = jnp.array([5e-4, -3e-4, 2.5e-4, -1e-4, 0.1])
    np.testing.assert_allclose(deadband_rate(premium, 2.5e-4, 0.005), [2.5e-4, -5e-5, 0, 0, 0.005], atol=1e-18)
    rule = Deadband(width=jnp.zeros(()), cap=jnp.asarray(jnp.inf))
    np.testing.assert_array_equal(rule.rate(premium), premium)


def test_a_share_of_a_clamped_rate_is_capped_itself() -> None:
    rate = clamped_rate(jnp.array([0.0, 0.4, -0.4]), 1e-4, 5e-4, 0.04, share=1 / 8)
    np.testing.assert_allclose(rate, [1.25e-5, 0.04, -0.04])


@pytest.mark.parametrize("slices", [2, 7])
def test_a_velocity_pays_the_same_in_slices(slices: int) -> None:
    """Under a constant skew: the mean rate of each slice is exact."""
    scale, start, skew = jnp.array([1e4, 10.0]), jnp.array([0.01, -0.02]), jnp.array([25.0, -400.0])
    whole = Velocity(initial=start, scale=scale, velocity=jnp.asarray(3.0), elapsed=jnp.asarray(0.7))
    part = Velocity(initial=start, scale=scale, velocity=jnp.asarray(3.0), elapsed=jnp.asarray(0.7 / slices))
    level, paid = start, jnp.zeros(2)
    for _ in range(slices):
        level, rate = part.next(level, skew, jnp.zeros(2), jnp.ones(2))
        paid = paid + rate
    end, once = whole.next(start, skew, jnp.zeros(2), jnp.ones(2))
    np.testing.assert_allclose((level, paid), (end, once), rtol=1e-12)
    np.testing.assert_allclose(end, [0.01 + 0.0025 * 3 * 0.7, -0.02 - 3 * 0.7], rtol=1e-12)


@pytest.mark.parametrize(
    ("rate", "longs", "shorts", "expected"),
    [
        (2e-6, 110.0, 90.0, 2e-6 + 0.1 * 1e-5),  # above 5 %
        (2e-6, 104.0, 96.0, 2e-6),  # 4 %: holds
        (2e-6, 102.0, 98.0, 2e-6 - 2e-7),  # 2 %: fades
        (1.5e-7, 102.0, 98.0, 1e-30),  # to nothing, whatever the smallest that is paid
        (-2e-6, 102.0, 98.0, -2e-6 + 0.02 * 1e-5),  # the other side: grows whatever the imbalance
        (0.0, 120.0, 80.0, 0.2 * 1e-5),
        (4.9999e-5, 190.0, 10.0, 5e-5),  # not above the largest
        (2e-6, 100.0, 100.0, 2e-6),  # no side
        (0.0, 100.0, 100.0, 0.0),
        (2e-6, 100.0, 0.0, 0.0),  # nobody to receive it
    ],
)
def test_an_adaptive_rate_grows_holds_and_fades(rate: float, longs: float, shorts: float, expected: float) -> None:
    np.testing.assert_allclose(adaptive_rate(GMX, rate, longs, shorts, 10.0), expected, rtol=1e-12)
    np.testing.assert_allclose(adaptive_rate(GMX, -rate, shorts, longs, 10.0), -expected, rtol=1e-12)


def test_a_small_rate_is_paid_at_the_smallest_and_remembered_as_it_is() -> None:
    rate = jnp.array([1e-30, -1e-30, 3e-7, 6e-5, 0.0, 3e-7])
    paid = paid_rate(GMX, rate, jnp.array([1.0, 1.0, 1.0, 1.0, 1.0, 0.0]), 1.0)
    np.testing.assert_allclose(paid, [1e-7, -1e-7, 3e-7, 5e-5, 1e-7, 0.0], rtol=1e-12)


@pytest.mark.parametrize(("rate", "longs", "shorts", "expected"), [
    (2e-6, 60.0, 40.0, (2e-6, 3e-6)),  # the larger side pays 1.2e-4
    (-2e-6, 60.0, 40.0, (-2e-6, -3e-6)),  # the smaller side pays as much: the rate has not turned yet
    (2e-6, 40.0, 60.0, (3e-6, 2e-6)),
    (2e-6, 50.0, 50.0, (2e-6, 2e-6)),
    (2e-6, 60.0, 0.0, (0.0, 0.0)), (-2e-6, 0.0, 60.0, (0.0, 0.0)), (2e-6, 0.0, 0.0, (0.0, 0.0)),
])
def test_each_side_shares_the_amount_of_the_larger(
    rate: float, longs: float, shorts: float, expected: tuple[float, float]
) -> None:
    np.testing.assert_allclose(side_rates(jnp.asarray(rate), longs, shorts), expected, rtol=1e-12)


def test_what_one_side_pays_the_other_gets() -> None:
    longs, shorts = jnp.asarray(RNG.uniform(1, 30, 200)), jnp.asarray(RNG.uniform(1, 30, 200))
    rate = static_rate(1e-3, longs, shorts)
    paid = jnp.abs(rate) * jnp.maximum(longs, shorts)
    np.testing.assert_allclose(received_rate(rate, longs, shorts) * jnp.minimum(longs, shorts), paid, rtol=1e-12)
    assert (static_rate(1e-3, longs, shorts, largest=1e-4) <= 1e-4).all()


def test_a_faded_rate_stays_faded_while_its_side_is_the_larger() -> None:
    rule, rate = replace(GMX, smallest=jnp.zeros(())), jnp.asarray(3e-7)
    for _ in range(5):
        rate = adaptive_rate(rule, rate, 102.0, 98.0, 10.0)
    assert 0 < rate < 1e-20
    assert adaptive_rate(rule, rate, 98.0, 102.0, 10.0) < -1e-7


def test_sided_rates_leave_nothing_behind() -> None:
    """What one side pays is what the other and the pool get; the pool gives at most a third of what it may."""
    rate, longs, shorts = RNG.normal(0, 1, 200), RNG.uniform(1, 30, 200), RNG.uniform(1, 30, 200)
    pool, floor = RNG.uniform(0, 9, 200), RNG.uniform(0, 5, 200)
    up, down, after = sided_rates(*map(jnp.asarray, (rate, longs, shorts, pool, floor)))
    np.testing.assert_allclose(up * longs - down * shorts, after - pool, atol=1e-12)
    assert (pool - after <= np.maximum(pool - floor, 0) / 3 + 1e-12).all()
    assert (np.abs(np.where(rate > 0, up, down)) == np.abs(rate)).all()


def test_impact_by_imbalance_and_by_skew_does_not_depend_on_slices() -> None:
    """On one side of balance and in one direction; with one factor also across."""
    knots = np.array([2e5, 3.5e5, 8e5])
    steps = imbalance_impact(jnp.asarray(knots[:-1]), jnp.asarray(knots[1:]), 5e-9, 1e-8, 2.0)
    np.testing.assert_allclose(steps.sum(), imbalance_impact(*map(jnp.asarray, knots[[0, -1]]), 5e-9, 1e-8, 2.0))
    across = np.array([3e5, -2e5, -5e5])
    steps = imbalance_impact(jnp.asarray(across[:-1]), jnp.asarray(across[1:]), 1e-8, 1e-8, 2.0)
    np.testing.assert_allclose(steps.sum(), imbalance_impact(*map(jnp.asarray, across[[0, -1]]), 1e-8, 1e-8, 2.0))
    size = np.array([3.0, -5.0, 4.5])
    skew = np.cumsum(size) - size + 7.0
    paid = size * np.asarray(skewed_fill(100.0, jnp.asarray(skew), 1e3, jnp.asarray(size)))
    np.testing.assert_allclose(paid.sum(), size.sum() * skewed_fill(100.0, 7.0, 1e3, size.sum()), rtol=1e-12)


def test_an_improvement_is_paid_at_most_what_it_would_cost_and_within_caps() -> None:
    assert imbalance_impact(jnp.asarray(2e5), jnp.asarray(1e5), 9.0, 1e-8, 2.0) == pytest.approx(300.0)
    impact = jnp.array([500.0, -500.0, 30.0])
    np.testing.assert_allclose(capped_impact(impact, 1e4, 0.01, 0.02), [100.0, -200.0, 30.0])
    np.testing.assert_allclose(capped_impact(impact, 1e4, 0.01, 0.02, pool=20.0), [20.0, -200.0, 20.0])


def test_prices_after_an_impact_pay_it() -> None:
    """In units for what opens, in USD for what closes; a negative impact is worse on both sides."""
    for side in (1.0, -1.0):
        bought = opening_price(50.0, 1e4, jnp.asarray(-40.0), side)
        np.testing.assert_allclose(side * (1e4 / bought - 1e4 / 50.0), -40.0 / 50.0, rtol=1e-9)
        sold = closing_price(50.0, 1e4, jnp.asarray(-40.0), side)
        np.testing.assert_allclose(side * (sold - 50.0) * 1e4 / 50.0, -40.0, rtol=1e-9)


def test_a_pair_is_valid_where_bankruptcy_prices_overlap() -> None:
    """Single positions that close in part: what ``overlap`` says of prices, ``valid_transition`` says of equity."""
    price, rate, found = 50.0, 0.05, []
    for _ in range(400):
        side, size, part = RNG.choice([-1.0, 1.0]), RNG.uniform(1, 5), RNG.uniform(0.05, 0.95)
        equity, deficit = RNG.uniform(-5, 20), RNG.uniform(0, 20)
        loser = bankruptcy_price(price, jnp.asarray(side * 2.0), -deficit, 1.0)
        winner = bankruptcy_price(price, jnp.asarray(-side * size), equity, 1.0)
        after = equity - side * part * size * (loser - price)
        margin = rate * price * size
        same = valid_transition(equity, margin, after, np.inf, (1 - part) * margin)
        assert bool(overlap(loser, winner, side)) == bool(same)
        found.append(bool(same))
    assert 50 < sum(found) < 350


def test_losses_by_unit_and_by_deposit_raise_what_is_owed() -> None:
    loss = per_unit(jnp.array([100.0, 40.0, 7.0]), jnp.array([30.0, 50.0, 0.0]), 5.0, jnp.array([9.0, 9.0, 2.0]))
    np.testing.assert_allclose(loss, [5.0, 0.0, 1.0])
    np.testing.assert_allclose(deposit_haircut(11.0, 120.0, 1.3) * 120.0 / 1.3, 11.0, rtol=1e-12)
    assert 0 <= deposit_haircut(11.0, 120.0, 1.3, step=1e-4) - deposit_haircut(11.0, 120.0, 1.3) < 1e-4


def test_a_deleveraging_has_to_lower_the_factor_but_not_too_far() -> None:
    assert lowers_enough(jnp.array([0.9, 0.9, 0.9]), jnp.array([0.8, 0.95, 0.7]), 0.77).tolist() == [True, False, False]


def test_borrowing_is_steeper_beyond_the_kink() -> None:
    """By hand: 1e-8 x 0.5; 1e-8 x 0.9 + 2e-8 x 0.1 / 0.2; at a usage of one the rate above."""
    rate = kinked_borrowing_rate(1e-8, 3e-8, 0.8, jnp.array([0.5, 0.8, 0.9, 1.0]))
    np.testing.assert_allclose(rate, [5e-9, 8e-9, 1.9e-8, 3e-8], rtol=1e-12)
    np.testing.assert_allclose(kinked_borrowing_rate(1e-8, 3e-9, 0.8, jnp.array([0.9])), [9e-9], rtol=1e-12)
    np.testing.assert_allclose(borrowing_rate(2e-7, 150e3, jnp.array([1e6, 0.0])), [3e-8, 0.0], rtol=1e-12)
