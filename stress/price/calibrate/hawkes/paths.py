"""Plain NumPy paths of fitted self-exciting jumps, bar by bar, by the law of a bar that the filter has."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

WARM_MEMORIES = 8.0
"""Bars walked before the first, in memories of the intensity, so that paths begin stationary."""


@dataclass(frozen=True)
class Process:
    """Intensities per year of ``B`` processes."""

    base: np.ndarray  # [B]
    alpha: np.ndarray  # [B]
    beta: np.ndarray  # [B]

    def rate(self) -> np.ndarray:
        """Stationary intensities [B]."""
        return self.base / (1 - self.alpha / self.beta)

    def memory(self) -> float:
        """The longest memory, in years."""
        return float(np.max(1 / (self.beta - self.alpha)))

    def step(self, discounted: np.ndarray, bar_years: float, random: np.random.Generator
             ) -> tuple[np.ndarray, np.ndarray]:
        """Numbers of jumps [P, B] in a bar, and the discounted numbers [P, B] at the middle of the next.

        Families of a bar are Poisson many; a jump has Poisson many children in its own bar.
        """
        b, ratio = self.beta * bar_years, self.alpha / self.beta
        gain = np.sinh(0.5 * b) / (0.5 * b)
        number = random.poisson((self.base + self.alpha * gain**2 * discounted) * bar_years)
        offspring, born = ratio * (1 + np.expm1(-b) / b), number
        while born.any():
            born = random.poisson(born * offspring)
            number = number + born
        return number, (discounted + number) * np.exp(-b)

    def stationary(self, paths: int, bar_years: float, random: np.random.Generator) -> np.ndarray:
        """Discounted numbers [P, B] after a walk that forgets its start."""
        state = np.broadcast_to(self.rate() / self.beta, (paths, len(self.base)))
        for _ in range(int(min(WARM_MEMORIES * self.memory() / bar_years, 20_000))):
            _, state = self.step(state, bar_years, random)
        return state


@dataclass(frozen=True)
class HawkesLaw:
    """Parameters per year. Axes: ``A`` markets."""

    volatility: np.ndarray  # [A]
    correlation: np.ndarray  # [A, A]
    mean: np.ndarray  # [A] of a log-jump, own or common
    std: np.ndarray  # [A]
    common_correlation: float
    process: Process  # own ones by market, then the common one


def walk(model: HawkesLaw, start: np.ndarray, bars: int, bar_years: float, random: np.random.Generator) -> np.ndarray:
    """Log-returns [T, P, A] from discounted numbers ``start`` [P, A + 1], prices without drift on average."""
    values, vectors = np.linalg.eigh(model.correlation)
    factor = vectors * np.sqrt(np.clip(values, 0, None)) * np.sqrt(bar_years)
    rate = model.process.rate()
    growth = (rate[:-1] + rate[-1]) * np.expm1(model.mean + 0.5 * model.std**2)
    drift = -(0.5 * model.volatility**2 + growth) * bar_years
    state, found = start, np.empty((bars, len(start), len(model.mean)))
    for bar in range(bars):
        number, state = model.process.step(state, bar_years, random)
        found[bar] = drift + model.volatility * (random.normal(size=found.shape[1:]) @ factor.T)
        found[bar] += sizes(model.mean, model.std, model.common_correlation, number[:, :-1], number[:, -1], random)
    return found


def sizes(mean: np.ndarray, std: np.ndarray, correlation: float, own: np.ndarray, common: np.ndarray,
          random: np.random.Generator) -> np.ndarray:
    """Sums [P, A] of Merton's jumps by their numbers: own [P, A] and common [P], whose sizes are correlated."""
    total = own * mean + np.sqrt(own) * std * random.normal(size=own.shape)
    hit = np.flatnonzero(common)
    if len(hit):
        times = common[hit, None]
        size = np.sqrt(correlation) * random.normal(size=(len(hit), 1))
        size = size + np.sqrt(1 - correlation) * random.normal(size=(len(hit), own.shape[1]))
        total[hit] += times * mean + np.sqrt(times) * std * size
    return total
