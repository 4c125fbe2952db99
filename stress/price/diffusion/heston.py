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

from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import numpy as np

from stress.price.base import Draw, Draws, Noise
from stress.price.diffusion.base import mixed
from stress.price.tables import sum_of
from stress.rare import while_due
from stress.types import Array

SWITCH = 1.5
"""psi above which the exponential branch is used (Andersen: any value in [1, 2])."""
LEAST_XI = 1e-4
"""A smaller xi is taken for this one, and rho for zero: the variance moves by less than anything that can be seen, and
a correlation with what does not move means nothing."""
LEAST_MEAN, LEAST_VARIANCE = 1e-100, 1e-300
"""In place of zero where a division follows; the square of the mean is a number, too."""
CENTRAL = 0.5
"""gamma_1 = gamma_2: the integral of v over a step by its ends."""
NEAR = 0.05
"""Distance from one within which a logarithm is taken by its series."""


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

    def initial_draws(self) -> Draws:
        """Nothing."""
        return {}

    def draws(self) -> Draws:
        """A normal for every variance, and one for every market."""
        return {"diffusion": Draw("normal", self.v0.shape), "variance": Draw("normal", self.v0.shape)}

    def init(self, noise: Noise) -> tuple[Array, ...]:
        """The variance [] of every market."""
        return tuple(self.v0)

    def step(
        self, state: tuple[Array, ...], noise: Noise, occupied: Array, tick: Array
    ) -> tuple[tuple[Array, ...], Array]:
        """One step; the multiplier of a step with a switch is the root of its mean square.

        Markets are written out, so that of many paths every number is a vector of its own.
        """
        regimes, markets = self.multiplier.shape
        share = occupied / self.step_years
        normals = mixed(share, jnp.ones_like(self.multiplier), self.factor, noise["variance"])
        shocks = mixed(occupied, self.multiplier, self.factor, noise["diffusion"])
        squares = [sum_of(share[r] * self.multiplier[r, a] ** 2 for r in range(regimes)) for a in range(markets)]
        steps = [market_step(self, a, square) for a, square in enumerate(squares)]
        found = [usual(*given) for given in zip(steps, state, normals, strict=True)]
        given = (tuple(steps), state, tuple(normals))
        first = (
            jnp.stack([each.seldom for each in found]).any(),
            tuple((each.moved, each.log_moment) for each in found),
        )
        moved = while_due(lambda _, now: now[0], _anew, given, first)[1]
        growth = [sum_of(occupied[r] * self.drift[r, a] for r in range(regimes)) for a in range(markets)]
        returns = [
            drift + log_return(step, v, *pair, shock)
            for drift, step, v, pair, shock in zip(growth, steps, state, moved, shocks, strict=True)
        ]
        return tuple(v for v, _ in moved), jnp.stack(returns)

    def scaled(self, factor: Array) -> HestonVariance:
        """The same with another factor on what the price sees."""
        return replace(self, multiplier=self.multiplier * factor)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class MarketStep:
    """Numbers of a step of one market, all []: the law of v', and of the log-return given v and v'."""

    theta: Array
    decay: Array  # of v - theta
    slope: Array  # of the variance of v' in v
    level: Array  # of the variance of v' at v = 0
    a: Array  # A of proposition 9
    k0: Array  # of v in K0*, but for the log of E[exp(A v')]
    k1: Array  # of v
    k2: Array  # of v'
    own: Array  # of v + v' in the variance of the log-return, without the multiplier, over years


def market_step(part: HestonVariance, a: int, square: Array) -> MarketStep:
    """The numbers of market ``a``; ``square`` [] multiplies its variance."""
    kappa, theta, years = part.kappa[a], part.theta[a], part.step_years
    xi, rho = jnp.maximum(part.xi[a], LEAST_XI), jnp.where(part.xi[a] > LEAST_XI, part.rho[a], 0.0)
    decay = jnp.exp(-kappa * years)
    per = xi**2 / kappa * (1.0 - decay)
    lever = jnp.sqrt(square) * rho / xi
    half = CENTRAL * years * (kappa * lever - 0.5 * square)
    own = CENTRAL * jnp.maximum(1.0 - rho**2, 0.0)  # K3 = K4, over years x square
    half_own = 0.5 * own * years * square
    return MarketStep(
        theta=theta,
        decay=decay,
        slope=decay * per,
        level=0.5 * theta * (1.0 - decay) * per,
        a=half + lever + half_own,
        k0=half - lever + half_own,
        k1=half - lever,
        k2=half + lever,
        own=own,
    )


def log_return(step: MarketStep, v: Array, moved: Array, log_moment: Array, shock: Array) -> Array:
    """Equation 33 with K0* for K0; ``shock`` is a normal with the variance of a step at v = 1."""
    return (step.k1 - step.k0) * v - log_moment + step.k2 * moved + shock * jnp.sqrt(step.own * (v + moved))


@dataclass(frozen=True)
class Usual:
    """The quadratic branch, where a logarithm is near zero, and whether that is not what is wanted."""

    moved: Array  # [] v'
    log_moment: Array  # [] log of E[exp(A v')]
    seldom: Array  # [] bool


def usual(step: MarketStep, v: Array, normal: Array) -> Usual:
    """Equations 23 to 28 for psi up to ``SWITCH``."""
    mean, variance = _moments(step, v)
    inverse = 2.0 * mean**2 / variance
    b2 = inverse - 1.0 + jnp.sqrt(jnp.maximum(inverse * (inverse - 1.0), 0.0))
    root = mean / (1.0 + b2)
    room = 1.0 - 2.0 * step.a * root
    log_moment = step.a * (mean - root) / room - 0.5 * _log_near_one(room)
    seldom = (inverse < 2.0 / SWITCH) | (jnp.abs(room - 1.0) > NEAR)
    return Usual(root * (jnp.sqrt(jnp.maximum(b2, 0.0)) + normal) ** 2, log_moment, seldom)


def _moments(step: MarketStep, v: Array) -> tuple[Array, Array]:
    """Mean and variance [] of v'."""
    mean = jnp.maximum(step.theta + (v - step.theta) * step.decay, LEAST_MEAN)
    return mean, jnp.maximum(step.slope * v + step.level, LEAST_VARIANCE)


def _log_near_one(x: Array) -> Array:
    """Logarithm within ``NEAR`` of one, by the series of the area tangent."""
    s = (x - 1.0) / (x + 1.0)
    y = s * s
    return 2.0 * s * (1.0 + y * (1 / 3 + y * (1 / 5 + y * (1 / 7 + y * (1 / 9)))))


def _anew(given: tuple[tuple[MarketStep, ...], tuple[Array, ...], tuple[Array, ...]], now: object) -> tuple:
    """A step of all markets of a path by :func:`quadratic_exponential`."""
    del now
    return jnp.zeros((), bool), tuple(quadratic_exponential(*each) for each in zip(*given, strict=True))


def quadratic_exponential(step: MarketStep, v: Array, normal: Array) -> tuple[Array, Array]:
    """The next variance [], and the log of E[exp(A v')] [] with the A of proposition 9."""
    mean, variance = _moments(step, v)
    psi, a = variance / mean**2, step.a
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
