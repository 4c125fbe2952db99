"""First passage under continuous monitoring: what happens between two ticks of a model is bridged, exactly.

A venue looks at ticks, so no run meets a value for continuous monitoring. But given the log price at both ends of a
tick, and the variance ``w`` of the diffusion in between, the chance that it does not touch a level at distances a and b
is 1 - exp(-2 a b / w), whatever the variance did meanwhile (in the clock of its variance the path is a Brownian
bridge). A jump comes at a uniform time of its tick; the bridge is drawn there. What is approximate:

- a tick with two jumps is taken for one with their sum;
- Heston: the variance of a tick is the scheme's, and the bridge leaves out that the price depends on the variance;
- regimes: exact where the drift of ln S is in proportion to the variance, else up to the step.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import jax.numpy as jnp

from stress.price.base import Draw, Draws, Noise
from stress.price.diffusion.constant import ConstantVolatility
from stress.price.diffusion.heston import HestonVariance
from tests.walks import Levels, given_up, jumps_so_far, walk


@dataclass(frozen=True)
class Continuous:
    """Chances, given the ticks, that nobody has been liquidated. Axes: ``L`` levels, ``A`` markets."""

    def initial_draws(self, model: Any) -> Draws:
        return model.initial_draws()

    def draws(self, model: Any) -> Draws:
        bridge = {"test_jump_time": Draw("uniform", (model.markets,)), "test_bridge": Draw("normal", (model.markets,))}
        return model.step_draws() | (bridge if model.jumps else {})

    def start(self, model: Any, noise: Noise, extra: Levels) -> Any:
        alive, none = jnp.ones(extra.log.shape), jnp.zeros(extra.log.shape)
        carry = {"state": model.init(noise), "log": jnp.zeros(model.markets), "alive": alive, "together": jnp.ones(())}
        return carry | ({"by_jump": none, "bad_debt": none, "jumps": jnp.zeros(())} if model.jumps else {})

    def tick(self, model: Any, carry: Any, noise: Noise, number: Any, extra: Levels) -> Any:
        state, shock = model.step(carry["state"], noise, number)
        moved = {"state": state, "log": carry["log"] + shock.log_return}
        gap = (
            extra.side * (carry["log"][extra.market] - extra.log),
            extra.side * (moved["log"][extra.market] - extra.log),
        )
        if model.jumps is None:
            stays = _stays(*gap, _variance(model, carry["state"], state)[extra.market])
            alive, together = carry["alive"] * stays, carry["together"] * stays.min(initial=1.0)
            return moved | {"alive": alive, "together": together}
        return moved | _jumped(model, carry, moved, noise, number, extra, gap)


def _variance(model: Any, before: Any, after: Any) -> Any:
    """Variance [A] of the diffusion in a tick."""
    occupied = model.chain.step(before.chain, model.step_years)[1]
    match model.diffusion:
        case ConstantVolatility() as part:
            return occupied @ part.volatility**2
        case HestonVariance():
            return 0.5 * (jnp.stack(before.diffusion) + jnp.stack(after.diffusion)) * occupied.sum()
    raise AssertionError(model.diffusion)


def _stays(a: Any, b: Any, variance: Any) -> Any:
    """Chance that a bridge of this variance from ``a`` to ``b`` stays above zero."""
    inside = (a > 0) & (b > 0)
    return jnp.where(inside, -jnp.expm1(-2.0 * jnp.where(inside, a * b, 0.0) / jnp.maximum(variance, 1e-300)), 0.0)


def _jumped(model: Any, carry: Any, moved: Any, noise: Noise, number: Any, extra: Levels, gap: Any) -> Any:
    """A tick of a model with jumps: diffusion to a uniform time, the jump, diffusion to the end."""
    before, time = carry["state"], noise["test_jump_time"]
    variance = _variance(model, before, moved["state"])
    diffusion = replace(model, jumps=None).step(before, noise, number)[1].log_return - given_up(model, before)
    jump = moved["log"] - carry["log"] - diffusion
    jumps = jumps_so_far(moved["state"]) - jumps_so_far(before)
    middle = carry["log"] + time * diffusion + jnp.sqrt(time * (1 - time) * variance) * noise["test_bridge"]
    until = extra.side * (middle[extra.market] - extra.log)
    landed = jnp.where(jumps > 0, middle + jump, middle)[extra.market]
    after = extra.side * (landed - extra.log)
    here, share, arrived = variance[extra.market], time[extra.market], jumps[extra.market] > 0
    first = carry["alive"] * _stays(gap[0], until, share * here)
    beyond = jnp.where(arrived & (after <= 0), first, 0.0)
    owed = jnp.maximum(extra.side * (jnp.exp(extra.bankruptcy) - jnp.exp(landed)), 0.0)
    without = carry["alive"] * _stays(*gap, here)
    return {
        "alive": jnp.where(arrived, first * _stays(after, gap[1], (1 - share) * here), without),
        "together": carry["together"],
        "by_jump": carry["by_jump"] + beyond,
        "bad_debt": carry["bad_debt"] + beyond * owed,
        "jumps": carry["jumps"] + jumps.sum(),
    }


def continuous(model: Any, levels: Levels, **walked: Any) -> Any:
    """What :class:`Continuous` keeps, without the model's state: bad debt in multiples of the price at time zero."""
    kept = walk(Continuous(), model, extra=levels, **walked)
    return {name: value for name, value in kept.items() if name != "state"}
