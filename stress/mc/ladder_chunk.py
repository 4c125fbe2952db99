"""A chunk: ticks of a tile whose prices are known before anybody acts in them.

Axes: ``K`` ticks of a chunk, ``V`` variants, ``A`` markets, ``B`` paths of a tile (128).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp

from stress.mc.ladder_tile import put
from stress.protocol.venue import Venue
from stress.types import Array


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Chunk:
    """The market in the ticks of a chunk."""

    number: Array  # [] int32, of the first tick
    ticks: Array  # [] int32, at most K
    log_price: Array  # [K, A, B] log of fundamental over initial price
    depth: Array  # [K, B] order-book depth relative to ``liquidity.depth_usd``

    def with_tick(self, k: Array, log_price: Array, depth: Array) -> Chunk:
        """The chunk with log prices [A, B] and depths [B] of tick ``k`` []."""
        return replace(self, log_price=put(self.log_price, log_price, k), depth=put(self.depth, depth, k))


def no_chunk(ticks: int, markets: int, paths: int) -> Chunk:
    """Room for a chunk of so many ``ticks``."""
    none = jnp.zeros((ticks, markets, paths), jnp.float64)
    return Chunk(jnp.int32(0), jnp.int32(0), none, none[:, 0])


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Span:
    """Ticks of a chunk, by their places in it, within which only a path's own rounds move its thresholds."""

    first: Array  # [] int32
    end: Array  # [] int32, exclusive


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Decay:
    """What is left of a displacement before the cap after some ticks."""

    power: Array  # [V, K + 1] after n of them
    near: Array  # [V, 2 K] float32, the same from place K on


def decay_tables(venues: Venue, ticks: int) -> Decay:
    """Tables for chunks of so many ``ticks``."""
    liquidity = venues.liquidity
    power = (liquidity.decay**liquidity.impact.exponent)[:, None] ** jnp.arange(ticks + 1)
    near = jnp.concatenate([jnp.ones_like(power[:, 1:]), power[:, :-1]], axis=1)
    return Decay(power, near.astype(jnp.float32))
