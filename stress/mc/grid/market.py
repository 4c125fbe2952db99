"""The market of some blocks, drawn once and kept, for all rows that live in it.

Axes: ``T`` ticks, ``B`` paths, ``A`` markets.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from stress.mc.job import Job
from stress.mc.market import move_market, open_market
from stress.mc.noise import TILE
from stress.mc.premium import first_premium_noise, premium_at
from stress.mc.program import compiled_for
from stress.types import Array


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Seen:
    """What a venue sees of the market, in every tick."""

    fundamental: Array  # [T, B, A] USD per unit
    multiplier: Array  # [T, B] depth relative to ``liquidity.depth_usd``
    first_normal: Array | None  # [B, A] of the funding premium at time zero; None: it is no process
    normal: Array | None  # [T, B, A] and of every tick, whether anybody pays funding in it or not

    def of(self, paths: np.ndarray) -> Seen:
        """What is seen on ``paths`` [n], gathered on the host: no program depends on the number of paths."""
        ticks: Seen = jax.tree.map(lambda leaf: np.take(leaf, paths, axis=1, mode="clip"),  # does not copy twice
                                   replace(self, first_normal=None))
        return ticks if self.first_normal is None else replace(ticks, first_normal=np.take(self.first_normal, paths, 0))


def draw_market(job: Job, block: Array) -> Seen:
    """The market of block ``block`` []; drawn as in a run, under which it is the same for all variants."""
    count = job.block_paths // TILE
    tiles = block * count + jnp.arange(count, dtype=jnp.uint32)
    job = replace(job, variants=1)

    def tick(market: object, number: Array) -> tuple[object, tuple[Array, Array, Array | None]]:
        market, fundamental, multiplier = move_market(job, market, tiles, number)  # type: ignore[arg-type]
        return market, (fundamental, multiplier, premium_at(job, tiles, number))

    numbers = jnp.arange(1, job.steps + 1, dtype=jnp.int32)
    fundamental, multiplier, normal = jax.lax.scan(tick, open_market(job, tiles), numbers)[1]
    return Seen(fundamental, multiplier, first_premium_noise(job, tiles), normal)


def draw(job: Job, block: int, device: Any) -> Seen:
    """The market of a block, on the host."""
    given = jax.device_put((job, np.uint32(block)), device)
    return jax.device_get(compiled_for(draw_market, *given, device=device)(*given))


def side_by_side(blocks: list[Seen], prices: np.ndarray) -> Seen:
    """Blocks joined along the paths, on the host, and after them one path on which nothing happens.

    On that the rows live that fill up a batch: prices there stay what they were at time zero, ``prices`` [A].
    """
    parts = [*blocks, _still(blocks[0], prices)]
    ticks = [replace(part, first_normal=None) for part in parts]
    joined: Seen = jax.tree.map(lambda *leaves: np.concatenate(leaves, axis=1), *ticks)
    first: Any = [part.first_normal for part in parts]
    return replace(joined, first_normal=None if first[0] is None else np.concatenate(first))


def _still(like: Seen, prices: np.ndarray) -> Seen:
    one: Seen = jax.tree.map(lambda leaf: np.zeros_like(leaf[:, :1]), replace(like, first_normal=None))
    first: Any = None if like.first_normal is None else np.zeros_like(like.first_normal[:1])
    return Seen(one.fundamental + prices, one.multiplier + 1.0, first, one.normal)
