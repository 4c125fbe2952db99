"""Caps on open interest: a venue takes no order that would bring a market above its cap.

Nobody opens a position during the horizon, so a cap shapes the book at time zero and nothing after it. A synthetic book
is made with at most so much. A book from files may hold more, as venues do after a cap was lowered: nobody is closed
for it.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from stress.book.schema import Book
from stress.config.fields import PerMarket
from stress.config.markets import per_market
from stress.config.schema import BookConfig

KEY = "protocol.open_interest_cap_usd"
ROUNDING = 1e-6
"""Share of a cap that a book may be above it for its lots."""


def capped(cfg: BookConfig, cap: PerMarket | None, markets: list[str]) -> BookConfig:
    """The book's settings with no more open interest, one side, than the ``cap`` in USD; None: there is none."""
    if cap is None:
        return cfg
    synthetic = cfg.synthetic
    wanted = per_market(synthetic.open_interest_usd, markets, "book.synthetic.open_interest_usd")
    least = np.minimum(wanted, per_market(cap, markets, KEY))
    return replace(cfg, synthetic=replace(synthetic, open_interest_usd=least.tolist()))


def noted(book: Book, wanted: BookConfig, cap: PerMarket | None, prices: np.ndarray) -> Book:
    """The book at prices [A], with a note on each market that its ``cap`` keeps small, or that is above it."""
    if cap is None:
        return book
    markets = list(book.markets)
    if wanted.kind == "synthetic":
        asked = per_market(wanted.synthetic.open_interest_usd, markets, "book.synthetic.open_interest_usd")
    else:
        asked = book.open_interest(prices)
    notes = (_note(name, limit, usd, wanted.kind)
             for name, limit, usd in zip(markets, per_market(cap, markets, KEY), asked, strict=True)
             if usd > limit * (1.0 + ROUNDING))
    return replace(book, notes=(*book.notes, *(note for note in notes if note not in book.notes)))


def _note(market: str, cap: float, usd: float, kind: str) -> str:
    if kind == "synthetic":
        return (f"{market}: open interest is at the venue's cap of {cap:,.0f} USD; book.synthetic.open_interest_usd "
                f"asks for {usd:,.0f}.")
    return (f"{market}: the venue's cap of {cap:,.0f} USD is below open interest, {usd:,.0f} USD; nobody is closed "
            "for it.")
