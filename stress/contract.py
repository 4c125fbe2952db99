"""Inverse contracts: of a fixed number of USD each, with margin, profit and loss in the coin.

A long of ``n`` contracts of 1 USD that is entered at ``e`` gains ``n (1/e - 1/p)`` coins while the price goes to ``p``.
Count coins in USD at their price of time zero ``s`` and let, at any price,

    p'' = s^2 / p,    size'' = -n / s,

then the gain is ``size'' (p'' - e'')``: in mirrored prices and sizes an inverse market is a linear one, with longs for
shorts. The engine works in those; a displacement ``X`` of the price ``S (1 + X)`` is ``-X`` there, so that a mirrored
price is ``S'' / (1 - X'')``. Sources: help pages of BitMEX (XBTUSD) and Deribit (BTC-PERPETUAL).
"""

from __future__ import annotations

from dataclasses import dataclass

import jax

from stress.types import Array


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Inverse:
    """The mirror. Axis: ``A`` markets."""

    start: Array  # [A] USD per coin at time zero

    def mirrored(self, price: Array) -> Array:
        """Mirrored prices [A] of prices [A] in USD per coin, and the other way round."""
        return self.start * (self.start / price)

    def coins(self, notional: Array) -> Array:
        """Coins [A, N] of a ``notional`` [A, N] in USD at the prices of time zero."""
        return notional / self.start[:, None]
