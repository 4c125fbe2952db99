"""Pro-rata ADL as two running numbers of a market's side, out of which any account's state follows in O(1).

ADL that closes ``taken`` of the side's ``room`` units for ``paid`` USD leaves every unit (1 - taken / room) of itself
and brings it paid / room. So units and cash of an account are linear in what it entered with:

    size = entered x scale / scale at entry
    cash = entered x (cash index - cash index at entry) / scale at entry

with sizes signed, long > 0: longs are paid, shorts pay. It is :class:`stress.protocol.adl.pro_rata.ProRata` without a
look at the accounts; the ladder engine rests on it (``engine.ladder.deleverage``). A side that was closed altogether
has a scale of zero, and nobody can enter it any more: it starts anew with indices of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from stress.types import Array


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class SideIndices:
    """Of each side [...]."""

    scale: Array  # [...] units left of one at the start
    cash: Array  # [...] USD that ADL brought one unit at the start


def first_indices(shape: tuple[int, ...]) -> SideIndices:
    """Before any ADL."""
    return SideIndices(jnp.ones(shape, jnp.float64), jnp.zeros(shape, jnp.float64))


def deleveraged(index: SideIndices, taken: Array, paid: Array, room: Array) -> SideIndices:
    """After ``taken`` [...] of ``room`` [...] units were closed for ``paid`` [...] USD."""
    safe = jnp.where(room > 0, room, 1.0)
    return SideIndices(index.scale * (1.0 - taken / safe), index.cash + index.scale * paid / safe)


def held(size: Array, entry: SideIndices, now: SideIndices) -> Array:
    """Units [...] left of a position of ``size`` [...] that entered at the indices ``entry``."""
    return size * now.scale / entry.scale


def received(size: Array, entry: SideIndices, now: SideIndices) -> Array:
    """USD [...] that ADL has brought it since; shorts pay."""
    return size * (now.cash - entry.cash) / entry.scale
