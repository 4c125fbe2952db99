"""Limits of liquidation orders: what they do not fill waits, or is left to ADL."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import jax
import jax.numpy as jnp

from stress.protocol.liquidation.prices import bankruptcy_price, fillable_price, takeover_price
from stress.types import Array


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class OrderCase:
    """What a limit is set by: the risk check, at the oracle price. Axes: ``A`` markets, ``N`` accounts."""

    price: Array  # [A, 1] USD per unit
    size: Array  # [A, N] base units, long > 0
    margin: Array  # [A, N] USD, maintenance requirement by market
    equity: Array  # [N] USD
    requirement: Array  # [N] USD

    def bankruptcy(self) -> Array:
        """Prices [A, N] that leave the rest of an account its share of equity; the oracle price without a position."""
        share = self.margin / jnp.where(self.requirement > 0, self.requirement, 1.0)
        return bankruptcy_price(self.price, self.size, self.equity, share)


class LimitPrice(Protocol):
    """The contract: the worst price of liquidation orders."""

    def price(self, case: OrderCase) -> Array:
        """Limits [A, N] in USD per unit."""
        ...


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Bankruptcy:
    """Orders at the bankruptcy price, as on Binance, Bybit and BitMEX."""

    def price(self, case: OrderCase) -> Array:
        """Bankruptcy prices [A, N]."""
        return case.bankruptcy()


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Fillable:
    """dYdX's fillable price."""

    adjustment: Array  # []
    spread: Array  # [] maintenance margins beyond the oracle price at which orders are at worst

    def price(self, case: OrderCase) -> Array:
        """Fillable prices [A, N]."""
        units = jnp.where(case.size != 0, case.size, 1.0)
        worst = fillable_price(
            case.price, units, case.equity, case.requirement, case.margin, self.adjustment, self.spread
        )
        return jnp.where(case.size != 0, worst, case.price)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Discount:
    """Orders at a discount to the oracle price, which is what liquidators earn on Drift or Perp Curie."""

    rate: Array  # []

    def price(self, case: OrderCase) -> Array:
        """Oracle prices, worse by the rate [A, N]."""
        return takeover_price(case.price, jnp.sign(case.size), self.rate)
