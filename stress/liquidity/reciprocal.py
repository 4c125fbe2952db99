"""The mean of 1 / (1 - X) over a walk through the order book: at what price inverse contracts are sold.

A contract that is sold at the price p costs 1/p coins, so a walk executes at the mean of 1/p over the contracts. It
has no closed form for all exponents of the impact law. On one side of the book, up to the cap, let

    x = |X(v)| = 0.01 v^gamma,    y = |ln(1 - X)|,    dv = v^(1 - gamma) (1 - X) dy / (0.01 gamma),

which takes the pole out of the integral of 1 / (1 - X); y = t^8 takes out what is not smooth where x is zero. Then a
Gauss-Legendre rule finds the mean as a ratio of two sums, without a difference of integrals: to 1e-13 for exponents of
0.1 to 2 and caps up to 0.99.
"""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from stress.liquidity.impact import Impact
from stress.types import Array
from stress.units import DEPTH_REFERENCE_MOVE

NODES, WEIGHTS = np.polynomial.legendre.leggauss(40)
SMOOTHING = 8
"""The power of t."""


def mean_reciprocal(impact: Impact, start: Array, end: Array) -> Array:
    """Mean [A] of 1 / (1 - X) over the walk from ``start`` to ``end`` [A]; itself where they coincide."""
    walk, knee = jnp.abs(end - start), impact.absorbed(-impact.cap)
    total, there = jnp.zeros_like(walk), jnp.zeros_like(walk)
    for side in (1.0, -1.0):  # sold: X < 0; bought
        low, high = _on_side(side, start, end)
        free, capped = _cut(low, high, 0.0, knee), _cut(low, high, knee, jnp.inf)
        inside = _mean_before_cap(impact, side, jnp.minimum(low, knee), jnp.minimum(high, knee))
        total = total + (free * inside + capped / (1.0 + side * impact.cap))
        there = there + (free + capped)
    moved = there > 0
    mean = jnp.where(moved, total / jnp.where(moved, there, 1.0), 1.0 / (1.0 - impact.displacement(end)))
    return jnp.where(impact.active > 0, mean, 1.0)


def _on_side(side: float, start: Array, end: Array) -> tuple[Array, Array]:
    """The part of the walk on a side of the book, as flow >= 0 from its middle."""
    one, other = jnp.maximum(side * start, 0.0), jnp.maximum(side * end, 0.0)
    return jnp.minimum(one, other), jnp.maximum(one, other)


def _cut(low: Array, high: Array, first: Array | float, last: Array | float) -> Array:
    """Length [A] of what is between ``first`` and ``last`` of an interval."""
    return jnp.clip(high, first, last) - jnp.clip(low, first, last)


def _mean_before_cap(impact: Impact, side: float, low: Array, high: Array) -> Array:
    """Mean [A] of 1 / (1 - X) over flows from ``low`` to ``high`` [A] of a side, none beyond the cap."""
    ends = [_place(impact, side, flow) for flow in (low, high)]
    middle, half = 0.5 * (ends[0] + ends[1]), 0.5 * (ends[1] - ends[0])
    t = middle[..., None] + half[..., None] * NODES
    y = t**SMOOTHING
    size = side * jnp.expm1(side * y) / DEPTH_REFERENCE_MOVE
    weight = WEIGHTS * t ** (SMOOTHING - 1) * size ** (1.0 / impact.gamma - 1.0)
    whole = (weight * jnp.exp(side * y)).sum(-1)
    return jnp.where(whole > 0, weight.sum(-1) / jnp.where(whole > 0, whole, 1.0), 1.0)


def _place(impact: Impact, side: float, flow: Array) -> Array:
    """t [A] of a flow [A] >= 0."""
    return (side * jnp.log1p(side * jnp.abs(impact.uncapped(flow)))) ** (1.0 / SMOOTHING)
