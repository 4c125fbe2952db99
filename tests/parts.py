"""Watchers (``tests.walks``) of the parts of a market model: numbers of jumps, variances, shocks of GARCH."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import jax.numpy as jnp

from stress.price.base import Draws, Noise
from stress.rare import while_due

BINS = 3
"""Ticks of which the jumps are kept one by one."""


@dataclass(frozen=True)
class Arrivals:
    """Jumps of the first market by tick, and its excited intensity at time zero, to which ``extra`` [A + 1] is added."""

    def initial_draws(self, model: Any) -> Draws:
        return model.jumps.arrivals.initial_draws()

    def draws(self, model: Any) -> Draws:
        return {}

    def start(self, model: Any, noise: Noise, extra: Any) -> Any:
        state = model.jumps.arrivals.init(noise)
        state = replace(state, excited=state.excited + extra)
        return {"state": state, "first": state.excited[0], "counts": jnp.zeros(BINS)}

    def tick(self, model: Any, carry: Any, noise: Noise, number: Any, extra: Any) -> Any:
        arrivals, before = model.jumps.arrivals, carry["state"]
        passing = arrivals.passed(before, jnp.full(1, model.step_years), jnp.int32(0), None)
        passing = while_due(lambda part, now: part.due(now), lambda part, now: part.arrived(now)[0], arrivals, passing)
        state = arrivals.state(passing)
        jumps = state.clock.jumps[0] - before.clock.jumps[0]
        return carry | {"state": state, "counts": carry["counts"].at[number - 1].set(jumps.astype(jnp.float64))}


@dataclass(frozen=True)
class Variance:
    """Heston's variance at the end, its integral, and the law of the log price given its path: mean and variance."""

    def initial_draws(self, model: Any) -> Draws:
        return {}

    def draws(self, model: Any) -> Draws:
        return {name: draw for name, draw in model.diffusion.draws().items() if name == "variance"}

    def start(self, model: Any, noise: Noise, extra: Any) -> Any:
        none = jnp.zeros(model.markets)
        return {"state": model.diffusion.init(noise), "variance": none, "integral": none, "mean": none}

    def tick(self, model: Any, carry: Any, noise: Noise, number: Any, extra: Any) -> Any:
        part, before = model.diffusion, carry["state"]
        quiet = {**noise, "diffusion": jnp.zeros(model.markets, noise["variance"].dtype)}
        state, mean = part.step(before, quiet, jnp.full(1, model.step_years), number)
        integral = carry["integral"] + 0.5 * (jnp.stack(before) + jnp.stack(state)) * model.step_years
        return {
            "state": state,
            "variance": jnp.stack(state),
            "integral": integral,
            "mean": carry["mean"] + mean,
        }


@dataclass(frozen=True)
class Shocks:
    """Shocks of GARCH, recovered from the log-returns of a bar a tick: log-return = drift + e - h W / 2.

    Kept are that of the last bar and its variance, the sum of all, and sums of squares and of fourth powers over the
    bars after number ``extra``.
    """

    def initial_draws(self, model: Any) -> Draws:
        return model.diffusion.initial_draws()

    def draws(self, model: Any) -> Draws:
        return model.diffusion.draws()

    def start(self, model: Any, noise: Noise, extra: Any) -> Any:
        none = jnp.zeros(model.markets)
        return {"state": model.diffusion.init(noise)} | dict.fromkeys(("shock", "variance", "sum", "square", "fourth"), none)

    def tick(self, model: Any, carry: Any, noise: Noise, number: Any, extra: Any) -> Any:
        part, occupied = model.diffusion, jnp.full(1, model.step_years)
        state, log_return = part.step(carry["state"], noise, occupied, number)
        shock = log_return - occupied @ part.drift + 0.5 * state.root**2
        kept = jnp.where(number > extra, 1.0, 0.0)
        return {
            "state": state,
            "shock": shock,
            "variance": state.variance,
            "sum": carry["sum"] + shock,
            "square": carry["square"] + kept * shock**2,
            "fourth": carry["fourth"] + kept * shock**4,
        }
