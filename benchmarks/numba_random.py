"""Random numbers for Numba loops: xoshiro256++ (Blackman and Vigna 2021), one state a path, and what is made of it.

Normals by the ziggurat (Marsaglia and Tsang 2000) with 256 layers: more than twice as fast as ``np.random`` in Numba,
whose generator is a Mersenne Twister, and faster than a NumPy ``Generator`` handed to it.
"""

from __future__ import annotations

import math

import numba
import numpy as np
from numba import int64, uint64

TAIL, AREA, LAYERS = 3.6541528853610088, 0.00492867323399, 256
"""Where the tail begins, and the area of every layer."""


def _layers() -> tuple[np.ndarray, np.ndarray]:
    """Right ends [257] of the layers, the lowest first, and the density there."""
    x = np.zeros(LAYERS + 1)
    x[0], x[1] = AREA / np.exp(-0.5 * TAIL**2), TAIL
    for k in range(2, LAYERS):
        x[k] = np.sqrt(-2.0 * np.log(AREA / x[k - 1] + np.exp(-0.5 * x[k - 1] ** 2)))
    return x, np.exp(-0.5 * x**2)


ENDS, DENSITY = _layers()
INSIDE = (ENDS[1:] / ENDS[:-1] * 2.0**52).astype(np.int64)
WIDTH = ENDS[:-1] / 2.0**52


@numba.njit
def seeded(seed: int, path: int) -> np.ndarray:
    """State [4] of a path, by SplitMix64."""
    state, z = (
        np.empty(4, np.uint64),
        uint64(seed) * uint64(0xD1342543DE82EF95) + uint64(path) * uint64(0xA0761D6478BD642F),
    )
    for k in range(4):
        z += uint64(0x9E3779B97F4A7C15)
        y = (z ^ (z >> uint64(30))) * uint64(0xBF58476D1CE4E5B9)
        y = (y ^ (y >> uint64(27))) * uint64(0x94D049BB133111EB)
        state[k] = y ^ (y >> uint64(31))
    return state


@numba.njit(inline="always")
def _rotated(x: int, by: int) -> int:
    return (x << uint64(by)) | (x >> uint64(64 - by))


@numba.njit(inline="always")
def word(s: np.ndarray) -> int:
    """64 random bits."""
    drawn = _rotated(s[0] + s[3], 23) + s[0]
    shifted = s[1] << uint64(17)
    s[2] ^= s[0]
    s[3] ^= s[1]
    s[1] ^= s[2]
    s[0] ^= s[3]
    s[2] ^= shifted
    s[3] = _rotated(s[3], 45)
    return drawn


@numba.njit(inline="always")
def uniform(s: np.ndarray) -> float:
    """In (0, 1)."""
    return ((word(s) >> uint64(11)) + 0.5) * (1.0 / 9007199254740992.0)


@numba.njit(inline="always")
def exponential(s: np.ndarray) -> float:
    """With mean one."""
    return -math.log(uniform(s))


@numba.njit(inline="always")
def below(s: np.ndarray, count: int) -> int:
    """A whole number in [0, count)."""
    return int64(((word(s) >> uint64(32)) * uint64(count)) >> uint64(32))


@numba.njit
def _edge(s: np.ndarray, layer: int, x: float) -> tuple[bool, float]:
    """Whether a point beyond the layer's inner part is under the density, and the normal then."""
    if layer == 0:
        while True:
            a, b = exponential(s) / TAIL, exponential(s)
            if b + b > a * a:
                return True, math.copysign(TAIL + a, x)
    height = DENSITY[layer + 1] + uniform(s) * (DENSITY[layer] - DENSITY[layer + 1])
    return height < math.exp(-0.5 * x * x), x


@numba.njit(inline="always")
def normal(s: np.ndarray) -> float:
    """A standard normal."""
    while True:
        bits = word(s)
        layer, signed = int64(bits & uint64(255)), int64(bits) >> 11
        x = signed * WIDTH[layer]
        if abs(signed) < INSIDE[layer]:
            return x
        done, x = _edge(s, layer, x)
        if done:
            return x


@numba.njit
def chi_square(s: np.ndarray, freedom: float) -> float:
    """With at least two degrees of freedom: Marsaglia and Tsang (2000), gamma variables."""
    d = 0.5 * freedom - 1.0 / 3.0
    c = 1.0 / math.sqrt(9.0 * d)
    while True:
        x = normal(s)
        v = (1.0 + c * x) ** 3
        if v > 0.0 and math.log(uniform(s)) < 0.5 * x * x + d * (1.0 - v + math.log(v)):
            return 2.0 * d * v
