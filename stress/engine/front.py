"""The front: the accounts nearest to liquidation, kept apart, so that most looks touch them and nobody else.

An account outside the front is safe while every market moves by less than its reach (``engine.screen``), and all of
them reach at least as far as the last account of the front. While the prices stay within that, a look at the front
is a look at everybody. Beyond that the front is written back and chosen anew, and so it is after whatever touches
all accounts: funding, ADL, socialised loss.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp

from stress.engine.check import check_at
from stress.engine.screen import MARGIN, reaches
from stress.engine.state import FLAGGED, Accounts, Row, Screen
from stress.protocol.venue import Venue
from stress.types import NEVER, Array

HALVINGS = 24
"""Most steps of the search for the reach that bounds the front."""
FILLED = 0.875
"""Share of the front that is enough to end the search."""
FAR = 1.0
"""Between minus and plus this reach is searched; whoever is further away is never in front of many."""
WORD = 32
"""Accounts whose membership shares a word of bits."""
ROUNDING = 1e-6
"""More than the rounding of a reach, which is float32."""
Nearest = Callable[[Array, int], tuple[Array, Array]]
"""Finds the front: of reaches [N] a bound [] that all others keep, and places [width] of at most so many accounts."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Front:
    """What accounts in front own; the ledger is out of date where they are touched."""

    index: Array  # [W] int32 account, N for none
    quote: Array  # [W] USD
    size: Array  # [A, W] base units
    marks: dict[str, Array]  # [..., W]
    touched: Array  # [W] bool, what it owns is no longer what the ledger says
    low: Array  # [A] USD per unit: nobody else can be liquidatable while the oracle price is above
    high: Array  # [A] USD per unit, likewise below
    rest_quote: Array  # [] USD of all others together
    rest_size: Array  # [A] base units of all others together

    def owned(self, name: str) -> Array:
        """Quote, size or one of the marks."""
        return {"quote": self.quote, "size": self.size, **self.marks}[name]


def nobody_in_front(row: Row, width: int) -> Front:
    """An empty front, beyond which every price lies: the next look chooses."""
    markets, accounts = row.ledger.size.shape
    width = min(width, accounts)
    none = jnp.zeros((markets, width), jnp.float64)
    return Front(
        index=jnp.full(width, accounts, jnp.int32),
        quote=none[0],
        size=none,
        marks={name: jnp.full((*mark.shape[:-1], width), NEVER, mark.dtype) for name, mark in row.marks.items()},
        touched=jnp.zeros(width, bool),
        low=jnp.full(markets, jnp.inf),
        high=jnp.full(markets, -jnp.inf),
        rest_quote=row.ledger.quote.sum(),
        rest_size=row.ledger.size.sum(1),
    )


def choose_front(
    venue: Venue, accounts: Accounts, own: dict[str, Array], price: Array, old: Front, nearest: Nearest
) -> Front:
    """The accounts of a row with the shortest reach at oracle prices [A], as ``nearest`` finds them.

    ``own`` is what all accounts own, with the ``old`` front written back.
    """
    quote, size = own["quote"], own["size"]
    seen = check_at(venue, accounts, quote, size, price)
    limit, index = nearest(reaches(venue, accounts, size, seen).astype(jnp.float32), old.index.shape[0])
    member = index < quote.shape[0]
    bound = limit.astype(jnp.float64) * (1.0 - ROUNDING) - MARGIN
    mine, held = jnp.where(member, quote[index], 0.0), jnp.where(member, size[:, index], 0.0)
    return Front(
        index=index,
        quote=mine,
        size=held,
        marks={name: jnp.where(member, own[name][..., index], NEVER) for name in old.marks},
        touched=jnp.zeros(index.shape, bool),
        low=price * (1.0 - bound),
        high=price * (1.0 + bound),
        rest_quote=old.rest_quote + old.quote.sum() - mine.sum(),
        rest_size=old.rest_size + old.size.sum(1) - held.sum(1),
    )


def nearest_by_sorting(reach: Array, width: int) -> tuple[Array, Array]:
    """A reach [] that no other account falls short of, and the ``width`` nearest accounts [width], N for none."""
    if reach.shape[0] <= width:
        return jnp.float32(jnp.inf), jnp.where(reach < jnp.inf, jnp.arange(reach.shape[0], dtype=jnp.int32), len(reach))
    found, index = jax.lax.top_k(-reach, width)
    return -found[-1], jnp.where(found > -jnp.inf, index.astype(jnp.int32), reach.shape[0])


def nearest_by_halving(reach: Array, width: int) -> tuple[Array, Array]:
    """As :func:`nearest_by_sorting`, a few accounts less: on a CPU sorting takes longer than all the rest of a look."""
    limit = _limit(reach, width)
    index, members = _places((reach <= limit) & (reach < jnp.inf), width)
    # a compiler that computes reaches twice may round them differently, and find one account too many: no front then
    return jnp.where(members > width, -jnp.inf, limit), index


def _limit(reach: Array, width: int) -> Array:
    """A reach [] that at most ``width`` accounts do not exceed; infinite where none has to stay out."""
    if reach.shape[0] <= width:
        return jnp.float32(jnp.inf)

    def halve(state: tuple[Array, Array, Array, Array]) -> tuple[Array, Array, Array, Array]:
        low, high, count, steps = state
        middle = 0.5 * (jnp.maximum(low, -FAR) + high)
        within = (reach <= middle).sum(dtype=jnp.int32)
        few = within <= width
        return jnp.where(few, middle, low), jnp.where(few, high, middle), jnp.where(few, within, count), steps + 1

    start = (jnp.float32(-jnp.inf), jnp.float32(FAR), jnp.int32(0), jnp.int32(0))
    return jax.lax.while_loop(lambda state: (state[2] < FILLED * width) & (state[3] < HALVINGS), halve, start)[0]


def _places(member: Array, width: int) -> tuple[Array, Array]:
    """Indices [width] of the first members [N], N for none, and the number of members []."""
    count = member.shape[0]
    bits = jnp.pad(member, (0, -count % WORD)).reshape(-1, WORD).astype(jnp.uint32)
    words = (bits << jnp.arange(WORD, dtype=jnp.uint32)).sum(1, dtype=jnp.uint32)

    def one(state: tuple[Array, Array, Array, Array]) -> tuple[Array, Array, Array, Array]:
        index, found, place, word = state
        lowest = jax.lax.population_count((word & -word) - 1).astype(jnp.int32)
        index, hit = index.at[jnp.minimum(found, width)].set(WORD * place + lowest), word != 0
        word = jnp.where(hit, word & (word - 1), words[place + 1])
        return index, found + hit, place + ~hit, word

    start = (jnp.full(width + 1, count, jnp.int32), jnp.int32(0), jnp.int32(0), words[0])
    index, found, *_ = jax.lax.while_loop(lambda state: state[2] < words.shape[0], one, start)
    return jnp.where(jnp.arange(width) < found, index[:width], count), found


def write_back(holdings: dict[str, Array], front: Front, row: Array) -> dict[str, Array]:
    """The holdings of all rows with what accounts in front of one ``row`` [] own; other entries are not touched."""

    def one(k: Array, held: dict[str, Array]) -> dict[str, Array]:
        mine = front.touched[k]
        n = jnp.where(mine, front.index[k], 0)

        def put(old: Array, new: Array) -> Array:
            return old.at[row, ..., n].set(jnp.where(mine, new[..., k], old[row, ..., n]))

        return {name: put(old, front.owned(name)) for name, old in held.items()}

    return jax.lax.fori_loop(0, front.index.shape[0], one, holdings)


def all_written_back(holdings: dict[str, Array], fronts: Front, together: bool) -> dict[str, Array]:
    """The holdings of rows with what the accounts in front of each own, entry by entry or all ``together``."""

    def one(row: Array, held: dict[str, Array]) -> dict[str, Array]:
        return write_back(held, jax.tree.map(lambda leaf: leaf[row], fronts), row)

    def put(old: Array, new: Array, front: Front) -> Array:
        place = jnp.where(front.touched, front.index, old.shape[-1])
        return old.at[..., place].set(new, mode="drop")

    if together:
        return {name: jax.vmap(put)(old, fronts.owned(name), fronts) for name, old in holdings.items()}
    return jax.lax.fori_loop(0, fronts.index.shape[0], one, holdings)


def accounts_in_front(accounts: Accounts, front: Front) -> Accounts:
    """Their fixed part: never the residual account; entry prices only matter to ADL and levies, and to pools."""
    entry = jnp.zeros_like(front.size)
    if accounts.entries_in_front:
        entry = accounts.entry.at[:, front.index].get(mode="fill", fill_value=0.0)
    return Accounts(
        entry=entry,
        residual=jnp.zeros(front.index.shape, bool),
        quote_total=accounts.quote_total,
        ladders=accounts.ladders,
        coins=None if accounts.coins is None else accounts.coins.of(front.index),
        opened=accounts.opened,
        entered=None if accounts.entered is None else accounts.entered.of(front.index),
        entries_in_front=accounts.entries_in_front,
    )


def kept_from(row: Row, front: Front) -> Front:
    """The front after a look at it."""
    quote, size = row.ledger.quote, row.ledger.size
    touched = front.touched | (quote != front.quote) | (size != front.size).any(0)
    for name, mark in row.marks.items():
        touched = touched | (mark != front.marks[name]).reshape(-1, touched.shape[0]).any(0)
    return replace(front, quote=quote, size=size, marks=row.marks, touched=touched)


def flags_of_all(front: Front, flagged: Array, price: Array) -> Array:
    """Keepers' flags [N] at the look for which a front was chosen, at oracle prices [A].

    It finds everybody outside the front healthy, whatever they were before, unless prices are beyond the front.
    """
    others = jnp.full_like(flagged, NEVER).at[front.index].set(front.marks[FLAGGED], mode="drop")
    return jnp.where(beyond(front, price), flagged, others)


def beyond(front: Front, price: Array) -> Array:
    """Whether somebody outside the front might be liquidatable at oracle prices [A]."""
    return (price <= front.low).any() | (price >= front.high).any()


def within(box: Screen, front: Front) -> Screen:
    """The box of the accounts in front, cut to where the front stands for everybody."""
    return replace(box, low=jnp.maximum(box.low, front.low), high=jnp.minimum(box.high, front.high))
