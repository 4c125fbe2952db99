"""GJR-GARCH(1,1) with Student's t on the bars of the sample: the recursion, densities, and the law in motion.

    h' = omega + (alpha + gamma 1[e < 0]) e^2 + beta h,   e = sqrt(h W) Z,   omega = volatility^2 (1 - persistence)

Glosten, Jagannathan and Runkle (1993), eq. 7; Bollerslev (1987), eq. 1-3. As in the simulated model, W = (nu - 2) /
chi^2_nu is drawn from one uniform for all markets, so that shocks of several markets are a multivariate t where they
share nu. Where a bar is not seen its variance is expected, h' = omega + persistence h.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, gammaincinv
from scipy.stats import t as student

from stress.price.calibrate.base import Likelihood, Numbers
from stress.price.calibrate.stateful import States, predict

BURN = 1000
"""Bars simulated ahead of a stationary start: what is left of the first variance is persistence^1000."""

LOGIT = 20.0
"""The mixing uniform is tabulated between the logits of minus and plus this."""

NODES, TABLE = 161, 4001


@dataclass(frozen=True)
class GarchLaw:
    """Parameters per bar. Axis: ``A`` markets."""

    mean: np.ndarray  # [A]
    volatility: np.ndarray  # [A] long-run
    alpha: np.ndarray  # [A]
    gamma: np.ndarray  # [A]
    beta: np.ndarray  # [A]
    nu: np.ndarray  # [A]
    correlation: np.ndarray  # [A, A] of the normals
    first: np.ndarray  # [A] variance of the first bar

    @property
    def persistence(self) -> np.ndarray:
        """[A]."""
        return self.alpha + 0.5 * self.gamma + self.beta

    @property
    def omega(self) -> np.ndarray:
        """[A]."""
        return self.volatility**2 * (1 - self.persistence)

    def after(self, variance: np.ndarray, shock: np.ndarray) -> np.ndarray:
        """Variances of the next bar, after shocks [..., A]."""
        weight = self.alpha + np.where(shock < 0, self.gamma, 0.0)
        return self.omega + weight * shock**2 + self.beta * variance

    def simulate(self, bars: int, paths: int, random: Numbers) -> np.ndarray:
        """Log-returns [T, P, A], after some bars to forget the long-run variance they begin with."""
        start = {"variance": np.broadcast_to(self.volatility**2, (paths, len(self.nu)))}
        return self.onward(BURN + bars, random, start, paths)[BURN:]

    def predict(self, returns: np.ndarray, at: np.ndarray, bars: int, draws: int, random: Numbers) -> np.ndarray:
        """Draws [n, P, A] of sums of returns, from the variance of the first bar."""
        return predict(self, returns, at, bars, draws, random)

    def onward(self, bars: int, random: Numbers, start: States, paths: int) -> np.ndarray:
        """Log-returns [T, P, A]; the compensator is taken given W, as in the simulated model."""
        variance, factor, table = start["variance"], np.linalg.cholesky(self.correlation), mixing_table(self.nu)
        result = np.empty((bars, paths, len(self.nu)))
        for bar in range(bars):
            normal = random.normal(size=(paths, len(self.nu))) @ factor.T
            mixed = variance * mixing(table, random.random(paths))
            shock = np.sqrt(mixed) * normal
            result[bar] = shock - 0.5 * mixed
            variance = self.after(variance, shock)
        return result

    def states(self, returns: np.ndarray, at: np.ndarray) -> States:
        """Variances [n, A] of the bars ``at``."""
        return {"variance": variances(self, returns[: at.max(initial=0) + 1])[at]}

    def likelihood(self, returns: np.ndarray) -> Likelihood:
        """Of the markets together by quadrature over the mixing variable, and of each by Student's t."""
        scale = np.sqrt(variances(self, returns)[: len(returns)])
        z, seen = (returns - self.mean) / scale, np.isfinite(returns)
        unit = np.sqrt(self.nu / (self.nu - 2))
        each = np.where(seen, student.logpdf(z * unit, self.nu) + np.log(unit / scale), 0.0).sum(0)
        if len(each) == 1:
            return Likelihood(float(each[0]), each)
        joint = 0.0
        for pattern in np.unique(seen[seen.any(1)], axis=0):
            rows, columns = (seen == pattern).all(1), np.flatnonzero(pattern)
            part = z[np.ix_(rows, columns)]
            joint += float(log_density(part, self.nu[columns], self.correlation[np.ix_(columns, columns)]).sum()
                           - np.log(scale[np.ix_(rows, columns)]).sum())
        return Likelihood(joint, each)


def variances(law: GarchLaw, returns: np.ndarray) -> np.ndarray:
    """Variances [T + 1, A] of every bar and the one after them."""
    found, variance = np.empty((len(returns) + 1, len(law.nu))), law.first
    shocks, expected = returns - law.mean, np.isnan(returns)
    for bar, (shock, unseen) in enumerate(zip(np.nan_to_num(shocks), expected, strict=True)):
        found[bar] = variance
        variance = np.where(unseen, law.omega + law.persistence * variance, law.after(variance, shock))
    found[-1] = variance
    return found


def mixing_table(nu: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Logits [n] of the uniform, and log W [n, A] there."""
    logit = np.linspace(-LOGIT, LOGIT, TABLE)
    return logit, np.log((nu - 2) / (2 * gammaincinv(0.5 * nu, expit(logit)[:, None])))


def mixing(table: tuple[np.ndarray, np.ndarray], uniform: np.ndarray) -> np.ndarray:
    """W [P, A] for uniforms [P]."""
    at = np.log(uniform / (1 - uniform))
    return np.exp(np.stack([np.interp(at, table[0], column) for column in table[1].T], axis=1))


def log_density(z: np.ndarray, nu: np.ndarray, correlation: np.ndarray) -> np.ndarray:
    """Log-density [T] of shocks of unit variance [T, A]: a mixture of normals over the uniform behind W.

    The trapezoid rule in the uniform's logit, which converges geometrically: the integrand is smooth and dies off.
    """
    logit = np.linspace(-LOGIT, LOGIT, NODES)
    weight = np.log(expit(logit) * expit(-logit) * (logit[1] - logit[0]))
    root = np.sqrt((nu - 2) / (2 * gammaincinv(0.5 * nu, expit(logit)[:, None])))
    inverse = np.linalg.inv(np.linalg.cholesky(correlation))
    constant = np.log(np.diag(inverse)).sum() - 0.5 * len(nu) * np.log(2 * np.pi)
    total = np.zeros(len(z))
    for w, scale in zip(weight, root, strict=True):  # t has heavy tails: the sum does not underflow
        square = ((z @ (inverse / scale).T) ** 2).sum(1)
        total += np.exp(w + constant - np.log(scale).sum() - 0.5 * square)
    return np.log(total)
