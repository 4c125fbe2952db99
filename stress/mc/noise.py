"""Addressed noise: a draw is a pure function of (seed, tile, step, stream).

A tile is always 128 paths, so neither the block size, nor the number of devices, nor the order of work can change
what a path sees. A stream is known by its name: a new part adds its own without a registry and without moving others.
"""

from __future__ import annotations

import zlib

import jax
import jax.numpy as jnp

from stress.price.base import Draw, Draws
from stress.types import Array

TILE = 128
"""Paths that share a key."""


def stream_id(name: str) -> int:
    """Number of a named stream: the CRC-32 of its name."""
    return zlib.crc32(name.encode())


def tile_keys(seed: Array, tiles: Array, step: Array) -> Array:
    """Keys [tiles] of a step; step 0 is time zero."""
    root = jax.random.key(seed, impl="threefry2x32")
    return jax.vmap(lambda tile: jax.random.fold_in(jax.random.fold_in(root, tile), step))(tiles)


def draw_noise(keys: Array, draws: Draws, dtype: jnp.dtype) -> dict[str, Array]:
    """Noise [tiles * 128, ...] of every stream; normals in ``dtype``, uniforms in float64."""
    return {name: _draw(keys, name, draw, dtype) for name, draw in draws.items()}


def _draw(keys: Array, name: str, draw: Draw, dtype: jnp.dtype) -> Array:
    shape = (TILE, *draw.shape)

    def one_tile(key: Array) -> Array:
        key = jax.random.fold_in(key, stream_id(name))
        if draw.kind == "normal":
            return jax.random.normal(key, shape, dtype)
        return jax.random.uniform(key, shape, jnp.float64)

    return jax.vmap(one_tile)(keys).reshape(keys.shape[0] * TILE, *draw.shape)
