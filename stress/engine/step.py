"""One tick, phase by phase, for one path under one variant. The order of the phases is the model.

    1 shock      the market model moves the fundamental price S
    2 recovery   absorbed flow decays; the backstop sells; mark and oracle follow;
                 the fund's income and what depositors take                         open_tick
    3 funding    on its interval; collateral that lost its peg                      move_premium, pay_funding, revalue
                 free collateral that traders take out                              withdrawals
    4 breaker    a market out of its band halts; a pool deleverages its winners     open_tick, pool
    5 check      equity against requirement at the oracle price                     check.check
    6 sizing     the rule's share of every account, cut by keepers                  check.wanted, limit_to_capacity
    7 execution  the backstop takes, limits hold orders, the net flow walks         orders, settle
    8 settlement PnL at the fill, fee, remainder, deficit                           settle.settle
    9 waterfall  fund, ADL, socialised loss, uncovered                              waterfall, deleverage
   10 rounds     5 to 9 again at the new mark until nobody new acts                 rounds
   11 record     what the metrics need                                              ledger, record

The first four are here, the others in the modules of ``stress.engine`` named on the right. ``engine.dense`` and
``engine.rounds`` map these functions over rows; branches are taken there, outside of ``vmap``.
"""

from __future__ import annotations

from dataclasses import replace

import jax.numpy as jnp

from stress.engine.ladder.crowd import pay_crowd
from stress.engine.state import WALLET, Accounts, Row
from stress.engine.tick import Tick
from stress.protocol.breaker import BreakerState
from stress.protocol.funding.base import SkewRule
from stress.protocol.oracle import OracleState
from stress.protocol.venue import Venue
from stress.types import Array


def open_tick(venue: Venue, row: Row, fundamental: Array, multiplier: Array, number: Array) -> tuple[Row, Tick]:
    """Phases 1, 2 and 4: recovery, mark, depth, oracle, breaker; ``fundamental`` [A] is in USD per unit or coin."""
    liquidity, oracle_fundamental = venue.liquidity, fundamental
    fundamental = venue.mirrored(fundamental)
    z, vault = row.z * liquidity.decay, row.vault
    displacement = liquidity.displacement(z)
    depth = liquidity.depth_now(multiplier, displacement)
    if venue.backstop is not None and vault is not None:
        halted = stopped(venue, row.breaker, number)
        vault, z = venue.backstop.sell(vault, liquidity, z, fundamental, depth, halted)
        displacement = liquidity.displacement(z)
    mark = liquidity.displaced(fundamental, displacement)
    turned = venue.turned(displacement)
    oracle_input = oracle_fundamental * (1.0 + venue.oracle.impact_share * turned)
    oracle = observe(venue, row, oracle_input, oracle_fundamental, turned, number)
    last_mark, now = venue.mirrored(row.mark), venue.mirrored(mark)
    breaker = venue.breaker.observe(row.breaker, last_mark, now, number)
    halted = stopped(venue, breaker, number)
    if oracle.guard is not None:
        halted = halted | oracle.guard.blocked
    tick = Tick(
        number=number,
        fundamental=fundamental,
        depth=depth,
        halted=halted,
        capacity=venue.keepers.capacity,
        move=jnp.zeros(()) if venue.keepers.cost is None else jnp.abs(now / last_mark - 1.0).max(),
    )
    vault, funds = None if vault is None else vault.marked(mark), row.funds
    if venue.insurance is not None and funds is not None:
        funds = venue.insurance.start_tick(venue.fund, funds, number)
    row = replace(row, z=z, displacement=displacement, mark=mark, oracle=oracle, breaker=breaker)
    row = replace(row, vault=vault, funds=funds)
    if venue.adaptive is not None and row.adaptive is not None:
        index = venue.oracle.index(oracle, oracle_fundamental, turned)
        row = replace(row, adaptive=venue.adaptive.observe(row.adaptive, index, number))
    if venue.withdrawals is not None and row.withdrawals is not None:
        index, fund = venue.oracle.index(oracle, oracle_fundamental, turned), venue.fund + row.fund_flow()
        still = stands_still(venue, number)
        row = replace(row, withdrawals=venue.withdrawals.start_tick(row.withdrawals, fund, index, number, still))
    if venue.window is not None and row.window is not None:
        row = replace(row, window=venue.window.next(row.window))
    return row, tick


def observe(
    venue: Venue, row: Row, oracle_input: Array, fundamental: Array, displacement: Array, number: Array
) -> OracleState:
    """Phase 2: what the oracle publishes of its input [A], and what mark price and guard make of it."""
    oracle = venue.oracle.observe(row.oracle, oracle_input, number)
    if venue.oracle.freezes:
        rested = venue.mirrored(venue.liquidity.at_rest(row.mark, row.displacement))
        last = venue.oracle.index(row.oracle, rested, venue.turned(row.displacement))
        oracle = venue.oracle.freeze(oracle, row.oracle, last, number)
    return venue.oracle.settle(oracle, fundamental, displacement, number)


def stopped(venue: Venue, breaker: BreakerState, number: Array) -> Array:
    """Markets [A] that do not trade in this tick."""
    halted = venue.breaker.halted(breaker, number)
    return halted | stands_still(venue, number) if venue.outages else halted


def stands_still(venue: Venue, number: Array) -> Array:
    """Whether the venue does nothing in this tick []."""
    still = jnp.zeros((), bool)
    for window in venue.outages:
        still = still | window.holds(number)
    return still


def move_premium(venue: Venue, row: Row, number: Array, normal: Array) -> Row:
    """Phase 3: where funding is due, the exogenous premium moves on to this payment; ``normal`` [A] is its noise."""
    process = venue.funding.process
    if process is None or row.premium is None:
        return row
    return replace(
        row, premium=jnp.where(venue.funding.due(number), process.next(row.premium, normal), row.premium)
    )


def pay_funding(venue: Venue, accounts: Accounts, row: Row, tick: Tick) -> Row:
    """Phase 3: everyone pays rate x mark x size, the outside market included, so it sums to zero.

    Where the rule has rates for each side, accounts pay each other and nobody else.
    """
    due, level = pays(venue, tick.number), row.funding_level
    rule = venue.funding.rule
    if isinstance(rule, SkewRule):
        assert level is not None  # as in the first row
        interest = open_interest(accounts, row.ledger.size)
        moved, rate = rule.next(level, *interest, row.mark)
        level = jnp.where(due, moved, level)
        sides = rule.sides(jnp.where(due, rate, 0.0), *interest)
        if sides is not None:
            return paid_to_each_other(accounts, replace(row, funding_level=level), *sides)
    else:
        rate = venue.turned(venue.funding.rate(venue.turned(row.displacement), row.premium))
    price = jnp.where(due, rate, 0.0) * row.mark
    ledger = row.ledger
    quote = ledger.quote - (price[:, None] * ledger.size).sum(0)
    outside = ledger.outside_quote - (price * ledger.outside_size).sum()
    crowd = None if row.crowd is None else pay_crowd(row.crowd, price)
    ledger = replace(ledger, quote=quote, outside_quote=outside)
    vault = None if row.vault is None else row.vault.paid(price)
    return replace(row, ledger=ledger, crowd=crowd, vault=vault, funding_level=level)


def paid_to_each_other(accounts: Accounts, row: Row, of_longs: Array, of_shorts: Array) -> Row:
    """The row after a payment at the rates [A] of longs and of shorts, of all accounts but the residual one."""
    ledger = row.ledger
    rate = jnp.where(ledger.size > 0, of_longs[:, None], of_shorts[:, None])
    paid = jnp.where(accounts.residual, 0.0, rate * row.mark[:, None] * ledger.size).sum(0)
    return replace(row, ledger=replace(ledger, quote=ledger.quote - paid))


def open_interest(accounts: Accounts, size: Array) -> tuple[Array, Array]:
    """Units [A] long and short of sizes [A, N], the residual account's apart: it takes the place of a pool."""
    held = jnp.where(accounts.residual, 0.0, size)
    return jnp.maximum(held, 0.0).sum(1), jnp.maximum(-held, 0.0).sum(1)


def pays(venue: Venue, number: Array) -> Array:
    """Whether funding is paid in this tick []."""
    due = venue.funding.due(number)
    return due & ~stands_still(venue, number) if venue.outages else due


def moves_cash(venue: Venue, number: Array) -> Array:
    """Whether phase 3 changes what accounts own in this tick []."""
    moves = pays(venue, number)
    for depeg in venue.depegs:
        moves = moves | depeg.due(number)
    return moves


def revalue(venue: Venue, accounts: Accounts, row: Row, tick: Tick) -> Row:
    """Phase 3: what cross wallets lose or regain of their value; the outside market takes the other side.

    Only of accounts with a position: what a closed one had was sold when it was closed.
    """
    assert accounts.collateral is not None  # the caller's branch
    ledger, change = row.ledger, jnp.zeros(())
    for depeg in venue.depegs:
        change = change + depeg.change(tick.number)
    wallet = row.marks.get(WALLET, accounts.collateral)
    amount = jnp.where((ledger.size != 0).any(0), wallet * change, 0.0)
    outside = ledger.outside_quote - amount.sum()
    return replace(row, ledger=replace(ledger, quote=ledger.quote + amount, outside_quote=outside))
