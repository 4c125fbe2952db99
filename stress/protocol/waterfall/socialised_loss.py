"""Socialised loss: who gives up how much for what the layers before leave, by profit, by equity, or by contracts."""

from __future__ import annotations

import jax.numpy as jnp

from stress.protocol.rounding import round_up
from stress.types import Array

DUST = 1e-9
"""Share of a round's deficits below which what is left of them is rounding: nobody is levied for it."""


def owed(full: Array, rest: Array) -> Array:
    """What is left [...] of the ``full`` deficits of rounds for somebody to be levied for."""
    return jnp.where(rest > DUST * full, rest, 0.0)


def levy(amount: Array, profit: Array, equity: Array, residual: Array) -> Array:
    """Levy [N] in USD that raises ``amount`` [], as far as profits reach.

    The weight of an account is its unrealised profit at the mark [N], but not more than its equity [N]; the
    residual account stands for unlimited means and pays on its profit alone.
    """
    bound = jnp.where(residual, jnp.inf, jnp.maximum(equity, 0.0))
    return in_proportion(amount, jnp.clip(profit, 0.0, bound))


def levy_by_equity(amount: Array, notional: Array, equity: Array, residual: Array) -> Array:
    """Levy [N] in USD that raises ``amount`` [], as far as equity reaches, of accounts with a position.

    The weight of an account is its equity at the mark [N]; the residual account, of unlimited means, counts as at a
    leverage of one, with its ``notional`` [N], as in ADL.
    """
    means = jnp.where(residual, notional, jnp.maximum(equity, 0.0))
    return in_proportion(amount, jnp.where(notional > 0, means, 0.0))


def levy_by_contracts(amount: Array, size: Array) -> Array:
    """Levy [N] in USD that raises an ``amount`` [A] for each market from who holds units [A, N] in it, long or short.

    Whether they can pay it does not matter. Where nobody holds anything, nothing is raised.
    """
    longs, shorts = jnp.maximum(size, 0.0).sum(1), jnp.maximum(-size, 0.0).sum(1)
    return (per_unit(amount, jnp.zeros_like(amount), longs, shorts)[:, None] * jnp.abs(size)).sum(0)


def in_proportion(amount: Array, weight: Array) -> Array:
    """Levy [N] in USD that raises ``amount`` [] in proportion to weights [N] in USD, each at most its weight."""
    total = weight.sum()
    return weight * (jnp.minimum(amount, total) / jnp.where(total > 0, total, 1.0))


def per_unit(deficit: Array, funds: Array, longs: Array, shorts: Array, step: float = 0.0) -> Array:
    """USD [...] that every unit, long or short, gives up for what ``funds`` [...] leave of a ``deficit`` [...] in USD.

    ``longs`` and ``shorts`` [...] are units >= 0; where there are none nothing can be raised, and it is 0 (Drift
    refuses to resolve the bankruptcy). ``step`` is the smallest amount, to which Drift rounds up, 1e-6; 0 for none.
    Source: Drift v2 (``math/liquidation.rs``), Mango v4.
    """
    units = longs + shorts
    loss = jnp.maximum(deficit - funds, 0.0) / jnp.where(units > 0, units, 1.0)
    return jnp.where(units > 0, round_up(loss, step), 0.0)


def deposit_haircut(deficit: Array, deposits: Array, index: Array | float = 1.0, step: float = 0.0) -> Array:
    """What the ``index`` [...] of all deposits loses when they bear a deficit: index x deficit / deposits.

    ``deficit`` and ``deposits`` [...] >= 0 have one unit. No deposit loses more than all of it; without deposits
    nothing is lost. ``step`` is the index's smallest amount, to which the venue rounds up, 1e-10 for Drift; 0 for none.
    Source: Drift v2 (``math/liquidation.rs``).
    """
    held = jnp.asarray(deposits) > 0
    haircut = round_up(index * deficit / jnp.where(held, deposits, 1.0), step)
    return jnp.where(held, jnp.minimum(haircut, index), 0.0)
