"""Jumps that excite further jumps: Hawkes (1971), with an exponential kernel, exact at any step.

    lambda_t = mu + sum_i alpha exp(-beta (t - t_i)) + liquidations

Every market's own jumps excite their own intensity, common jumps that of common ones. Waiting times are drawn
one after another by Dassios and Zhao (2013), "Exact simulation of Hawkes process with exponentially decaying
intensity", Electronic Communications in Probability 18(62), algorithm 3.1. The base rate mu of a step is its mean over
the years spent in every regime; jumps of a step have the law of sizes of the regime at its end.

The compensator is the integral of the intensity along the path itself, so E[S_T] = S_0 exp(drift T) whatever excites
it.
"""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from stress.price.arrivals.base import COUNT_LIMIT, Counts
from stress.price.base import Draw, Draws, Noise
from stress.price.jumps.base import Growth
from stress.price.keyed import following
from stress.types import Array

RELAXATIONS = 30.0
"""Relaxation times that a stationary start is simulated ahead of time zero: what is left of the start is exp(-30)."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class HawkesArrivals:
    """Axes: ``R`` regimes, ``A`` markets, ``A + 1`` streams of jumps, the common one last."""

    base: Array  # [R, A + 1] per year
    start: Array  # [A + 1] per year, the base rate before time zero
    alpha: Array  # [A + 1] per year
    beta: Array  # [A + 1] per year
    history_years: Array  # [A + 1] simulated ahead of time zero; zero: nothing is excited there
    gain: Array | None  # [A] per year; None: the venue excites nothing

    @property
    def reactive(self) -> bool:
        """Whether the venue's liquidations excite the intensity."""
        return self.gain is not None

    def initial_draws(self) -> Draws:
        """A uniform for the history of every stream."""
        return {"hawkes_history": Draw("uniform", self.start.shape)}

    def draws(self) -> Draws:
        """Two uniforms for the first waiting time of every stream; what follows, follows from the second."""
        return {"hawkes_wait": Draw("uniform", (2, *self.start.shape))}

    def init(self, noise: Noise) -> Array:
        """The excited part [A + 1] of the intensities."""
        uniform = noise["hawkes_history"]
        first = following(uniform, 0)
        return _run(self, jnp.zeros_like(self.start), self.start, self.history_years, first, uniform)[0]

    def step(
        self, state: Array, noise: Noise, occupied: Array, regime: Array, flow: Array | None
    ) -> tuple[Array, Counts, Counts]:
        """Jumps of a step, and the integral of the intensities over it."""
        if self.gain is not None and flow is not None:
            state = state.at[:-1].add(self.gain * flow)
        span = jnp.full(self.start.shape, occupied.sum())
        first, second = noise["hawkes_wait"]
        base = occupied @ self.base / occupied.sum()
        excited, count, exposure = _run(self, state, base, span, (1.0 - first, 1.0 - second), second)
        here = (jnp.arange(self.base.shape[0]) == regime).astype(jnp.float64)
        split = [Counts(here[:, None] * kind[:-1], here * kind[-1]) for kind in (count, exposure)]
        return excited, split[0], split[1]

    def compensator(self, expected: Counts, growth: Growth) -> Array:
        """The integrals of the intensities times what a jump costs."""
        own = jnp.einsum("ra,rna->na", expected.own, growth.own)
        return jnp.diff(own + jnp.einsum("r,rna->na", expected.common, growth.common), axis=0)


def _run(
    part: HawkesArrivals, excited: Array, base: Array, span: Array, first: tuple[Array, Array], key: Array
) -> tuple[Array, Array, Array]:
    """``span`` years [A + 1] of every stream: the excited part after them, jumps, integrals of the intensities."""
    beta = part.beta

    def wait(excited: Array, pair: tuple[Array, Array]) -> Array:
        fading = 1.0 + beta * jnp.log(pair[0]) / jnp.where(excited > 0, excited, 1.0)
        fades = (excited > 0) & (fading > 0)
        by_excitation = jnp.where(fades, -jnp.log(jnp.where(fades, fading, 1.0)) / beta, jnp.inf)
        by_base = jnp.where(base > 0, -jnp.log(pair[1]) / jnp.where(base > 0, base, 1.0), jnp.inf)
        return jnp.minimum(by_excitation, by_base)

    def move(state: tuple[Array, ...], pair: tuple[Array, Array]) -> tuple[Array, ...]:
        turn, left, excited, count, exposure = state
        waited = wait(excited, pair)
        jumps = waited < left
        spent = jnp.where(jumps, waited, left)
        fade = jnp.exp(-beta * spent)
        exposure = exposure + base * spent + excited * (1.0 - fade) / beta
        excited = excited * fade + jnp.where(jumps, part.alpha, 0.0)
        return turn + 1, jnp.where(jumps, left - spent, 0.0), excited, count + jumps, exposure

    def going(state: tuple[Array, ...]) -> Array:
        return (state[1] > 0).any() & (state[0] < COUNT_LIMIT)

    none = jnp.zeros_like(base)
    state = move((jnp.uint32(1), span, excited, none, none), first)
    end = jax.lax.while_loop(going, lambda state: move(state, following(key, state[0])), state)
    return end[2], end[3], end[4]
