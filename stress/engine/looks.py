"""Looks at rows in which somebody might be liquidatable: at the accounts in front, or at all.

Each takes and returns parts of a batch of rows (``engine.batches.in_batches``), of the clock with the marks that
tell what is left to do:

    todo     wants a look at the front
    undone   wants a look at all accounts
    wakes    its companion was woken in this tick
    count    rounds of this tick so far
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from stress.engine.batches import Packed, pack
from stress.engine.check import check_at
from stress.engine.front import (
    Front,
    accounts_in_front,
    all_written_back,
    choose_front,
    flags_of_all,
    kept_from,
    nearest_by_halving,
    nearest_by_sorting,
    nobody_in_front,
    within,
    write_back,
)
from stress.engine.loops import by_rows, held
from stress.engine.pool import deleveraged_rows
from stress.engine.record import conserve
from stress.engine.rounds import Rounds, run_rounds
from stress.engine.rows import pack_holdings, parts_of, row_of
from stress.engine.screen import screen, within_triggers
from stress.engine.state import FLAGGED, Accounts, Row
from stress.engine.tick import Tick
from stress.protocol.venue import Venue
from stress.types import Array

Tree = dict[str, Any]


def new_fronts(
    accounts: Accounts, venue: Packed, books: Packed, holdings: Packed, price: Array, wanted: Array, true: Array
) -> tuple[Packed, Packed]:
    """Books and holdings after fronts were written back and chosen anew in the ``wanted`` rows [rows].

    ``price`` [rows, A] are the oracle prices, ``true`` [] is true (``engine.loops``). Row by row, in place: of the
    holdings only what changed is written.
    """

    def one(state: tuple[Array, Packed, Packed]) -> tuple[Array, Packed, Packed]:
        remaining, books, holdings = state
        row = jnp.argmax(remaining)
        mine, rules = held(true, (books.rows(row[None]), venue.rows(row[None])))
        tree: Tree = mine.unpack()
        old: Front = jax.tree.map(lambda leaf: leaf[0], tree["front"])
        everyone = write_back(holdings.unpack(), old, row)
        rules = jax.tree.map(lambda leaf: leaf[0], rules.unpack())
        own = {name: values[row] for name, values in everyone.items()}
        front = choose_front(rules, accounts, own, price[row], old, nearest_by_halving)
        if FLAGGED in own:
            flagged = flags_of_all(front, own[FLAGGED], price[row])
            everyone = everyone | {FLAGGED: everyone[FLAGGED].at[row].set(flagged)}
        front = jax.tree.map(lambda leaf: leaf[None], front)
        books = books.write(pack(tree | {"front": front}, books.large), row[None])
        return remaining.at[row].set(False), books, pack_holdings(everyone)

    return jax.lax.while_loop(lambda state: state[0].any(), one, (wanted, books, holdings))[1:]


def new_fronts_together(accounts: Accounts, state: list[Tree], given: list[Any]) -> list[Tree]:
    """As :func:`new_fronts`, for the books and holdings of a batch of rows."""
    (books, holdings), (venue, there) = state, given
    own = all_written_back(holdings, books["front"], together=True)
    choose = partial(choose_front, nearest=nearest_by_sorting)
    front = jax.vmap(choose, in_axes=(0, None, 0, 0, 0))(venue, accounts, own, there["price"], books["front"])
    if FLAGGED in own:
        own = own | {FLAGGED: jax.vmap(flags_of_all)(front, own[FLAGGED], there["price"])}
    return [books | {"front": front}, own]


def glance(accounts: Accounts, state: list[Tree], given: list[Any]) -> list[Tree]:
    """The check of the accounts in front. Where nobody is liquidatable, a new screen is all that there is to do."""
    (now,), (venue, there) = state, given
    front: Front = there["front"]
    mine = jax.vmap(accounts_in_front, in_axes=(None, 0))(accounts, front)
    seen = jax.vmap(check_at)(venue, mine, front.quote, front.size, there["price"])
    box = jax.vmap(screen)(venue, mine, front.size, seen, jnp.zeros_like(front.quote)[:, None])
    box = replace(jax.vmap(within)(box, front), always=now["screen"].always)
    acts = now["screen"].always | seen.liquidatable.any(1)
    if accounts.ladders is not None:
        limits = partial(within_triggers, ladders=accounts.ladders)
        box = jax.vmap(lambda old, rules, crowd: limits(old, venue=rules, crowd=crowd))(box, venue, there["crowd"])
        acts = acts | ((there["price"] <= box.low) | (there["price"] >= box.high)).any(1)
    return [{"screen": jax.tree.map(partial(by_rows, acts), now["screen"], box), "todo": now["todo"] & acts}]


def look_at_front(accounts: Accounts, companion: bool, state: list[Tree], given: list[Any]) -> list[Tree]:
    """The rounds of the accounts in front.

    Prices that go beyond what the front stands for leave the rest of the rounds for later, with a new front, if an
    account acts only once in a tick because it then holds nothing. Else, and where somebody else has to pay or the
    companion wakes, nothing is changed but the marks.
    """
    (clock, books), (venue, tick) = state, given
    front: Front = books["front"]
    before = row_of(clock, books, {"quote": front.quote, "size": front.size, **front.marks})
    mine = jax.vmap(accounts_in_front, in_axes=(None, 0))(accounts, front)
    bare = replace(venue, adl=None, socialised=False)
    end = run_rounds(mine, bare, before, tick, clock["count"], front)
    wakes = _depleted(end.rows, tick) & companion
    goes_on = end.beyond & (end.count > clock["count"]) & _continues(venue)
    undone = wakes | (end.beyond & ~goes_on)
    if venue.adl is not None or venue.socialised:
        undone = undone | (end.rows.outcome.uncovered > before.outcome.uncovered)
    if venue.adl is not None:
        undone = undone | end.stranded
    if venue.drawdown is not None:
        undone = undone | (end.rows.outcome.bad_debt > before.outcome.bad_debt)
    marks = {"todo": goes_on & ~undone, "undone": undone, "wakes": wakes}
    new = _kept(mine, end, front)
    pick = partial(jax.tree.map, partial(by_rows, undone))
    old = {name: clock[name] for name in new[0]} | {"count": clock["count"]}
    return [pick(old, new[0] | {"count": end.count}) | marks, pick(books, new[1])]


def look_at_all(accounts: Accounts, state: list[Tree], given: list[Any]) -> list[Tree]:
    """ADL of a pool, where it is due, and the rounds of all accounts.

    Nobody is in front afterwards: the next look chooses.
    """
    (clock, books, holdings), (venue, tick) = state, given
    batch = books["front"].index.shape[0]
    rows = row_of(clock, books, all_written_back(holdings, books["front"], together=batch > 1))
    many = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (batch, *leaf.shape)), accounts)
    if venue.pool is not None:
        rows = deleveraged_rows(venue, many, rows, tick)
    end = run_rounds(many, venue, rows, tick, clock["count"], None)
    rows = replace(end.rows, outcome=jax.vmap(conserve, in_axes=(None, 0))(accounts, end.rows))
    nobody = partial(nobody_in_front, width=books["front"].index.shape[1])
    parts = parts_of(rows, jax.vmap(nobody)(rows))
    marks = {name: clock[name] for name in ("todo", "undone")}
    # a companion that a look at the front woke is under way
    return [parts[0] | marks | {"wakes": _depleted(rows, tick) & ~clock["wakes"], "count": end.count}, *parts[1:]]


def unchanged(state: list[Any], given: list[Any]) -> list[Any]:
    """No work: rows are only copied."""
    del given
    return state


def _continues(venue: Venue) -> bool:
    """Whether rounds can go on with another front: who acted in this tick holds nothing, and need not be known."""
    whole = venue.rule.whole and venue.order is None
    return whole and not venue.keepers.limited and venue.limit is None and venue.window is None


def _depleted(rows: Row, tick: Tick) -> Array:
    return rows.outcome.depletion_tick == tick.number


def _kept(mine: Accounts, end: Rounds, front: Front) -> list[Tree]:
    """Clock and books of a batch after a look at the front, which conserves cash and contracts."""
    outcome = jax.vmap(conserve)(mine, end.rows, front.rest_quote, front.rest_size)
    rows = replace(end.rows, outcome=outcome, screen=jax.vmap(within)(end.rows.screen, front))
    return list(parts_of(rows, jax.vmap(kept_from)(rows, front))[:2])
