"""What accounts owe after an instantaneous move, closed alone and together.

Axes: ``S`` moves, ``A`` markets, ``N`` margin accounts, ``O`` owners. An owner is a participant with its affiliates:
all its margin accounts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from stress.build.study import Study
from stress.decisions.fund.pieces import Arrays, in_pieces
from stress.mc.progress import counter
from stress.protocol.margin.health import falls_short
from stress.types import Array

NUMBERS = 2**20
"""Positions, times moves, that are looked at together."""


@dataclass(frozen=True)
class Exposures:
    """Of moves [S]."""

    need: np.ndarray  # [S, k] USD that the k owners who owe most, closed together, leave unpaid
    everybody: np.ndarray  # [S] USD that all who are liquidatable leave unpaid, closed together
    who: np.ndarray  # [S, K] int, owners who owe most, closed alone, the most first; K the largest k
    owes: np.ndarray  # [S, K] USD that each owes


def exposures(study: Study, prices: np.ndarray, counts: Sequence[int], depth_share: float, folder: Path) -> Exposures:
    """What is owed when fundamental prices jump to ``prices`` [S, A] in USD, from time zero, at a share of the depth.

    An account is closed where the jump leaves its equity below its maintenance requirement. Its whole position goes
    to the book at the average price of the walk, half the spread on top, and what its equity lacks is its deficit; a
    surplus of one margin account does not pay for another of the same owner. Owners are ranked by what each would owe
    if it were closed alone. The first k are then closed together: opposite sides net off, the rest walks the book,
    and the sum of their deficits is the need. Fees are none, for a bankrupt account pays none. The residual account
    is never closed. Linear contracts and collateral in USD. What is found is kept in ``folder`` and not sought again.
    """
    book, owners = study.book, len(study.book.owners)
    counts = [min(k, owners) for k in counts]
    rows = max(1, NUMBERS // (book.accounts * len(book.markets)))
    venue = jax.tree.map(lambda leaf: leaf[0], study.plan.job.venues)
    accounts = (jnp.asarray(book.size.T), jnp.asarray(book.quote), jnp.asarray(book.residual), jnp.asarray(book.owner))
    run, names = study.config.run, [field.name for field in fields(Exposures)]
    with counter(len(prices), "defaults", run.progress) as meter:

        def piece(n: int) -> Arrays:
            chunk = prices[n * rows:(n + 1) * rows]
            full = np.concatenate([chunk, np.repeat(chunk[-1:], rows - len(chunk), 0)])
            found = _chunk(venue, accounts, full, depth_share, tuple(counts), owners)
            meter(n * rows + len(chunk))
            return {name: np.asarray(leaf)[:len(chunk)] for name, leaf in zip(names, found, strict=True)}

        return Exposures(**in_pieces(piece, -(-len(prices) // rows), folder, run.chunk_seconds))


@partial(jax.jit, static_argnames=("counts", "owners"))
def _chunk(venue: Any, accounts: tuple[Array, ...], prices: Array, depth_share: Array, counts: tuple[int, ...],
           owners: int) -> tuple[Array, ...]:
    return jax.vmap(lambda price: _one(venue, accounts, price, depth_share, counts, owners))(prices)


def _one(venue: Any, accounts: tuple[Array, ...], price: Array, depth_share: Array, counts: tuple[int, ...],
         owners: int) -> tuple[Array, ...]:
    """Of one move to ``price`` [A]: need [k], everybody [], who [K], owes [K]."""
    size, quote, residual, owner = accounts
    at_price = size * price[:, None]
    equity = quote + at_price.sum(0)
    requirement = venue.maintenance.requirement(jnp.abs(size), jnp.abs(at_price)).sum(0)
    closes = falls_short(equity, requirement) & ~residual
    sold = jnp.where(closes, size, 0.0)  # [A, N]
    flow = jax.ops.segment_sum(sold.T, owner, owners)  # [O, A]

    def fill(units: Array) -> Array:  # [..., A] sold to [..., A] USD per unit before the spread
        depth = venue.liquidity.depth * depth_share
        start = jnp.broadcast_to(venue.liquidity.first_flow(size, residual), units.shape)
        return venue.liquidity.walk(start, units, price, depth)[0]

    spread = venue.liquidity.spread(size > 0)

    def deficits(fills: Array) -> Array:  # [A, N] or [A, 1] to [N]
        return jnp.where(closes, jnp.maximum(-(quote + (size * fills * spread).sum(0)), 0.0), 0.0)

    owed = jax.ops.segment_sum(deficits(fill(flow)[owner].T), owner, owners)
    owes, who = jax.lax.top_k(owed, max(counts))

    def together(k: int) -> Array:
        chosen = jnp.zeros(owners, bool).at[who[:k]].set(owes[:k] > 0)
        joint = deficits(fill(jnp.where(chosen[:, None], flow, 0.0).sum(0))[:, None])
        return jnp.where(chosen[owner], joint, 0.0).sum()

    everybody = deficits(fill(flow.sum(0))[:, None]).sum()
    return jnp.stack([together(k) for k in counts]), everybody, who, owes
