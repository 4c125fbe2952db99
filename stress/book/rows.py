"""The rows of a positions and a collateral file, each cell checked against what can be true of it alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from stress.book.problems import Problems
from stress.book.sheet import Sheet, read_sheet

CROSS, ISOLATED = "cross", "isolated"
ASSET = "USD"
LARGEST_USD = 1e13
"""Amounts beyond this are refused as a unit error: float64 no longer holds their cents reliably."""

POSITIONS = (("account", "market", "margin_mode"), ("size", "entry_price", "isolated_margin"))
COLLATERAL = (("account", "asset"), ("amount",))


@dataclass(frozen=True)
class Positions:
    """Rows of the positions file."""

    sheet: Sheet
    account: pa.Array  # [rows] string
    market: np.ndarray  # [rows] int index into the markets, -1 where unknown
    size: np.ndarray  # [rows] float64 base units
    entry: np.ndarray  # [rows] float64 USD per unit
    isolated: np.ndarray  # [rows] bool
    margin: np.ndarray  # [rows] float64 USD, 0 for cross rows


@dataclass(frozen=True)
class Collateral:
    """Rows of the collateral file."""

    sheet: Sheet | None  # None: no file
    account: pa.Array  # [rows] string
    amount: np.ndarray  # [rows] float64 USD, or base units of a market's asset
    market: np.ndarray  # [rows] int index into the markets whose asset it is, -1 for USD


def read_positions(file: str, markets: list[str], prices: np.ndarray, residual: str, problems: Problems) -> Positions:
    """Read the positions file and check it cell by cell at prices [A]; what is wrong goes into ``problems``."""
    sheet = read_sheet("book.positions", file, *POSITIONS)
    _check_names(sheet, residual, problems)
    market = _markets(sheet, markets, problems)
    size = _number(sheet, "size", problems, lambda x: x != 0, "a number other than 0 (base units, short < 0)")
    entry = _number(sheet, "entry_price", problems, lambda x: x > 0, "a number > 0 (USD per unit)")
    with np.errstate(over="ignore"):
        notional = np.abs(size) * np.maximum(entry, np.where(market >= 0, prices[market], 0.0))
    most = f"a position of at most {LARGEST_USD:g} USD at its entry and at the initial price"
    problems.refuse(sheet, notional > LARGEST_USD, "size", most, "Check the units.")
    mode = sheet.text("margin_mode")
    problems.refuse(sheet, (mode != CROSS) & (mode != ISOLATED), "margin_mode", f"{CROSS} or {ISOLATED}")
    _check_duplicates(sheet, "market", problems, "Merge the rows.")
    margin = _margin(sheet, mode, problems)
    return Positions(sheet, sheet.columns["account"], market, size, entry, mode == ISOLATED, margin)


def read_collateral(
    file: str | None, residual: str, problems: Problems, coins: dict[str, float], markets: list[str]
) -> Collateral:
    """Read the collateral file and check it cell by cell; no file means no rows.

    ``coins`` are the assets beside USD that a venue takes, of ``markets``, with their prices.
    """
    if file is None:
        return Collateral(None, pa.array([], pa.string()), np.zeros(0), np.zeros(0, int))
    sheet = read_sheet("book.collateral", file, *COLLATERAL)
    _check_names(sheet, residual, problems)
    asset = sheet.text("asset")
    index = np.array([markets.index(name) if name in coins else -1 for name in asset.tolist()], dtype=int)
    _check_assets(sheet, (index < 0) & (asset != ASSET), coins, markets, problems)
    price = np.array([coins.get(name, 1.0) for name in asset.tolist()])
    what = "USD" if not coins else "USD, or units of a coin that are worth as much"
    amount = _number(sheet, "amount", problems, lambda x: (x >= 0) & (x * price <= LARGEST_USD),
                     f"a number >= 0 and <= {LARGEST_USD:g} ({what})")
    _check_duplicates(sheet, "asset", problems, "Merge the rows.")
    return Collateral(sheet, sheet.columns["account"], amount, index)


def _check_assets(
    sheet: Sheet, bad: np.ndarray, coins: dict[str, float], markets: list[str], problems: Problems
) -> None:
    allowed = ", ".join([ASSET, *coins])
    names = sheet.text("asset")

    def fix(row: int) -> str:
        if names[row] in markets:
            return f"Say what the coin counts for (protocol.collateral.weights), or convert the amount to {ASSET}."
        return f"Convert the amount to {ASSET}."

    problems.refuse(sheet, bad, "asset", f"one of the assets that count as margin: {allowed}", fix)


def _check_names(sheet: Sheet, residual: str, problems: Problems) -> None:
    names = sheet.text("account")
    odd = [not name or name != name.strip() or not name.isprintable() for name in names.tolist()]
    problems.refuse(sheet, np.array(odd, dtype=bool), "account", "a printable name without blanks at its ends")
    problems.refuse(sheet, names == residual, "account", "any other name: this one is the residual account's",
                    "Rename it, or set book.residual_account to a free name.")


def _markets(sheet: Sheet, markets: list[str], problems: Problems) -> np.ndarray:
    """Index [rows] into ``markets``, -1 where the market is none of them."""
    names = sheet.text("market")
    index = np.full(len(sheet), -1)
    for a, name in enumerate(markets):
        index[names == name] = a

    def fix(row: int) -> str:
        name = names[row].strip()
        near = [market for market in markets if market.casefold() == name.casefold()]
        more = ",".join([*markets, name or "NAME"])
        return f"Write {near[0]}." if near else f"Set price.markets=[{more}], or remove the market's rows."

    problems.refuse(sheet, index < 0, "market", f"one of price.markets: {', '.join(markets)}", fix)
    return index


def _margin(sheet: Sheet, mode: np.ndarray, problems: Problems) -> np.ndarray:
    """Isolated margin [rows]: > 0 on isolated rows, empty or 0 on cross rows."""
    value, given = sheet.numbers("isolated_margin")
    isolated = mode == ISOLATED
    problems.refuse(sheet, isolated & ~((value > 0) & (value <= LARGEST_USD)), "isolated_margin",
                    f"a number > 0 and <= {LARGEST_USD:g} (USD) in an isolated row",
                    "Give the position's margin, or set margin_mode to cross.")
    problems.refuse(sheet, (mode == CROSS) & given & (value != 0), "isolated_margin", "an empty cell in a cross row",
                    "Put the money into the collateral file, or set margin_mode to isolated.")
    return np.where(isolated, value, 0.0)


def _check_duplicates(sheet: Sheet, second: str, problems: Problems, fix: str) -> None:
    """Refuse rows whose account and ``second`` column stood there before."""
    account, other = (sheet.columns[name].dictionary_encode().indices.to_numpy(zero_copy_only=False).astype(np.int64)
                      for name in ("account", second))
    _, first, group = np.unique(account * (len(sheet) + 1) + other, return_index=True, return_inverse=True)
    earlier, names = first[group], sheet.text("account")

    def allowed(row: int) -> str:
        place = f"{sheet.unit} {sheet.place[earlier[row]]}"
        return f"one row for each account and {second} (account {names[row]!r} has this one on {place} already)"

    problems.refuse(sheet, earlier != np.arange(len(sheet)), second, allowed, fix)


def _number(sheet: Sheet, column: str, problems: Problems, domain: Callable[[np.ndarray], np.ndarray],
            allowed: str) -> np.ndarray:
    """Values [rows] of a column in which no cell may be empty."""
    value, _ = sheet.numbers(column)
    problems.refuse(sheet, ~(np.isfinite(value) & domain(value)), column, allowed)
    return value
