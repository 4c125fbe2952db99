"""The top of a log-likelihood that is a sum over bars, and what it says about the parameters there.

Scores are differences of the bars' log-densities: for a filter that is a loop over bars they cost what exact
derivatives along every parameter cost, and compile in a fifth of the time. The outer product of the scores is the
climb's first curvature (Berndt, Hall, Hall and Hausman 1974); it goes on by BFGS. Bounds are kept by a logistic map.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, logit

from stress.price.calibrate.delta import Spread, spread

Values = Callable[[np.ndarray], np.ndarray]
"""Vector [p] -> log-density [T] of every bar; all smooth in the vector."""

FIRST_WIDTH = 1e-5
"""Step of the first differences, in parts of a parameter's range."""

WIDTH, SECOND_WIDTH = 1e-4, 2e-2
"""Steps of first and second differences, in the parameters' standard errors."""

EDGE = 0.01
"""A parameter nearer to its bound than this share of its range counts as held by it."""

BLOCK = 168
"""Bars whose scores are added before they are squared: scores of a wrong model are correlated over time."""

SLOPE = 0.05
"""Slope of the log-likelihood left, per standard error, at which the top is reached: the estimates are within as many
standard errors of it, the log-likelihood within 0.002."""

FLAT = 1e-5
"""Curvature, each parameter in its own natural unit, that differences cannot tell from none."""


@dataclass(frozen=True)
class Top:
    """The top of a log-likelihood of p parameters."""

    vector: np.ndarray  # [p]
    log_likelihood: float
    information: np.ndarray  # [p, p] minus the Hessian
    blocks: np.ndarray  # [n, p] scores of blocks of bars
    held: np.ndarray  # [p] bool: at a bound
    slope: float  # left, in log-likelihood per standard error

    def around(self, robust: bool = True) -> Spread:
        """How far the estimates may be off: the sandwich, or what would hold if the model did."""
        return spread(self.information, ~self.held, self.blocks.T @ self.blocks if robust else None)


@dataclass(frozen=True)
class Box:
    """Bounds of the parameters, and free coordinates between them."""

    low: np.ndarray  # [p]
    high: np.ndarray  # [p]

    @property
    def span(self) -> np.ndarray:
        """Ranges [p]."""
        return self.high - self.low

    def vector(self, free: np.ndarray) -> np.ndarray:
        """Parameters at free coordinates."""
        return self.low + self.span * expit(free)

    def inside(self, start: np.ndarray) -> np.ndarray:
        """A start that is not on a bound: a fiftieth of the range away from it at least."""
        return np.clip(start, self.low + 0.02 * self.span, self.high - 0.02 * self.span)

    def free(self, vector: np.ndarray) -> np.ndarray:
        """Free coordinates of parameters."""
        return logit(np.clip((vector - self.low) / self.span, 1e-6, 1 - 1e-6))

    def slope(self, free: np.ndarray) -> np.ndarray:
        """Derivatives [p] of the parameters by their free coordinates."""
        return self.span * expit(free) * expit(-free)

    def held(self, vector: np.ndarray) -> np.ndarray:
        """Whether each parameter is at a bound."""
        return np.minimum(vector - self.low, self.high - vector) < EDGE * self.span


def climb(values: Values, start: np.ndarray, box: Box, steps: int,
          stop: Callable[[np.ndarray], bool] | None = None) -> np.ndarray:
    """The best vector found from ``start``, or the best when ``stop`` first says so.

    What begins near a bound and is pushed against it is put there and stays.
    """
    at_start = scores(values, start, values(start), FIRST_WIDTH * box.span)
    away = np.sign(start - 0.5 * (box.low + box.high))
    pushed = box.held(start) & (at_start.sum(0) * away > 0)
    first = box.free(np.where(pushed, np.where(away > 0, box.high, box.low), start))
    unit, at_start = WIDTH / _roots(at_start), at_start * box.slope(first)
    natural = np.where(pushed, 0.0, 1 / _roots(at_start))  # free coordinates are climbed in about their standard errors
    best = (-np.inf, start)

    def negative(at: np.ndarray) -> tuple[float, np.ndarray]:
        nonlocal best
        free = first + at * natural
        vector = box.vector(free)
        here = values(vector)
        if not np.isfinite(total := float(here.sum())):
            return 1e300, np.zeros_like(at)
        best = max(best, (total, vector), key=lambda pair: pair[0])
        return -total, -scores(values, vector, here, unit).sum(0) * box.slope(free) * natural

    def check(at: np.ndarray) -> None:
        if stop is not None and stop(box.vector(first + at * natural)):
            raise StopIteration

    curvature = (at_start * natural).T @ (at_start * natural) + 1e-6 * np.eye(len(start))
    minimize(negative, np.zeros_like(first), jac=True, method="BFGS", callback=check,
             options={"maxiter": steps, "gtol": SLOPE, "hess_inv0": inverse_of(curvature)})
    return best[1]


def top(values: Values, vector: np.ndarray, box: Box, newton: int = 2) -> Top:
    """What holds at the top near ``vector``, after at most ``newton`` Newton steps."""
    here = values(vector)
    unit = WIDTH / _roots(scores(values, vector, here, FIRST_WIDTH * box.span))
    for step in range(newton + 1):
        each = scores(values, vector, here, unit)
        information = _information(values, vector, here, unit * SECOND_WIDTH / WIDTH)
        held = box.held(vector)
        move = np.zeros_like(vector)
        move[~held] = inverse_of(information[np.ix_(~held, ~held)]) @ each.sum(0)[~held]
        slope = float(np.sqrt(max(each.sum(0) @ move, 0.0)))
        trial = np.clip(vector + move, box.low, box.high)
        if slope < SLOPE or step == newton or not (after := values(trial)).sum() > here.sum():
            break
        vector, here = trial, after
    return Top(vector, float(here.sum()), _without_noise(information), blocks_of(each), held, slope)


def blocks_of(each: np.ndarray) -> np.ndarray:
    """Sums over blocks of bars, of what there is by bar [T, ...]."""
    return np.add.reduceat(each, np.arange(0, len(each), BLOCK), axis=0)


def scores(values: Values, vector: np.ndarray, here: np.ndarray, width: np.ndarray) -> np.ndarray:
    """Derivatives [T, p] of the log-densities by forward differences."""
    rows = [(values(vector + w * unit) - here) / w for w, unit in zip(width, np.eye(len(vector)), strict=True)]
    return np.stack(rows, axis=1)


def _information(values: Values, vector: np.ndarray, here: np.ndarray, width: np.ndarray) -> np.ndarray:
    """Minus the Hessian [p, p] by second differences, central on the diagonal."""
    size, steps = len(vector), np.diag(width)
    up = np.array([(values(vector + step) - here).sum() for step in steps])
    down = np.array([(values(vector - step) - here).sum() for step in steps])
    found = np.diag((up + down) / width**2)
    for i in range(size):
        for j in range(i):
            both = (values(vector + steps[i] + steps[j]) - here).sum()
            found[i, j] = found[j, i] = (both - up[i] - up[j]) / (width[i] * width[j])
    return -found


def _roots(each: np.ndarray) -> np.ndarray:
    """Lengths [p] of the scores [T, p]: about one over a standard error."""
    return np.maximum(np.sqrt((each**2).sum(0)), 1e-2)


def _scaled(information: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The matrix in natural units, and those."""
    own = np.abs(np.diag(information))
    unit = np.where(own > 0, 1 / np.sqrt(np.where(own > 0, own, 1.0)), 1.0)
    return information * np.outer(unit, unit), unit


def _without_noise(information: np.ndarray) -> np.ndarray:
    """The matrix with curvatures of zero in place of those that are lost in its noise, or negative."""
    scaled, unit = _scaled(information)
    values, vectors = np.linalg.eigh(scaled)
    return (vectors * np.where(values > FLAT, values, 0.0) @ vectors.T) / np.outer(unit, unit)


def inverse_of(information: np.ndarray) -> np.ndarray:
    """Inverse of a symmetric matrix; directions without curvature are left out."""
    scaled, unit = _scaled(information)
    values, vectors = np.linalg.eigh(scaled)
    inverse = np.divide(1.0, values, out=np.zeros_like(values), where=values > FLAT)
    found = np.outer(unit, unit) * (vectors * inverse @ vectors.T)
    return 0.5 * (found + found.T)
