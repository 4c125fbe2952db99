"""Noise of the funding premium: drawn where funding is paid, and nowhere without a process.

Variants share it, as they share the market's. Rows are variants x paths of the block.
"""

from __future__ import annotations

import jax.numpy as jnp

from stress.engine.loops import when
from stress.mc.job import Job
from stress.mc.noise import TILE, draw_noise, of_lanes, tile_keys
from stress.price.base import Draw
from stress.types import Array

STREAM = "funding_premium"
"""Name of the noise: one normal a market at time zero and at each payment."""


def first_premium_noise(job: Job, tiles: Array, lanes: Array | None = None) -> Array | None:
    """Normals [rows, A] of time zero; None where the premium is constant. ``lanes`` as in ``mc.market``."""
    return None if job.venues.funding.process is None else _drawn(job, tiles, jnp.int32(0), lanes)


def premium_noise(job: Job, tiles: Array, number: Array, lanes: Array | None = None) -> Array | None:
    """Normals [rows, A] of tick ``number`` [], zero where it pays no funding; None where the premium is constant."""
    if job.venues.funding.process is None:
        return None
    paths = tiles.shape[0] * (TILE if lanes is None else 1)
    none = jnp.zeros((job.variants * paths, job.prices.shape[0]), job.dtype)
    return when(job.venues.funding.due(number).any(), lambda _: _drawn(job, tiles, number, lanes), none)


def premium_at(job: Job, tiles: Array, number: Array) -> Array | None:
    """As :func:`premium_noise`, drawn whether somebody pays or not."""
    return None if job.venues.funding.process is None else _drawn(job, tiles, number, None)


def _drawn(job: Job, tiles: Array, number: Array, lanes: Array | None) -> Array:
    keys = tile_keys(job.seed, tiles, number.astype(jnp.uint32))
    draws = {STREAM: Draw("normal", (job.prices.shape[0],))}
    noise = of_lanes(draw_noise(keys, draws, jnp.dtype(job.dtype)), lanes)
    return jnp.tile(noise[STREAM], (job.variants, 1))
