"""What contracts are worth: linear ones in USD, inverse ones in coins.

An inverse contract is of 1 USD; ``n`` of them, bought at ``e`` and sold at ``p``, gain ``n/e - n/p`` coins. Sizes are
contracts then (long > 0) and all money is in coins. Where the venue has several markets, each with a coin of its own, money
is in the first one's, and a coin of market ``a`` counts ``rules.coin[a]`` of them all the time.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.reference.rules import Rules

ALL = slice(None)
"""All markets."""


def worth(rules: Rules, price: Any, a: Any = ALL) -> Any:
    """What a contract of market ``a`` is worth at a price, up to a constant: differences are gains; 0 at a price of 0."""
    if rules.coin is None:
        return price
    price = np.asarray(price, dtype=float)
    return -np.divide(rules.coin[a], price, out=np.zeros_like(price + rules.coin[a]), where=price != 0)


def notional(rules: Rules, size: Any, price: Any, a: Any = ALL) -> Any:
    """Value of a position: its USD, or the coins that they are at the price."""
    return np.abs(size) * np.abs(worth(rules, price, a))


def usd(rules: Rules, price: float) -> float:
    """USD that a contract puts through the order book."""
    return price if rules.coin is None else 1.0


def per_unit(rules: Rules, prices: np.ndarray) -> np.ndarray:
    """Money [A] of what margin rates that grow with the size count: a unit of the asset, a coin."""
    return prices if rules.coin is None else rules.coin


def price_without(rules: Rules, price: float, size: float, amount: float, a: int) -> float:
    """The price at which closing a position brings ``amount`` less than at ``price``: n/b = n/p + amount in coins."""
    if rules.coin is None:
        return price - amount / size
    return 1 / (1 / price + amount / (size * float(rules.coin[a])))


def mean_price(rules: Rules, quantities: list[float], prices: list[float]) -> float:
    """One price at which all of the quantities bring as much as each at its own."""
    if rules.coin is None:
        return sum(q * p for q, p in zip(quantities, prices, strict=True)) / sum(quantities)
    return sum(quantities) / sum(q / p for q, p in zip(quantities, prices, strict=True))
