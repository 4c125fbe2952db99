"""The mark price: what the risk check makes of the index and the venue's own last price.

The index is what the oracle publishes. A short spike in the venue's own book then moves the risk check little or late,
while fills are at the book's prices as ever.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

import jax
import jax.numpy as jnp

from stress.protocol.marks import median_mark, within_band
from stress.protocol.stable_price import StablePrice, StableState
from stress.types import Array


class MarkPrice(Protocol):
    """The contract. Axis: ``A`` markets."""

    def init(self, prices: Array) -> Any:
        """The state at time zero, when index and last price are ``prices`` [A]; None for none."""
        ...

    def observe(self, state: Any, index: Array, last: Array) -> Any:
        """The state after the start of a tick with these prices [A]: once a tick, whatever its rounds do."""
        ...

    def price(self, state: Any, index: Array, last: Array) -> Array:
        """USD per unit [A], at any moment of a tick."""
        ...


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Banded:
    """The last price, no further from the index than a band."""

    band: Array  # [] relative

    def init(self, prices: Array) -> None:
        """Nothing to remember."""
        del prices

    def observe(self, state: None, index: Array, last: Array) -> None:
        """Nothing to remember."""
        del state, index, last

    def price(self, state: None, index: Array, last: Array) -> Array:
        """Within the band."""
        del state
        return within_band(last, index, self.band)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Smoothed:
    """The index and an exponential mean of the basis, last less index; or the median of it, the index and the last.

    Hyperliquid's page "Robust price indices" and Binance's, Bybit's and Deribit's on the mark price have it so, with
    moving averages or exponential ones. State: the mean basis [A] in USD per unit.
    """

    kept: Array  # [] of the mean from one tick to the next
    band: Array  # [] largest relative distance from the index, inf for none
    median: bool = field(metadata={"static": True})

    def init(self, prices: Array) -> Array:
        """No basis."""
        return jnp.zeros_like(prices)

    def observe(self, state: Array, index: Array, last: Array) -> Array:
        """The mean with the basis of now."""
        return self.kept * state + (1.0 - self.kept) * (last - index)

    def price(self, state: Array, index: Array, last: Array) -> Array:
        """Within the band."""
        smooth = index + state
        mark = median_mark([index, smooth, last]) if self.median else smooth
        return within_band(mark, index, self.band)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Stable:
    """A price that follows the index at a limited rate (:mod:`stress.protocol.stable_price`), once a tick."""

    rule: StablePrice
    seconds: Array  # [] of a tick
    intervals: int = field(metadata={"static": True})  # of delay

    def init(self, prices: Array) -> StableState:
        """All prices so far were these."""
        return self.rule.init(prices, self.intervals)

    def observe(self, state: StableState, index: Array, last: Array) -> StableState:
        """After a tick in which the index was as now."""
        del last
        return self.rule.observe(state, index, self.seconds)

    def price(self, state: StableState, index: Array, last: Array) -> Array:
        """The stable price."""
        del index, last
        return state.price
