"""Functions that venues' cases are answered by and that the engine has in another form give what the engine's give."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from stress.book.inverse import gains
from stress.protocol.keepers import risk_order
from stress.protocol.margin.flat import flat_requirement
from stress.protocol.margin.health import below_minimum, compare_risk, falls_short, inverse_pnl
from stress.protocol.margin.tiers import margin_table


def test_a_flat_requirement_is_that_of_one_tier() -> None:
    rng = np.random.default_rng(1)
    for rate in rng.uniform(0.001, 0.5, 20):
        units, price = rng.uniform(0.1, 1e4, (1, 50)), rng.uniform(1.0, 1e5)
        table = margin_table([np.array([np.inf])], [np.array([rate])])
        np.testing.assert_allclose(table.requirement(units, units * price), flat_requirement(units * price, rate), rtol=1e-14)


def test_the_order_of_risk_is_that_of_pairs() -> None:
    """Of accounts with a requirement, none of them tied."""
    rng = np.random.default_rng(2)
    equity, margin = rng.normal(0.0, 1e3, 200), rng.uniform(1.0, 1e3, 200)
    rank = np.argsort(np.asarray(risk_order(jnp.asarray(equity), jnp.asarray(margin), jnp.asarray(margin > 0))))
    ahead = compare_risk(equity[:, None], margin[:, None], equity[None, :], margin[None, :])
    np.testing.assert_array_equal(ahead, np.sign(rank[None, :] - rank[:, None]))


def test_a_position_below_its_minimum_falls_short_of_it() -> None:
    """Alike but for an equity of zero or less without a requirement."""
    rng = np.random.default_rng(3)
    equity, size = rng.uniform(1e-6, 1e3, 500), rng.uniform(0.0, 1e5, 500)
    least, share = rng.uniform(0.0, 500.0, 500), 0.01
    np.testing.assert_array_equal(below_minimum(equity, size, least, share), falls_short(equity, np.maximum(least, share * size)))


def test_an_inverse_contract_gains_what_its_mirror_does() -> None:
    """Coins at the price of time zero, which the prices are; sizes are contracts over that price."""
    rng = np.random.default_rng(4)
    contracts, entry = rng.normal(0.0, 1e5, (300, 2)), rng.uniform(1e3, 1e5, (300, 2))
    prices = rng.uniform(1e3, 1e5, 2)
    coins = inverse_pnl(contracts, prices, entry)
    np.testing.assert_allclose(gains(contracts / prices, entry, prices, inverse=True), coins * prices, rtol=1e-12)
