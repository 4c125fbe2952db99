"""The market of a block of the dense engine: one path of prices for all variants, or, where prices answer the venue's
liquidations, one for each variant on the same noise.

Axes: ``V`` variants, ``B`` paths of the block, ``A`` markets.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp

from stress.mc.job import Job
from stress.mc.noise import draw_noise, of_lanes, tile_keys
from stress.types import Array


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Market:
    """What is carried from tick to tick. ``M`` is ``V`` x ``B`` where prices answer the venue, else ``B``."""

    state: Any  # of the market model [M, ...]
    log_price: Array  # [M, A] log of fundamental over initial price
    flow: Array | None  # [M, A] liquidated in the last tick over open interest; None: prices do not answer


def open_market(job: Job, tiles: Array, lanes: Array | None = None) -> Market:
    """Time zero; of every tile one path where ``lanes`` are given (``mc.noise.of_lanes``)."""
    noise = draw_noise(tile_keys(job.seed, tiles, jnp.uint32(0)), job.model.initial_draws(), jnp.dtype(job.dtype))
    noise = of_lanes(noise, lanes)
    state = jax.vmap(job.model.init, axis_size=job.block_paths)(noise)
    log_price = jnp.zeros((job.block_paths, job.prices.shape[0]), jnp.float64)
    if not job.model.reactive:
        return Market(state, log_price, None)
    state, log_price = jax.tree.map(lambda leaf: _repeated(job, leaf), (state, log_price))
    return Market(state, log_price, jnp.zeros_like(log_price))


def move_market(
    job: Job, market: Market, tiles: Array, number: Array, lanes: Array | None = None
) -> tuple[Market, Array, Array]:
    """The market after tick ``number`` [], fundamental prices [V * B, A], and depth multipliers [V * B]."""
    keys = tile_keys(job.seed, tiles, number.astype(jnp.uint32))
    noise = of_lanes(draw_noise(keys, job.model.step_draws(), jnp.dtype(job.dtype)), lanes)
    if market.flow is None:
        step = jax.vmap(job.model.step, in_axes=(0, 0, None), axis_size=job.block_paths)
        state, shock = step(market.state, noise, number)
    else:
        noise = jax.tree.map(lambda leaf: _repeated(job, leaf), noise)
        step = jax.vmap(job.model.step, in_axes=(0, 0, None, 0), axis_size=job.variants * job.block_paths)
        state, shock = step(market.state, noise, number, market.flow)
    log_price = market.log_price + shock.log_return
    fundamental, multiplier = job.prices * jnp.exp(log_price), shock.depth_multiplier
    if market.flow is None:
        fundamental, multiplier = _repeated(job, fundamental), _repeated(job, multiplier)
    return replace(market, state=state, log_price=log_price), fundamental, multiplier


def answered(job: Job, market: Market, sold: Array) -> Market:
    """The market that has seen what was liquidated in the tick: ``sold`` [V * B, A] in USD, but none of the twin's."""
    if market.flow is None:
        return market
    twin = jnp.arange(job.variants) == (1 if job.cascade.paired else -1)
    heard = jnp.repeat(jnp.where(twin, 0.0, 1.0), job.block_paths)[:, None]
    return replace(market, flow=heard * flow_of(job, sold))


def flow_of(job: Job, sold: Array) -> Array:
    """USD liquidated [..., A] as a share of the open interest of one side at time zero."""
    return jnp.where(job.interest > 0, sold / jnp.where(job.interest > 0, job.interest, 1.0), 0.0)


def _repeated(job: Job, leaf: Array) -> Array:
    """One row a variant and path [V * B, ...] of one a path [B, ...]."""
    return jnp.tile(leaf, (job.variants, *[1] * (leaf.ndim - 1)))
