"""Noise of lanes: the numbers that ``mc.noise`` gives the same paths.

Normals and uniforms of all streams are drawn in a loop each, for a kernel is the slower to compile the longer it is.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from stress.cipher import Words, threefry
from stress.mc.lanes.cells import Cells, array_of
from stress.mc.noise import TILE, stream_id, uniform
from stress.mc.normals import normal_pairs
from stress.price.base import Draws

WRITTEN_OUT = 2
"""Numbers up to which a loop over them is written out."""


def lane_noise(key: Words, lanes: Any, draws: Draws, dtype: Any) -> dict[str, Cells]:
    """Noise of every stream for the paths ``lanes`` [W] uint32 of a tile, under the scalar key of a step."""
    noise = {}
    for kind, own in (("normal", np.dtype(dtype)), ("uniform", np.dtype(float))):
        mine = {name: draw for name, draw in draws.items() if draw.kind == kind}
        sizes = [math.prod(draw.shape) for draw in mine.values()]
        # of every number: its stream, how many the stream has for a path, which of them it is
        places = [(stream_id(name), size, k) for name, size in zip(mine, sizes, strict=True) for k in range(size)]
        numbers, start = _drawn(key, lanes, places, kind, own), 0
        for (name, draw), size in zip(mine.items(), sizes, strict=True):
            noise[name] = Cells(array_of(numbers[start : start + size]).reshape(draw.shape), own)
            start += size
    return noise


def _drawn(key: Words, lanes: Any, places: list[tuple[int, int, int]], kind: str, dtype: np.dtype) -> list[Any]:
    if len(places) <= WRITTEN_OUT:
        written = (map(np.uint32, place) for place in places)
        return [_number(key, lanes, stream, size, k, kind, dtype) for stream, size, k in written]
    columns = [[np.uint32(value) for value in column] for column in zip(*places, strict=True)]

    def one(turn: Any, numbers: list[Any]) -> list[Any]:
        stream, size, k = (_chosen(column, turn) for column in columns)
        new = _number(key, lanes, stream, size, k, kind, dtype)
        return [jnp.where(turn == np.int32(at), new, old) for at, old in enumerate(numbers)]

    start = [jnp.zeros(lanes.shape, dtype)] * len(places)
    return jax.lax.fori_loop(jnp.int32(0), jnp.int32(len(places)), one, start)


def _chosen(column: list[Any], turn: Any) -> Any:
    """The entry of a column at a scalar that is not known when the kernel is made."""
    chosen = jnp.uint32(column[0])
    for at, (before, value) in enumerate(itertools.pairwise(column), 1):
        if value == before + 1:  # counts on
            chosen = jnp.where(turn >= np.int32(at), chosen + np.uint32(1), chosen)
        elif value != before:
            chosen = jnp.where(turn >= np.int32(at), value, chosen)
    return chosen


def _number(key: Words, lanes: Any, stream: Any, size: Any, k: Any, kind: str, dtype: np.dtype) -> Any:
    """One number a lane; normals in float32 share a block by pairs."""
    number = lanes * size + k
    if kind == "normal" and dtype == np.float32:
        half = np.uint32(TILE // 2) * size
        second = number >= half
        cosine, sine = normal_pairs(*_block(key, stream, jnp.where(second, number - half, number)))
        return jnp.where(second, sine, cosine)
    one = uniform(*_block(key, stream, number))
    return one if kind == "uniform" else np.sqrt(2.0) * jax.lax.erf_inv(2.0 * one + (2.0**-53 - 1.0))


def _block(key: Words, stream: Any, index: Any) -> Words:
    first, second, stream = (jnp.broadcast_to(jnp.asarray(word, jnp.uint32), index.shape) for word in (*key, stream))
    return threefry((first, second), (stream, index))
