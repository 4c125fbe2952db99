"""What a tile of paths carries in the ladder engine, and reading and writing parts of it in place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from stress.engine.ladder.state import LadderRow
from stress.mc.cascade import CascadeWindow
from stress.mc.job import Job
from stress.mc.ladder_screen import Limits
from stress.types import Array


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Tile:
    """Axes: ``B`` paths (128), ``V`` variants, ``A`` markets, ``K`` ticks of a chunk."""

    market: Any  # state of the market model [B, ...]
    log_price: Array  # [A, B] log of fundamental over initial price
    free: Array  # [V, A, B] displacement before the cap, which stands for the absorbed flow too
    limits: Limits  # [V, A, B]
    rows: LadderRow  # [V, B, ...]
    sold: Array  # [K, V, B] USD liquidated, by tick of a chunk; zeros in between
    window: CascadeWindow
    fan: Array  # [G, A, B] float32 mark of the main variant
    trace: dict[str, Array]  # [T, ...]


def mark(job: Job, log_price: Array, free: Array) -> Array:
    """Mark [V, A, B] in USD per unit at a log price [A, B] and a displacement [V, A, B] before the cap."""
    return job.prices[:, None] * jnp.exp(log_price) * (1.0 + capped(job, free))


def capped(job: Job, free: Array) -> Array:
    """X [V, A, B] of a displacement before the cap."""
    cap = job.venues.liquidity.impact.cap[:, None, None]
    return jnp.clip(free, -cap, cap)


def _box(array: Array, where: tuple[Array | None, ...]) -> tuple[list[Array], tuple[int, ...]]:
    """Start and shape of the part at ``where``: a place, or None for a whole axis, as all axes that are left out."""
    full = (*where, *[None] * (array.ndim - len(where)))
    start = [jnp.uint32(0) if place is None else place.astype(jnp.uint32) for place in full]
    return start, tuple(size if place is None else 1 for size, place in zip(array.shape, full, strict=True))


def taken(array: Array, *where: Array | None) -> Array:
    """The part at places that are in bounds: unsigned, they spare the tests for counting from the end."""
    start, shape = _box(array, where)
    kept = [size for size, place in zip(array.shape, (*where, *[None] * array.ndim), strict=False) if place is None]
    return jax.lax.dynamic_slice(array, start, shape).reshape(kept)


def put(array: Array, part: Array, *where: Array | None) -> Array:
    """The array with this part at places that are in bounds, which ``at`` would check."""
    start, shape = _box(array, where)
    return jax.lax.dynamic_update_slice(array, part.reshape(shape), start)


def stored(tree: Any, part: Any, *where: Array | None) -> Any:
    """:func:`put` for every array of a tree."""
    return jax.tree.map(lambda leaf, mine: put(leaf, mine, *where), tree, part)


def loaded(tree: Any, *where: Array | None) -> Any:
    """:func:`taken` for every array of a tree."""
    return jax.tree.map(lambda leaf: taken(leaf, *where), tree)
