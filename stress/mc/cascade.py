"""Cascades: a sliding window over what the venue and its twin liquidate.

A path has a cascade iff in some window the main run liquidates more than a share of the initial open interest and
more than half of it is not liquidated by the twin (same venue, same noise, no impact).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import jax
import jax.numpy as jnp

from stress.engine.loops import held
from stress.types import Array

MAIN, TWIN = 0, 1
"""Rows of the variants that are compared."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class CascadeRule:
    """The definition."""

    threshold: Array  # [] USD
    ticks: int = field(metadata={"static": True})  # length of the window
    paired: bool = field(metadata={"static": True})  # the twin runs


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class CascadeWindow:
    """Liquidated notional of the last ticks. Axes: 2 (main, twin), ``W`` slots, ``B`` paths."""

    slots: Array  # [W, 2, B] USD
    total: Array  # [2, B] USD
    cascade: Array  # [B] bool


def open_window(rule: CascadeRule, paths: int) -> CascadeWindow:
    """An empty window."""
    kinds = 2 if rule.paired else 0
    return CascadeWindow(
        slots=jnp.zeros((rule.ticks, kinds, paths)), total=jnp.zeros((kinds, paths)), cascade=jnp.zeros(paths, bool)
    )


def slide(rule: CascadeRule, window: CascadeWindow, sold: Array, tick: Array, true: Array) -> CascadeWindow:
    """Add what was liquidated in this tick [V, B] in USD, drop what left the window; ``true`` [] is that.

    What leaves is held before what is new is written over it (``engine.loops.held``): else all slots are copied.
    """
    if not rule.paired:
        return window
    slot = tick % rule.ticks
    new, old = held(true, (sold[: TWIN + 1], window.slots[slot]))
    total = window.total + new - old
    main, twin = total[MAIN], total[TWIN]
    cascade = (main > rule.threshold) & (main - twin > 0.5 * main)
    return CascadeWindow(slots=window.slots.at[slot].set(new), total=total, cascade=window.cascade | cascade)
