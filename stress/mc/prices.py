"""Price paths alone, from the same noise as a run, tile by tile as in ``mc.ladder_block``."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from stress.cipher import threefry
from stress.engine.loops import held
from stress.mc.job import Job
from stress.mc.ladder_block import chunk_ticks
from stress.mc.noise import TILE, draw_noise, fold, joined
from stress.mc.plan import Plan
from stress.types import Array

T = TypeVar("T")
Visit = Callable[[T, Array, Array], T]
"""What a tick leaves: from what was left before, its number [] from 0 on, and log prices [A, 128] over initial ones."""


def block_prices(job: Job, block: Array) -> Array:
    """Fundamental prices [B, T + 1, A] of one block in USD per unit."""
    none = jnp.zeros((job.steps, job.prices.shape[0], TILE), jnp.float64)
    path = jax.lax.map(
        lambda tile: follow(job, tile, lambda path, tick, log_price: path.at[tick].set(log_price), none),
        tiles_of(job, block),
    )
    path = jnp.moveaxis(path, 3, 1).reshape(job.block_paths, *none.shape[:2])
    return job.prices * jnp.exp(jnp.pad(path, ((0, 0), (1, 0), (0, 0))))


def block_ends(job: Job, block: Array) -> tuple[Array, Array]:
    """Log of the last price of one block over the initial price, and of the lowest, both [B, A]."""

    def lower(ends: tuple[Array, Array], tick: Array, log_price: Array) -> tuple[Array, Array]:
        del tick
        return log_price, jnp.minimum(ends[1], log_price)

    none = jnp.zeros((job.prices.shape[0], TILE), jnp.float64)
    ends = jax.lax.map(lambda tile: follow(job, tile, lower, (none, none)), tiles_of(job, block))
    last, lowest = (jnp.moveaxis(leaf, 2, 1).reshape(job.block_paths, -1) for leaf in ends)
    return last, lowest


def block_reach(job: Job, block: Array, beta: Array) -> Array:
    """How far fundamental prices go, as relative moves from time zero [B, A + 1, 4]: each market, then all together.

    The last axis: the lowest and the highest at a tick, time zero included, and the same in one tick alone. A move m of
    all together means that at one tick each market has moved at least m times its ``beta`` [A] > 0, in that direction.
    """
    markets = job.prices.shape[0]

    def together(move: Array) -> tuple[Array, Array]:  # [A, 128] to [A + 1, 128], for falls and for rises
        shared = move / beta[:, None]
        return jnp.concatenate([move, shared.max(0)[None]]), jnp.concatenate([move, shared.min(0)[None]])

    def visit(left: tuple[Array, Array], tick: Array, log_price: Array) -> tuple[Array, Array]:
        del tick
        before, reach = left
        (low, high), (fall, rise) = together(jnp.expm1(log_price)), together(jnp.expm1(log_price - before))
        furthest = (jnp.minimum(reach[0], low), jnp.maximum(reach[1], high), jnp.minimum(reach[2], fall),
                    jnp.maximum(reach[3], rise))
        return log_price, jnp.stack(furthest)

    start = (jnp.zeros((markets, TILE), jnp.float64), jnp.zeros((4, markets + 1, TILE), jnp.float64))
    _, reach = jax.lax.map(lambda tile: follow(job, tile, visit, start), tiles_of(job, block))
    return jnp.transpose(reach, (0, 3, 2, 1)).reshape(job.block_paths, markets + 1, 4)


def reach(plan: Plan, beta: np.ndarray, meter: Callable[[int], None]) -> np.ndarray:
    """:func:`block_reach` of all paths [P, A + 1, 4]; ``meter`` is told the blocks that are done."""
    run, parts = jax.jit(block_reach), []
    for block in range(plan.blocks):
        parts.append(np.asarray(run(plan.job, np.uint32(block), jnp.asarray(beta, jnp.float64))))
        meter(block + 1)
    return np.concatenate(parts)[: plan.paths]


def tiles_of(job: Job, block: Array) -> Array:
    """The tiles of a block."""
    count = job.block_paths // TILE
    return block * count + jnp.arange(count, dtype=jnp.uint32)


def follow(job: Job, tile: Array, visit: Visit[T], left: T) -> T:
    """All ticks of tile ``tile`` [], of which ``visit`` leaves something."""
    dtype, draws, true = jnp.dtype(job.dtype), job.model.step_draws(), job.prices[0] > 0
    length, key = chunk_ticks(job), fold((jnp.zeros_like(job.seed), job.seed), tile)
    first = fold((key[0][None], key[1][None]), jnp.zeros(1, jnp.uint32))
    step = jax.vmap(job.model.step, in_axes=(0, 0, None), axis_size=TILE)

    def chunk(number: Array, state: tuple[object, Array, T]) -> tuple[object, Array, T]:
        before = number * length
        noise = draw_noise(
            held(true, fold(key, before + jnp.arange(1, length + 1, dtype=jnp.uint32))),
            draws,
            dtype,
            threefry,
            joined(true),
        )
        noise = {name: values.reshape(length, TILE, *values.shape[1:]) for name, values in noise.items()}

        def tick(k: Array, state: tuple[object, Array, T]) -> tuple[object, Array, T]:
            market, log_price, left = state
            market, shock = step(market, {name: values[k] for name, values in noise.items()}, before + k + 1)
            log_price = log_price + shock.log_return.T
            return market, log_price, visit(left, before + k, log_price)

        return jax.lax.fori_loop(0, jnp.minimum(length, job.steps - before), tick, state)

    market = jax.vmap(job.model.init, axis_size=TILE)(draw_noise(first, job.model.initial_draws(), dtype, threefry))
    start = (market, jnp.zeros((job.prices.shape[0], TILE), jnp.float64), left)
    return jax.lax.fori_loop(0, -(-job.steps // length), chunk, start)[2]
