"""Regime switching in continuous time: how long a step spends in each regime.

A Markov chain with generator ``Q`` leaves regime ``r`` after an exponential time of rate ``-Q[r, r]``. The
switching times inside a step are simulated, so the law of the occupation times is exact at any step size
(up to more switches in one step than ``slots``, which has a probability below ``TAIL``).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import jax
import jax.numpy as jnp
import numpy as np

from stress.price.base import Draw, Draws, Noise
from stress.types import Array

TAIL = 1e-12
"""Largest probability that a step holds more switches than it has slots for."""


def switch_slots(rates: np.ndarray, step_years: float) -> int:
    """Slots for the switches of one step: the Poisson bound at the fastest exit rate [R, R] of the chain."""
    mean = float(np.max(-np.diag(rates))) * step_years
    probability, tail, slots = np.exp(-mean), -np.expm1(-mean), 0
    while tail > TAIL and slots < 10_000:
        slots += 1
        probability *= mean / slots
        tail -= probability
    return slots


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class RegimeChain:
    """The chain. Axis ``R`` regimes."""

    exit_rate: Array  # [R] per year
    jump_cdf: Array  # [R, R] cumulative law of the regime entered next
    initial_cdf: Array  # [R] cumulative law of the regime at time zero
    slots: int = field(metadata={"static": True})

    def initial_draws(self) -> Draws:
        """One uniform for the regime at time zero."""
        return {"initial_regime": Draw("uniform", ())}

    def step_draws(self) -> Draws:
        """A waiting time and a destination for every slot."""
        if not self.slots:
            return {}
        return {"switch_time": Draw("uniform", (self.slots,)), "switch_to": Draw("uniform", (self.slots,))}

    def init(self, noise: Noise) -> Array:
        """Regime at time zero, [] int32."""
        return _pick(self.initial_cdf, noise["initial_regime"])

    def step(self, regime: Array, noise: Noise, step_years: Array) -> tuple[Array, Array]:
        """Regime at the end of the step and years [R] spent in each regime during it."""
        if self.exit_rate.shape[0] == 1:
            return jnp.zeros((), jnp.int32), jnp.full(1, step_years)
        occupied = jnp.zeros(self.exit_rate.shape, jnp.float64)
        left, here = step_years, jnp.arange(self.exit_rate.shape[0])
        for slot in range(self.slots):
            wait = -jnp.log1p(-noise["switch_time"][slot]) / self.exit_rate[regime]
            spent = jnp.minimum(wait, left)
            occupied = occupied + jnp.where(here == regime, spent, 0.0)
            regime = jnp.where(wait < left, _pick(self.jump_cdf[regime], noise["switch_to"][slot]), regime)
            left = left - spent
        return regime, occupied + jnp.where(here == regime, left, 0.0)


def regime_chain(rates: np.ndarray, initial: np.ndarray, step_years: float) -> RegimeChain:
    """The chain with generator ``rates`` [R, R] per year (rows sum to zero) and initial law [R]."""
    leave = -np.diag(rates)
    moves = np.where(np.eye(len(rates), dtype=bool), 0.0, rates)
    to = np.divide(moves, leave[:, None], out=np.zeros_like(moves), where=leave[:, None] > 0)
    slots = switch_slots(rates, step_years) if len(rates) > 1 else 0
    return RegimeChain(
        exit_rate=jnp.asarray(leave),
        jump_cdf=jnp.asarray(np.cumsum(to, axis=1)),
        initial_cdf=jnp.asarray(np.cumsum(initial)),
        slots=slots,
    )


def stationary_law(rates: np.ndarray) -> np.ndarray:
    """Stationary law [R] of the generator [R, R]: pi Q = 0, sum pi = 1."""
    size = len(rates)
    system = np.vstack([rates.T, np.ones(size)])
    law = np.linalg.lstsq(system, np.append(np.zeros(size), 1.0), rcond=None)[0]
    return np.clip(law, 0.0, None) / np.clip(law, 0.0, None).sum()


def _pick(cdf: Array, uniform: Array) -> Array:
    """Index drawn from a cumulative law [R]; rounding in the last entry cannot leave the range."""
    return jnp.minimum(jnp.sum(uniform >= cdf), cdf.shape[0] - 1).astype(jnp.int32)
