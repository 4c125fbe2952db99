"""Double-exponential log-jumps, Kou (2002), eq. 2: up with probability p and rate eta_up, else down with eta_down.

Own jumps are independent. A common jump has one sign and one exponential E for all markets, and is E / eta in each:
the markets' sizes are comonotone. A step's jumps are drawn one after another, so their sum is exact.
"""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from stress.price.base import Draw, Draws, Noise
from stress.price.jumps.base import Growth, parts
from stress.price.keyed import following
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

    def draws(self) -> Draws:
        """A uniform for the first jump of every regime and kind; further ones follow from it."""
        regimes, markets = self.up.shape
        return {"jump_size": Draw("uniform", (regimes, markets)), "common_jump_size": Draw("uniform", (regimes,))}

    def total(self, own: Array, common: Array, noise: Noise) -> Array:
        """The jumps one by one."""
        key, common_key = noise["jump_size"], noise["common_jump_size"]

        def add(number: Array, uniform: Array, common_uniform: Array) -> Array:
            size = jnp.where(number < own, _size(uniform, self.up, self.eta_up, self.eta_down), 0.0)
            rate = (self.common_up[:, None], self.common_eta_up, self.common_eta_down)
            shared = jnp.where((number < common)[:, None], _size(common_uniform[:, None], *rate), 0.0)
            return (size + shared).sum(0)

        def following_jump(state: tuple[Array, Array]) -> tuple[Array, Array]:
            number, total = state
            turn = number.astype(jnp.uint32)
            return number + 1, total + add(number, following(key, turn)[0], following(common_key, turn)[0])

        most = jnp.maximum(own.max(), common.max())
        start = (jnp.ones(()), add(jnp.zeros(()), key, common_key))
        return jax.lax.while_loop(lambda state: state[0] < most, following_jump, start)[1]

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
