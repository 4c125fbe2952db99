"""Phase 9 of ``engine.step``: ADL, which matches what losers hold with winners instead of selling it."""

from __future__ import annotations

from dataclasses import replace

import jax.numpy as jnp

from stress.engine.ladder.beside import crowd_match, with_sides, without_sides
from stress.engine.ladder.deleverage import sides
from stress.engine.state import Accounts, Row
from stress.engine.tick import Check, Closing, Settlement, Tick
from stress.protocol.adl.base import AdlCase, Standing
from stress.protocol.keepers import risk_order
from stress.protocol.liquidation.prices import bankruptcy_price
from stress.protocol.venue import Venue
from stress.types import Array


def deleverage(
    venue: Venue,
    accounts: Accounts,
    row: Row,
    tick: Tick,
    seen: Check,
    settled: Settlement,
    closing: Closing,
    share: Array,
) -> Closing:
    """Phase 9: the closing in which ``share`` [] of the losers' quantity is matched with winners, not sold."""
    assert venue.adl is not None  # the caller's branch
    sold, left = sold_by_losers(venue, row, settled, closing, share), jnp.abs(closing.left_to_adl())
    case, crowd = adl_case(venue, accounts, row, tick, seen, settled, closing, sold + left), closing.crowd
    if accounts.ladders is not None and row.crowd is not None and crowd is not None and settled.crowd is not None:
        found = sides(accounts.ladders, row.crowd, crowd.leaving, settled.crowd.fill, share)
        everyone = venue.adl.match(with_sides(case, found))
        crowd = crowd_match(accounts.ladders, row.crowd, crowd, found, everyone, share)
        match = without_sides(everyone)
    else:
        match = venue.adl.match(case)
    sign = jnp.array([1.0, -1.0])[:, None, None]  # losing longs sell, losing shorts buy
    lost = (sign * case.need * match.matched[..., None]).sum(0)
    won = -(sign * match.taken).sum(0)
    cash = (lost * case.price).sum(0) - (sign * match.paid).sum(0).sum(0)
    mean = match.paid.sum(0) / jnp.where(won != 0, jnp.abs(won), 1.0)
    price = jnp.where(lost != 0, case.price, mean)
    unsold = lost * jnp.where(sold > 0, sold / jnp.where(sold > 0, sold + left, 1.0), 0.0)
    return replace(
        closing,
        book=closing.book - unsold,
        adl=lost + won,
        adl_price=price,
        adl_cash=cash,
        acted=closing.acted | (lost != 0).any(0),
        crowd=crowd,
    )


def sold_by_losers(venue: Venue, row: Row, settled: Settlement, closing: Closing, share: Array) -> Array:
    """Units [A, N] >= 0 of what goes to the book that ADL has to take instead."""
    sold = jnp.abs(closing.book) if venue.by_fill else jnp.abs(row.ledger.size)
    return jnp.where(settled.deficit > 0, sold * share, 0.0)


def adl_case(
    venue: Venue, accounts: Accounts, row: Row, tick: Tick, seen: Check, settled: Settlement, closing: Closing,
    units: Array,
) -> AdlCase:
    """What ADL has to match: ``units`` [A, N] of losers at the venue's price, and eligible winners."""
    assert venue.adl is not None  # the caller's branch
    held, loser = row.ledger.size, (units > 0).any(0)
    standing = Standing(
        size=held,
        entry=accounts.entry,
        quote=row.ledger.quote,
        residual=accounts.residual,
        mark=row.mark,
        oracle=seen.price,
        margin=seen.margin,
        loser_order=risk_order(seen.equity, seen.requirement, loser) if venue.adl.ranked else jnp.zeros(0, jnp.int32),
        tick=tick.number,
        coins=accounts.coins,
    )
    eligible = ~seen.liquidatable & (standing.profit() > 0 if venue.adl.profitable_only else held != 0)
    longs, shorts = held > 0, held < 0
    return AdlCase(
        need=jnp.stack([jnp.where(longs, units, 0.0), jnp.where(shorts, units, 0.0)]),
        price=adl_price(venue, row, seen, settled, closing),
        room=jnp.stack([jnp.where(eligible & shorts, -held, 0.0), jnp.where(eligible & longs, held, 0.0)]),
        standing=standing,
    )


def adl_price(venue: Venue, row: Row, seen: Check, settled: Settlement, closing: Closing) -> Array:
    """USD per unit [A, N] at which losers are closed by ADL; away from bankruptcy the rest is a deficit, or theirs."""
    held = row.ledger.size
    match venue.adl_price:
        case "mark":
            return jnp.broadcast_to(row.mark[:, None], held.shape)
        case "oracle":
            return jnp.broadcast_to(seen.price[:, None], held.shape)
        case _:
            share = seen.margin / jnp.where(seen.requirement > 0, seen.requirement, 1.0)
            price = bankruptcy_price(settled.fill, held, -settled.deficit, share)
    if closing.bankruptcy is None:
        return price
    return closing.bankruptcy if venue.by_fill else jnp.where(closing.left_to_adl() != 0, closing.bankruptcy, price)
