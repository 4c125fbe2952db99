"""Heston's variance (1993), by Andersen's quadratic-exponential scheme with martingale correction.

    dv = kappa (theta - v) dt + xi sqrt(v) dW,   d ln S = (drift - v / 2) dt + sqrt(v) dZ,   corr(dW, dZ) = rho

Andersen (2008), "Simple and efficient simulation of the Heston stochastic volatility model", J. Computational Finance
11(3), section 3.2.4 (equations 23-33) and 4.2 (proposition 9, the martingale correction). The scheme matches the
conditional mean and variance of v, not its law, and takes the integral of v over a step from its ends. The mean of the
price is exact at every step. The bias that remains vanishes with kappa x step: ``docs/heston.md`` measures it, and
``tests/test_heston.py`` does so again. At steps of an hour and a minute none is seen in prices of options; steps of a
day may be off by a tenth of a percent, steps that are longer than the variance takes to revert by any amount.

The Brownian motions of variances are correlated between markets like those of prices, so log-returns of markets a and
b have correlation R_ab (rho_a rho_b + sqrt(1 - rho_a^2) sqrt(1 - rho_b^2)): R_ab where both have one rho. A regime
scales the volatility sqrt(v) by its multiplier c.
"""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from stress.price.base import Draw, Draws, Noise
from stress.price.diffusion.base import mixed
from stress.types import Array

SWITCH = 1.5
"""psi above which the exponential branch is used (Andersen: any value in [1, 2])."""
LEAST_XI = 1e-4
"""A smaller xi is taken for this one, and rho for zero: the variance moves by less than anything that can be seen, and
a correlation with what does not move means nothing."""
LEAST = 1e-100
"""In place of zero where a division follows; its square is a number, too."""
CENTRAL = 0.5
"""gamma_1 = gamma_2: the integral of v over a step by its ends."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class HestonVariance:
    """Axes: ``R`` regimes, ``A`` markets."""

    drift: Array  # [R, A] per year
    multiplier: Array  # [R, A] of the volatility in a regime
    factor: Array  # [R, A, A] lower Cholesky factor of the correlation
    kappa: Array  # [A] per year
    theta: Array  # [A] per year
    xi: Array  # [A]
    rho: Array  # [A]
    v0: Array  # [A] per year
    step_years: Array  # []

    def draws(self) -> Draws:
        """A normal for every variance, and one for every regime and market."""
        return {"diffusion": Draw("normal", self.multiplier.shape), "variance": Draw("normal", self.v0.shape)}

    def init(self) -> Array:
        """Variances [A]."""
        return self.v0

    def step(self, state: Array, noise: Noise, occupied: Array, tick: Array) -> tuple[Array, Array]:
        """One step; the multiplier of a step with a switch is the root of its mean square.

        The normals of the variances then have a correlation between those of the regimes, each with variance 1.
        """
        del tick
        step, xi = self.step_years, jnp.maximum(self.xi, LEAST_XI)
        rho = jnp.where(self.xi > LEAST_XI, self.rho, 0.0)
        share = occupied / step
        square = (share[:, None] * self.multiplier**2).sum(0)
        scale = jnp.sqrt(square)
        factor = (share[:, None, None] * self.factor).sum(0)
        factor = factor / jnp.sqrt((factor**2).sum(-1, keepdims=True))  # a mixture of factors has shorter rows
        normal = (factor * noise["variance"][None, :]).sum(-1)
        lever = scale * rho / xi
        half = CENTRAL * step * (self.kappa * lever - 0.5 * square)
        own = CENTRAL * step * (1.0 - rho**2) * square  # K3 = K4
        moved, log_moment = quadratic_exponential(self, state, normal, xi, half + lever + 0.5 * own)
        mean = (half - lever) * state + (half + lever) * moved  # K1 v + K2 v'
        spread = jnp.sqrt(jnp.maximum(1.0 - rho**2, 0.0) * CENTRAL * (state + moved))
        shock = mixed(occupied, self.multiplier, self.factor, noise["diffusion"]) * spread
        correction = -log_moment - (half - lever + 0.5 * own) * state  # K0*
        return moved, occupied @ self.drift + correction + mean + shock


def quadratic_exponential(
    part: HestonVariance, v: Array, normal: Array, xi: Array, a: Array
) -> tuple[Array, Array]:
    """The next variance v' [A], and the log of E[exp(a v')] [A], proposition 9 with its A for ``a``."""
    decay = jnp.exp(-part.kappa * part.step_years)
    mean = part.theta + (v - part.theta) * decay
    per = xi**2 / part.kappa * (1.0 - decay)
    variance = v * decay * per + 0.5 * part.theta * (1.0 - decay) * per
    mean = jnp.maximum(mean, LEAST)  # a variance of zero with theta zero stays there
    psi = jnp.maximum(variance / mean**2, LEAST)
    low, high = psi <= SWITCH, jnp.where(psi > SWITCH, psi, SWITCH)
    inverse = 2.0 / jnp.where(low, psi, SWITCH)
    b2 = inverse - 1.0 + jnp.sqrt(inverse) * jnp.sqrt(inverse - 1.0)
    root = mean / (1.0 + b2)
    quadratic = root * (jnp.sqrt(b2) + normal) ** 2
    room = jnp.maximum(1.0 - 2.0 * a * root, 1e-12)
    log_quadratic = a * b2 * root / room - 0.5 * jnp.log(room)
    positive = 2.0 / (high + 1.0)  # its probability: 1 - p
    rate = positive / mean
    above = 0.5 * jax.scipy.special.erfc(normal.astype(jnp.float64) / np.sqrt(2.0))  # 1 - U, precise where v is large
    exponential = jnp.maximum(jnp.log(positive / jnp.maximum(above, 1e-300)), 0.0) / rate
    log_exponential = jnp.log1p(positive * a / jnp.maximum(rate - a, 1e-12 * rate))
    return jnp.where(low, quadratic, exponential), jnp.where(low, log_quadratic, log_exponential)
