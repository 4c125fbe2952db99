"""One tick, phase by phase, for one path under one variant. The order of the phases is the model.

    1 shock      the market model moves the fundamental price S
    2 recovery   absorbed flow decays; mark and oracle follow           open_tick
    3 funding    on its interval; collateral that lost its peg           move_premium, pay_funding, revalue
    4 breaker    a market out of its band halts                          open_tick
    5 check      equity against requirement at the oracle price          check
    6 sizing     the rule's share of every account, cut by keepers       size, limit_to_capacity
    7 execution  the net flow walks the book                             execute
    8 settlement PnL at the fill, fee, remainder, deficit                settle
    9 waterfall  fund, ADL, socialised loss, uncovered                   shortfall, deleverage, insure, socialise
   10 rounds     5 to 9 again at the new mark until nobody new acts      engine.rounds
   11 record     what the metrics need                                   record

``engine.dense`` and ``engine.rounds`` map these functions over rows; branches are taken there, outside of ``vmap``.
"""

from __future__ import annotations

from dataclasses import replace

import jax.numpy as jnp

from stress.engine.ladder.beside import after_round, book_crowd, crowd_match, with_sides, without_sides
from stress.engine.ladder.crowd import Crowd, look, pay_crowd
from stress.engine.ladder.deleverage import sale_at, sides, sold_units
from stress.engine.record import inflow, record
from stress.engine.state import CLOSED, FLAGGED, Accounts, Ledger, Row
from stress.engine.tick import Check, Closing, Round, Settlement, Tick
from stress.liquidity.limit_orders import filled
from stress.protocol.adl.base import AdlCase, Standing
from stress.protocol.adl.pair import bankruptcy_price
from stress.protocol.backstop import Vault
from stress.protocol.funding.base import SkewRule
from stress.protocol.keepers import risk_order, within_capacity
from stress.protocol.liquidation.base import RiskCase
from stress.protocol.liquidation.limits import OrderCase
from stress.protocol.margin.health import falls_short
from stress.protocol.venue import Venue
from stress.protocol.waterfall.insurance_fund import payment, shortfall_share
from stress.protocol.waterfall.socialised_loss import DUST, levy
from stress.types import NEVER, Array

CRUMB = 1e-12
"""Share of a position below which what is left of it is rounding: the position is closed."""


def open_tick(venue: Venue, row: Row, fundamental: Array, multiplier: Array, number: Array) -> tuple[Row, Tick]:
    """Phases 1, 2 and 4: recovery, mark, depth, oracle, breaker."""
    liquidity = venue.liquidity
    z, vault = row.z * liquidity.decay, row.vault
    displacement = liquidity.impact.displacement(z)
    depth = liquidity.depth_now(multiplier, displacement)
    if venue.backstop is not None and vault is not None:
        halted = venue.breaker.halted(row.breaker, number)
        vault, z = venue.backstop.sell(vault, liquidity, z, fundamental, depth, halted)
        displacement = liquidity.impact.displacement(z)
    mark = fundamental * (1.0 + displacement)
    oracle_input = fundamental * (1.0 + venue.oracle.impact_share * displacement)
    breaker = venue.breaker.observe(row.breaker, row.mark, mark, number)
    tick = Tick(
        number=number,
        fundamental=fundamental,
        depth=depth,
        halted=venue.breaker.halted(breaker, number),
        capacity=venue.keepers.capacity,
    )
    oracle = venue.oracle.observe(row.oracle, oracle_input, number)
    if venue.oracle.freezes:
        last = venue.oracle.price(row.oracle, row.mark / (1.0 + row.displacement), row.displacement)
        oracle = venue.oracle.freeze(oracle, last, number)
    vault = None if vault is None else vault.marked(mark)
    return replace(row, z=z, displacement=displacement, mark=mark, oracle=oracle, breaker=breaker, vault=vault), tick


def move_premium(venue: Venue, row: Row, number: Array, normal: Array) -> Row:
    """Phase 3: where funding is due, the exogenous premium moves on to this payment; ``normal`` [A] is its noise."""
    process = venue.funding.process
    if process is None or row.premium is None:
        return row
    return replace(
        row, premium=jnp.where(venue.funding.due(number), process.next(row.premium, normal), row.premium)
    )


def pay_funding(venue: Venue, accounts: Accounts, row: Row, tick: Tick) -> Row:
    """Phase 3: everyone pays rate x mark x size, the outside market included, so it sums to zero."""
    due, level = venue.funding.due(tick.number), row.funding_level
    rule = venue.funding.rule
    if isinstance(rule, SkewRule):
        assert level is not None  # as in the first row
        moved, rate = rule.next(level, *open_interest(accounts, row.ledger.size), row.mark)
        level = jnp.where(due, moved, level)
    else:
        rate = venue.funding.rate(row.displacement, row.premium)
    price = jnp.where(due, rate, 0.0) * row.mark
    ledger = row.ledger
    quote = ledger.quote - (price[:, None] * ledger.size).sum(0)
    outside = ledger.outside_quote - (price * ledger.outside_size).sum()
    crowd = None if row.crowd is None else pay_crowd(row.crowd, price)
    ledger = replace(ledger, quote=quote, outside_quote=outside)
    vault = None if row.vault is None else row.vault.paid(price)
    return replace(row, ledger=ledger, crowd=crowd, vault=vault, funding_level=level)


def open_interest(accounts: Accounts, size: Array) -> tuple[Array, Array]:
    """Units [A] long and short of sizes [A, N], the residual account's apart: it takes the place of a pool."""
    held = jnp.where(accounts.residual, 0.0, size)
    return jnp.maximum(held, 0.0).sum(1), jnp.maximum(-held, 0.0).sum(1)


def moves_cash(venue: Venue, number: Array) -> Array:
    """Whether phase 3 changes what accounts own in this tick []."""
    moves = venue.funding.due(number)
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
    amount = jnp.where((ledger.size != 0).any(0), accounts.collateral * change, 0.0)
    outside = ledger.outside_quote - amount.sum()
    return replace(row, ledger=replace(ledger, quote=ledger.quote + amount, outside_quote=outside))


def oracle_price(venue: Venue, row: Row, tick: Tick) -> Array:
    """The price [A] of the risk check at the current mark."""
    return venue.oracle.price(row.oracle, tick.fundamental, row.displacement)


def check(venue: Venue, accounts: Accounts, row: Row, tick: Tick) -> Check:
    """Phase 5 at the current mark."""
    seen = check_at(venue, accounts, row.ledger.quote, row.ledger.size, oracle_price(venue, row, tick))
    if accounts.ladders is None or row.crowd is None:
        return seen
    found = look(accounts.ladders, venue, row.crowd, seen.price, tick.number)
    halted = jnp.repeat(tick.halted, 2)
    return replace(seen, due=replace(found, ends=jnp.where(halted, row.crowd.next, found.ends)))


def check_at(venue: Venue, accounts: Accounts, quote: Array, size: Array, price: Array) -> Check:
    """Phase 5 at oracle prices [A] of accounts with quote [N] and sizes [A, N].

    An account is liquidatable when it holds a position and equity < requirement, strictly.
    """
    value = size * price[:, None]
    notional = jnp.abs(value)
    margin = venue.maintenance.requirement(jnp.abs(size), notional)
    equity, requirement = quote + value.sum(0), margin.sum(0)
    liquidatable = falls_short(equity, requirement) & ~accounts.residual
    return Check(
        price=price, notional=notional, margin=margin, equity=equity, requirement=requirement, liquidatable=liquidatable
    )


def size(venue: Venue, row: Row, tick: Tick, seen: Check, acted: Array) -> tuple[Array, dict[str, Array]]:
    """Phase 6: share of every position to be closed [1 or A, N] before capacity, and the marks.

    ``acted`` [N]: accounts that were liquidated earlier in this tick; nobody is twice.
    """
    marks, ready = row.marks, seen.liquidatable
    if venue.keepers.delayed:
        marks = marks | {FLAGGED: venue.keepers.flag(marks[FLAGGED], seen.liquidatable, tick.number)}
        ready = venue.keepers.ready(marks[FLAGGED], seen.liquidatable, tick.number)
    halted = ((row.ledger.size != 0) & tick.halted[:, None]).any(0)
    may = ready & ~acted & ~halted
    share = venue.rule.share(risk_case(venue, row, tick, seen))
    bankrupt = row.ledger.quote + (row.ledger.size * row.mark[:, None]).sum(0) <= 0
    return jnp.where(may, jnp.where(bankrupt & venue.rule.bankrupt_whole, 1.0, share), 0.0), marks


def risk_case(venue: Venue, row: Row, tick: Tick, seen: Check) -> RiskCase:
    """What the rule sees."""
    since = tick.number - row.marks[CLOSED] if venue.rule.waits else None
    return RiskCase(
        equity=seen.equity,
        requirement=seen.requirement,
        units=jnp.abs(row.ledger.size),
        notional=seen.notional,
        curve=venue.maintenance,
        tick=tick.number,
        since=since,
    )


def limit_to_capacity(seen: Check, share: Array, capacity: Array) -> Array:
    """Phase 6: keepers take the riskiest first, as far as their capacity [] in USD goes."""
    order = risk_order(seen.equity, seen.requirement, (share > 0).any(0))
    return within_capacity(share, (share * seen.notional).sum(0), order, capacity)


def book_closing(accounts: Accounts, row: Row, seen: Check, share: Array) -> Closing:
    """Everything that is closed goes to the book."""
    held = row.ledger.size
    book = jnp.where(share >= 1.0, held, held * share)
    none = jnp.zeros_like(book)
    crowd = None
    if accounts.ladders is not None and row.crowd is not None and seen.due is not None:
        crowd = book_crowd(row.crowd, seen.due)
    acted = (share > 0).any(0)
    whole = acted & ((share >= 1.0) | (held == 0)).all(0)
    return Closing(book=book, adl=none, adl_price=none, adl_cash=none[0], acted=acted, whole=whole, crowd=crowd)


def take_over(venue: Venue, row: Row, seen: Check, closing: Closing) -> Closing:
    """Phase 7: accounts that the backstop takes over, instead of the book."""
    backstop, vault = venue.backstop, row.vault
    assert backstop is not None and vault is not None  # the caller's branch
    taken = closing.acted & backstop.takes(vault, seen.price, seen.equity, seen.requirement)
    total, held = seen.notional.sum(0), row.ledger.size
    kept = backstop.left(seen.equity, total)
    part = seen.notional / jnp.where(total > 0, total, 1.0)
    return replace(
        closing,
        book=jnp.where(taken, 0.0, closing.book),
        whole=closing.whole | taken,
        taken=jnp.where(taken, seen.notional, 0.0),
        taken_price=bankruptcy_price(seen.price[:, None], seen.equity - kept, part, held),
        kept=kept,
    )


def place_orders(venue: Venue, row: Row, tick: Tick, seen: Check, closing: Closing) -> Closing:
    """Phase 7: what orders with limits fill; the rest waits, but of bankrupt accounts that get nothing ADL takes it."""
    held = row.ledger.size
    case = OrderCase(seen.price[:, None], held, seen.margin, seen.equity, seen.requirement)
    closing = replace(closing, bankruptcy=case.bankruptcy())
    if venue.limit is None:
        return closing
    done = filled(venue.liquidity, closing.book, venue.limit.price(case), row.z, tick.fundamental, tick.depth)
    left = closing.book - done
    left = jnp.where(jnp.abs(left) <= CRUMB * jnp.abs(held), 0.0, left)
    stranded = jnp.where((seen.equity < 0) & (done == 0).all(0), left, 0.0)
    return replace(
        closing,
        book=closing.book - left,
        acted=closing.acted & ((left == 0) | (done != 0)).any(0),
        whole=closing.whole & (left == 0).all(0),
        stranded=stranded,
        waits=(left != 0).any(0),
    )


def settle(venue: Venue, accounts: Accounts, row: Row, tick: Tick, closing: Closing) -> Settlement:
    """Phases 7 and 8: the net flow walks the book; PnL, fee, remainder and deficit at the resulting prices."""
    liquidity, ledger, ladders, crowd = venue.liquidity, row.ledger, accounts.ladders, row.crowd
    flow, sale = closing.book.sum(1), None
    if ladders is None or crowd is None or closing.crowd is None:
        price, z = liquidity.walk(row.z, flow, tick.fundamental, tick.depth)
    else:
        mine = closing.crowd.leaving, closing.crowd.match
        units, net = sold_units(ladders, crowd, *mine)
        price, z = liquidity.walk(row.z, flow + net, tick.fundamental, tick.depth)
        sale = sale_at(ladders, venue, crowd, *mine, units, price, z, tick.fundamental)
    displacement = liquidity.impact.displacement(z)
    mark = tick.fundamental * (1.0 + displacement)
    side = jnp.where(ledger.size > 0, 1.0 - liquidity.half_spread, 1.0 + liquidity.half_spread)
    fill = price[:, None] * side
    value = closing.book * fill
    left = jnp.where(closing.whole, 0.0, ledger.size - closing.book - closing.adl)
    left = jnp.where(jnp.abs(left) <= CRUMB * jnp.abs(ledger.size), 0.0, left)
    quote, taken = ledger.quote + value.sum(0) + closing.adl_cash, closing.mine(closing.whole)
    if closing.kept is not None:
        quote = jnp.where(taken, closing.kept, quote)
    after = quote + (left * mark[:, None]).sum(0)
    gain = after
    if venue.by_fill and closing.bankruptcy is not None:
        gain = (value - closing.book * closing.bankruptcy).sum(0)
    fee = jnp.minimum(venue.fees.rate * jnp.abs(value).sum(0), jnp.maximum(gain, 0.0))
    quote = quote - fee
    flat = (left == 0).all(0) & (ledger.size != 0).any(0)
    remainder = jnp.where(flat & closing.whole & ~taken, jnp.maximum(quote, 0.0), 0.0) * venue.fees.remainder_to_fund
    broke = jnp.where(flat, -quote, 0.0) if not venue.by_fill else -gain
    if closing.bankruptcy is not None:  # orders that end at it leave nothing but rounding
        broke = jnp.where(broke <= DUST * (jnp.abs(ledger.size) * mark[:, None]).sum(0), 0.0, broke)
    return Settlement(
        quote=quote - remainder,
        size=left,
        z=z,
        displacement=displacement,
        mark=mark,
        fill=fill,
        fee=fee,
        remainder=remainder,
        deficit=jnp.maximum(broke, 0.0),
        crowd=sale,
    )


def available(venue: Venue, row: Row, settled: Settlement) -> Array:
    """The fund [] in USD after the round's inflow; zero where the waterfall has none."""
    if not venue.insured:
        return jnp.zeros_like(row.ledger.fund_flow)
    return venue.fund + row.ledger.fund_flow + inflow(venue, settled)


def shortfall(venue: Venue, row: Row, settled: Settlement) -> Array:
    """Phase 9: share [] of the deficits that ADL has to carry; zero without ADL."""
    if venue.adl is None:
        return jnp.zeros_like(row.ledger.fund_flow)
    return shortfall_share(available(venue, row, settled), settled.deficits())


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
            price = bankruptcy_price(settled.fill, -settled.deficit, share, held)
    if closing.bankruptcy is None:
        return price
    return closing.bankruptcy if venue.by_fill else jnp.where(closing.left_to_adl() != 0, closing.bankruptcy, price)


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


def insure(venue: Venue, row: Row, settled: Settlement) -> Array:
    """Phase 9: what the fund pays [] in USD at the final prices."""
    return payment(available(venue, row, settled), settled.deficits())


def socialise(accounts: Accounts, settled: Settlement, rest: Array) -> Array:
    """Phase 9: levy [N] in USD on winners for what the fund left [] in USD."""
    profit = (settled.size * (settled.mark[:, None] - accounts.entry)).sum(0)
    equity = settled.quote + (settled.size * settled.mark[:, None]).sum(0)
    return levy(rest, profit, equity, accounts.residual)


def book_round(venue: Venue, accounts: Accounts, row: Row, tick: Tick, done: Round) -> Row:
    """The row after a round."""
    outcome = record(venue, accounts, row, tick, done)
    marks, acted = row.marks, done.closing.acted
    if venue.keepers.delayed:
        marks = marks | {FLAGGED: jnp.where(acted, NEVER, marks[FLAGGED])}
    if venue.rule.waits:
        marks = marks | {CLOSED: jnp.where(acted, tick.number, marks[CLOSED])}
    ledger, crowd = book_ledger(venue, row, done)
    vault = row.vault
    if vault is not None:
        vault = stocked(vault, row.ledger, done.closing)
    return replace(
        row,
        ledger=ledger,
        crowd=crowd,
        marks=marks,
        vault=vault,
        z=done.settled.z,
        displacement=done.settled.displacement,
        mark=done.settled.mark,
        outcome=outcome,
    )


def stocked(vault: Vault, ledger: Ledger, closing: Closing) -> Vault:
    """The backstop's vault after a round."""
    if closing.taken is None or closing.kept is None:
        return vault
    taken = closing.mine(closing.whole)
    return replace(
        vault,
        quote=vault.quote + jnp.where(taken, ledger.quote - closing.kept, 0.0).sum(),
        size=vault.size + jnp.where(taken, ledger.size, 0.0).sum(1),
        taken=vault.taken + closing.taken.sum(),
    )


def book_ledger(venue: Venue, row: Row, done: Round) -> tuple[Ledger, Crowd | None]:
    """Ledger and crowd after a round: fills, fees, what the fund paid and winners gave up."""
    ledger, settled, deficits = row.ledger, done.settled, done.settled.deficits()
    cover = (done.paid + done.levied.sum()) / jnp.where(deficits > 0, deficits, 1.0)
    value, units, crowd = (done.closing.book * settled.fill).sum(), done.closing.book.sum(1), row.crowd
    if crowd is not None and done.closing.crowd is not None and settled.crowd is not None:
        bought = settled.crowd.bought()
        value, units = value + (bought * settled.crowd.fill).sum(), units + bought.reshape(-1, 2).sum(1)
        crowd = after_round(crowd, done.closing.crowd, settled.crowd, cover)
    after = Ledger(
        quote=settled.quote + settled.deficit * cover - done.levied,
        size=settled.size,
        outside_quote=ledger.outside_quote - value,
        outside_size=ledger.outside_size + units,
        fund_flow=ledger.fund_flow + inflow(venue, settled) - done.paid,
        keepers=ledger.keepers + settled.fees() * venue.fees.keeper_share,
    )
    return after, crowd
