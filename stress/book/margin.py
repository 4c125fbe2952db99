"""Who of a book is liquidatable, in float64 NumPy: for books that are made and looked at before anything compiles."""

from __future__ import annotations

import numpy as np

from stress.book.schema import Book
from stress.protocol.margin.base import MarginCurve


def requirement(curve: MarginCurve, size: np.ndarray, prices: np.ndarray) -> np.ndarray:
    """Requirement [N, A] in USD of positions [N, A] in base units at prices [A]."""
    units = np.abs(size.T)
    return np.asarray(curve.requirement(units, units * prices[:, None])).T


def shortfall(book: Book, prices: np.ndarray, curve: MarginCurve) -> np.ndarray:
    """Requirement less equity [N] in USD at prices [A]: positive where an account is liquidatable.

    -inf for accounts that never are: flat ones and the residual account.
    """
    short = requirement(curve, book.size, prices).sum(1) - book.margin_equity(prices)
    return np.where(book.residual | ~(book.size != 0).any(1), -np.inf, short)
