"""Regime switching in continuous time: how long a step spends in each regime.

A Markov chain with generator ``Q`` leaves regime ``r`` after an exponential time of rate ``-Q[r, r]``. A path knows
when it leaves the regime it is in, so the law of occupation times is exact at any step size, and a step costs a
comparison unless it holds a switch.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import numpy as np

from stress.price.base import Draw, Draws, Noise
from stress.price.keyed import block, exponential, uniform
from stress.price.tables import at, row
from stress.rare import while_due
from stress.types import Array

WAIT, TO = 0, 1
"""Streams of a switch: the time to the next one, and where this one leads."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class RegimeState:
    """State of one path."""

    regime: Array  # [] int32
    left: Array  # [] years until it is left
    switches: Array  # [] uint32, so far
    key: Array  # [] uniform, of all switches


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class RegimeChain:
    """The chain. Axis ``R`` regimes."""

    exit_rate: Array  # [R] per year
    jump_cdf: Array  # [R, R] cumulative law of the regime entered next
    initial_cdf: Array  # [R] cumulative law of the regime at time zero

    @property
    def regimes(self) -> int:
        """How many."""
        return self.exit_rate.shape[0]

    def initial_draws(self) -> Draws:
        """A uniform for the regime at time zero, and one for all switches; nothing where there is one regime."""
        names = ("initial_regime", "switches") if self.regimes > 1 else ()
        return {name: Draw("uniform", ()) for name in names}

    def init(self, noise: Noise) -> RegimeState:
        """Time zero."""
        if self.regimes == 1:
            never, none = jnp.full((), jnp.inf, jnp.float64), jnp.zeros((), jnp.uint32)
            return RegimeState(jnp.zeros((), jnp.int32), never, none, jnp.zeros((), jnp.float64))
        regime, key, none = (
            _pick(self.initial_cdf, noise["initial_regime"]),
            noise["switches"],
            jnp.zeros((), jnp.uint32),
        )
        return RegimeState(regime, exponential(block(key, WAIT, none)) / row(self.exit_rate, regime), none, key)

    def step(self, state: RegimeState, step_years: Array) -> tuple[RegimeState, Array]:
        """State at the end of the step and years [R] spent in each regime during it."""
        if self.regimes == 1:
            return state, jnp.full(1, step_years)
        occupied = jnp.where(at(state.regime, self.regimes), step_years, 0.0)
        moved = replace(state, left=state.left - step_years)
        return while_due(lambda _, now: now[0].left < 0.0, _switch, self, (moved, occupied))


def _switch(chain: RegimeChain, now: tuple[RegimeState, Array]) -> tuple[RegimeState, Array]:
    """The rest of the step, ``-left`` years, goes to the regime that is entered."""
    state, occupied = now
    number = state.switches + 1
    regime = _pick(row(chain.jump_cdf, state.regime), uniform(block(state.key, TO, number)))
    rest = -state.left
    occupied = occupied + jnp.where(at(regime, chain.regimes), rest, 0.0)
    occupied = occupied - jnp.where(at(state.regime, chain.regimes), rest, 0.0)
    wait = exponential(block(state.key, WAIT, number)) / row(chain.exit_rate, regime)
    return RegimeState(regime, state.left + wait, number, state.key), occupied


def regime_chain(rates: np.ndarray, initial: np.ndarray) -> RegimeChain:
    """The chain with generator ``rates`` [R, R] per year (rows sum to zero) and initial law [R]."""
    leave = -np.diag(rates)
    moves = np.where(np.eye(len(rates), dtype=bool), 0.0, rates)
    to = np.divide(moves, leave[:, None], out=np.zeros_like(moves), where=leave[:, None] > 0)
    return RegimeChain(
        exit_rate=jnp.asarray(leave),
        jump_cdf=jnp.asarray(np.cumsum(to, axis=1)),
        initial_cdf=jnp.asarray(np.cumsum(initial)),
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
