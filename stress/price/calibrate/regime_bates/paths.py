"""Plain NumPy paths of regimes over a variance factor, bar by bar.

Between markets the factors' normals are correlated like the prices' own, as in the simulated model.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stress.price.calibrate.base import Numbers
from stress.price.calibrate.heston.paths import HestonLaw, moved
from stress.price.calibrate.mixture.dynamics import bars_in, growth_free
from stress.price.calibrate.mixture.law import BarLaw


@dataclass(frozen=True)
class Factors:
    """Parameters of the variance factors, per year, their means one. Axis: ``A`` markets."""

    kappa: np.ndarray  # [A]
    xi: np.ndarray  # [A]
    rho: np.ndarray  # [A]

    @property
    def heston(self) -> HestonLaw:
        """The same as Heston's variances without jumps."""
        none, one = np.zeros_like(self.kappa), np.ones_like(self.kappa)
        return HestonLaw(self.kappa, one, self.xi, self.rho, np.eye(len(one)), none, none, none, 0.0, 0.0)

    def stationary(self, paths: int, random: Numbers) -> np.ndarray:
        """Draws [P, A] of the stationary law."""
        shape = 2 * self.kappa / self.xi**2
        return random.gamma(shape, 1 / shape, size=(paths, len(shape)))


def walk(law: BarLaw, factors: Factors, regime: np.ndarray, start: np.ndarray, bar_years: float, random: Numbers
         ) -> np.ndarray:
    """Log-returns [T, P, A] in regimes [T, P] from factors ``start`` [P, A], prices without drift."""
    found = _jumps(law, regime, random)
    roots = [_root(matrix) for matrix in np.asarray(law.correlation)]
    volatility, heston, factor = np.asarray(law.volatility) / np.sqrt(bar_years), factors.heston, start
    for bar, here in enumerate(regime):
        shock, rest = (_correlated(roots, here, random.normal(size=start.shape)) for _ in range(2))
        after = moved(heston, factor, shock, bar_years)
        integral, c = 0.5 * (factor + after) * bar_years, volatility[here]
        pull = after - factor - factors.kappa * (bar_years - integral)
        found[bar] += (c * (factors.rho / factors.xi * pull + np.sqrt((1 - factors.rho**2) * integral) * rest)
                       - 0.5 * c**2 * integral)
        factor = after
    return found


def _jumps(law: BarLaw, regime: np.ndarray, random: Numbers) -> np.ndarray:
    """Sums of jumps [T, P, A], less what they grow by on average."""
    alone = growth_free(law._replace(volatility=np.zeros_like(law.volatility)))
    found = np.empty((*regime.shape, np.shape(law.volatility)[1]))
    for r in range(len(law.rates)):
        found[regime == r] = bars_in(alone, r, int((regime == r).sum()), random)
    return found


def _root(matrix: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.sqrt(np.clip(values, 0, None))).T


def _correlated(roots: list[np.ndarray], regime: np.ndarray, normals: np.ndarray) -> np.ndarray:
    """Normals [P, A] with the correlation of each path's regime [P]."""
    found = normals @ roots[0]
    for r, root in enumerate(roots[1:], 1):
        found = np.where((regime == r)[:, None], normals @ root, found)
    return found
