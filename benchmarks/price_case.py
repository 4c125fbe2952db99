"""Market models whose path generation is timed: what they are called, and one set of numbers that all contenders take.

A case is a model with one market or three. Every contender takes a case, a seed and a number of paths, and makes of
each path the log-price at the end and its minimum over the ticks (:class:`Ends`), so nobody is limited by writing whole
paths to memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np

from benchmarks.case import YEAR_SECONDS

MODELS = ("gbm", "merton", "kou", "heston", "bates", "garch", "hawkes", "regime", "bootstrap")
MARKETS = (1, 3)


@dataclass(frozen=True)
class Normal:
    """A normal log-jump."""

    mean: float
    std: float

    @property
    def moments(self) -> tuple[float, float, float]:
        """E[J], E[J^2], E[exp(J)] - 1."""
        return self.mean, self.mean**2 + self.std**2, float(np.expm1(self.mean + 0.5 * self.std**2))


@dataclass(frozen=True)
class Exponentials:
    """Kou's log-jump: up with a probability, exponential either way."""

    up: float
    eta_up: float
    eta_down: float

    @property
    def moments(self) -> tuple[float, float, float]:
        """E[J], E[J^2], E[exp(J)] - 1."""
        p, a, b = self.up, self.eta_up, self.eta_down
        growth = p * a / (a - 1.0) + (1.0 - p) * b / (b + 1.0) - 1.0
        return p / a - (1.0 - p) / b, 2.0 * p / a**2 + 2.0 * (1.0 - p) / b**2, growth


@dataclass(frozen=True)
class PriceCase:
    """A model, its markets and its clock. Rates are per year, volatilities per sqrt(year), as in ``configs/price``."""

    name: str = "gbm"
    markets: int = 1
    steps: int = 1440
    step_seconds: float = 60.0
    volatility: float = 0.8
    correlation: float = 0.7  # of diffusions, between any two markets
    # jumps of one market, and those of all markets at once, which a case of one market does without
    intensity: float = 1000.0
    merton: Normal = Normal(-0.002, 0.012)
    kou: Exponentials = Exponentials(0.4, 120.0, 80.0)
    common_intensity: float = 500.0
    common_merton: Normal = Normal(-0.004, 0.015)
    common_kou: Exponentials = Exponentials(0.3, 100.0, 60.0)
    common_correlation: float = 0.8  # of common normal jumps
    # Heston
    kappa: float = 20.0
    theta: float = 0.64  # also at time zero
    xi: float = 4.0
    rho: float = -0.4
    # GJR-GARCH with t shocks on bars of an hour
    bar_steps: int = 60
    alpha: float = 0.05
    gamma: float = 0.05
    beta: float = 0.9
    nu: float = 8.0
    # Hawkes: what a jump adds to the intensity of its own kind, and how fast that fades
    excitation: float = 6000.0
    decay: float = 12000.0
    # two regimes
    volatilities: tuple[float, float] = (0.5, 1.5)
    leave: tuple[float, float] = (300.0, 1000.0)
    # stationary bootstrap of bars of an hour, whose highs and lows the steps keep
    mean_block: int = 24
    history: int = 50_000  # bars
    bar: float = 8e-3  # standard deviation of a bar in quiet times
    draws: int = 11  # seed of the history

    @property
    def step_years(self) -> float:
        """Years of a step."""
        return self.step_seconds / YEAR_SECONDS

    @property
    def years(self) -> float:
        """Years of a path."""
        return self.steps * self.step_years

    @property
    def jumps(self) -> tuple[tuple[float, Normal | Exponentials], ...]:
        """Rate and law of own jumps, and of common ones where there are several markets; none in other models."""
        if self.name not in ("merton", "kou", "bates", "hawkes"):
            return ()
        own, common = (self.kou, self.common_kou) if self.name == "kou" else (self.merton, self.common_merton)
        return ((self.intensity, own), (self.common_intensity, common))[: 1 if self.markets == 1 else 2]

    @cached_property
    def factor(self) -> np.ndarray:
        """Lower Cholesky factor [A, A] of the correlation."""
        same = np.full((self.markets, self.markets), self.correlation)
        np.fill_diagonal(same, 1.0)
        return np.linalg.cholesky(same)

    @property
    def calm_share(self) -> float:
        """Stationary probability of the first regime."""
        return self.leave[1] / (self.leave[0] + self.leave[1])

    @cached_property
    def bars(self) -> Bars:
        """The history that the bootstrap draws from."""
        return _history(self.history, self.markets, self.bar, self.draws)


@dataclass(frozen=True)
class Bars:
    """A history of bars [n, A], in log price over the open."""

    close: np.ndarray
    high: np.ndarray
    low: np.ndarray

    @cached_property
    def variance(self) -> np.ndarray:
        """Of a bar [n, A]: Garman and Klass (1980)."""
        return 0.5 * (self.high - self.low) ** 2 - (2.0 * np.log(2.0) - 1.0) * self.close**2

    @cached_property
    def first_low(self) -> np.ndarray:
        """Probability [n] that the low comes first: the mean over markets of the log-odds of Brownian motion."""
        way = 2.0 * (self.high - self.low)

        def log_density(length: np.ndarray) -> np.ndarray:
            ratio = length**2 / self.variance
            return np.log(ratio - 1.0) - 0.5 * ratio

        odds = log_density(way - self.close) - log_density(way + self.close)
        return 1.0 / (1.0 + np.exp(-np.clip(odds.mean(1), -700.0, 700.0)))


@cache
def _history(bars: int, markets: int, scale: float, seed: int) -> Bars:
    """Correlated random walks of thirty steps a bar, quiet and wild by turns, with the tails of a t."""
    rng, fine = np.random.default_rng(seed), 30
    level = np.exp(0.5 * np.sin(np.arange(bars) / 700.0)) * np.sqrt(6.0 / rng.chisquare(8.0, bars))
    shared, own = rng.standard_normal((bars, fine, 1)), rng.standard_normal((bars, fine, markets))
    walk = np.cumsum(0.8 * shared + 0.6 * own, axis=1) * (scale * level / np.sqrt(fine))[:, None, None]
    return Bars(walk[:, -1], np.maximum(walk.max(1), 0.0), np.minimum(walk.min(1), 0.0))


@dataclass(frozen=True)
class Ends:
    """What every path leaves, arrays [P, A]: log of price over initial price."""

    last: np.ndarray
    lowest: np.ndarray | None  # over all ticks, zero where the price was never below; None: not taken
    elsewhere: float = 0.0  # seconds of processors that other processes spent on it


def price_cases(models: tuple[str, ...] = MODELS, markets: tuple[int, ...] = MARKETS) -> list[PriceCase]:
    """All cases."""
    return [PriceCase(name=name, markets=count) for count in markets for name in models]
