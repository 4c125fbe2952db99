"""Price paths alone, from the same noise as a run."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from stress.mc.block import Job
from stress.mc.noise import TILE, draw_noise, tile_keys
from stress.types import Array


def block_prices(job: Job, block: Array) -> Array:
    """Fundamental prices [B, T + 1, A] of one block in USD per unit."""
    tiles = block * (job.block_paths // TILE) + jnp.arange(job.block_paths // TILE)
    dtype = jnp.dtype(job.dtype)
    noise = draw_noise(tile_keys(job.seed, tiles, jnp.uint32(0)), job.model.initial_draws(), dtype)
    market = jax.vmap(job.model.init, axis_size=job.block_paths)(noise)

    def tick(state: tuple[object, Array], number: Array) -> tuple[tuple[object, Array], Array]:
        market, log_price = state
        noise = draw_noise(tile_keys(job.seed, tiles, number.astype(jnp.uint32)), job.model.step_draws(), dtype)
        market, shock = jax.vmap(job.model.step, in_axes=(0, 0, None), axis_size=job.block_paths)(market, noise, number)
        log_price = log_price + shock.log_return
        return (market, log_price), log_price

    start = jnp.zeros((job.block_paths, job.prices.shape[0]), jnp.float64)
    _, path = jax.lax.scan(tick, (market, start), jnp.arange(1, job.steps + 1, dtype=jnp.int32))
    return job.prices * jnp.exp(jnp.concatenate([start[:, None], jnp.moveaxis(path, 0, 1)], axis=1))
