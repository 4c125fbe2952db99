"""Longs and shorts must balance in every market: a residual account takes what they differ by."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from stress.book.schema import Book
from stress.errors import bad_value

ROUNDING = 1e-12
"""Imbalance relative to gross size that decimal numbers leave behind when read as float64; not a position."""


def with_residual(book: Book, name: str, prices: np.ndarray) -> Book:
    """``book`` with a residual account called ``name`` if longs and shorts differ, and a note a market about it.

    The account enters at prices [A], has no cash, and is never liquidated. Raises UserError when the name is taken.
    """
    if name in book.owners:
        raise bad_value("book.residual_account", name, "a name that no account of the book has")
    excess = np.array([math.fsum(column) for column in book.size.T])  # exact, so the order of accounts does not matter
    excess = np.where(np.abs(excess) > ROUNDING * np.abs(book.size).sum(0), excess, 0.0)
    if not excess.any():
        return book
    notes = [_note(book, a, excess[a], name, prices[a]) for a in np.flatnonzero(excess).tolist()]
    return dataclasses.replace(
        book,
        owners=(*book.owners, name),
        owner=np.append(book.owner, len(book.owners)),
        isolated=np.append(book.isolated, False),
        residual=np.append(book.residual, True),
        size=np.vstack([book.size, 0.0 - excess]),
        entry=np.vstack([book.entry, np.where(excess != 0, prices, 0.0)]),
        cash=np.append(book.cash, 0.0),
        notes=(*book.notes, *notes),
        coins=_without_coins(book.coins),
        counted=_without_coins(book.counted),
    )


def _without_coins(units: np.ndarray | None) -> np.ndarray | None:
    """Units [N + 1, A], none of the last account's."""
    return None if units is None else np.vstack([units, np.zeros(units.shape[1])])


def _note(book: Book, a: int, excess: float, name: str, price: float) -> str:
    longs = np.where(book.size[:, a] > 0, book.size[:, a], 0.0).sum()
    share = abs(excess) / max(longs, longs - excess)
    larger, side = ("longs", "short") if excess > 0 else ("shorts", "long")
    return (f"{book.markets[a]}: {larger} are larger by {abs(excess):,.8g} units ({abs(excess) * price:,.0f} USD, "
            f"{share:.2%} of open interest). The residual account '{name}' is {side} the difference, from the price at "
            "time zero, without collateral, and is never liquidated.")
