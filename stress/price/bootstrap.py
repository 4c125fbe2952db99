"""Stationary block bootstrap of joint returns: Politis and Romano (1994).

A path runs through the history's bars in blocks: with probability ``restart`` the next bar is any of them, each as
likely, else the one after this. A block that reaches the end of the sample or a gap in it ends there; the next
begins where the history, or a part of it between gaps, begins, all of them as likely. Without gaps that is the
circular scheme of the paper. Every bar remains as likely as any other at all times, so the mean of a path's returns is
that of the history. All markets move by the same bar.

A step is a part of a bar, in which the path follows ``stress.price.bridge``, or a whole number of bars.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import jax
import jax.numpy as jnp
import numpy as np

from stress.price.base import Draw, Draws, Noise, Shock
from stress.price.bridge import Bars, Bridge, Opened, shock
from stress.price.keyed import block, exponential, uniform
from stress.rare import while_due
from stress.types import Array

WHERE, LENGTH, WITHIN = 0, 1, 2
"""Streams of a path's numbers: where a block begins, how long it is, what a bar looks like within."""
LONGEST = 2.0**30
"""Bars of a block at most, far beyond any horizon."""
SETTLED = 1e-14
"""Change of the growth of a bar, from one bar to the next, at which it is taken to have settled."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Place:
    """Where a path is in the history, and how far it goes on from there."""

    row: Array  # [] int32, the bar
    left: Array  # [] int32, bars that follow it without a break
    rest: Array  # [] int32, bars of the block after a break
    breaks: Array  # [] uint32, so far
    key: Array  # [] uniform, of all of them


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Blocks:
    """Which bar follows which."""

    restart: Array  # [] probability that a block ends: bar over mean block length
    run: Array  # [n] int32, bars from each on to the end of the history or of its part, itself included
    starts: Array  # [K] int32, rows at which parts begin

    def open(self, key: Array) -> Place:
        """In no bar yet: the first one begins a block."""
        none = jnp.zeros((), jnp.int32)
        return Place(none, none, none, jnp.zeros((), jnp.uint32), key)

    def next(self, place: Place) -> Place:
        """The bar that follows."""
        moved = replace(place, row=place.row + 1, left=place.left - 1)
        return while_due(lambda _, now: now.left < 0, _broken, self, moved)


def _broken(blocks: Blocks, place: Place) -> Place:
    """The bar after a break: of a new block any, of a block that goes on the first of a part."""
    number, goes_on = place.breaks + 1, place.rest > 0
    share = uniform(block(place.key, WHERE, number))
    row = jnp.where(goes_on, blocks.starts[_pick(share, len(blocks.starts))], _pick(share, len(blocks.run)))
    waited = exponential(block(place.key, LENGTH, number)) / -jnp.log1p(-blocks.restart)  # its whole part is geometric
    length = jnp.where(goes_on, place.rest, 1 + jnp.minimum(jnp.floor(waited), LONGEST).astype(jnp.int32))
    here = jnp.minimum(length, blocks.run[row])
    return Place(row, here - 1, length - here, number, place.key)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class BootstrapState:
    """State of one path."""

    place: Place
    opened: Opened | None  # None where a step is whole bars


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Bootstrap:
    """The model. Axes: ``n`` bars of the history, ``A`` markets."""

    bars: Bars  # [n, ...]
    blocks: Blocks
    drift: Array  # [K, A] added to the log price in each tick, by bars (or steps) since the start; the last one stays
    bridge: Bridge | None  # None where a step is whole bars
    bars_a_step: int = field(metadata={"static": True})  # 1 where a step is part of a bar

    @property
    def reactive(self) -> bool:
        """The past does not answer."""
        return False

    def initial_draws(self) -> Draws:
        """A uniform for all blocks and bars."""
        return {"blocks": Draw("uniform", ())}

    def step_draws(self) -> Draws:
        """The bridge's normals."""
        return {} if self.bridge is None else {"bridge": Draw("normal", (self.drift.shape[1],))}

    def init(self, noise: Noise) -> BootstrapState:
        """In no bar yet."""
        place = self.blocks.open(noise["blocks"])
        return BootstrapState(place, None if self.bridge is None else self.bridge.unopened(self.bars.row(place.row)))

    def step(
        self, state: BootstrapState, noise: Noise, tick: Array, flow: Array | None = None
    ) -> tuple[BootstrapState, Shock]:
        """Part of a bar, or some bars."""
        if self.bridge is None:
            return self._whole_bars(state.place, tick)
        bridge, part, bar = self.bridge, (tick - 1) % self.bridge.ticks, (tick - 1) // self.bridge.ticks

        def next_bar(state: BootstrapState) -> BootstrapState:
            place = self.blocks.next(state.place)
            return BootstrapState(place, bridge.open(self.bars.row(place.row), uniform(block(place.key, WITHIN, bar))))

        state = jax.lax.cond(part == 0, next_bar, lambda state: state, state)
        assert state.opened is not None
        opened, moved = bridge.step(state.opened, part, noise["bridge"])
        return replace(state, opened=opened), shock(moved + self._drift(bar))

    def _whole_bars(self, place: Place, tick: Array) -> tuple[BootstrapState, Shock]:
        def bar(_: Array, now: tuple[Place, Array]) -> tuple[Place, Array]:
            place = self.blocks.next(now[0])
            return place, now[1] + self.bars.close[place.row]

        now = (place, self._drift(tick - 1))
        place, moved = bar(tick, now) if self.bars_a_step == 1 else jax.lax.fori_loop(0, self.bars_a_step, bar, now)
        return BootstrapState(place, None), shock(moved)

    def _drift(self, period: Array) -> Array:
        return self.drift[jnp.minimum(period, self.drift.shape[0] - 1)]


def _pick(share: Array, size: int) -> Array:
    """A place among ``size`` from a uniform."""
    return jnp.clip(jnp.floor(share * size), 0, size - 1).astype(jnp.int32)


def growth(log_return: np.ndarray, last: np.ndarray, restart: float, bars: int) -> np.ndarray:
    """log E[S_k / S_{k-1}] under the bootstrap law [K, A], K <= bars: from some bar on it does not change any more.

    Exact: E[S_k / S_0] = mean(f_k) with f_k = exp(r) (restart mean(f_{k-1}) + (1 - restart) f_{k-1} of the bar after).
    """
    starts, factor = part_starts(last), np.ascontiguousarray(np.exp(log_return).T)
    ahead, following = np.ones_like(factor), np.ones_like(factor)  # [A, n], of mean one: the logarithms add up
    found: list[np.ndarray] = []
    for _ in range(bars):
        following[:, :-1] = ahead[:, 1:]
        following[:, last] = ahead[:, starts].mean(1)[:, None]
        np.multiply(following, 1.0 - restart, out=ahead)
        ahead += restart
        ahead *= factor
        level = ahead.mean(1)
        ahead /= level[:, None]
        found.append(np.log(level))
        if len(found) > 1 and np.abs(found[-1] - found[-2]).max() <= SETTLED:
            break
    return np.array(found)


def part_starts(last: np.ndarray) -> np.ndarray:
    """Rows at which the parts of a history between gaps begin."""
    return np.append(0, np.flatnonzero(last[:-1]) + 1).astype(np.int32)


def part_runs(last: np.ndarray) -> np.ndarray:
    """Bars [n] from each on to the last of its part, itself included."""
    ends = np.flatnonzero(last)
    rows = np.arange(len(last))
    return (ends[np.searchsorted(ends, rows)] - rows + 1).astype(np.int32)
