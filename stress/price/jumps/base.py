"""The contract of a law of jump sizes: what a jump adds to the log price, and what it must give up for it.

A jump may be spread over ``n`` ticks; after ``i`` of them the fraction ``i/n`` of it is in the price, so E[exp] of the
price stays right when the compensator is spread as ``lambda (phi(i/n) - phi((i-1)/n))``, ``phi(f) = E[exp(f J)] - 1``.

Axes: ``R`` regimes, ``A`` markets.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import jax
import jax.numpy as jnp
import numpy as np

from stress.cipher import Words
from stress.types import Array

Source = Callable[[int], Words]
"""Random words of one jump, by places 0, 1, ..."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Growth:
    """phi(i/n), by ticks ``i`` = 0, ..., n after the jump."""

    own: Array  # [R, n + 1, A]
    common: Array  # [R, n + 1, A]


class JumpSizes(Protocol):
    """A frozen PyTree."""

    def own(self, words: Source, regime: Array) -> Array:
        """Log-jump [A] of one market in a regime []: what it is in each, if it is its jump."""
        ...

    def common(self, words: Source, regime: Array) -> Array:
        """Log-jumps [A] of all markets at once."""
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
