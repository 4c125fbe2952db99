"""Which scenario is whose: the table that :class:`stress.price.scenarios.Scenarios` looks its path up in."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from stress.mc.noise import TILE, draw_noise, tile_keys
from stress.price.base import Draw
from stress.price.scenarios import STREAM, Scenarios


def scenarios(seed: int, log_return: np.ndarray, depth: np.ndarray, room: int) -> Scenarios:
    """The model in which path p, of a run of this seed, is scenario p.

    ``log_return`` [n, A], ``depth`` [n] factors; ``room`` >= n, whole tiles, is how long tables are whatever n is, so
    that runs of different n share a program. Paths from n on see no shock.
    """
    n, markets = log_return.shape
    if n > room or room % TILE:
        raise ValueError(f"{n} scenarios do not fit {room}, which must be whole tiles of {TILE}")
    tiles = jnp.arange(room // TILE, dtype=jnp.uint32)
    keys = tile_keys(jnp.asarray(seed, jnp.uint32), tiles, jnp.uint32(0))
    drawn = np.asarray(draw_noise(keys, {STREAM: Draw("uniform", ())}, jnp.dtype("float64"))[STREAM])
    order = np.argsort(drawn, kind="stable")
    returns, factors = np.zeros((room, markets)), np.ones(room)
    returns[:n], factors[:n] = log_return, depth
    return Scenarios(jnp.asarray(drawn[order]), jnp.asarray(returns[order]), jnp.asarray(factors[order]))
