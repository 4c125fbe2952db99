"""Noise of the funding premium: drawn where funding is paid, and nowhere without a process.

Variants share it, as they share the market's. Rows are variants x paths of the block.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import jax.numpy as jnp

from stress.engine.loops import when
from stress.mc.noise import TILE, draw_noise, tile_keys
from stress.price.base import Draw
from stress.types import Array

if TYPE_CHECKING:
    from stress.mc.block import Job

STREAM = "funding_premium"
"""Name of the noise: one normal a market at time zero and at each payment."""


def first_premium_noise(job: Job, tiles: Array) -> Array | None:
    """Normals [rows, A] of time zero; None where the premium is constant."""
    return None if job.venues.funding.process is None else _drawn(job, tiles, jnp.int32(0))


def premium_noise(job: Job, tiles: Array, number: Array) -> Array | None:
    """Normals [rows, A] of tick ``number`` [], zero where it pays no funding; None where the premium is constant."""
    if job.venues.funding.process is None:
        return None
    none = jnp.zeros((job.variants * tiles.shape[0] * TILE, job.prices.shape[0]), job.dtype)
    return when(job.venues.funding.due(number).any(), lambda _: _drawn(job, tiles, number), none)


def premium_at(job: Job, tiles: Array, number: Array) -> Array | None:
    """As :func:`premium_noise`, drawn whether somebody pays or not."""
    return None if job.venues.funding.process is None else _drawn(job, tiles, number)


def _drawn(job: Job, tiles: Array, number: Array) -> Array:
    keys = tile_keys(job.seed, tiles, number.astype(jnp.uint32))
    draws = {STREAM: Draw("normal", (job.prices.shape[0],))}
    return jnp.tile(draw_noise(keys, draws, jnp.dtype(job.dtype))[STREAM], (job.variants, 1))
