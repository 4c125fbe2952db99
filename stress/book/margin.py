"""Margin requirements on the host, in float64 NumPy: for books that are made and looked at before anything compiles."""

from __future__ import annotations

import numpy as np

from stress.book.schema import Book
from stress.protocol.margin import MarginTable


def requirement(table: MarginTable, notional: np.ndarray) -> np.ndarray:
    """Requirement [N, A] in USD of notional [N, A] in USD: the largest of the tiers' lines, as in ``MarginTable``."""
    rate, deduction = np.asarray(table.rate), np.asarray(table.deduction)
    best = rate[:, 0] * notional - deduction[:, 0]
    for k in range(1, rate.shape[1]):
        best = np.maximum(best, rate[:, k] * notional - deduction[:, k])
    return best


def shortfall(book: Book, prices: np.ndarray, table: MarginTable) -> np.ndarray:
    """Requirement less equity [N] in USD at prices [A]: positive where an account is liquidatable.

    -inf for accounts that never are: flat ones and the residual account.
    """
    short = requirement(table, np.abs(book.size) * prices).sum(1) - book.equity(prices)
    return np.where(book.residual | ~(book.size != 0).any(1), -np.inf, short)
