"""Random draws by hashing: a pure function of seed, tick, market and account, the same on all paths and variants."""

from __future__ import annotations

import jax.numpy as jnp

from stress.types import Array


def draws(seed: Array, tick: Array, markets: int, accounts: Array) -> Array:
    """Uniform draws [A, N] in [0, 2^32) of ``accounts`` [N], numbers from 0 on."""
    hashed = _mixed(_mixed(jnp.asarray(seed).astype(jnp.uint32)) ^ jnp.asarray(tick).astype(jnp.uint32))
    market = _mixed(hashed ^ jnp.arange(markets, dtype=jnp.uint32))
    return _mixed(market[:, None] ^ accounts.astype(jnp.uint32)).astype(jnp.float64)


def _mixed(word: Array) -> Array:
    """Each bit of a 32-bit word changes each other with a chance of one half (the finaliser of MurmurHash3)."""
    word = (word ^ (word >> 16)) * jnp.uint32(0x85EBCA6B)
    word = (word ^ (word >> 13)) * jnp.uint32(0xC2B2AE35)
    return word ^ (word >> 16)
