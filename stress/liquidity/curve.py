"""The contract of laws that price a trade by the venue's own book: its skew, longs - shorts of all traders.

Their absorbed flow z is the skew with its sign turned, in units: closing a long adds to z as selling it into an order
book does, and so does whatever else closes it (a backstop, ADL). Nothing decays. The residual account stands for the
pool and is no trader. Axis: ``A`` markets.
"""

from __future__ import annotations

from typing import Protocol

import jax.numpy as jnp

from stress.types import Array


class SkewCurve(Protocol):
    """How the skew displaces the mark, and what a trade pays for moving it."""

    @property
    def name(self) -> str:
        """A static field: JAX tells trees apart by those, not by their class."""
        ...

    def displacement(self, skew: Array, cap: Array) -> Array:
        """Relative distance [A] of the mark from the fundamental price, held at +-``cap`` []."""
        ...

    def fill(self, price: Array, skew: Array, flow: Array, cap: Array) -> Array:
        """USD per unit [A] at which ``flow`` [A] units of longs, shorts if negative, are closed.

        ``price`` [A] is the fundamental one, ``skew`` [A] that before. Slicing a flow changes nothing, unless what a
        trade pays or gets is capped.
        """
        ...

    def capped(self, skew: Array, cap: Array) -> Array:
        """Whether the displacement [A] is held by the cap."""
        ...


def skew_of(size: Array, residual: Array) -> Array:
    """Longs - shorts [A] in units of sizes [A, N], the residual account's apart."""
    return jnp.where(residual, 0.0, size).sum(1)
