"""The book that the configuration asks for: generated, or read from files."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from stress.book.balance import with_residual
from stress.book.coins import holding, with_coins
from stress.book.inverse import mirrored, refuse_several_coins
from stress.book.margin import shortfall
from stress.book.problems import Problems
from stress.book.rows import Collateral, Positions, read_collateral, read_positions
from stress.book.rules import MarginRules
from stress.book.schema import Book
from stress.book.synthetic import synthetic_book
from stress.config.schema import BookConfig
from stress.errors import UserError, bad_value
from stress.protocol.coins import Haircuts
from stress.protocol.margin.base import MarginCurve


def load_book(cfg: BookConfig, markets: list[str], prices: np.ndarray, venue: MarginRules,
              haircuts: Haircuts | None = None, others: Sequence[MarginRules] = ()) -> Book:
    """The balanced book at prices [A] of a ``venue``.

    ``haircuts`` are of the coins that it takes as collateral. A synthetic book is one that the ``others`` let in too.

    Raises UserError for files that cannot be read and for rows that cannot be true: the first few together, each with
    file, line, column, value, what is allowed, and the fix.
    """
    if not cfg.residual_account.strip():
        raise bad_value("book.residual_account", cfg.residual_account, "a name")
    if cfg.kind == "synthetic":
        book = synthetic_book(cfg.synthetic, cfg.accounts, markets, prices, (venue, *others))
        book = with_coins(book, cfg.synthetic.coin_collateral, prices, haircuts)
    else:
        book = read_book(cfg, markets, prices, venue, haircuts)
    return with_residual(book, cfg.residual_account, prices)


def read_book(cfg: BookConfig, markets: list[str], prices: np.ndarray, venue: MarginRules,
              haircuts: Haircuts | None) -> Book:
    """The book of the two files, not balanced yet; UserError as in :func:`load_book`.

    Owners are in the order of the collateral file, then of the positions file; an owner's cross account comes before
    the isolated ones, those in the order of ``markets``.
    """
    if cfg.positions is None:
        raise bad_value("book.positions", None, "a positions file when book=file", "Give book.positions=FILE.")
    problems = Problems()
    held = read_positions(cfg.positions, markets, prices, cfg.residual_account, problems)
    wallets = read_collateral(cfg.collateral, cfg.residual_account, problems, _accepted(markets, prices, haircuts),
                              markets)
    if not len(held.sheet):
        raise UserError(f"{cfg.positions}: no rows below the header, allowed is at least one position.")
    encoded = pa.concat_arrays([wallets.account, held.account]).dictionary_encode()  # numbers names as they first come
    owner = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    wallet_owner, held_owner = np.split(owner, [len(wallets.amount)])
    _refuse_unfunded(held, ~held.isolated & ~np.isin(held_owner, wallet_owner), cfg.collateral, problems)
    problems.raise_any()

    slots = len(markets) + 1  # an owner's margin accounts: 0 cross, 1 + a isolated in market a
    held_slot = np.where(held.isolated, held.market + 1, 0)
    key, row = np.unique(np.concatenate([wallet_owner * slots, held_owner * slots + held_slot]), return_inverse=True)
    wallet_row, held_row = np.split(row, [len(wallets.amount)])
    size, entry, cash = np.zeros((len(key), len(markets))), np.zeros((len(key), len(markets))), np.zeros(len(key))
    size[held_row, held.market], entry[held_row, held.market] = held.size, held.entry
    usd = wallets.market < 0
    cash[wallet_row[usd]] = wallets.amount[usd]
    cash[held_row[held.isolated]] = held.margin[held.isolated]
    book = Book(
        markets=tuple(markets), owners=tuple(encoded.dictionary.to_pylist()), owner=key // slots,
        isolated=key % slots > 0, residual=np.zeros(len(key), dtype=bool), size=size, entry=entry, cash=cash,
        notes=_notes(cfg, markets, size, len(encoded.dictionary)), gain_weight=venue.gain_weight)
    if haircuts is not None and not usd.all():
        coins = np.zeros_like(size)
        coins[wallet_row[~usd], wallets.market[~usd]] = wallets.amount[~usd]
        book = holding(book, coins, prices, haircuts)
    if venue.inverse:
        refuse_several_coins(book)
    valued = mirrored(book, prices) if venue.inverse else book
    _refuse_under_water(valued, prices, venue.maintenance, (held, held_row), (wallets, wallet_row))
    return book


def _accepted(markets: list[str], prices: np.ndarray, haircuts: Haircuts | None) -> dict[str, float]:
    """Prices of the coins that count."""
    if haircuts is None:
        return {}
    return {name: float(prices[a]) for a, name in enumerate(markets) if haircuts.weight[a] > 0}


def _notes(cfg: BookConfig, markets: list[str], size: np.ndarray, owners: int) -> tuple[str, ...]:
    files = " and ".join(file for file in (cfg.positions, cfg.collateral) if file is not None)
    flat = int((~(size != 0).any(1)).sum())
    read = (f"Read from {files}: {int((size != 0).sum()):,} positions in {len(size):,} margin accounts of {owners:,} "
            f"owners; margin accounts without a position: {flat:,}.")
    unused = [market for market, held in zip(markets, size.T, strict=True) if not held.any()]
    return (read, *(f"{market}: no positions in the file." for market in unused))


def _refuse_unfunded(held: Positions, unfunded: np.ndarray, collateral: str | None, problems: Problems) -> None:
    where = f"in {collateral}" if collateral is not None else "in a file that book.collateral names (it is null)"
    problems.refuse(held.sheet, unfunded, "account", f"an account with a row {where}, since the position is cross",
                    "Add the row, or set margin_mode to isolated and give its margin.")


def _refuse_under_water(book: Book, prices: np.ndarray, maintenance: MarginCurve, held: tuple[Positions, np.ndarray],
                        wallets: tuple[Collateral, np.ndarray]) -> None:
    """UserError at the amount or margin of accounts that are liquidatable at time zero."""
    positions, position_account = held  # rows, and the margin account of each
    collateral, wallet_account = wallets
    short, equity = shortfall(book, prices, maintenance), book.margin_equity(prices)
    problems = Problems()

    def allowed(account: int) -> str:
        least = math.ceil((book.cash[account] + short[account]) * 100) / 100
        need, owner = equity[account] + short[account], book.owners[book.owner[account]]
        return (f"at least {least:.2f}: account {owner!r} is under water at the start (equity {equity[account]:.2f} "
                f"USD, maintenance requirement {need:.2f} USD at price.initial_prices)")

    def counts(row: int) -> str:
        account = int(wallet_account[row])
        owner, missing = book.owners[book.owner[account]], math.ceil(short[account] * 100) / 100
        return (f"units that count for {missing:.2f} USD more: account {owner!r} is under water at the start at the "
                "haircuts of protocol.collateral and price.initial_prices")

    fix = "Raise it, or reduce or remove the account's positions."
    if collateral.sheet is not None:
        problems.refuse(collateral.sheet, short[wallet_account] > 0, "amount",
                        lambda row: counts(row) if collateral.market[row] >= 0 else allowed(wallet_account[row]), fix)
    problems.refuse(positions.sheet, positions.isolated & (short[position_account] > 0), "isolated_margin",
                    lambda row: allowed(position_account[row]), fix)
    problems.raise_any()
