"""One path, every fill: the ledger a newcomer checks by hand. Same phases as the engine, driven from the host."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from stress.book.schema import Book
from stress.engine.adapt import follow
from stress.engine.check import oracle_price
from stress.engine.dense import open_rows, paid, premium_moved
from stress.engine.pool import after_closing, pool_closing, watched
from stress.engine.record import conserve
from stress.engine.rounds import execute, liquidation_round
from stress.engine.state import WALLET, Row
from stress.engine.tick import Round, Tick
from stress.mc.block import at_horizon
from stress.mc.columns import FAIRNESS, MONEY
from stress.mc.job import Job
from stress.mc.market import flow_of
from stress.mc.mirror import as_held, as_traded
from stress.mc.noise import draw_noise, tile_keys
from stress.mc.premium import first_premium_noise, premium_noise
from stress.mc.start import first_row
from stress.price.given import GivenPath
from stress.protocol.venue import Venue
from stress.types import NEVER, Array

Watch = Callable[[Tick, Row, Row, Round], None]
"""Is shown every round, its leaves with an axis of one path: the tick, the row before and after, and what was done."""

_open = jax.jit(open_rows)
_paid = jax.jit(paid)
_look = jax.jit(liquidation_round)
_act = jax.jit(execute)
_watched = jax.jit(jax.vmap(watched))
_pool_closing = jax.jit(jax.vmap(pool_closing, in_axes=(0, None, 0, 0)))
_after_closing = jax.jit(jax.vmap(after_closing, in_axes=(0, None, 0, 0, 0)))
_finish = jax.jit(jax.vmap(conserve, in_axes=(None, 0)))
_premium_noise = jax.jit(premium_noise)


def replay(
    job: Job, book: Book, fund: float, step_seconds: float, watch: Watch | None = None
) -> dict[str, Any]:
    """Push the first path of the model through the venue; the ledger (docs/reference/outputs.md) as plain values.

    ``watch`` sees the rounds, in mirrored prices where contracts are inverse.
    """
    venue, book = jax.tree.map(lambda leaf: leaf[:1], job.venues), as_held(job, book)
    normal = _of_first(first_premium_noise(job, jnp.zeros(1, jnp.uint32)))
    row = jax.vmap(lambda venue, normal: first_row(venue, job, normal))(venue, normal)
    market, prices, ticks = _first(job), job.prices, []
    log_price, sold = jnp.zeros_like(prices), jnp.zeros_like(prices)
    for number in range(1, job.steps + 1):
        market, log_price, multiplier = _market_step(job, market, log_price, jnp.int32(number), sold)
        given = job.model.prices[number] if isinstance(job.model, GivenPath) else None
        fundamental = prices * jnp.exp(log_price) if given is None else given  # as written, not through the logarithm
        before = row.outcome.liquidated
        normal = _of_first(_premium_noise(job, jnp.zeros(1, jnp.uint32), jnp.int32(number)))
        row, entry = _tick(job, venue, book, row, fundamental, multiplier, number, normal, watch)
        entry = {"time_hours": number * step_seconds / 3600.0, **entry, "fund": fund + float(row.fund_flow()[0])}
        ticks.append(entry)
        sold = (row.outcome.liquidated - before)[0].sum(1)
    row = at_horizon(job.accounts, row)
    final = _final(book, row, fund, _left(book, ticks))
    return as_traded(job, book, {"ticks": ticks, "final": final, "outcome": _outcome(row, step_seconds)})


def _of_first(normal: Array | None) -> Array | None:
    return None if normal is None else normal[:1]


def _first(job: Job) -> Any:
    keys = tile_keys(job.seed, jnp.zeros(1, jnp.uint32), jnp.uint32(0))
    noise = draw_noise(keys, job.model.initial_draws(), jnp.dtype(job.dtype))
    return job.model.init({name: value[0] for name, value in noise.items()})


@jax.jit
def _market_step(job: Job, market: Any, log_price: Array, number: Array, sold: Array) -> tuple[Any, Array, Array]:
    keys = tile_keys(job.seed, jnp.zeros(1, jnp.uint32), number.astype(jnp.uint32))
    noise = draw_noise(keys, job.model.step_draws(), jnp.dtype(job.dtype))
    flow = flow_of(job, sold) if job.model.reactive else None
    market, shock = job.model.step(market, {name: value[0] for name, value in noise.items()}, number, flow)
    return market, log_price + shock.log_return, shock.depth_multiplier


def _tick(
    job: Job,
    venue: Venue,
    book: Book,
    row: Row,
    fundamental: Array,
    multiplier: Array,
    number: int,
    normal: Array | None,
    watch: Watch | None,
) -> tuple[Row, dict[str, Any]]:
    """One tick with all its rounds; ``normal`` [1, A] is the noise of the funding premium, where that is a process."""
    row, tick = _open(venue, row, fundamental[None], multiplier[None], jnp.int32(number))
    venue = follow(venue, row)
    if normal is not None:
        row = premium_moved(venue, row, jnp.int32(number), normal)
    opened, row = row, _paid(job.accounts, venue, row, tick)
    held, withdrawn = np.asarray(row.ledger.size[0]), _withdrawn(job, book, venue, opened, row, tick)
    accounts = jax.tree.map(lambda leaf: leaf[None], job.accounts)
    acted, rounds = jnp.zeros((1, book.accounts), bool), 0
    liquidations: list[dict[str, Any]] = []
    coins: list[dict[str, Any]] = []
    adl: list[dict[str, Any]] = []
    socialised: dict[str, float] = {}
    if row.pool is not None:
        row, closed = _by_pool(job, venue, book, row, tick)
        adl += closed
    while True:
        row, share, seen = _look(accounts, venue, row, tick, acted)
        if not bool((share > 0).any()) or rounds >= int(venue.max_rounds[0]):
            break
        before = row
        row, done = _act(accounts, venue, row, tick, seen, share)
        if watch is not None:
            watch(tick, before, row, done)
        _record(book, np.asarray(before.ledger.size[0]), done, liquidations, adl, socialised)
        coins += _sold(book, done)
        tick = replace(tick, capacity=tick.capacity - (share * seen.notional).sum((1, 2)))
        acted, rounds = acted | (share > 0).any(1), rounds + 1
    row = replace(row, outcome=_finish(job.accounts, row))
    names = book.markets
    oracle = jax.vmap(oracle_price)(venue, row, tick)[0]
    return row, {
        "mark": dict(zip(names, map(float, row.mark[0]), strict=True)),
        "oracle": dict(zip(names, map(float, oracle), strict=True)),
        "rounds": rounds,
        "liquidations": liquidations,
        "adl": adl,
        "socialised": socialised,
        **({} if job.accounts.coins is None else {"coins": coins}),
        **({"revalued": _revalued(job, book, venue, opened, held, number)} if venue.depegs else {}),
        **({} if opened.withdrawals is None else {"withdrawn": withdrawn}),
    }


def _by_pool(job: Job, venue: Venue, book: Book, row: Row, tick: Tick) -> tuple[Row, list[dict[str, Any]]]:
    """The row after the pool closed what it has to, and that."""
    row, _ = _watched(venue, row, tick)
    closing = _pool_closing(venue, job.accounts, row, tick)
    units, price = np.asarray(closing.units[0]), np.asarray(closing.price[0])
    closed = [
        {"account": _owner(book, n), "market": book.markets[a], "size": float(units[a, n]), "price": float(price[a, n])}
        for a, n in np.argwhere(units)
    ]
    return _after_closing(venue, job.accounts, row, tick, closing), closed


def _revalued(job: Job, book: Book, venue: Venue, opened: Row, held: np.ndarray, number: int) -> dict[str, float]:
    """What wallets of accounts with a position gained in USD, by account; ``held`` [A, N] are the sizes before."""
    change = sum(float(depeg.change(jnp.int32(number))[0]) for depeg in venue.depegs)
    wallet = opened.marks[WALLET][0] if WALLET in opened.marks else job.accounts.collateral
    gained = np.where((held != 0).any(0), np.asarray(wallet) * change, 0.0)
    return {_owner(book, int(n)): float(gained[n]) for n in np.flatnonzero(gained)}


def _withdrawn(job: Job, book: Book, venue: Venue, opened: Row, row: Row, tick: Tick) -> dict[str, float]:
    """What traders took out in USD, by account: what phase 3 would have left them without it, less what it did."""
    if opened.withdrawals is None:
        return {}
    nobody = replace(opened.withdrawals, share=jnp.zeros_like(opened.withdrawals.share))
    kept = _paid(job.accounts, venue, replace(opened, withdrawals=nobody), tick).ledger.quote
    taken, by_owner = np.asarray(kept - row.ledger.quote)[0], dict[str, float]()
    for n in np.flatnonzero(taken):
        by_owner[_owner(book, int(n))] = by_owner.get(_owner(book, int(n)), 0.0) + float(taken[n])
    return by_owner


def _sold(book: Book, done: Round) -> list[dict[str, Any]]:
    """Collateral in coins that a round sold."""
    sale = done.settled.coins
    if sale is None:
        return []
    units, price = np.asarray(sale.units)[0], np.asarray(sale.price)[0]
    return [
        {
            "account": _owner(book, n),
            "margin_account": int(n),
            "asset": book.markets[a],
            "units": float(units[a, n]),
            "price": float(price[a]),
        }
        for a, n in np.argwhere(units)
    ]


def _record(
    book: Book,
    held: np.ndarray,
    done: Round,
    liquidations: list[dict[str, Any]],
    adl: list[dict[str, Any]],
    socialised: dict[str, float],
) -> None:
    """Append what happened in a round."""
    closing, settled = jax.tree.map(lambda leaf: np.asarray(leaf)[0], (done.closing, done.settled))
    for n in np.flatnonzero(closing.acted):
        liquidations += _fills(book, held, closing, settled, int(n))
    won = (closing.adl != 0) & ~closing.acted
    adl += [
        {
            "account": _owner(book, n),
            "market": book.markets[a],
            "size": float(closing.adl[a, n]),
            "price": float(closing.adl_price[a, n]),
        }
        for a, n in np.argwhere(won)
    ]
    for n in np.flatnonzero(np.asarray(done.levied[0])):
        name = _owner(book, int(n))
        socialised[name] = socialised.get(name, 0.0) + float(done.levied[0, n])


def _fills(book: Book, held: np.ndarray, closing: Any, settled: Any, n: int) -> list[dict[str, Any]]:
    """Fills of an account of sizes ``held`` [A, N] before; its fee and deficit are split over those on the book."""
    parts = [("book", a, closing.book[a, n], settled.fill[a, n]) for a in np.flatnonzero(closing.book[:, n])]
    parts += [("adl", a, closing.adl[a, n], closing.adl_price[a, n]) for a in np.flatnonzero(closing.adl[:, n])]
    if closing.taken is not None:
        mine = np.flatnonzero(closing.taken[:, n])
        parts += [("backstop", a, held[a, n], closing.taken_price[a, n]) for a in mine]
    sold = sum(abs(units) * price for kind, _, units, price in parts if kind == "book")
    fills = []
    for kind, a, units, price in parts:
        part = abs(units) * price / sold if kind == "book" else 0.0
        fills.append(
            {
                "account": _owner(book, n),
                "market": book.markets[a],
                "size": float(units),
                "price": float(price),
                "fee": float(settled.fee[n] * part),
                "deficit": float(settled.deficit[n] * part),
            }
        )
    return fills


def _left(book: Book, ticks: list[dict[str, Any]]) -> np.ndarray:
    """Coins [N, A] that were not sold."""
    left = np.zeros_like(book.size) if book.coins is None else book.coins.copy()
    for sale in (sale for tick in ticks for sale in tick.get("coins", ())):
        left[sale["margin_account"], book.markets.index(sale["asset"])] -= sale["units"]
    return left


def _final(book: Book, row: Row, fund: float, coins: np.ndarray) -> dict[str, Any]:
    """Parties at the end; ``coins`` [N, A] are what accounts have left."""
    size, quote, mark = (np.asarray(x[0]) for x in (row.ledger.size, row.ledger.quote, row.mark))
    accounts: dict[str, Any] = {}
    for n in range(book.accounts):
        entry = accounts.setdefault(_owner(book, n), {"cash": 0.0, "equity": 0.0, "positions": {}})
        entry["cash"] += float(quote[n] + (size[:, n] * book.entry[n]).sum())
        entry["equity"] += float(quote[n] + ((size[:, n] + coins[n]) * mark).sum())
        if coins[n].any():
            entry["coins"] = {book.markets[a]: float(coins[n, a]) for a in np.flatnonzero(coins[n])}
        entry["positions"] |= {
            book.markets[a]: {"size": float(size[a, n]), "entry_price": float(book.entry[n, a])}
            for a in np.flatnonzero(size[:, n])
        }
    return {
        "fund": fund + float(row.fund_flow()[0]),
        "keepers": float(row.ledger.keepers[0]),
        "accounts": accounts,
    }


def _outcome(row: Row, step_seconds: float) -> dict[str, Any]:
    """Totals of the path, named as the columns of ``paths.parquet``."""
    out = jax.tree.map(lambda leaf: np.asarray(leaf)[0], row.outcome)
    depleted = bool(out.depletion_tick != NEVER)
    return {
        "depleted": depleted,
        "time_to_depletion_hours": out.depletion_tick * step_seconds / 3600.0 if depleted else None,
        "fund_drawdown": float(out.drawdown),
        "liquidated_notional": float(out.liquidated.sum()),
        "liquidated_accounts": int(out.liquidated_accounts),
        "fees_to_fund": float(out.fees_to_fund),
        **{column: float(getattr(out, name)) for column, name in MONEY.items()},
        **_fairness(row),
        **({} if row.withdrawals is None else {"collateral_withdrawn": float(row.withdrawals.done.taken[0])}),
        "cash_residual": float(out.cash_residual),
        "contracts_residual": float(out.contracts_residual),
    }


def _fairness(row: Row) -> dict[str, float | None]:
    """How ADL treated those in profit, where it is asked for; None for what did not happen."""
    if row.fairness is None:
        return {}
    found = {column: float(getattr(row.fairness, name)[0]) for column, name in FAIRNESS.items()}
    return {column: None if np.isnan(value) else value for column, value in found.items()}


def _owner(book: Book, n: int) -> str:
    return book.owners[book.owner[n]]
