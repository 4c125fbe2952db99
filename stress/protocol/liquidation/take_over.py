"""A liquidator takes a position over: one call, of an account with one position. Source: Drift v2, ``liquidate_perp``.

What the other functions say of shortage, fees, size and pace, in the order of the call
(``programs/drift/src/controller/liquidation.rs``): an account whose equity is below its maintenance requirement enters
liquidation; its orders are cancelled; the fund's fee is set; the part of the position that covers the shortage at the
pace so far goes to the liquidator at the oracle price less its fee; the account comes out of liquidation once its
equity covers the requirement with the buffer. The engine has the rule by shares (``liquidation.cover_shortage``).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import jax

from stress.protocol.insurance.fees import fund_fee
from stress.protocol.liquidation.cover_shortage import cover_units, pace, shortage, units_now
from stress.protocol.liquidation.prices import takeover_price
from stress.protocol.margin.base import Values, namespace
from stress.protocol.margin.orders import worst_units
from stress.protocol.margin.root_size import root_rate
from stress.protocol.rounding import round_down

ORDER_MARGIN = 0.01
"""USD that Drift asks for an open order."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Terms:
    """Numbers of a market and of the venue, arrays [...] all; ratios and fees decimal."""

    maintenance: Values  # margin ratio
    factor: Values  # of the root of the size (``margin.root_size``)
    buffer: Values  # of notional, that an account needs beyond the requirement to come out
    fee: Values  # the liquidator's
    largest_fund_fee: Values
    initial: Values  # share of the shortage that may be covered at once
    duration: Values  # in the unit of ``elapsed``, in which the rest may be; 0 for at once
    small: Values = 50.0  # USD of shortage, and of position, that are not paced
    units_step: float = field(default=0.0, metadata={"static": True})  # of sizes, rounded up: Drift's order step
    rate_step: float = field(default=0.0, metadata={"static": True})  # of size premium and pace: Drift's 1e-4
    money_step: float = field(default=0.0, metadata={"static": True})  # of the shortage: Drift's 1e-6 USD


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Position:
    """An account with one position, arrays [...] all."""

    base: Values  # units, long > 0
    quote: Values  # USD: what was paid (< 0) or got for it, so that quote + base x price is its profit
    collateral: Values  # USD
    bids: Values = 0.0  # units >= 0 of open orders
    asks: Values = 0.0  # units >= 0
    orders: Values = 0.0  # how many are open
    entered: Values = False  # in liquidation
    freed: Values = 0.0  # USD of shortage that was covered since


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Taken:
    """What a call did, arrays [...] all."""

    position: Position  # as it is then
    units: Values  # that the liquidator took, >= 0
    paid: Values  # USD to the liquidator's quote: < 0 when it bought
    fund: Values  # USD of the fund's fee


def equity(position: Position, price: Values) -> Values:
    """USD [...] at the oracle ``price`` [...]."""
    return position.collateral + position.quote + position.base * price


def requirement(position: Position, terms: Terms, price: Values) -> Values:
    """USD [...] of maintenance margin, of the worse side of the orders."""
    units = worst_units(position.base, position.bids, position.asks)
    rate = root_rate(terms.maintenance, terms.factor, units, terms.rate_step)
    return units * price * rate + ORDER_MARGIN * position.orders


def missing(position: Position, terms: Terms, price: Values, counts_loss: bool = True) -> Values:
    """USD [...] of shortage with the buffer; unrealised losses are raised by it too, but not to tell who is out."""
    xp = namespace(position.base)
    profit = position.quote + position.base * price
    notional = worst_units(position.base, position.bids, position.asks) * price
    loss = xp.maximum(-profit, 0.0) if counts_loss else 0.0
    need = requirement(position, terms, price)
    return shortage(equity(position, price), need, notional, loss, terms.buffer, terms.money_step)


def take_over(position: Position, terms: Terms, price: Values, elapsed: Values, most: Values) -> Taken:
    """What a liquidator who wants ``most`` [...] units takes ``elapsed`` [...] after the account was last active.

    At the oracle ``price`` [...] > 0; ``elapsed`` is in slots on Drift. Nothing happens to an account that is not
    liquidatable.
    """
    xp = namespace(position.base)
    enters = position.entered | (equity(position, price) < requirement(position, terms, price))
    bare = replace(position, bids=0.0, asks=0.0, orders=0.0)
    short = missing(bare, terms, price)
    freed = position.freed + xp.maximum(missing(position, terms, price) - short, 0.0)
    held, side = xp.abs(position.base), xp.sign(position.base)
    units, fee = _sizes(held, terms, price, short, freed, elapsed)
    may = xp.minimum(units, round_down(most, terms.units_step))
    units = xp.where(missing(bare, terms, price, counts_loss=False) > 0, may, 0.0)
    fund, received = fee * units * price, side * units * takeover_price(price, side, terms.fee)
    left = replace(bare, base=position.base - side * units, quote=position.quote + received - fund)
    out = missing(left, terms, price, counts_loss=False) <= 0
    freed = xp.where(out, 0.0, freed + xp.maximum(short - missing(left, terms, price), 0.0))
    left = replace(left, entered=~out, freed=freed)
    kept = jax.tree.map(lambda new, old: xp.where(enters, new, old), left, position)
    return Taken(kept, *(xp.where(enters, x, 0.0) for x in (units, -received, fund)))


def _sizes(
    held: Values, terms: Terms, price: Values, short: Values, freed: Values, elapsed: Values
) -> tuple[Values, Values]:
    """Units [...] that may be taken, and the rate [...] of the fund's fee."""
    ratio = root_rate(terms.maintenance, terms.factor, held, terms.rate_step) + terms.buffer
    fee = fund_fee(short, held * price, ratio, terms.fee, terms.largest_fund_fee)
    cover = cover_units(short, price, ratio, terms.fee, fee)
    part = pace(short, freed, elapsed, terms.initial, terms.duration, terms.small, terms.rate_step)
    return units_now(held, price, cover, part, terms.small, terms.units_step), fee
