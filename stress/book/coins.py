"""Coins as collateral in a book."""

from __future__ import annotations

import dataclasses

import numpy as np

from stress.book.schema import Book
from stress.config.collateral import OWN, CoinCollateralConfig
from stress.protocol.coins import Haircuts

SMALLEST = 1e-8
"""Units of a coin are multiples of this."""


def holding(book: Book, coins: np.ndarray, prices: np.ndarray, haircuts: Haircuts) -> Book:
    """The book whose accounts hold ``coins`` [N, A] besides, and a note on what they are worth at prices [A]."""
    counted = haircuts.counted(coins)
    worth, left, cash = (coins * prices).sum(), (counted * prices).sum(), np.maximum(book.cash, 0.0).sum()
    owners = int((coins > 0).any(1).sum())
    note = (f"Collateral in coins: {worth:,.0f} USD ({worth / (worth + cash):.1%} of all collateral) in {owners:,} "
            f"accounts, which counts for {left:,.0f} USD of margin (haircut {1.0 - left / worth:.1%}); "
            f"{wrong_way(book, coins, prices):.0%} of it is the coin of a long position of its owner, who loses on "
            "both when its price falls.")
    return dataclasses.replace(book, coins=coins, counted=counted, notes=(*book.notes, note))


def wrong_way(book: Book, coins: np.ndarray, prices: np.ndarray) -> float:
    """Share of the value of ``coins`` [N, A] at prices [A] whose owner is long in their market."""
    value = coins * prices
    return float(np.where(book.size > 0, value, 0.0).sum() / value.sum())


def with_coins(
    book: Book, cfg: CoinCollateralConfig | None, prices: np.ndarray, haircuts: Haircuts | None
) -> Book:
    """The book in which every cross account holds a share of its collateral in coins, that count for as much.

    Who would hold a coin without weight keeps USD.
    """
    if cfg is None or haircuts is None or cfg.share == 0:
        return book
    largest = np.argmax(np.abs(book.size) * prices, axis=1)
    asset = largest if cfg.asset == OWN else np.full(book.accounts, book.markets.index(cfg.asset))
    pays = ~book.isolated & ~book.residual & (haircuts.weight[asset] > 0) & (book.cash > 0)
    kept = np.where(pays, np.floor(book.cash * (1.0 - cfg.share) * 100.0) / 100.0, book.cash)
    counted = np.zeros_like(book.size)
    counted[np.arange(book.accounts), asset] = (book.cash - kept) / prices[asset]
    coins = np.ceil(haircuts.units(counted) / SMALLEST) * SMALLEST
    if not coins.any():
        return book
    return holding(dataclasses.replace(book, cash=kept), coins, prices, haircuts)
