"""How far the book is from liquidation, market by market, before any price impact."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from stress.book.inverse import mirrored
from stress.book.margin import requirement, shortfall
from stress.book.rows import CROSS, ISOLATED
from stress.book.schema import Book
from stress.protocol.margin.base import MarginCurve
from stress.protocol.margin.health import unrealised_pnl
from stress.protocol.margin.liquidation_price import liquidation_move

NEAREST, FARTHEST = -1.0, 10.0
"""Distances are given for moves between these."""
ROOT_STEPS = 40
"""Of the search for a move that changes the rate, as with inverse contracts whose rates grow with the coins."""


def distance_to_liquidation(
    book: Book, prices: np.ndarray, maintenance: MarginCurve, inverse: bool = False
) -> np.ndarray:
    """Relative move [N, A] of each market alone at which the margin account becomes liquidatable: < 0 for a long.

    NaN where the account has no position in the market, where the move is outside (-1, +10), for a short that coins of
    its owner outweigh, and for the residual account, which is never liquidated. A long whose gains count for less than
    its maintenance rate may be liquidatable above, too; that is not told. 0 where the account is liquidatable
    already. ``inverse`` is what contracts are.
    """
    edge = _thresholds(book, prices, maintenance, inverse)
    edge = np.where((edge > NEAREST) & (edge < FARTHEST), edge, np.nan)
    held = mirrored(book, prices) if inverse else book
    now = (shortfall(held, prices, maintenance) > 0)[:, None] & (book.size != 0)
    return np.where(now, 0.0, edge)


def liquidation_heatmap(
    book: Book, prices: np.ndarray, maintenance: MarginCurve, moves: np.ndarray, inverse: bool = False
) -> np.ndarray:
    """USD [M, A, 2] in a market that becomes liquidatable when that market alone moves at once: side 0 long, 1 short.

    ``moves`` [M] are relative (-0.1: down 10 %). Positions count whole, at prices [A] before the move. Of a cross
    account only the position in the moved market counts, though full liquidation closes its others too. The residual
    account never counts.
    """
    edge = _thresholds(book, prices, maintenance, inverse)
    notional = np.abs(book.size) * prices
    heat = np.zeros((len(moves), len(prices), 2))
    for a in range(len(prices)):
        for side, sign in enumerate((1.0, -1.0)):
            rows = np.flatnonzero((sign * book.size[:, a] > 0) & ~book.residual)
            order = rows[np.argsort(sign * edge[rows, a])]  # liquidatable iff sign * move < sign * edge
            first = np.searchsorted(sign * edge[order, a], sign * np.asarray(moves), side="right")
            heat[:, a, side] = np.append(np.cumsum(notional[order, a][::-1])[::-1], 0.0)[first]
    return heat


def book_table(book: Book, prices: np.ndarray, maintenance: MarginCurve, inverse: bool = False) -> pa.Table:
    """A row a position at prices [A], in the order of margin accounts and markets.

    ``collateral_usd`` (cash and coins, at these prices), ``equity_usd`` (with what positions gained) and ``leverage``
    (notional over equity, NaN unless equity is positive) are those of the margin account; ``distance`` is
    :func:`distance_to_liquidation`.
    """
    account, market = np.nonzero(book.size)
    notional = np.abs(book.size) * prices
    equity = (mirrored(book, prices) if inverse else book).equity(prices)
    collateral = book.cash if book.coins is None else book.cash + (book.coins * prices).sum(1)
    leverage = np.divide(notional.sum(1), equity, out=np.full(book.accounts, np.nan), where=equity > 0)
    owners, markets, modes = (np.array(texts, dtype=object) for texts in (book.owners, book.markets, (CROSS, ISOLATED)))
    return pa.table({
        "account": pa.array(owners[book.owner[account]], pa.string()),
        "margin_account": pa.array(account, pa.int64()),
        "market": pa.array(markets[market], pa.string()),
        "size": book.size[account, market],
        "entry_price": book.entry[account, market],
        "notional_usd": notional[account, market],
        "margin_mode": pa.array(modes[book.isolated[account].astype(int)], pa.string()),
        "collateral_usd": collateral[account],
        "equity_usd": equity[account],
        "leverage": leverage[account],
        "distance": distance_to_liquidation(book, prices, maintenance, inverse)[account, market],
        "residual": book.residual[account],
    })


def _thresholds(book: Book, prices: np.ndarray, maintenance: MarginCurve, inverse: bool) -> np.ndarray:
    """The move [N, A] below (long) or above (short) which the account is liquidatable; NaN where it never can be."""
    if not inverse:
        return _moves(book, prices, maintenance, np.abs(book.size))
    held, move = mirrored(book, prices), np.zeros(book.size.shape)
    for _ in range(ROOT_STEPS):
        move = _moves(held, prices, maintenance, np.abs(held.size) * (1.0 + np.clip(move, NEAREST, FARTHEST)))
    return np.where(move > NEAREST, 1.0 / (1.0 + np.where(move > NEAREST, move, 0.0)) - 1.0, np.inf * np.sign(-move))


def _moves(book: Book, prices: np.ndarray, maintenance: MarginCurve, units: np.ndarray) -> np.ndarray:
    """The same for the rates of positions of ``units`` [N, A], of linear contracts."""
    notional = np.abs(book.size) * prices
    need = requirement(maintenance, book.size, prices)
    slack = book.margin_equity(prices)[:, None] - (need.sum(1, keepdims=True) - need)  # left for this one's requirement
    coins = np.zeros_like(notional) if book.counted is None else book.counted * prices
    sign = np.where(book.size > 0, 1.0, -1.0)
    safe = np.where(notional > 0, notional, 1.0)
    lines = [(rate.T, deduction.T) for rate, deduction in maintenance.lines(units.T)]
    outweighed = (book.size < 0) & (coins >= notional)
    coins = np.where(outweighed, 0.0, coins)
    with np.errstate(over="ignore"):  # dust: a root beyond every number is no root
        if book.gain_weight is None:
            move = liquidation_move(lines, safe, slack, sign, coins)
        else:  # what counts of a profit is the smaller of it and of the weight times it
            back, profit = book.held_back(prices), unrealised_pnl(book.size, prices, book.entry)
            whole = liquidation_move(lines, safe, slack + back, sign, coins)
            part = slack + back - (1.0 - book.gain_weight) * profit
            weighed = liquidation_move(lines, safe, part, sign, coins, book.gain_weight)
            move = sign * np.maximum(sign * whole, sign * weighed)
    return np.where((notional > 0) & ~book.residual[:, None] & ~outweighed, move, np.nan)
