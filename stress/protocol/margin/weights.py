"""How much assets, debts and profits count towards margin: haircuts on collateral, credit for unrealised gains."""

from __future__ import annotations

from stress.protocol.margin.base import Values, namespace
from stress.protocol.margin.root_size import size_premium

DISCOUNT = 1.1
"""Numerator of the weight that a size leaves: small sizes are not discounted below their own weight."""


def weighted(value: Values, asset: Values, liability: Values) -> Values:
    """USD [...] of a balance that counts: what is owned at the asset weight, what is owed at the liability's."""
    return value * namespace(value).where(value > 0, asset, liability)


def size_discount(factor: Values, size: Values, unit: float = 0.0) -> Values:
    """Weight [...] that a size [...] in its own units leaves: 1.1 / (1 + f sqrt(size)).

    Drift v2, ``programs/drift/src/math/margin.rs``.
    """
    return DISCOUNT / (1.0 + size_premium(factor, size, unit))


def asset_weight(weight: Values, factor: Values, size: Values, unit: float = 0.0) -> Values:
    """Weight [...] of an asset, or of an unrealised gain, of that size. A liability's is ``root_rate``."""
    return namespace(size).minimum(weight, size_discount(factor, size, unit))


def deposit_scaled(weight: Values, deposits: Values, start: Values) -> Values:
    """Weight [...] cut in proportion where all deposits of an asset, in USD, exceed ``start`` (Drift v2, Mango v4)."""
    xp = namespace(deposits)
    return weight * xp.where(deposits > start, start / xp.where(deposits > 0, deposits, 1.0), 1.0)


def borrow_scaled(weight: Values, borrows: Values, start: Values) -> Values:
    """Weight [...] of a debt, raised in proportion where all borrows of an asset, in USD, exceed ``start`` [...] > 0.

    Mango v4, ``programs/mango-v4/src/state/bank.rs``.
    """
    return weight * namespace(borrows).maximum(borrows / start, 1.0)


def capped_gain(gain: Values, cap: Values) -> Values:
    """USD [...] of an unrealised gain that counts; losses count whole."""
    return namespace(gain).minimum(gain, cap)


def counted_initially(gain: Values, weight: Values, factor: Values, most: Values) -> Values:
    """USD [...] of an unrealised ``gain`` [...] that counts towards initial margin, at most ``most`` USD; losses whole.

    Drift v2: the weight is ``unrealized_pnl_initial_asset_weight``, discounted by the size of the gain in USD
    (``get_unrealized_asset_weight``, ``programs/drift/src/state/perp_market.rs``), and the bound
    ``MAX_POSITIVE_UPNL_FOR_INITIAL_MARGIN`` (``math/margin.rs``). Maintenance margin has neither.
    """
    size = namespace(gain).maximum(gain, 0.0)
    return capped_gain(weighted(gain, asset_weight(weight, factor, size), 1.0), most)


def held_back(gain: Values, weight: Values) -> Values:
    """USD [...] of an unrealised ``gain`` [...] that does not count at a ``weight`` [...]; losses, below zero, do.

    Drift v2 weighs the gain of each position by its market (``unrealized_pnl_maintenance_asset_weight``,
    ``programs/drift/src/state/perp_market.rs``), Mango v4 each market's positive contribution to health.
    """
    return (1.0 - weight) * namespace(gain).maximum(gain, 0.0)
