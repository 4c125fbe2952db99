"""Double-exponential log-jumps, Kou (2002), eq. 2: up with probability p and rate eta_up, else down with eta_down.

Own jumps are independent. A common jump has one sign and one exponential E for all markets, and is E / eta in each:
the markets' sizes are comonotone.
"""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from stress.price.jumps.base import Growth, Source, parts
from stress.price.keyed import uniform
from stress.price.tables import row
from stress.types import Array


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class KouJumps:
    """Axes: ``R`` regimes, ``A`` markets."""

    up: Array  # [R, A] probability
    eta_up: Array  # [R, A] > 1
    eta_down: Array  # [R, A]
    common_up: Array  # [R] probability
    common_eta_up: Array  # [R, A] > 1
    common_eta_down: Array  # [R, A]

    def own(self, words: Source, regime: Array) -> Array:
        """From one uniform."""
        up, high, low = (row(table, regime) for table in (self.up, self.eta_up, self.eta_down))
        return _size(uniform(words(0)), up, high, low)

    def common(self, words: Source, regime: Array) -> Array:
        """From one uniform, too."""
        up, high, low = (row(table, regime) for table in (self.common_up, self.common_eta_up, self.common_eta_down))
        return _size(uniform(words(0)), up, high, low)

    def growth(self, ticks: int) -> Growth:
        """phi(f) = p eta_up / (eta_up - f) + (1 - p) eta_down / (eta_down + f) - 1."""
        own = _growth(self.up, self.eta_up, self.eta_down, ticks)
        return Growth(own, _growth(self.common_up[:, None], self.common_eta_up, self.common_eta_down, ticks))


def _size(uniform: Array, up: Array, eta_up: Array, eta_down: Array) -> Array:
    """A log-jump from one uniform: it says whether up or down, and where in that half the exponential lies."""
    rises = uniform < up
    within = jnp.where(rises, uniform / jnp.where(up > 0, up, 1.0), (uniform - up) / jnp.where(up < 1, 1.0 - up, 1.0))
    exponential = -jnp.log1p(-jnp.clip(within, 0.0, 1.0 - 2.0**-53))
    return jnp.where(rises, exponential / eta_up, -exponential / eta_down)


def _growth(up: Array, eta_up: Array, eta_down: Array, ticks: int) -> Array:
    f, p, high, low = parts(ticks), up[:, None], eta_up[:, None], eta_down[:, None]
    return p * f / (high - f) - (1.0 - p) * f / (low + f)
