"""The synthetic book: a seeded population scaled to open interest and to the margin rules of one venue or several.

Sizes are Pareto, scaled so that the longs of a market sum to its open interest and so do the shorts; where a side has
no account the residual account takes it. Leverage is lognormal, falls with size, and is conditioned on the cap that
``margin_headroom`` sets, so that no heap of accounts stands exactly at the cap.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
from scipy.special import log_ndtr, ndtri_exp

from stress.book.inverse import NOTE, single_market
from stress.book.population import Population, draw_population
from stress.book.rules import Demand, MarginRules, demand
from stress.book.schema import Book
from stress.book.sizes import apportion, capped_shares, lot_decimals, lots_to_units
from stress.config.markets import per_market
from stress.config.schema import SyntheticConfig

ENTRY_DIGITS = 7
"""Significant digits of entry prices."""
SIDES = ((1, "longs"), (-1, "shorts"))


def synthetic_book(cfg: SyntheticConfig, accounts: int, markets: list[str], prices: np.ndarray,
                   venues: Sequence[MarginRules]) -> Book:
    """``accounts`` margin accounts at prices [A], in the order of a book read from files.

    Balanced in every market where both sides have an account. All ``venues`` let it in as it is, so it does not depend
    on which of them it is then used with; where one has inverse contracts there are margin accounts by coin. Raises
    UserError when a market has no open interest set.
    """
    inverse = any(venue.inverse for venue in venues)
    notes = [NOTE] if inverse and cfg.multi_market_share > 0 and len(markets) > 1 else []
    cfg = single_market(cfg) if inverse else cfg
    interest = per_market(cfg.open_interest_usd, markets, "book.synthetic.open_interest_usd")
    people = draw_population(cfg, accounts, interest)
    size = _sizes(people, interest / prices, cfg.size_max_share)
    entry = _entries(people, prices, cfg.entry_spread)
    cash = _cash(cfg, people.leverage, (np.abs(size) * prices).sum(1), demand(venues, size, entry, prices))
    slot = np.where(people.isolated, np.argmax(people.side != 0, axis=1) + 1, 0)
    order = np.lexsort((slot, people.owner))
    return Book(
        markets=tuple(markets), owners=_names(int(people.owner.max()) + 1), owner=people.owner[order],
        isolated=people.isolated[order], residual=np.zeros(accounts, dtype=bool), size=size[order], entry=entry[order],
        cash=cash[order], notes=(*_notes(cfg, people, markets, interest), *notes))


def _sizes(people: Population, units: np.ndarray, cap: float) -> np.ndarray:
    """Signed sizes [N, A] in base units; each side of a market sums to ``units`` [A], to half a lot."""
    size = np.zeros(people.side.shape)
    for a, target in enumerate(units.tolist()):
        decimals = lot_decimals(target)
        total = round(target * 10.0**decimals)
        for sign, _ in SIDES:
            rows = np.flatnonzero(people.side[:, a] == sign)
            if len(rows):
                lots = apportion(capped_shares(people.weight[rows, a], cap), total)
                size[rows, a] = sign * lots_to_units(lots, decimals)
    return size


def _entries(people: Population, prices: np.ndarray, spread: float) -> np.ndarray:
    """Entry prices [N, A], lognormal around the initial prices [A]; 0 where there is no position."""
    entry = np.zeros(people.side.shape)
    for a, price in enumerate(prices.tolist()):
        decimals = ENTRY_DIGITS - 1 - math.floor(math.log10(price))
        rows = people.side[:, a] != 0
        drawn = np.round(price * np.exp(spread * people.entry[rows, a]), decimals)
        entry[rows, a] = np.maximum(drawn, 10.0**-decimals)
    return entry


def _cash(cfg: SyntheticConfig, rank: np.ndarray, gross: np.ndarray, asked: Demand) -> np.ndarray:
    """Wallets or isolated margins [N] in whole cents that give the leverage of ``rank`` [N] on ``gross`` notional [N].

    Nobody's equity is below the headroom over the requirement that is ``asked``, and nobody's cash below that
    requirement: traders pay in at least the margin, unrealised gains come on top. Where gains do not count as margin,
    who needs them for the headroom pays in more.
    """
    cap = np.log(gross / (cfg.margin_headroom * asked.need))
    middle = math.log(cfg.leverage_median) - cfg.leverage_size_slope * np.log(gross / np.median(gross))
    leverage = np.minimum(middle, cap)
    if cfg.leverage_sigma > 0:  # the normal law below the cap, by its quantiles on a log scale: caps may be far out
        below_cap = log_ndtr((cap - middle) / cfg.leverage_sigma)
        leverage = np.minimum(middle + cfg.leverage_sigma * ndtri_exp(np.log(rank) + below_cap), cap)
    cash = asked.cash(gross / np.exp(leverage), cfg.margin_headroom)
    return (np.floor(cash * 100.0) + 1.0) / 100.0


def _names(owners: int) -> tuple[str, ...]:
    numbers = np.arange(1, owners + 1).astype(str)
    return tuple(np.char.add("trader-", np.char.zfill(numbers, len(str(owners)))).tolist())


def _notes(cfg: SyntheticConfig, people: Population, markets: list[str], interest: np.ndarray) -> Iterator[str]:
    yield (f"Synthetic book, seed {cfg.seed}: {int((people.side != 0).sum()):,} positions in {len(people.owner):,} "
           f"margin accounts of {int(people.owner.max()) + 1:,} owners.")
    counts = {f"{market} {word}": int((people.side[:, a] == sign).sum())
              for a, market in enumerate(markets) for sign, word in SIDES}
    few = [f"{side} ({count})" for side, count in counts.items() if 0 < count < 1.0 / cfg.size_max_share]
    if few:
        yield (f"Too few accounts for book.synthetic.size_max_share={cfg.size_max_share:g}, so each holds an even part "
               f"of its side: {', '.join(few)}.")
    for market, usd, held in zip(markets, interest, people.side.T, strict=True):
        if not held.any():
            yield f"{market}: no account chose it, so its open interest of {usd:,.0f} USD is not in the book."
