"""Orders with limits that reach the book together: which are filled, and how far.

Those that accept the price at which the book stands trade against it and with each other at once, so the book ends
where the orders that accept its last price, too, sum up to the flow that brings it there. Offers only shrink and bids
only grow as that price falls, so there is one such place. The mean price of the walk lies between its first and its
last: nobody is filled beyond a limit, whichever way the book goes. Axes: ``A`` markets, ``N`` orders. Positions in the
book are measured by the absorbed flow ``z`` (``liquidity.impact``), which falls with the price.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from stress.liquidity.book import Liquidity
from stress.types import Array

HERE = 1e-9
"""Share of ``1 + |z|`` within which a place in the book is where it stands."""


def filled(liquidity: Liquidity, orders: Array, limit: Array, start: Array, fundamental: Array, depth: Array) -> Array:
    """What is filled [A, N] in units of ``orders`` [A, N] > 0 for offers and < 0 for bids.

    ``limit`` [A, N] in USD per unit is the worst price of the first and the last unit, half-spread included; the book
    stands at ``start`` [A], ``fundamental`` [A] in USD per unit and ``depth`` [A] in USD as in ``Liquidity.walk``.
    """
    unit, offers = liquidity.unit(fundamental, depth), orders > 0
    places = _places(liquidity, offers, limit / fundamental[:, None])
    first, near = start[:, None], HERE * (1.0 + jnp.abs(start[:, None]))
    accepts = jnp.where(offers, places >= first - near, places <= first + near)
    return jax.vmap(_cleared)(jnp.where(accepts, orders, 0.0) * unit[:, None], places, start) / unit[:, None]


def _places(liquidity: Liquidity, offers: Array, relative: Array) -> Array:
    """Absorbed flow [A, N] at which the price, over the fundamental one, is an order's limit ``relative`` [A, N]."""
    impact, price = liquidity.impact, relative / liquidity.spread(offers)
    distance = price - 1.0 if liquidity.contract is None else 1.0 - 1.0 / price
    place = impact.absorbed(distance)
    place = jnp.where(distance <= -impact.cap, jnp.inf, jnp.where(distance >= impact.cap, -jnp.inf, place))
    anywhere, nowhere = jnp.where(offers, jnp.inf, -jnp.inf), jnp.where(offers, -jnp.inf, jnp.inf)
    accepts = jnp.where(offers, distance <= 0, distance >= 0)
    return jnp.where(impact.active > 0, place, jnp.where(accepts, anywhere, nowhere))


def _cleared(orders: Array, place: Array, start: Array) -> Array:
    """What is filled [N] of one market's orders [N], in units of flow; an offer is good up to its place [N], a bid from
    its own on."""
    offers, bids = jnp.maximum(orders, 0.0), jnp.maximum(-orders, 0.0)
    order = jnp.argsort(place)
    at, sold, bought = place[order], offers[order], bids[order]
    sold_above, bought_below = sold[::-1].cumsum()[::-1], bought.cumsum() - bought
    before = start + sold_above - bought_below  # where the book would end just short of each place, and just beyond it
    beyond = before - sold - bought
    crosses = beyond <= at
    first = jnp.argmax(crosses)
    end = jnp.where(crosses.any(), jnp.minimum(before[first], at[first]), start - bids.sum())
    full = jnp.where(place > end, offers, 0.0) - jnp.where(place < end, bids, 0.0)
    rest = end - start - full.sum()  # of those whose limit is the last price
    last = place == end
    more = jnp.where(last, jnp.where(rest > 0, offers, bids), 0.0)
    part = jnp.clip(jnp.abs(rest) / jnp.where(more.sum() > 0, more.sum(), 1.0), 0.0, 1.0)
    return full + jnp.sign(rest) * part * more
