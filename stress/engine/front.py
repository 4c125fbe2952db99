"""The front: the accounts nearest to liquidation, kept apart, so that most looks touch them and nobody else.

An account outside the front is safe while every market moves by less than its reach (``engine.screen``), and all of
them reach at least as far as the last account of the front. While the prices stay within that, a look at the front
is a look at everybody. Beyond that the front is written back and chosen anew, and so it is after whatever touches
all accounts: funding, ADL, socialised loss.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp

from stress.engine.screen import MARGIN, reaches
from stress.engine.state import Accounts, Row, Screen
from stress.engine.step import Tick, check
from stress.protocol.venue import Venue
from stress.types import NEVER, Array

HALVINGS = 24
"""Most steps of the search for the reach that bounds the front."""
FILLED = 0.875
"""Share of the front that is enough to end the search."""
FAR = 1.0
"""A reach beyond which the search does not look: one odd account must not make its steps coarse."""


WORD = 32
"""Accounts whose membership shares a word of bits."""
ROUNDING = 1e-6
"""More than the rounding of a reach, which is float32."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Front:
    """What accounts in front own; their entries in the ledger are out of date."""

    index: Array  # [W] int32 account, N for none
    quote: Array  # [W] USD
    size: Array  # [A, W] base units
    flagged: Array  # [W] int32 ([0] without keeper delay)
    low: Array  # [A] USD per unit: nobody else can be liquidatable while the oracle price is above
    high: Array  # [A] USD per unit, likewise below
    rest_quote: Array  # [] USD of all others together
    rest_size: Array  # [A] base units of all others together


def nobody_in_front(row: Row, width: int) -> Front:
    """An empty front, beyond which every price lies: the next look chooses."""
    markets, accounts = row.ledger.size.shape
    width = min(width, accounts)
    none = jnp.zeros((markets, width), jnp.float64)
    return Front(
        index=jnp.full(width, accounts, jnp.int32),
        quote=none[0],
        size=none,
        flagged=jnp.full(width if row.flagged.shape[0] else 0, NEVER, jnp.int32),
        low=jnp.full(markets, jnp.inf),
        high=jnp.full(markets, -jnp.inf),
        rest_quote=row.ledger.quote.sum(),
        rest_size=row.ledger.size.sum(1),
    )


def choose_front(venue: Venue, accounts: Accounts, row: Row, tick: Tick, old: Front) -> Front:
    """The accounts with the shortest reach at the current prices; ``old`` is the front that was written back."""
    ledger, seen = row.ledger, check(venue, accounts, row, tick)
    count, width = ledger.quote.shape[0], old.index.shape[0]
    reach = reaches(venue, accounts, ledger.size, seen).astype(jnp.float32)
    limit = _limit(reach, width)
    index = _places((reach <= limit) & (reach < jnp.inf), width)
    member = index < count
    bound = limit.astype(jnp.float64) * (1.0 - ROUNDING) - MARGIN
    quote, size = jnp.where(member, ledger.quote[index], 0.0), jnp.where(member, ledger.size[:, index], 0.0)
    return Front(
        index=index,
        quote=quote,
        size=size,
        flagged=jnp.where(member, row.flagged[index], NEVER) if row.flagged.shape[0] else row.flagged,
        low=seen.price * (1.0 - bound),
        high=seen.price * (1.0 + bound),
        rest_quote=old.rest_quote + old.quote.sum() - quote.sum(),
        rest_size=old.rest_size + old.size.sum(1) - size.sum(1),
    )


def _limit(reach: Array, width: int) -> Array:
    """A reach [] that at most ``width`` accounts do not exceed, found by halving; infinite where none has to stay out.

    A sort would find the last of them, and take longer than all the rest of a look.
    """

    def search(state: tuple[Array, Array, Array, Array]) -> tuple[Array, Array, Array, Array]:
        low, high, _, step = state
        middle = 0.5 * (low + high)
        count = (reach <= middle).sum(dtype=jnp.int32)
        few = count <= width
        return jnp.where(few, middle, low), jnp.where(few, high, middle), few & (count >= FILLED * width), step + 1

    finite = reach < jnp.inf
    low, high = jnp.maximum(reach.min(), -FAR) - 1.0, jnp.minimum(jnp.where(finite, reach, -jnp.inf).max(), FAR)
    start = (low, high, finite.sum(dtype=jnp.int32) <= width, jnp.int32(0))
    limit = jax.lax.while_loop(lambda state: ~state[2] & (state[3] < HALVINGS), search, start)[0]
    return jnp.where(start[2], jnp.inf, limit)


def _places(member: Array, width: int) -> Array:
    """Indices [width] of the members [N], of which there are at most as many; N for none."""
    count = member.shape[0]
    bits = jnp.pad(member, (0, -count % WORD)).reshape(-1, WORD).astype(jnp.uint32) << jnp.arange(WORD, dtype=jnp.uint32)
    words, members = bits.sum(1, dtype=jnp.uint32), member.sum(dtype=jnp.int32)

    def one(state: tuple[Array, Array, Array, Array]) -> tuple[Array, Array, Array, Array]:
        index, found, place, word = state
        lowest = jax.lax.population_count((word & -word) - 1).astype(jnp.int32)
        index, hit = index.at[found].set(WORD * place + lowest), word != 0
        word = jnp.where(hit, word & (word - 1), words[place + 1])
        return index, found + hit, place + ~hit, word

    start = (jnp.full(width + 1, count, jnp.int32), jnp.int32(0), jnp.int32(0), words[0])
    index, *_ = jax.lax.while_loop(lambda state: state[1] < members, one, start)
    return jnp.where(jnp.arange(width) < members, index[:width], count)


def written_back(row: Row, front: Front) -> Row:
    """The row with what accounts in front own in its ledger."""
    last = row.ledger.quote.shape[0] - 1

    def one(k: Array, held: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        n = jnp.minimum(front.index[k], last)
        mine = front.index[k] <= last
        quote, size, flagged = held
        quote = quote.at[n].set(jnp.where(mine, front.quote[k], quote[n]))
        size = size.at[:, n].set(jnp.where(mine, front.size[:, k], size[:, n]))
        if flagged.shape[0]:
            flagged = flagged.at[n].set(jnp.where(mine, front.flagged[k], flagged[n]))
        return quote, size, flagged

    held = (row.ledger.quote, row.ledger.size, row.flagged)
    quote, size, flagged = jax.lax.fori_loop(0, front.index.shape[0], one, held)
    return replace(row, ledger=replace(row.ledger, quote=quote, size=size), flagged=flagged)


def accounts_in_front(accounts: Accounts, front: Front) -> Accounts:
    """Their fixed part: never the residual account; entry prices only matter to ADL and levies."""
    return Accounts(
        entry=jnp.zeros_like(front.size),
        residual=jnp.zeros(front.index.shape, bool),
        quote_total=accounts.quote_total,
    )


def kept_from(row: Row, front: Front) -> Front:
    """The front after a look at it."""
    return replace(front, quote=row.ledger.quote, size=row.ledger.size, flagged=row.flagged)


def beyond(front: Front, price: Array) -> Array:
    """Whether somebody outside the front might be liquidatable at oracle prices [A]."""
    return (price <= front.low).any() | (price >= front.high).any()


def within(box: Screen, front: Front) -> Screen:
    """The box of the accounts in front, cut to where the front stands for everybody."""
    return replace(box, low=jnp.maximum(box.low, front.low), high=jnp.minimum(box.high, front.high))
