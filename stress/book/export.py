"""Writing a book as the files that ``book=file`` reads: a template for a user's own."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from stress.book.rows import ASSET, CROSS, ISOLATED
from stress.book.schema import Book
from stress.files import write_text

POSITION_COLUMNS = ("account", "market", "size", "entry_price", "margin_mode", "isolated_margin")
COLLATERAL_COLUMNS = ("account", "asset", "amount")


def export_book(book: Book, folder: Path) -> list[Path]:
    """Write ``positions.csv`` and ``collateral.csv`` into ``folder``, each atomically; their paths.

    Numbers are written so that reading them gives the same float64. The residual account is left out: the reader makes
    it anew.
    """
    folder = Path(folder)
    return [_write(folder / "positions.csv", POSITION_COLUMNS, _positions(book)),
            _write(folder / "collateral.csv", COLLATERAL_COLUMNS, _collateral(book))]


def _positions(book: Book) -> Iterable[tuple[str, ...]]:
    accounts, markets = np.nonzero((book.size != 0) & ~book.residual[:, None])
    for n, a in zip(accounts.tolist(), markets.tolist(), strict=True):
        mode, margin = (ISOLATED, _number(book.cash[n])) if book.isolated[n] else (CROSS, "")
        size, entry = _number(book.size[n, a]), _number(book.entry[n, a])
        yield (book.owners[book.owner[n]], book.markets[a], size, entry, mode, margin)


def _collateral(book: Book) -> Iterable[tuple[str, ...]]:
    for n in np.flatnonzero(~book.isolated & ~book.residual).tolist():
        yield (book.owners[book.owner[n]], ASSET, _number(book.cash[n]))
        for market, units in zip(book.markets, [] if book.coins is None else book.coins[n], strict=False):
            if units:
                yield (book.owners[book.owner[n]], market, _number(units))


def _number(value: float) -> str:
    return repr(float(value))


def _write(path: Path, header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Path:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return write_text(path, text.getvalue())
