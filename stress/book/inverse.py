"""Books of inverse contracts (``stress.contract``): contracts over the price of time zero, coins times that price."""

from __future__ import annotations

import dataclasses

import numpy as np

from stress.book.schema import Book
from stress.config.schema import SyntheticConfig
from stress.errors import UserError
from stress.protocol.margin.health import unrealised_pnl

NOTE = (
    "Contracts are inverse, here or at a venue of book.synthetic.venues: every coin has margin accounts of its own, so "
    "nobody holds several markets in one (book.synthetic.multi_market_share counts as 0)."
)


def mirrored(book: Book, prices: np.ndarray) -> Book:
    """The book in mirrored sizes and prices, in which its contracts are linear; ``prices`` [A] are of time zero."""
    return dataclasses.replace(book, size=0.0 - book.size, entry=mirrored_prices(book.entry, prices))


def mirrored_prices(entry: np.ndarray, prices: np.ndarray) -> np.ndarray:
    """Mirrored entry prices [N, A]; 0 without a position."""
    return np.where(entry > 0, prices * (prices / np.where(entry > 0, entry, 1.0)), 0.0)


def gains(size: np.ndarray, entry: np.ndarray, prices: np.ndarray, inverse: bool) -> np.ndarray:
    """What positions [N, A] gained by time zero, in USD."""
    if inverse:
        size, entry = -size, mirrored_prices(entry, prices)
    return unrealised_pnl(size, prices, entry)


def single_market(cfg: SyntheticConfig) -> SyntheticConfig:
    """The population without accounts that hold several markets."""
    return dataclasses.replace(cfg, multi_market_share=0.0)


def refuse_several_coins(book: Book) -> None:
    """Raises UserError where an account holds contracts of several coins: its collateral can only be one of them."""
    several = int(((book.size != 0).sum(1) > 1).sum())
    if several:
        raise UserError(
            f"protocol.contract=inverse: {several} cross accounts of the book hold several markets, allowed is one: "
            "their margin is in the coin. Give such positions accounts and collateral of their own, export a book that "
            "is made with book.synthetic.multi_market_share=0, or set protocol.contract=linear."
        )
