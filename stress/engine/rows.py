"""Rows of a block, packed by how often they change, and the parts of them that a look is given.

Rows are variants x paths.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import jax

from stress.engine.batches import Packed, pack
from stress.engine.front import Front, all_written_back, nobody_in_front
from stress.engine.state import Ledger, Row

CLOCK = ("z", "displacement", "mark", "oracle", "breaker", "screen", "premium", "vault", "funds", "adaptive", "window",
         "withdrawals", "pool")
PURSE = ("outside_quote", "outside_size", "fund_flow", "keepers")
Parts = tuple[dict[str, Any], dict[str, Any], dict[str, Any]]
"""Clock, books and holdings of rows."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Rows:
    """All rows of a block: what every tick changes as it is, what only looks change packed."""

    clock: dict[str, Any]  # fields of Row that every tick touches (CLOCK)
    books: Packed  # outcome, purse (the ledger without accounts), front, and what else only looks change
    holdings: Packed  # quote, size and marks of all accounts, those in front out of date

    def row(self, together: bool) -> Row:
        """All rows with a leading axis, with what their fronts own in the ledger (:func:`all_written_back`)."""
        books = self.books.unpack()
        return row_of(self.clock, books, all_written_back(self.holdings.unpack(), books["front"], together))


def pack_rows(rows: Row, width: int) -> Rows:
    """Rows [rows, ...] packed, with a front of ``width`` accounts at most."""
    front = jax.vmap(partial(nobody_in_front, width=width))(rows)
    clock, books, holdings = parts_of(rows, front)
    return Rows(clock, pack(books), pack_holdings(holdings))


def pack_holdings(holdings: dict[str, Any]) -> Packed:
    """Holdings as they are, since some work on single entries of them."""
    return pack(holdings, large=-1)


def parts_of(rows: Row, front: Front) -> Parts:
    """Clock, books and holdings of rows."""
    ledger = rows.ledger
    purse = {name: getattr(ledger, name) for name in PURSE}
    more = {
        "crowd": rows.crowd,
        "funding": rows.funding_level,
        "peak": rows.peak,
        "fairness": rows.fairness,
        "sold_coins": rows.sold_coins,
    }
    return (
        {name: getattr(rows, name) for name in CLOCK},
        {"outcome": rows.outcome, "purse": purse, "front": front, **more},
        {"quote": ledger.quote, "size": ledger.size, **rows.marks},
    )


def row_of(clock: dict[str, Any], books: dict[str, Any], holdings: dict[str, Any]) -> Row:
    """Rows of their parts, of which only what a row has counts; the front is not written back."""
    ledger = Ledger(quote=holdings["quote"], size=holdings["size"], **books["purse"])
    timed = {name: clock[name] for name in CLOCK}
    return Row(
        ledger=ledger,
        marks={name: holdings[name] for name in holdings if name not in ("quote", "size")},
        outcome=books["outcome"],
        crowd=books["crowd"],
        funding_level=books["funding"],
        peak=books["peak"],
        fairness=books["fairness"],
        sold_coins=books["sold_coins"],
        **timed,
    )
