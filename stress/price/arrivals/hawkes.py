"""Jumps that excite further jumps: Hawkes (1971), with an exponential kernel, exact at any step.

    lambda_t = mu + sum_i alpha exp(-beta (t - t_i)) + liquidations

Every market's own jumps excite their own intensity, common jumps that of common ones. By the random change of time
(Papangelou 1972; Ogata 1981, "On Lewis' simulation method for point processes", IEEE Trans. Inf. Theory 27(1)) a jump
comes when the integral of the intensity reaches an exponential; between jumps the integral is known,

    mu t + e (1 - exp(-beta t)) / beta

with e what is excited, and so is where it reaches a level. The base rate mu of a step is its mean over the years spent
in every regime; jumps of a step have the law of sizes of the regime at its end.

The compensator is the integral of the intensity along the path itself, so E[S_T] = S_0 exp(drift T) whatever excites
it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp

from stress.price.arrivals.base import Arrival, Clock, first_clock, first_due, renewed
from stress.price.base import Draw, Draws, Noise
from stress.price.jumps.base import Growth
from stress.price.tables import at, row
from stress.rare import while_due
from stress.types import Array

RELAXATIONS = 15.0
"""Relaxation times that a stationary start is simulated ahead of time zero. What is left of the start is exp(-15), less
than a million paths can see: the mean intensity is 3e-7 of its excited part too low."""
TURNS, CLOSE = 60, 1e-14
"""Newton steps at most, and the share of a level within which they end."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class HawkesState:
    """State of one path."""

    clock: Clock
    excited: Array  # [A + 1] per year


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Passing:
    """A step, up to the last jump that was taken, and how it ends without another one."""

    clock: Clock  # budgets at the end
    base: Array  # [A + 1] per year
    excited: Array  # [A + 1] per year, after the last jump
    left: Array  # [A + 1] years after the last jump
    rest: Array  # [A + 1] integral of the intensity after the last jump
    exposure: Array  # [A + 1] integral of the intensity over the step
    end: Array  # [A + 1] per year, excited at the end
    regime: Array  # [] int32


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
        """A uniform for all jumps."""
        return {"jumps": Draw("uniform", ())}

    def init(self, noise: Noise) -> HawkesState:
        """After the history."""
        clock, regime = first_clock(noise["jumps"], self.start.shape[0]), jnp.zeros((), jnp.int32)
        passing = self._begun(clock, jnp.zeros_like(self.start), self.start, self.history_years, regime)
        return self.state(
            while_due(HawkesArrivals.due, lambda part, now: part.arrived(now)[0], self, passing)
        )

    def passed(self, state: HawkesState, occupied: Array, regime: Array, flow: Array | None) -> Passing:
        """The step as it is without a jump."""
        excited, years = state.excited, occupied.sum()
        if self.gain is not None and flow is not None:
            excited = excited + jnp.concatenate([self.gain * flow, jnp.zeros(1)])
        base = self.base[0] if self.base.shape[0] == 1 else occupied @ self.base / years
        return self._begun(state.clock, excited, base, jnp.full(base.shape, years), regime)

    def _begun(self, clock: Clock, excited: Array, base: Array, years: Array, regime: Array) -> Passing:
        rest = base * years - excited * jnp.expm1(-self.beta * years) / self.beta
        return Passing(
            clock=replace(clock, budget=clock.budget - rest),
            base=base,
            excited=excited,
            left=years,
            rest=rest,
            exposure=rest,
            end=excited * jnp.exp(-self.beta * years),
            regime=regime,
        )

    def due(self, passing: Passing) -> Array:
        """Whether a budget is exhausted []."""
        return (passing.clock.budget < 0.0).any()

    def arrived(self, passing: Passing) -> tuple[Passing, Arrival]:
        """The first stream whose budget is exhausted, up to its jump; then the rest of its step anew."""
        stream = first_due(passing.clock.budget)
        now = {name: row(getattr(passing, name), stream) for name in ("base", "excited", "left", "rest")}
        alpha, beta = row(self.alpha, stream), row(self.beta, stream)
        level = row(passing.clock.budget, stream) + now["rest"]
        wait = jnp.minimum(_reached(level, now["base"], now["excited"], beta), now["left"])
        left, excited = now["left"] - wait, now["excited"] * jnp.exp(-beta * wait) + alpha
        rest = now["base"] * left - excited * jnp.expm1(-beta * left) / beta
        clock, number = renewed(passing.clock, stream)
        mine = at(stream, self.start.shape[0])
        # the budget of the jump is spent; what is left of the step costs the new one
        spent = level + rest - now["rest"]
        after = replace(
            passing,
            clock=replace(clock, budget=clock.budget - jnp.where(mine, spent, 0.0)),
            excited=jnp.where(mine, excited, passing.excited),
            left=jnp.where(mine, left, passing.left),
            rest=jnp.where(mine, rest, passing.rest),
            exposure=passing.exposure + jnp.where(mine, spent, 0.0),
            end=jnp.where(mine, excited * jnp.exp(-beta * left), passing.end),
        )
        return after, Arrival(stream, passing.regime, number, self.start.shape[0], clock.key)

    def state(self, passing: Passing) -> HawkesState:
        """What is excited at the end."""
        return HawkesState(passing.clock, passing.end)

    def compensator(self, passing: Passing, growth: Growth) -> Array:
        """The integrals of the intensities times what a jump costs."""
        own, common = (row(jnp.diff(phi, axis=1), passing.regime) for phi in (growth.own, growth.common))
        return passing.exposure[:-1] * own + passing.exposure[-1] * common


def _reached(level: Array, base: Array, excited: Array, beta: Array) -> Array:
    """Years [] until the integral of the intensity reaches a level [], by Newton's method: it is concave."""

    def move(state: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        turn, years, gap = state
        years = years + gap / (base + excited * jnp.exp(-beta * years))
        return turn + 1, years, level - base * years + excited * jnp.expm1(-beta * years) / beta

    def going(state: tuple[Array, Array, Array]) -> Array:
        return (state[2] > CLOSE * level) & (state[0] < TURNS)

    return jax.lax.while_loop(going, move, (jnp.zeros((), jnp.int32), jnp.zeros(()), level))[1]
