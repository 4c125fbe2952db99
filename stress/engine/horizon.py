"""At the horizon: accounts left open under water, whose deficits nobody has realised yet.

Under water is who has less than nothing at the mark. Such accounts wait for keepers, a halted market or a late oracle.
The residual account is of unlimited means and not counted. Axes: ``A`` markets, ``N`` accounts, ``L`` ladders.
"""

from __future__ import annotations

from dataclasses import replace

import jax
import jax.numpy as jnp

from stress.engine.ladder import aside as slots
from stress.engine.ladder.book import Ladders, each, entry
from stress.engine.ladder.crowd import Crowd, worth
from stress.engine.state import Accounts, Outcome, Row
from stress.protocol.waterfall.socialised_loss import DUST
from stress.types import Array


def left_under_water(accounts: Accounts, row: Row) -> Outcome:
    """The outcome of a path at its last marks, with accounts left under water and what they lack."""
    ledger, coins = row.ledger, accounts.coins
    equity = ledger.quote + (ledger.size * row.mark[:, None]).sum(0)
    if coins is not None:
        equity = equity + coins.value(row.mark)
    notional = jnp.where(accounts.residual, 0.0, (jnp.abs(ledger.size) * row.mark[:, None]).sum(0))
    lacks = lacking(equity, notional)
    count, usd = (lacks > 0).sum(dtype=jnp.int32), lacks.sum()
    if accounts.ladders is not None and row.crowd is not None:
        more, amount = crowd_under_water(accounts.ladders, row.crowd, row.mark)
        count, usd = count + more, usd + amount
    return replace(row.outcome, under_water=count, unrealised=usd)


def lacking(equity: Array, notional: Array) -> Array:
    """USD [...] below zero of accounts with a position, of their ``equity`` and ``notional`` [...] in USD.

    Whose last equity went into a fee has nothing, which is no less but for rounding.
    """
    return jnp.where((notional > 0) & (equity < -DUST * notional), -equity, 0.0)


def crowd_under_water(ladders: Ladders, crowd: Crowd, mark: Array) -> tuple[Array, Array]:
    """Accounts [] of ladders, and those aside, that are under water at the marks [A], and the USD [] that they lack."""

    def one(ladder: Array | int) -> tuple[Array, Array]:
        unit, start = worth(crowd, ladder, ladders.sign()[ladder], mark[ladder // 2]), crowd.next[ladder]
        end = ladders.first_not_above(ladder, start, jnp.where(crowd.scale[ladder] > 0, unit, jnp.inf))
        tables = (ladders.size, ladders.value)
        units, value = (entry(table, ladder, end) - entry(table, ladder, start) for table in tables)
        return end - start, jnp.maximum(value - unit * units, 0.0)

    count, usd = each(one, ladders.key.shape[0])
    if crowd.aside is None:
        return count.sum(dtype=jnp.int32), usd.sum()
    units, price = crowd.aside.units, jnp.repeat(mark, 2)
    equity = units * slots.equity(crowd.aside, crowd.scale, crowd.shift, price)
    lacks = lacking(equity, units * crowd.aside.of(crowd.scale * price))
    return count.sum(dtype=jnp.int32) + (lacks > 0).sum(dtype=jnp.int32), usd.sum() + lacks.sum()


def rows_under_water(ladders: Ladders, crowd: Crowd, out: Outcome, mark: Array) -> Outcome:
    """Outcomes of rows [V, B] of a ladder engine, at their last marks [V, B, A]."""
    by_path = jax.vmap(jax.vmap(crowd_under_water, in_axes=(None, 0, 0)), in_axes=(None, 0, 0))
    count, usd = by_path(ladders, crowd, mark)
    return replace(out, under_water=count, unrealised=usd)
