"""Watchers (``tests.walks``) of the parts of a market model: numbers of jumps, variances, shocks of GARCH."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp

from stress.price.base import Draws, Noise

BINS = 3
"""Ticks of which the jumps are kept one by one."""


@dataclass(frozen=True)
class Arrivals:
    """Own jumps of the first market by tick, and its intensity at the beginning and at the end.

    ``extra`` is what is added to the excited part of the intensity at time zero.
    """

    def initial_draws(self, model: Any) -> Draws:
        return model.jumps.arrivals.initial_draws()

    def draws(self, model: Any) -> Draws:
        return model.jumps.arrivals.draws()

    def start(self, model: Any, noise: Noise, extra: Any) -> Any:
        state = model.jumps.arrivals.init(noise) + extra
        return {"state": state, "first": state[0], "counts": jnp.zeros(BINS)}

    def tick(self, model: Any, carry: Any, noise: Noise, number: Any, extra: Any) -> Any:
        occupied = jnp.full(1, model.step_years)
        state, counts, _ = model.jumps.arrivals.step(carry["state"], noise, occupied, jnp.int32(0), None)
        return carry | {"state": state, "counts": carry["counts"].at[number - 1].add(counts.own[0, 0])}


@dataclass(frozen=True)
class Variance:
    """Heston's variance at the end, its integral, and the law of the log price given its path: mean and variance."""

    def initial_draws(self, model: Any) -> Draws:
        return {}

    def draws(self, model: Any) -> Draws:
        return {name: draw for name, draw in model.diffusion.draws().items() if name == "variance"}

    def start(self, model: Any, noise: Noise, extra: Any) -> Any:
        none = jnp.zeros(model.markets)
        return {"state": model.diffusion.init(), "integral": none, "mean": none}

    def tick(self, model: Any, carry: Any, noise: Noise, number: Any, extra: Any) -> Any:
        part = model.diffusion
        quiet = {**noise, "diffusion": jnp.zeros(part.multiplier.shape, noise["variance"].dtype)}
        state, mean = part.step(carry["state"], quiet, jnp.full(1, model.step_years), number)
        integral = carry["integral"] + 0.5 * (carry["state"] + state) * model.step_years
        return {"state": state, "integral": integral, "mean": carry["mean"] + mean}


@dataclass(frozen=True)
class Shocks:
    """Shocks of GARCH, recovered from the log-returns of a bar a tick: log-return = drift + e - h W / 2.

    Kept are that of the last bar and its variance, the sum of all, and sums of squares and of fourth powers over the
    bars after number ``extra``.
    """

    def initial_draws(self, model: Any) -> Draws:
        return {}

    def draws(self, model: Any) -> Draws:
        return model.diffusion.draws()

    def start(self, model: Any, noise: Noise, extra: Any) -> Any:
        none = jnp.zeros(model.markets)
        return {"state": model.diffusion.init()} | dict.fromkeys(("shock", "variance", "sum", "square", "fourth"), none)

    def tick(self, model: Any, carry: Any, noise: Noise, number: Any, extra: Any) -> Any:
        part, occupied = model.diffusion, jnp.full(1, model.step_years)
        state, log_return = part.step(carry["state"], noise, occupied, number)
        variance = carry["state"].variance
        shock = log_return - occupied @ part.drift + 0.5 * variance * state.mixing
        kept = jnp.where(number > extra, 1.0, 0.0)
        return {
            "state": state,
            "shock": shock,
            "variance": variance,
            "sum": carry["sum"] + shock,
            "square": carry["square"] + kept * shock**2,
            "fourth": carry["fourth"] + kept * shock**4,
        }
