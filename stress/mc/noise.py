"""Addressed noise: a draw is a pure function of (seed, tile, step, stream, index).

A tile is always 128 paths, so neither the block size, nor the number of devices, nor the order of work can change
what a path sees. A stream is known by its name: a new part adds its own without a registry and without moving others.
All streams of a step come from the Threefry-2x32 block cipher under the key of (seed, tile, step) on the counters
(stream, index); both words of every block are used: for two float32 normals, or for one float64 number.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from stress.cipher import Cipher, Words, looped, threefry
from stress.engine.loops import held
from stress.mc.normals import normal_pairs
from stress.price.base import Draw, Draws
from stress.types import Array

TILE = 128
"""Paths that share a key."""


def stream_id(name: str) -> int:
    """Number of a named stream: the CRC-32 of its name."""
    return zlib.crc32(name.encode())


Keys = Words
"""Both words of cipher keys."""

Kept = Callable[[tuple[Array, Array]], tuple[Array, Array]]
"""Asks the compiler to compute two arrays once, and not anew for whatever looks at a number that is made of them."""


def barrier(pair: tuple[Array, Array]) -> tuple[Array, Array]:
    """What XLA of JAX 0.12 heeds."""
    return jax.lax.optimization_barrier(pair)


def joined(true: Array) -> Kept:
    """Both as one complex number in memory of its own (``engine.loops.held``): works where loops are compiled whole."""

    def kept(pair: tuple[Array, Array]) -> tuple[Array, Array]:
        both = held(true, jax.lax.complex(*(jax.lax.bitcast_convert_type(numbers, jnp.float32) for numbers in pair)))
        parts = (jax.lax.real(both), jax.lax.imag(both))
        first, second = (jax.lax.bitcast_convert_type(p, n.dtype) for p, n in zip(parts, pair, strict=True))
        return first, second

    return kept


def tile_keys(seed: Array, tiles: Array, step: Array) -> Keys:
    """Keys of a step [] of tiles [n], or of steps [n] of one tile []; step 0 is time zero."""
    return fold(fold((jnp.zeros_like(seed), seed), tiles), step)


def fold(key: Keys, number: Array) -> Keys:
    """Keys under a key and numbers, of shapes that broadcast (those of ``jax.random.fold_in``)."""
    number = jnp.asarray(number, jnp.uint32)
    return threefry(key, (jnp.zeros_like(number), number))


def draw_noise(
    keys: Keys, draws: Draws, dtype: jnp.dtype, cipher: Cipher = looped, kept: Kept = barrier
) -> dict[str, Array]:
    """Noise [n * 128, ...] of every stream under ``n`` keys; normals in ``dtype``, uniforms in float64.

    All ciphers give the same bits; which is faster, and what it takes to compute a pair of 32-bit arrays only once,
    depends on the program around it.
    """
    if not draws:
        return {}
    blocks = {name: _blocks(draw, dtype) for name, draw in draws.items()}
    streams = np.concatenate([np.full(count, stream_id(name), np.uint32) for name, count in blocks.items()])
    indices = np.concatenate([np.arange(count, dtype=np.uint32) for count in blocks.values()])
    words = cipher((keys[0][:, None], keys[1][:, None]), (jnp.asarray(streams), jnp.asarray(indices)))
    first, second = kept(words)
    noise, start = {}, 0
    for name, draw in draws.items():
        mine = slice(start, start + blocks[name])
        noise[name] = _values(draw, first[:, mine], second[:, mine], dtype, kept).reshape(-1, *draw.shape)
        start += blocks[name]
    return noise


def of_lanes(noise: dict[str, Array], lanes: Array | None) -> dict[str, Array]:
    """Of the noise [n * 128, ...] of ``n`` tiles one path each [n, ...], those at places ``lanes`` [n]; None: all."""
    if lanes is None:
        return noise
    rows = TILE * jnp.arange(lanes.shape[0]) + lanes
    return {name: values[rows] for name, values in noise.items()}


def _numbers(draw: Draw) -> int:
    return TILE * math.prod(draw.shape)


def _blocks(draw: Draw, dtype: jnp.dtype) -> int:
    """Cipher blocks of two words that a stream needs in one tile."""
    return _numbers(draw) // 2 if draw.kind == "normal" and dtype == jnp.float32 else _numbers(draw)


def _values(draw: Draw, first: Array, second: Array, dtype: jnp.dtype, kept: Kept = barrier) -> Array:
    """Numbers [keys, n] from the two words of the blocks."""
    if draw.kind == "uniform":
        return uniform(first, second)
    if dtype == jnp.float32:
        return jnp.concatenate(kept(normal_pairs(first, second)), axis=1)
    return np.sqrt(2.0) * jax.lax.erf_inv(2.0 * uniform(first, second) + (2.0**-53 - 1.0))


def uniform(high: Array, low: Array) -> Array:
    """float64 in [0, 1) with 53 random bits."""
    return (high.astype(jnp.float64) * 2.0**21 + (low >> 11).astype(jnp.float64)) * 2.0**-53
