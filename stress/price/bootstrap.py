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
from stress.types import Array

SETTLED = 1e-14
"""Change of the growth of a bar, from one bar to the next, at which it is taken to have settled."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Blocks:
    """Which bar follows which."""

    restart: Array  # [] probability that a block ends: bar over mean block length
    last: Array  # [n] bool: the end of the history or of a part of it
    starts: Array  # [K] int32, rows at which parts begin

    def follow(self, row: Array, uniform: Array, restart: Array) -> Array:
        """The row after ``row`` [] int32; a uniform [] decides."""
        bars, parts = self.last.shape[0], self.starts.shape[0]
        fresh = _pick(uniform / restart, bars)
        start = self.starts[_pick((uniform - restart) / jnp.maximum(1.0 - restart, SETTLED), parts)]
        return jnp.where(uniform < restart, fresh, jnp.where(self.last[row], start, row + 1))


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class BootstrapState:
    """State of one path."""

    row: Array  # [] int32, the bar it is in
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
        """Nothing: the first tick begins a block."""
        return {}

    def step_draws(self) -> Draws:
        """A uniform for every bar of the step; the bridge's normals."""
        if self.bridge is None:
            return {"bar": Draw("uniform", (self.bars_a_step,))}
        return {"bar": Draw("uniform", (2,)), "bridge": Draw("normal", (self.drift.shape[1],))}

    def init(self, noise: Noise) -> BootstrapState:
        """In no bar yet."""
        row = jnp.zeros((), jnp.int32)
        return BootstrapState(row, None if self.bridge is None else self.bridge.unopened(self.bars.row(row)))

    def step(
        self, state: BootstrapState, noise: Noise, tick: Array, flow: Array | None = None
    ) -> tuple[BootstrapState, Shock]:
        """Part of a bar, or some bars."""
        if self.bridge is None:
            return self._whole_bars(state, noise["bar"], tick)
        bridge, place = self.bridge, (tick - 1) % self.bridge.ticks

        def next_bar(state: BootstrapState) -> BootstrapState:
            row = self.blocks.follow(state.row, noise["bar"][0], self._restart(tick))
            return BootstrapState(row, bridge.open(self.bars.row(row), noise["bar"][1]))

        state = jax.lax.cond(place == 0, next_bar, lambda state: state, state)
        assert state.opened is not None
        opened, moved = bridge.step(state.opened, place, noise["bridge"])
        return replace(state, opened=opened), shock(moved + self._drift((tick - 1) // bridge.ticks))

    def _whole_bars(self, state: BootstrapState, uniform: Array, tick: Array) -> tuple[BootstrapState, Shock]:
        def bar(now: tuple[Array, Array, Array], uniform: Array) -> tuple[tuple[Array, Array, Array], None]:
            row, restart, moved = now
            row = self.blocks.follow(row, uniform, restart)
            return (row, self.blocks.restart, moved + self.bars.close[row]), None

        start = (state.row, self._restart(tick), self._drift(tick - 1))
        (row, _, moved), _ = jax.lax.scan(bar, start, uniform)
        return BootstrapState(row, None), shock(moved)

    def _restart(self, tick: Array) -> Array:
        """The first tick begins a block."""
        return jnp.where(tick == 1, 1.0, self.blocks.restart)

    def _drift(self, period: Array) -> Array:
        return self.drift[jnp.minimum(period, self.drift.shape[0] - 1)]


def _pick(share: Array, size: int) -> Array:
    """A place among ``size``; a share outside of [0, 1), of a branch not taken, gives one of them too."""
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
