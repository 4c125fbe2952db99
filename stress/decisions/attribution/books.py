"""The book with some positions made smaller, or gone."""

from __future__ import annotations

import dataclasses

import numpy as np

from stress.book.balance import with_residual
from stress.book.inverse import mirrored_prices
from stress.book.schema import Book


def kept(
    book: Book, members: np.ndarray, share: float | np.ndarray, prices: np.ndarray, name: str, *, inverse: bool = False
) -> Book:
    """``book`` in which the positions ``members`` [N, A] have ``share`` of their size, closed at prices [A].

    ``share`` is one number, or one an account [N, 1].

    An account keeps its equity at these prices: what the closed part had gained goes to its cash. It stays in the book
    even without a position, so that nobody else changes places. What is cut is held by the residual account ``name``,
    which enters at the same prices and is never liquidated: open interest and the other side stay.
    """
    cut = np.where(members & ~book.residual[:, None], (1.0 - share) * book.size, 0.0)
    gained = -cut * (prices - mirrored_prices(book.entry, prices)) if inverse else cut * (prices - book.entry)
    size = book.size - cut
    smaller = dataclasses.replace(
        book, size=size, entry=np.where(size != 0, book.entry, 0.0), cash=book.cash + gained.sum(1)
    )
    return with_residual(_without_residual(smaller), name, prices)


def _without_residual(book: Book) -> Book:
    """The accounts that a user has."""
    if not book.residual.any():
        return book
    stay = ~book.residual
    owners = np.unique(book.owner[stay])

    def of(values: np.ndarray | None) -> np.ndarray | None:
        return None if values is None else values[stay]

    return dataclasses.replace(
        book,
        owners=tuple(book.owners[o] for o in owners),
        owner=np.searchsorted(owners, book.owner[stay]),
        isolated=book.isolated[stay],
        residual=book.residual[stay],
        size=book.size[stay],
        entry=book.entry[stay],
        cash=book.cash[stay],
        coins=of(book.coins),
        counted=of(book.counted),
    )
