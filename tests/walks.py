"""Paths of a market model with somebody watching: one compiled program a watcher and kind of model.

The number of ticks, the length of a tick and all parameters are traced, so a table of laws costs one compilation. A
watcher steps the model, or a part of it, on the noise of a run, and keeps of a path what its test wants to know.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import numpy as np

from stress.build.price import build_market
from stress.cipher import threefry
from stress.config.price import IntensityConfig, JumpConfig, VarianceConfig
from stress.mc.noise import TILE, draw_noise, tile_keys
from stress.price.base import Draws, Noise
from stress.rare import while_due
from tests.studies import HOURS, config

DAY = 1.0 / 365.0
"""Years."""
BLOCK = 4096
"""Paths walked together."""
SECTIONS = {"jump": JumpConfig, "variance": VarianceConfig, "intensity": IntensityConfig}


@dataclass(frozen=True, eq=False)
class Model:
    """Markets in the words of the price section of a configuration, and a horizon."""

    years: float
    price: Mapping[str, Any]
    markets: tuple[str, ...] = ("X",)

    def changed(self, **changes: Any) -> Model:
        """The model with other numbers; a dictionary changes a section."""
        sections = {
            name: {**(self.price.get(name) or {}), **value} if isinstance(value, dict) else value
            for name, value in changes.items()
        }
        return replace(self, price={**self.price, **sections})

    def settings(self, steps: int, protocol: dict[str, Any] | None = None, **run: Any) -> Any:
        """The configuration of a bare venue under the model, its horizon in ``steps`` ticks."""
        sections = {
            name: SECTIONS[name](**value) if name in SECTIONS and isinstance(value, dict) else value
            for name, value in ({"jump": {"kind": "none"}, "jump_duration_seconds": 0.0} | dict(self.price)).items()
        }
        clock = {"horizon_hours": self.years * HOURS, "step_seconds": self.years * HOURS * 3600.0 / steps}
        return config(markets=self.markets, price=sections, protocol=protocol, run=clock | run)

    def build(self, steps: int) -> Any:
        """The market model on the clock of ``steps`` ticks."""
        cfg = self.settings(steps)
        return build_market(cfg.price, cfg.run).model


class Watcher(Protocol):
    """Steps one path; hashable, since it is static."""

    def initial_draws(self, model: Any) -> Draws:
        """Noise at time zero."""
        ...

    def draws(self, model: Any) -> Draws:
        """Noise of a tick."""
        ...

    def start(self, model: Any, noise: Noise, extra: Any) -> Any:
        """What is carried from tick to tick, at time zero."""
        ...

    def tick(self, model: Any, carry: Any, noise: Noise, number: Any, extra: Any) -> Any:
        """The same after a tick."""
        ...


def walk(
    watcher: Watcher,
    model: Any,
    *,
    steps: int,
    paths: int,
    seed: int,
    extra: Any = None,
    precision: str = "float32",
    block: int = BLOCK,
) -> Any:
    """What the watcher carries at the end, of ``paths`` paths [P, ...]."""
    parts = [
        jax.device_get(_block(watcher, precision, block, model, np.uint32(seed), np.uint32(b), np.int32(steps), extra))
        for b in range(paths // block)
    ]
    return jax.tree.map(lambda *leaves: np.concatenate(leaves), *parts)


@partial(jax.jit, static_argnums=(0, 1, 2))
def _block(
    watcher: Watcher, precision: str, paths: int, model: Any, seed: Any, block: Any, steps: Any, extra: Any
) -> Any:
    dtype = jnp.dtype(precision)

    def drawn(draws: Draws, tile: Any, number: Any) -> dict[str, Any]:
        return draw_noise(tile_keys(seed, tile[None], number.astype(jnp.uint32)), draws, dtype, threefry)

    def of_tile(tile: Any) -> Any:
        start = jax.vmap(watcher.start, in_axes=(None, 0, None), axis_size=TILE)
        step = jax.vmap(watcher.tick, in_axes=(None, 0, 0, None, None), axis_size=TILE)

        def tick(number: Any, carry: Any) -> Any:
            return step(model, carry, drawn(watcher.draws(model), tile, number), number, extra)

        first = start(model, drawn(watcher.initial_draws(model), tile, jnp.uint32(0)), extra)
        return jax.lax.fori_loop(1, steps + 1, tick, first)

    tiles = block * (paths // TILE) + jnp.arange(paths // TILE, dtype=jnp.uint32)
    return jax.tree.map(lambda leaf: leaf.reshape(paths, *leaf.shape[2:]), jax.lax.map(of_tile, tiles))


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Levels:
    """Prices at which somebody is liquidated. Axis ``L``; logarithms are of prices over those at time zero."""

    log: Any  # [L]
    side: Any  # [L] 1 a long position, -1 a short one
    market: Any  # [L] number of the market
    bankruptcy: Any  # [L] logarithm

    @staticmethod
    def of(*rows: tuple[float, float, int, float]) -> Levels:
        """Rows of logarithm, side, market and logarithm of the bankruptcy price."""
        log, side, market, bankruptcy = np.array(rows, float).reshape(-1, 4).T
        return Levels(log, side, market.astype(np.int32), bankruptcy)


@dataclass(frozen=True)
class Ends:
    """The log price at the end, and at the first tick beyond every level, with its number."""

    def initial_draws(self, model: Any) -> Draws:
        return model.initial_draws()

    def draws(self, model: Any) -> Draws:
        return model.step_draws()

    def start(self, model: Any, noise: Noise, extra: Levels) -> Any:
        levels = extra.log.shape
        return {
            "state": model.init(noise),
            "log": jnp.zeros(model.markets),
            "passage": jnp.full(levels, jnp.nan),  # log price [L] there; NaN: not yet
            "when": jnp.zeros(levels, jnp.int32),
        }

    def tick(self, model: Any, carry: Any, noise: Noise, number: Any, extra: Levels) -> Any:
        state, shock = model.step(carry["state"], noise, number)
        log = carry["log"] + shock.log_return
        here = log[extra.market]
        hit = (extra.side * (here - extra.log) <= 0) & jnp.isnan(carry["passage"])
        return {
            "state": state,
            "log": log,
            "passage": jnp.where(hit, here, carry["passage"]),
            "when": jnp.where(hit, number, carry["when"]),
        }


def ends(model: Any, levels: Levels | None = None, **walked: Any) -> Any:
    """What :class:`Ends` keeps, without the model's state."""
    kept = walk(Ends(), model, extra=Levels.of() if levels is None else levels, **walked)
    return {name: value for name, value in kept.items() if name != "state"}


def counted(model: Any, **walked: Any) -> Any:
    """Numbers of jumps [P, A] that hit a market, of a model that has none before time zero."""
    arrivals = walk(Ends(), model, extra=Levels.of(), **walked)["state"].arrivals
    jumps = getattr(arrivals, "clock", arrivals).jumps.astype(float)
    return jumps[:, :-1] + jumps[:, -1:]


@dataclass(frozen=True)
class Uncompensated:
    """The log price at the end without compensation of jumps, and the numbers of jumps [A] that came."""

    def initial_draws(self, model: Any) -> Draws:
        return model.initial_draws()

    def draws(self, model: Any) -> Draws:
        return model.step_draws()

    def start(self, model: Any, noise: Noise, extra: Any) -> Any:
        return {"state": model.init(noise), "log": jnp.zeros(model.markets), "jumps": jnp.zeros(model.markets)}

    def tick(self, model: Any, carry: Any, noise: Noise, number: Any, extra: Any) -> Any:
        state, shock = model.step(carry["state"], noise, number)
        return {
            "state": state,
            "log": carry["log"] + shock.log_return + given_up(model, carry["state"]),
            "jumps": carry["jumps"] + jumps_so_far(state) - jumps_so_far(carry["state"]),
        }


def given_up(model: Any, state: Any) -> Any:
    """What the log price [A] gives up in a tick for the jumps that were to be expected; none is spread over ticks."""
    chain, occupied = model.chain.step(state.chain, model.step_years)
    arrivals = model.jumps.arrivals
    passing = arrivals.passed(state.arrivals, occupied, chain.regime, None)
    passing = while_due(lambda part, now: part.due(now), lambda part, now: part.arrived(now)[0], arrivals, passing)
    return arrivals.compensator(passing, model.jumps.sizes.growth(1))[0]


def jumps_so_far(state: Any) -> Any:
    """Numbers of jumps [A] that ever hit a market, those before time zero included."""
    clock = getattr(state.arrivals, "clock", state.arrivals)
    return (clock.jumps[:-1] + clock.jumps[-1]).astype(jnp.float64)


def uncompensated(model: Any, **walked: Any) -> Any:
    """What :class:`Uncompensated` keeps, without the model's state."""
    kept = walk(Uncompensated(), model, **walked)
    return {name: value for name, value in kept.items() if name != "state"}
