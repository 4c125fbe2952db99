"""The contract of a law of jump sizes: what a number of jumps adds to the log price, and what it must give up for them.

A jump may be spread over ``n`` ticks; after ``i`` of them the fraction ``i/n`` of it is in the price, so E[exp] of the
price stays right when the compensator is spread as ``lambda (phi(i/n) - phi((i-1)/n))``, ``phi(f) = E[exp(f J)] - 1``.

Axes: ``R`` regimes, ``A`` markets.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import jax
import jax.numpy as jnp
import numpy as np

from stress.price.base import Draws, Noise
from stress.types import Array


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Growth:
    """phi(i/n), by ticks ``i`` = 0, ..., n after the jump."""

    own: Array  # [R, n + 1, A]
    common: Array  # [R, n + 1, A]


class JumpSizes(Protocol):
    """A frozen PyTree."""

    def draws(self) -> Draws:
        """Noise wanted in every step."""
        ...

    def total(self, own: Array, common: Array, noise: Noise) -> Array:
        """Sum of log-jumps [A] of ``own`` [R, A] and ``common`` [R] jumps of every regime."""
        ...

    def growth(self, ticks: int) -> Growth:
        """What a jump adds to E[price], spread over ``ticks``."""
        ...


def parts(ticks: int) -> Array:
    """Fractions [n + 1, 1] of a jump that are in the price, by ticks."""
    return (jnp.arange(ticks + 1) / ticks)[:, None]


def spread_ticks(duration_seconds: float, step_seconds: float) -> int:
    """Ticks over which a jump is spread evenly: the duration in whole ticks, at least one."""
    return max(1, int(np.ceil(duration_seconds / step_seconds - 1e-9)))
