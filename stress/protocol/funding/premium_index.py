"""The premium of a perpetual over its index, from the prices at which an impact notional would trade.

    P = (max(0, bid - index) - max(0, index - ask)) / index

with bid and ask the average prices of selling and of buying the impact notional on the book. Source: dYdX v4
(``memclob``, premium price), Hyperliquid's documents (funding).
"""

from __future__ import annotations

import jax.numpy as jnp

from stress.types import Array


def impact_price(prices: Array, units: Array, notional: Array) -> Array:
    """Average price [] of trading ``notional`` [] in USD against levels [K], best first; NaN if they do not reach.

    A notional of zero trades at the best price, if there is one.
    """
    if prices.shape[0] == 0:
        return jnp.asarray(jnp.nan)
    value = prices * units
    before = jnp.cumsum(value) - value
    taken = jnp.clip(notional - before, 0.0, value)
    traded = (taken / prices).sum()
    average = jnp.where(traded > 0, notional / jnp.where(traded > 0, traded, 1.0), prices[0])
    return jnp.where(value.sum() >= notional, average, jnp.nan)


def premium_index(bid: Array, ask: Array, index: Array, largest: Array | float = jnp.inf) -> Array:
    """P [...], at most ``largest`` in size; a side without an impact price (NaN) adds nothing."""
    above = jnp.where(jnp.isnan(bid), 0.0, jnp.maximum(bid - index, 0.0))
    below = jnp.where(jnp.isnan(ask), 0.0, jnp.maximum(index - ask, 0.0))
    return jnp.clip((above - below) / index, -largest, largest)
