"""Windows cut from a history: every path is one of them, drawn at time zero, each as likely.

Prices move as they did, bar by bar, from the price at time zero given. A step is a part of a bar, in which the path
follows ``stress.price.bridge`` with noise of its own, or a whole number of bars, in which nothing is random but the
window.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import jax
import jax.numpy as jnp

from stress.price.base import Draw, Draws, Noise, Shock
from stress.price.bridge import Bars, Bridge, Opened, shock
from stress.types import Array


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class WindowState:
    """State of one path."""

    start: Array  # [] int32, the row of the window's first bar
    opened: Opened | None  # None where a step is whole bars


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Windows:
    """The model. Axes: ``n`` bars of the history, ``W`` windows, ``A`` markets."""

    bars: Bars  # [n, ...]
    sums: Array  # [n + 1, A] log price before each bar and after the last
    starts: Array  # [W] int32, rows of the windows' first bars
    bridge: Bridge | None  # None where a step is whole bars
    bars_a_step: int = field(metadata={"static": True})  # 1 where a step is part of a bar

    @property
    def reactive(self) -> bool:
        """The past does not answer."""
        return False

    def initial_draws(self) -> Draws:
        """Which window."""
        return {"window": Draw("uniform", ())}

    def step_draws(self) -> Draws:
        """The bridge's noise."""
        if self.bridge is None:
            return {}
        return {"bar": Draw("uniform", ()), "bridge": Draw("normal", (self.sums.shape[1],))}

    def init(self, noise: Noise) -> WindowState:
        """A window is chosen; no bar of it is open yet."""
        windows = self.starts.shape[0]
        start = self.starts[jnp.minimum((noise["window"] * windows).astype(jnp.int32), windows - 1)]
        return WindowState(start, None if self.bridge is None else self.bridge.unopened(self.bars.row(start)))

    def step(
        self, state: WindowState, noise: Noise, tick: Array, flow: Array | None = None
    ) -> tuple[WindowState, Shock]:
        """Part of a bar, or some bars."""
        if self.bridge is None:
            row = state.start + (tick - 1) * self.bars_a_step
            return state, shock(self.sums[row + self.bars_a_step] - self.sums[row])
        bridge, place = self.bridge, (tick - 1) % self.bridge.ticks

        def next_bar(state: WindowState) -> WindowState:
            bar = self.bars.row(state.start + (tick - 1) // bridge.ticks)
            return replace(state, opened=bridge.open(bar, noise["bar"]))

        state = jax.lax.cond(place == 0, next_bar, lambda state: state, state)
        assert state.opened is not None
        opened, moved = bridge.step(state.opened, place, noise["bridge"])
        return replace(state, opened=opened), shock(moved)
