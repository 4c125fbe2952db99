"""Coins as collateral: units of the markets' base assets, which count at a haircut and are sold when their owner is.

They are worth the market's price. Nobody's coins change while the account holds a position: whoever is closed whole
sells all of them, after the positions, into the same book; or, where the venue takes no more than it must, as many as
the debt needs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from stress.protocol.margin.weights import asset_weight
from stress.types import Array


@dataclass(frozen=True)
class Haircuts:
    """At what share of its value a coin counts as margin. Host arrays, axis ``A`` markets."""

    weight: np.ndarray  # [A], 0 for coins that are no collateral
    factor: np.ndarray  # [A] per root of a unit: the weight is at most 1.1 / (1 + factor sqrt(units))

    def counted(self, units: np.ndarray) -> np.ndarray:
        """Units [N, A] that count of so many that are owned [N, A]."""
        return units * asset_weight(self.weight, self.factor, units)

    def units(self, counted: np.ndarray) -> np.ndarray:
        """Units [N, A] of which so many [N, A] count: the inverse of :meth:`counted`, where the weight is not 0."""
        weight = np.where(self.weight > 0, self.weight, 1.0)
        # 1.1 units = counted (1 + factor sqrt(units)) is quadratic in the root
        slope = counted * self.factor
        root = (slope + np.sqrt(slope * slope + 4.4 * counted)) / 2.2
        return np.where(self.weight > 0, np.maximum(counted / weight, root * root), 0.0)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Coins:
    """What accounts own at time zero. Axes: ``A`` markets, ``N`` accounts."""

    units: Array  # [A, N] base units, >= 0
    counted: Array  # [A, N] base units after the haircut

    def of(self, index: Array) -> Coins:
        """Those of some accounts [W]; nothing of one that is not there."""
        units, counted = (values.at[:, index].get(mode="fill", fill_value=0.0) for values in (self.units, self.counted))
        return Coins(units, counted)

    def value(self, price: Array) -> Array:
        """USD [N] at prices [A]."""
        return (self.units * price[:, None]).sum(0)

    def margin(self, price: Array) -> Array:
        """USD [N] that count as margin at prices [A]."""
        return (self.counted * price[:, None]).sum(0)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class CoinSale:
    """Coins that a round sells. Axes: ``A`` markets, ``N`` accounts."""

    units: Array  # [A, N] base units
    price: Array  # [A] USD per unit

    def proceeds(self) -> Array:
        """USD [N]."""
        return (self.units * self.price[:, None]).sum(0)


SALE_STEPS = 30
"""Times that what a debt needs is worked out anew at the price that selling so much brings."""
BEYOND = 1e-9
"""Share of what a debt needs that is sold beyond it, so that no rounding is left to owe."""


def needed_share(due: Array, units: Array, price_of: Callable[[Array], Array]) -> Array:
    """Share [N] of an account's coins ``units`` [A, N], of each alike, that brings what is ``due`` [N] in USD.

    All coins of a market are sold at one price, which falls with their number: ``price_of`` gives [A] in USD for
    the units [A] that are sold. Starts where all are sold and comes down, so every step is enough. One of who owns too
    few.
    """

    def step(_: int, share: Array) -> Array:
        worth = (units * price_of((units * share).sum(1))[:, None]).sum(0)
        need = jnp.maximum(due, 0.0) * (1.0 + BEYOND)
        return jnp.minimum(share, jnp.where(worth > 0, need / jnp.where(worth > 0, worth, 1.0), 1.0))

    return jax.lax.fori_loop(0, SALE_STEPS, step, jnp.ones(units.shape[1]))


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class SoldCoins:
    """What the outside market bought so far. Axis: ``A`` markets."""

    units: Array  # [A] base units
    value: Array  # [] USD

    def after(self, sale: CoinSale) -> SoldCoins:
        """With a round's."""
        return SoldCoins(self.units + sale.units.sum(1), self.value + sale.proceeds().sum())


def nothing_sold(markets: int) -> SoldCoins:
    """At time zero."""
    return SoldCoins(jnp.zeros(markets, jnp.float64), jnp.zeros((), jnp.float64))


def hurt_by(
    size: Array, steep: Array, counted: Array | float, gain_weight: Array | float = 1.0
) -> tuple[Array, Array]:
    """Units [A, N] by which a lower and by which a higher price hurts accounts of ``size`` [A, N], at most.

    ``steep`` [A, N] is the largest marginal margin rate: a higher price raises the requirement of a short, and of a
    long by less than it gains. Coins ``counted`` [A, N] add to what a long loses and offset what a short does. Of a
    gain at least ``gain_weight`` [A, 1] counts: where that is less than the rate, a higher price hurts a long, too,
    and a lower one lets a short offset less of its coins.
    """
    long, short = jnp.maximum(size, 0.0), jnp.maximum(-size, 0.0)
    below = long + counted - gain_weight * short
    above = short * (1.0 + steep) + long * jnp.maximum(steep - gain_weight, 0.0) - counted
    return jnp.maximum(below, 0.0), jnp.maximum(above, 0.0)
