"""Threefry-2x32, 20 rounds (Salmon et al. 2011, section 3.2): two words from a key of two and a counter of two.

The library's rounds are a loop on a CPU, quick to compile. Written out they become one loop of vector instructions,
three times as fast where the compiler keeps it on its own (the ladder's program), slower where it does not.
"""

from __future__ import annotations

from typing import Protocol

import jax
import jax.numpy as jnp
from jax.extend.random import threefry_2x32

from stress.types import Array

ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
PARITY = 0x1BD11BDA
"""Keeps the third word of the key schedule from being zero."""


Words = tuple[Array, Array]
"""Two uint32 words: of keys, counters, blocks."""


class Cipher(Protocol):
    """Both words of every block; keys and counters have shapes that broadcast."""

    def __call__(self, key: Words, counter: Words) -> Words:
        """The block cipher."""
        ...


def looped(key: Words, counter: Words) -> Words:
    """The library's: keys [n, 1], counters [m]."""
    count = jnp.concatenate(counter)
    words = jax.vmap(lambda pair: threefry_2x32(pair, count))(jnp.concatenate(key, axis=1))
    return words[:, : counter[0].shape[0]], words[:, counter[0].shape[0] :]


def threefry(key: Words, counter: Words) -> Words:
    """The rounds written out."""
    schedule = (*key, key[0] ^ key[1] ^ jnp.uint32(PARITY))
    left, right = counter[0] + schedule[0], counter[1] + schedule[1]
    for turn in range(5):
        for rotation in ROTATIONS[turn % 2]:
            left = left + right
            right = _rotate(right, rotation) ^ left
        left = left + schedule[(turn + 1) % 3]
        right = right + schedule[(turn + 2) % 3] + jnp.uint32(turn + 1)
    return left, right


def _rotate(word: Array, by: int) -> Array:
    return (word << jnp.uint32(by)) | (word >> jnp.uint32(32 - by))
