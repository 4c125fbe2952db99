"""A pair of ADL: a loser's position closed against a winner's, and whether the venue allows it.

Source: dYdX v4 (``clob/keeper/deleveraging.go``, ``subaccounts/lib/updates.go``).
"""

from __future__ import annotations

import jax.numpy as jnp

from stress.types import Array

ROUNDING = 1e-12
"""Relative: what is nearer than this is equal."""


def traded(quote: Array, size: Array, units: Array, price: Array) -> tuple[Array, Array]:
    """Quote [...] in USD and size [...] after ``units`` [...] were bought, sold if negative, at ``price`` [...]."""
    return quote - units * price, size + units


def valid_transition(
    equity: Array, margin: Array, equity_after: Array, initial_after: Array, margin_after: Array
) -> Array:
    """Whether an account may go to a new state [...]: well collateralised, or no riskier than before. All in USD."""
    return (equity_after >= initial_after) | no_riskier(equity, margin, equity_after, margin_after)


def no_riskier(equity: Array, margin: Array, equity_after: Array, margin_after: Array) -> Array:
    """Whether an account that is not well collateralised may go to a new state [...]. All in USD.

    Its maintenance requirement must not grow and equity over requirement not fall. Without positions before and after
    the ratio says nothing: then equity must grow.
    """
    least = equity * margin_after
    falls = equity_after * margin < least - ROUNDING * jnp.abs(least)
    flat = (margin == 0) & (margin_after == 0)
    return jnp.where(flat, equity_after > equity, (margin > 0) & (margin_after <= margin) & ~falls)


def overlap(loser: Array, winner: Array, side: Array) -> Array:
    """Whether bankruptcy prices [...] overlap, so that closing the pair at the loser's makes the winner no riskier.

    ``side`` is the loser's, 1 long or -1 short. It is :func:`valid_transition` for a closing of any size, less the
    exemption of who is well collateralised.
    """
    return side * (winner - loser) >= -ROUNDING * jnp.abs(winner)
