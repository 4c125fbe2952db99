"""Plain NumPy paths of fitted Heston and Bates models, bar by bar: Andersen's quadratic-exponential scheme.

Between markets the variances' normals are correlated like the prices' own, as in the simulated model.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from stress.price.calibrate.hawkes.paths import sizes

SWITCH = 1.5
"""Squared coefficient of variation at which the scheme goes from a squared normal to an atom and an exponential."""


@dataclass(frozen=True)
class HestonLaw:
    """Parameters per year. Axes: ``A`` markets."""

    kappa: np.ndarray  # [A]
    theta: np.ndarray  # [A]
    xi: np.ndarray  # [A]
    rho: np.ndarray  # [A]
    correlation: np.ndarray  # [A, A] of the variances' normals, and of the prices' other ones
    intensity: np.ndarray  # [A] own jumps
    mean: np.ndarray  # [A] of a log-jump, own or common
    std: np.ndarray  # [A]
    common_intensity: float
    common_correlation: float


def walk(model: HestonLaw, start: np.ndarray, bars: int, bar_years: float, random: np.random.Generator) -> np.ndarray:
    """Log-returns [T, P, A] from variances ``start`` [P, A], prices without drift."""
    variance, found = start, np.empty((bars, *start.shape))
    values, vectors = np.linalg.eigh(model.correlation)
    factor = vectors * np.sqrt(np.clip(values, 0, None))
    rate = model.intensity + model.common_intensity
    drift = -rate * np.expm1(model.mean + 0.5 * model.std**2) * bar_years
    jumps = bool(rate.any())
    for bar in range(bars):
        shock, rest = (random.normal(size=start.shape) @ factor.T for _ in range(2))
        after = moved(model, variance, shock, bar_years)
        integral = 0.5 * (variance + after) * bar_years
        pull = after - variance - model.kappa * (model.theta * bar_years - integral)
        found[bar] = (drift - 0.5 * integral + model.rho / model.xi * pull
                      + np.sqrt((1 - model.rho**2) * integral) * rest)
        if jumps:
            own = random.poisson(model.intensity * bar_years, size=start.shape)
            common = random.poisson(model.common_intensity * bar_years, size=len(start))
            found[bar] += sizes(model.mean, model.std, model.common_correlation, own, common, random)
        variance = after
    return found


def moved(model: HestonLaw, now: np.ndarray, shock: np.ndarray, dt: float) -> np.ndarray:
    """Andersen (2008), section 3.2: the variance a bar later, driven by normal shocks."""
    decay = np.exp(-model.kappa * dt)
    mean = model.theta + (now - model.theta) * decay
    spread = now * model.xi**2 * decay / model.kappa * (1 - decay)
    spread = spread + model.theta * model.xi**2 / (2 * model.kappa) * (1 - decay) ** 2
    psi = spread / mean**2
    low = np.minimum(psi, SWITCH)
    b2 = 2 / low - 1 + np.sqrt(2 / low) * np.sqrt(np.maximum(2 / low - 1, 0.0))
    square = mean / (1 + b2) * (np.sqrt(b2) + shock) ** 2
    high = np.maximum(psi, SWITCH)
    atom = (high - 1) / (high + 1)
    tail = np.maximum(1 - ndtr(shock), 1e-16)
    exponential = np.where(1 - tail <= atom, 0.0, np.log(np.maximum((1 - atom) / tail, 1.0)) * mean / (1 - atom))
    return np.where(psi <= SWITCH, square, exponential)
