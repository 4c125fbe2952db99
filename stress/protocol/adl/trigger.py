"""When ADL begins, where it is not the fund's shortfall that decides, and at which price.

Source: GMX v2 (``AdlUtils.sol``, ``MarketUtils.sol``), dYdX v4 (``clob/keeper/deleveraging.go``); the fund's drawdown:
OKX's help pages, Bybit's notice on insurance pools (2025-12-23).
"""

from __future__ import annotations

import jax.numpy as jnp

from stress.types import Array


def fell_from_peak(fund: Array, peak: Array, drawdown: Array) -> Array:
    """Whether a fund [...] in USD is below its ``peak`` [...] in USD by more than a share ``drawdown`` [...] of it.

    A fund without limit never is.
    """
    return fund < (1.0 - drawdown) * peak


def pnl_factor(profit: Array, pool: Array) -> Array:
    """Traders' profit over the pool that owes it [...], both in USD; 0 for an empty pool."""
    return jnp.where(pool > 0, profit / jnp.where(pool > 0, pool, 1.0), 0.0)


def share_paid(factor: Array, largest: Array) -> Array:
    """Share [...] of their profits that traders are paid while all profit is ``factor`` [...] of the pool.

    The pool pays at most ``largest`` [...] of its worth, infinite for all; where all profit is none, each is paid whole
    (GMX v2, ``getCappedPnl``).
    """
    return jnp.where(factor > 0, jnp.minimum(1.0, largest / jnp.where(factor > 0, factor, 1.0)), 1.0)


def exceeds_pool(factor: Array, largest: Array) -> Array:
    """Whether the pool's side [...] is to be deleveraged."""
    return factor > largest


def lowers_enough(before: Array, after: Array, smallest: Array) -> Array:
    """Whether a deleveraging [...] lowers the factor, and not below the smallest one."""
    return (after < before) & (after >= smallest)


def at_bankruptcy(equity: Array) -> Array:
    """Whether an account of ``equity`` [...] in USD is closed at its bankruptcy price."""
    return equity < 0


def at_oracle(equity: Array, settles: Array | bool) -> Array:
    """Whether an account of ``equity`` [...] in USD is closed at the oracle's price: where its market ends trading."""
    return (equity >= 0) & settles
