"""The replay ledger of inverse contracts, from the mirrored sizes and prices of the engine (``stress.contract``)."""

from __future__ import annotations

from typing import Any

import numpy as np

from stress.book.inverse import mirrored
from stress.book.schema import Book
from stress.mc.job import Job

Entry = dict[str, Any]


def as_held(job: Job, book: Book) -> Book:
    """The book as the engine has it."""
    return book if job.venues.contract is None else mirrored(book, np.asarray(job.prices))


def as_traded(job: Job, book: Book, ledger: Entry) -> Entry:
    """The ledger in USD per coin and, for sizes, coins at the prices of time zero."""
    if job.venues.contract is None:
        return ledger
    start = dict(zip(book.markets, np.asarray(job.prices).tolist(), strict=True))
    for tick in ledger["ticks"]:
        for name in ("mark", "oracle"):
            tick[name] = {market: start[market] ** 2 / price for market, price in tick[name].items()}
        for row in (*tick["liquidations"], *tick["adl"]):
            _turn(row, "price", start[row["market"]])
    for account in ledger["final"]["accounts"].values():
        for market, row in account["positions"].items():
            _turn(row, "entry_price", start[market])
    return ledger


def _turn(row: Entry, price: str, start: float) -> None:
    row["size"], row[price] = -row["size"], start**2 / row[price]
