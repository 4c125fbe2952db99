"""Addressed noise: a draw is a pure function of (seed, tile, step, stream, index).

A tile is always 128 paths, so neither the block size, nor the number of devices, nor the order of work can change
what a path sees. A stream is known by its name: a new part adds its own without a registry and without moving others.
All streams of a step come from one call of the Threefry-2x32 block cipher (Salmon et al. 2011) under the key of
(seed, tile, step) on the counters (stream, index); both words of every block are used.
"""

from __future__ import annotations

import zlib

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.random import threefry_2x32

from stress.price.base import Draw, Draws
from stress.types import Array

TILE = 128
"""Paths that share a key."""
LARGEST_FLOAT32 = 1.0 - 2.0**-24
"""Largest float32 below one: keeps the inverse error function finite."""


def stream_id(name: str) -> int:
    """Number of a named stream: the CRC-32 of its name."""
    return zlib.crc32(name.encode())


def tile_keys(seed: Array, tiles: Array, step: Array) -> Array:
    """Keys [tiles, 2] of a step; step 0 is time zero."""
    root = jax.random.key(seed, impl="threefry2x32")
    return jax.vmap(lambda tile: jax.random.key_data(jax.random.fold_in(jax.random.fold_in(root, tile), step)))(tiles)


def draw_noise(keys: Array, draws: Draws, dtype: jnp.dtype) -> dict[str, Array]:
    """Noise [tiles * 128, ...] of every stream; normals in ``dtype``, uniforms in float64."""
    if not draws:
        return {}
    blocks = {name: _blocks(draw, dtype) for name, draw in draws.items()}
    streams = np.concatenate([np.full(count, stream_id(name), np.uint32) for name, count in blocks.items()])
    indices = np.concatenate([np.arange(count, dtype=np.uint32) for count in blocks.values()])
    words = jax.vmap(lambda key: threefry_2x32(key, jnp.concatenate([streams, indices])))(keys)
    noise, start, total = {}, 0, len(streams)
    for name, draw in draws.items():
        high, low = (words[:, half + start : half + start + blocks[name]] for half in (0, total))
        noise[name] = _values(draw, high, low, dtype).reshape(keys.shape[0] * TILE, *draw.shape)
        start += blocks[name]
    return noise


def _numbers(draw: Draw) -> int:
    return TILE * int(np.prod(draw.shape, dtype=int))


def _blocks(draw: Draw, dtype: jnp.dtype) -> int:
    """Cipher blocks of two words that a stream needs in one tile."""
    single = draw.kind == "normal" and dtype == jnp.float32
    return -(-_numbers(draw) // 2) if single else _numbers(draw)


def _values(draw: Draw, high: Array, low: Array, dtype: jnp.dtype) -> Array:
    """Numbers [tiles, n] from the two words of the blocks."""
    if draw.kind == "uniform":
        return _uniform(high, low)
    if dtype == jnp.float32:
        words = jnp.concatenate([high, low], axis=1)[:, : _numbers(draw)]
        share = jax.lax.bitcast_convert_type(words, jnp.int32).astype(jnp.float32) * jnp.float32(2.0**-31)
        return jnp.float32(np.sqrt(2.0)) * jax.lax.erf_inv(jnp.clip(share, -LARGEST_FLOAT32, LARGEST_FLOAT32))
    return np.sqrt(2.0) * jax.lax.erf_inv(2.0 * _uniform(high, low) + (2.0**-53 - 1.0))


def _uniform(high: Array, low: Array) -> Array:
    """float64 in [0, 1) with 53 random bits."""
    return (high.astype(jnp.float64) * 2.0**21 + (low >> 11).astype(jnp.float64)) * 2.0**-53
