"""The branching ratio along one path: what the price fall of a round's sales triggers, over those sales."""

from __future__ import annotations

from typing import Any

import numpy as np

from stress.book.margin import shortfall
from stress.book.schema import Book
from stress.build.study import Study
from stress.decisions.critical.shots import Gun, Shots
from stress.engine.state import Row
from stress.engine.tick import Round, Tick
from stress.mc.mirror import as_held

NAMED = 10
"""Accounts that are listed."""


class Recorder:
    """Keeps every round of a replayed shot. Volumes are in USD at the fundamental prices of the tick."""

    def __init__(self, book: Book, taken: np.ndarray, prices: np.ndarray, inverse: bool) -> None:
        """``taken`` [N] are accounts that the shock alone makes liquidatable; ``prices`` [A] those at time zero."""
        self.book, self.taken, self.prices, self.inverse = book, taken, prices, inverse
        self.closed = np.zeros(book.accounts, bool)
        self.rows: list[dict[str, Any]] = []
        self.accounts: list[dict[str, Any]] = []

    def __call__(self, tick: Tick, before: Row, after: Row, done: Round) -> None:
        """One round."""
        del after
        closing, acted = done.closing, np.asarray(done.closing.acted[0])
        value = (self.prices if self.inverse else np.asarray(tick.fundamental[0]))[:, None]
        book = np.abs(np.asarray(closing.book[0])) * value * acted
        other = np.abs(np.asarray(closing.adl[0])) * value * acted
        taken = np.zeros_like(book) if closing.taken is None else np.asarray(closing.taken[0]) * acted
        new = acted & ~self.closed
        triggered = new & ~self.taken
        volume, mark = (book + other + taken).sum(0), np.asarray(before.mark[0])
        mark = self.prices**2 / mark if self.inverse else mark  # the engine's are mirrored
        sold = float(self.rows[-1]["sold"]) if self.rows else 0.0
        self.rows.append({
            "tick": int(tick.number[0]), "round": len(self.rows) + 1, "accounts": int(acted.sum()),
            "mark": dict(zip(self.book.markets, mark.tolist(), strict=True)),
            "move": dict(zip(self.book.markets, (mark / self.prices - 1.0).tolist(), strict=True)),
            "closed": float(volume.sum()), "sold": float(book.sum()),
            "triggered": float(volume[triggered].sum()),
            "ratio": float(volume[triggered].sum() / sold) if sold > 0 else None,
        })
        self.accounts += [{"margin_account": int(n), "round": len(self.rows), "by_shock": bool(self.taken[n]),
                           "volume": float(volume[n])} for n in np.flatnonzero(new)]
        self.closed |= acted


def branching(gun: Gun, shot: Shots) -> dict[str, Any]:
    """Rounds of a shot, the largest ratio, where it first passes one, and who was triggered there.

    The ratio of round k is what round k closes of accounts never closed before, those left out that the shock alone
    makes liquidatable, over what round k - 1 sold to the book.
    """
    base, move = gun.base, shot.move[0]
    recorder = Recorder(base.book, by_shock(base, move), base.prices0, base.plan.job.venues.contract is not None)
    ledger = gun.replay(shot, recorder)
    rows = recorder.rows
    rated = [row for row in rows if row["ratio"] is not None]
    largest = max(rated, key=lambda row: row["ratio"], default=None)
    passes = next((row for row in rated if row["ratio"] > 1), None)
    outcome = ledger["outcome"]
    return {
        "move": dict(zip(base.markets, move.tolist(), strict=True)), "depth_loss": float(shot.depth_loss[0]),
        "rounds": rows, "largest": _at(largest), "passes_one": _at(passes),
        "by_shock": _volume(recorder, by_shock=True), "by_selling": _volume(recorder, by_shock=False),
        "depleted": bool(outcome["depleted"]), "bad_debt": float(outcome["bad_debt"]),
        "accounts": _named(gun, recorder, (passes or largest or {"round": 1})["round"]),
        **({} if largest else {"reason": "nothing was sold, or nobody was liquidated after the first round"}),
    }


def by_shock(base: Study, move: np.ndarray) -> np.ndarray:
    """Accounts [N] that are liquidatable at once after moves [A], before anybody sells."""
    held, factor = as_held(base.plan.job, base.book), 1.0 + move
    prices = base.prices0 * (factor if base.plan.job.venues.contract is None else 1.0 / factor)
    return shortfall(held, prices, base.margin) > 0


def _at(row: dict[str, Any] | None) -> dict[str, Any] | None:
    return None if row is None else {key: row[key] for key in ("round", "tick", "ratio", "mark", "move")}


def _volume(recorder: Recorder, *, by_shock: bool) -> float:
    return float(sum(row["volume"] for row in recorder.accounts if row["by_shock"] is by_shock))


def _named(gun: Gun, recorder: Recorder, number: int) -> list[dict[str, Any]]:
    """The largest accounts first closed in the rounds up to ``number``."""
    book = gun.base.book
    largest = sorted((r for r in recorder.accounts if r["round"] <= number), key=lambda r: -r["volume"])[:NAMED]
    return [{"account": book.owners[book.owner[r["margin_account"]]],
             "markets": [m for m, size in zip(book.markets, book.size[r["margin_account"]], strict=True) if size],
             **r} for r in largest]
