"""Laws that price trades by the venue's own book, in words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from stress.report.format import percent_tick, plain_tick
from stress.report.load import Run

Each = Callable[[Run, Any, Callable[[Any], str]], str]
"""Writes a per-market value."""

BY_BOOK = ("skew", "imbalance")
"""Laws (``liquidity.law``) that price trades by the venue's own book: no depth is looked at."""


def own_book(run: Run, each: Each) -> str:
    """What moves prices where there is no order book."""
    book = run.setting("liquidity") or {}
    spread = f"half-spread {plain_tick(book.get('half_spread_bps'))} bp"
    if book.get("law") == "skew":
        scale, cap = each(run, book.get("skew_scale"), plain_tick), percent_tick(book.get("max_displacement") or 0)
        return (f"no order book: the price leans with longs less shorts, by all of it at a skew of {scale} units; "
                f"{spread}; displacement at most {cap}")
    terms = book.get("imbalance") or {}
    most = percent_tick(terms.get("max_negative") or 0), percent_tick(terms.get("max_positive") or 0)
    worse, better = (each(run, terms.get(f"{name}_factor"), plain_tick) for name in ("negative", "positive"))
    return (f"no order book: closings pay for the imbalance of longs and shorts that they make ({worse} a USD to its "
            f"exponent), at most {most[0]} of notional, and get what they take away ({better}), at most {most[1]}; the "
            f"mark stays; {spread}")
