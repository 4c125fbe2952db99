"""One call of a liquidator: who may be called, what it comes to, and that money only moves."""

from __future__ import annotations

from dataclasses import replace

import jax.numpy as jnp
import numpy as np

from stress.protocol.liquidation.take_over import Position, Terms, equity, missing, requirement, take_over

RNG = np.random.default_rng(20251)
N = 400
TERMS = Terms(*map(jnp.asarray, (0.05, 1e-4, 0.02, 0.01, 0.005, 1.0, 0.0)))
"""At once, without rounding."""


def book(terms: Terms = TERMS) -> tuple[Position, np.ndarray]:
    """Longs and shorts whose equity is 0.2 to 1.4 of their requirement, of 100 to 5,000 USD of notional."""
    price = RNG.uniform(10, 200, N)
    base = RNG.choice([-1.0, 1.0], N) * RNG.uniform(100, 5000, N) / price
    quote = -base * price * RNG.uniform(0.9, 1.1, N)
    flat = Position(*map(jnp.asarray, (base, quote, np.zeros(N))))
    wanted = RNG.uniform(0.2, 1.4, N) * requirement(flat, terms, price)
    return replace(flat, collateral=wanted - equity(flat, price)), price


def test_only_who_is_below_maintenance_is_touched() -> None:
    position, price = book()
    found = take_over(position, TERMS, price, jnp.zeros(N), jnp.full(N, np.inf))
    below = np.asarray(equity(position, price) < requirement(position, TERMS, price))
    assert 50 < below.sum() < N - 50
    np.testing.assert_array_equal(np.asarray(found.units) > 0, below)
    np.testing.assert_array_equal(np.asarray(found.position.base)[~below], np.asarray(position.base)[~below])


def test_all_that_is_allowed_leaves_a_crumb_at_most() -> None:
    """What is left to cover is the buffer on the liquidator's fee; whose loss has a buffer on top already is out."""
    terms = replace(TERMS, largest_fund_fee=jnp.asarray(0.0))
    position, price = book(terms)
    found = take_over(position, terms, price, jnp.zeros(N), jnp.full(N, np.inf))
    left, taken = found.position, np.asarray(found.units * price)
    part = (taken > 0) & (np.asarray(left.base) != 0)
    assert part.sum() > 100
    assert (np.asarray(missing(left, terms, price))[part] <= 0.02 * 0.01 * taken[part] + 1e-9).all()
    lost = part & np.asarray(position.quote + position.base * price < 0)
    assert lost.sum() > 10
    assert not np.asarray(left.entered)[lost].any()
    bare = equity(left, price) - requirement(left, terms, price) - 0.02 * jnp.abs(left.base) * price
    assert (np.asarray(bare)[lost] >= -1e-9).all()


def test_money_only_moves() -> None:
    position, price = book()
    found = take_over(position, TERMS, price, jnp.zeros(N), jnp.full(N, np.inf))
    user = found.position.quote - position.quote
    np.testing.assert_allclose(user + found.paid + found.fund, 0.0, atol=1e-9)
    side = np.sign(position.base)
    np.testing.assert_allclose(found.position.base, position.base - side * found.units, atol=1e-12)
    taken = np.asarray(found.units) > 0
    at = -np.asarray(found.paid) / np.where(taken, np.asarray(side * found.units), 1.0)
    np.testing.assert_allclose(at[taken], (price * (1 - 0.01 * side))[taken], rtol=1e-9)
    assert (np.asarray(found.fund) >= 0).all() and (np.asarray(found.fund) <= 0.005 * np.asarray(found.units) * price + 1e-12).all()
    assert (np.asarray(found.fund) > 0).sum() > 20


def test_more_time_and_more_appetite_take_no_less() -> None:
    terms = replace(TERMS, initial=jnp.asarray(0.1), duration=jnp.asarray(150.0))
    position, price = book(terms)
    by_time = [take_over(position, terms, price, jnp.full(N, slot), jnp.full(N, np.inf)).units for slot in (0.0, 40.0, 90.0, 200.0)]
    by_size = [take_over(position, terms, price, jnp.full(N, 40.0), jnp.full(N, most)).units for most in (0.1, 1.0, np.inf)]
    for steps in (by_time, by_size):
        assert all((np.asarray(more) >= np.asarray(less)).all() for less, more in zip(steps, steps[1:], strict=False))
        assert np.asarray(steps[-1]).sum() > 1.2 * np.asarray(steps[0]).sum()


def test_cancelled_orders_alone_bring_an_account_out() -> None:
    """Worked by hand: 1 unit at 100, 1,000 bids, equity 250; with the bids the requirement is 5,005.01, without 5."""
    ordered = Position(*map(jnp.asarray, (1.0, 100.0, 50.0, 1000.0)), orders=1.0)
    terms = replace(TERMS, factor=jnp.asarray(0.0))
    np.testing.assert_allclose(requirement(ordered, terms, 100.0), 5005.01)
    found = take_over(ordered, terms, 100.0, jnp.asarray(0.0), jnp.asarray(1.0))
    assert float(found.units) == 0.0 and not found.position.entered and float(found.position.bids) == 0.0
