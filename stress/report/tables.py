"""The tables of the report as rows of printed cells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from stress.report import format as fmt
from stress.report.format import count, percent, plain, usd
from stress.report.load import Run
from stress.report.metrics import in_order, interval, meaning, printed, title_of
from stress.report.own_book import BY_BOOK


@dataclass(frozen=True)
class Table:
    """Header and rows of text; columns from ``numbers`` on are right-aligned, but for the last ``words`` ones."""

    header: list[str]
    rows: list[list[str]]
    numbers: int = 1
    words: int = 0

    def aligned(self, column: int) -> bool:
        """Whether a column holds numbers."""
        return self.numbers <= column < len(self.header) - self.words


@dataclass(frozen=True)
class Headline:
    """A row of the headline table; ``raw`` holds the exact numbers of the summary."""

    name: str
    title: str
    estimate: str
    interval: str
    meaning: str
    detail: str
    raw: dict[str, Any]


def headlines(run: Run) -> list[Headline]:
    """All metrics of the summary, the known ones first."""
    metrics = run.summary.get("metrics", {})
    return [_headline(name, metrics[name], run) for name in in_order(metrics)]


def _headline(name: str, metric: dict[str, Any], run: Run) -> Headline:
    level = metric.get("confidence")
    detail = ", ".join(part for part in (f"n = {count(metric.get('n'))}", fmt.percent_tick(level) if level else "",
                                         str(metric.get("method") or "")) if part)
    raw = {key: "" if metric.get(key) is None else repr(metric[key]) for key in ("estimate", "low", "high")}
    return Headline(name, title_of(name), printed(name, metric), interval(name, metric), meaning(name, metric, run),
                    detail, raw)


def market_table(run: Run) -> Table | None:
    """By market: price, open interest, skew, depth, and what was liquidated; None without markets."""
    depth = None if run.setting("liquidity.law") in BY_BOOK else run.setting("liquidity.depth_usd")
    rows = []
    for number, name in enumerate(run.markets):
        closed = run.column(f"liquidated_{name}")
        mean = float(np.sum(closed * run.weight)) if closed is not None else None
        rows.append([name, usd(_start(run, number)), *_held(run, name), usd(_of_market(depth, name, number)), usd(mean),
                     *_where_depleted(run, closed)])
    header = ["market", "price at the start", "long", "short", "largest position", "residual", "depth for 1 %",
              "liquidated, mean", "… where depleted"]
    return Table(header, rows) if rows else None


def _start(run: Run, number: int) -> float | None:
    if run.prices is not None and len(run.prices["sample"]):
        return float(run.prices["sample"][0, 0, number])
    return _of_market(run.setting("price.initial_prices"), run.markets[number], number)


def _of_market(value: Any, name: str, number: int) -> float | None:
    """A market's entry in a per-market setting (number, list or map)."""
    if isinstance(value, dict):
        return value.get(name, value.get("default"))
    if isinstance(value, list):
        return value[number] if number < len(value) else None
    return value


def _held(run: Run, name: str) -> list[str]:
    """Long, short, largest position of real accounts as a share of the open interest, and the residual."""
    if not run.book:
        return [fmt.NOTHING] * 4
    here = run.book["market"] == name
    size, notional = run.book["size"][here], np.abs(run.book["notional_usd"][here])
    real = run.book["residual"][here] == 0
    total = float(notional[size > 0].sum())
    largest = float(notional[real].max(initial=0)) / total if total > 0 else None
    residual = float((np.sign(size) * notional)[~real].sum())
    return [usd(float(notional[real & (size > 0)].sum())), usd(float(notional[real & (size < 0)].sum())),
            percent(largest), f"{usd(abs(residual))}{' long' if residual > 0 else ' short' if residual < 0 else ''}"]


def _where_depleted(run: Run, closed: np.ndarray | None) -> list[str]:
    depleted = run.column("depleted")
    if closed is None or depleted is None or not np.any(depleted == 1):
        return [fmt.NOTHING]
    chosen = depleted == 1
    return [usd(float(np.average(closed[chosen], weights=run.weight[chosen])))]


def book_table(run: Run) -> Table | None:
    """The book in a few numbers, real accounts only."""
    if not run.book or not np.any(run.book["residual"] == 0):
        return None
    real = run.book["residual"] == 0
    notional, distance = np.abs(run.book["notional_usd"][real]), np.abs(run.book["distance"][real])
    account, leverage = run.book["margin_account"][real], run.book["leverage"][real]
    _, first = np.unique(account, return_index=True)
    held = np.sort(notional)[::-1]
    total = max(float(held.sum()), 1e-300)
    near = {move: float(notional[distance <= move].sum()) / total for move in (0.05, 0.1, 0.2)}
    rows = [["margin accounts", count(len(first))], ["positions", count(len(notional))],
            ["notional, both sides", usd(float(notional.sum()))],
            ["leverage of accounts: median", f"{plain(_quantile(leverage[first], 0.5))}×"],
            ["leverage of accounts: 95th percentile", f"{plain(_quantile(leverage[first], 0.95))}×"],
            ["ten largest positions, share of notional", percent(float(held[:10].sum()) / total)]]
    rows += [[f"liquidatable by a move of {fmt.percent_tick(move)} of its market, share of notional", percent(share)]
             for move, share in near.items()]
    return Table(["the book", ""], rows)


def _quantile(values: np.ndarray, level: float) -> float | None:
    usable = values[np.isfinite(values)]
    return float(np.quantile(usable, level)) if len(usable) else None


def status_table(run: Run) -> Table:
    """Paths by status."""
    total = max(sum((run.summary.get("status") or {}).values()), 1)
    rows = [[name, count(n), percent(n / total)] for name, n in (run.summary.get("status") or {}).items()]
    return Table(["status", "paths", "share"], rows)


def pairs_table(title: str, values: dict[str, Any] | None) -> Table | None:
    """Key and value; None when there is nothing to say. Numbers are printed short."""
    if not values:
        return None
    return Table([title, ""], [[str(k).replace("_", " "), plain_text(v)] for k, v in values.items()], numbers=9)


def plain_text(value: Any) -> str:
    """A JSON value in a cell."""
    if value is None:
        return fmt.NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, dict):
        lines = [f"{k}: {plain_text(v)}" for k, v in value.items()]
        return ("\n" if any(isinstance(v, dict) for v in value.values()) else ", ").join(lines)
    return " ".join(plain_text(v) for v in value) if isinstance(value, list) else str(value)
