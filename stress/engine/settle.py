"""Phases 7 and 8 of ``engine.step``: the net flow walks the book, and every account is settled."""

from __future__ import annotations

import jax.numpy as jnp

from stress.engine.ladder.deleverage import sale_at, sold_units
from stress.engine.ladder.settle import Sale
from stress.engine.state import Accounts, Ledger, Row
from stress.engine.tick import CRUMB, Closing, Settlement, Tick
from stress.liquidity.curve import skew_of
from stress.protocol.coins import Coins, CoinSale, needed_share
from stress.protocol.insurance.penalty import remainder
from stress.protocol.venue import Venue
from stress.protocol.waterfall.socialised_loss import DUST
from stress.types import Array


def settle(venue: Venue, accounts: Accounts, row: Row, tick: Tick, closing: Closing) -> Settlement:
    """PnL, fee, remainder and deficit at the prices to which the closing moves the book."""
    ledger, liquidity = row.ledger, venue.liquidity
    price, z, sale = walk(venue, accounts, row, tick, closing)
    fill, gain = price[:, None] * liquidity.spread(ledger.size > 0), None
    if closing.paid_price is not None:
        gain, fill = (closing.book * (fill - closing.paid_price)).sum(), closing.paid_price
    value, size = closing.book * fill, held_after(ledger, closing)
    quote, taken = ledger.quote + value.sum(0) + closing.adl_cash, closing.taken_over()
    if closing.kept is not None:
        quote = jnp.where(taken, closing.kept, quote)
    flat, coins = (size == 0).all(0) & (ledger.size != 0).any(0), None
    if accounts.coins is not None:
        due = jnp.where(taken, jnp.inf, venue.fees.rate * jnp.abs(value).sum(0) - quote)  # a backstop takes all
        coins, z = sell_coins(venue, tick, accounts.coins, z, flat & (closing.acted | (quote < 0)), due)
        quote = quote + jnp.where(taken, 0.0, coins.proceeds())
    if liquidity.curve is not None:  # by whatever means positions are closed
        z = row.z + skew_of(ledger.size - size, accounts.residual)
    displacement = liquidity.displacement(z)
    mark = liquidity.displaced(tick.fundamental, displacement)
    surplus = quote + (size * mark[:, None]).sum(0)
    if accounts.coins is not None:
        surplus = surplus + jnp.where(flat, 0.0, accounts.coins.value(mark))
    if venue.by_fill and closing.bankruptcy is not None:
        surplus = (value - closing.book * closing.bankruptcy).sum(0)
    fee = venue.fees.charged(jnp.abs(value).sum(0), surplus)
    left, debt = remainder(quote, fee)
    to_fund = jnp.where(flat & closing.whole & ~taken, left, 0.0) * venue.fees.remainder_to_fund
    deficit = jnp.maximum(-surplus, 0.0) if venue.by_fill else jnp.where(flat, debt, 0.0)
    if closing.bankruptcy is not None:  # orders that end at it leave nothing but rounding
        deficit = jnp.where(deficit <= DUST * (jnp.abs(ledger.size) * mark[:, None]).sum(0), 0.0, deficit)
    return Settlement(
        quote=quote - fee - to_fund,
        size=size,
        z=z,
        displacement=displacement,
        mark=mark,
        fill=fill,
        fee=fee,
        remainder=to_fund,
        deficit=deficit,
        crowd=sale,
        coins=coins,
        gain=gain,
    )


def sell_coins(
    venue: Venue, tick: Tick, coins: Coins, z: Array, whose: Array, due: Array
) -> tuple[CoinSale, Array]:
    """The sale of coins of accounts ``whose`` [N], and absorbed flow [A] after it, from ``z`` [A] on.

    All of them, or where the venue is content with it what brings the USD that are ``due`` [N].
    """

    def walk(units: Array) -> tuple[Array, Array]:
        price, after = venue.liquidity.walk(z, units, tick.fundamental, tick.depth)
        return price * (1.0 - venue.liquidity.half_spread), after

    units = jnp.where(whose, coins.units, 0.0)
    if venue.sells_debt:
        units = units * needed_share(due, units, lambda sold: walk(sold)[0])
    price, after = walk(units.sum(1))
    return CoinSale(units, price), after


def walk(
    venue: Venue, accounts: Accounts, row: Row, tick: Tick, closing: Closing
) -> tuple[Array, Array, Sale | None]:
    """Average price [A] in USD and absorbed flow [A] after the flow of all, and what the ladders' accounts sold."""
    ladders, crowd, flow = accounts.ladders, row.crowd, closing.book.sum(1)
    if ladders is None or crowd is None or closing.crowd is None:
        return *venue.liquidity.walk(row.z, flow, tick.fundamental, tick.depth), None
    mine = closing.crowd.leaving, closing.crowd.match
    units, net = sold_units(ladders, crowd, *mine)
    price, z = venue.liquidity.walk(row.z, flow + net, tick.fundamental, tick.depth)
    return price, z, sale_at(ladders, venue, crowd, *mine, units, price, z, tick.fundamental)


def held_after(ledger: Ledger, closing: Closing) -> Array:
    """Units [A, N] that accounts hold afterwards.

    Of what ADL takes of an account the end of a queue is a sum over the queue, and as exact as that.
    """
    left = jnp.where(closing.whole, 0.0, ledger.size - closing.book - closing.adl)
    queue = jnp.where(closing.adl != 0, jnp.abs(closing.adl).sum(1, keepdims=True), 0.0)
    return jnp.where(jnp.abs(left) <= CRUMB * jnp.maximum(jnp.abs(ledger.size), queue), 0.0, left)
