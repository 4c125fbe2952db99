"""Who is who in a book: groups of positions, every position in one group of each kind.

Axes: ``A`` markets, ``N`` margin accounts.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from stress.book.inverse import mirrored
from stress.book.schema import Book
from stress.build.study import Study

DECILES = 10
TITLES = {
    "market": "Market",
    "side": "Side",
    "tier": "Margin tier of the account's largest position",
    "leverage": "Leverage of the account at the start",
    "account_type": "Account type",
    "size": "Account size, in tenths of accounts",
    "account": "Account",
}


@dataclass(frozen=True)
class Group:
    """Some positions."""

    kind: str  # of TITLES
    name: str
    members: np.ndarray  # [N, A] bool


def groups_of(study: Study, kind: str, bands: list[float]) -> list[Group]:
    """The groups of a kind that have a position; ``bands`` are the bounds between bands of leverage."""
    book = study.book
    held = (book.size != 0) & ~book.residual[:, None]
    match kind:
        case "market":
            labels, names = np.broadcast_to(np.arange(len(book.markets)), held.shape), list(book.markets)
        case "side":
            labels, names = (book.size < 0).astype(int), ["long", "short"]
        case "tier":
            labels, names = _tiers(study)
        case "leverage":
            labels, names = _bands(study, bands)
        case "account_type":
            labels, names = _types(book, held)
        case _:
            labels, names = _deciles(study, held)
    if labels.ndim == 1:
        labels = np.broadcast_to(labels[:, None], held.shape)
    found = [Group(kind, name, held & (labels == k)) for k, name in enumerate(names)]
    return [group for group in found if group.members.any()]


def account_group(book: Book, owner: int) -> Group:
    """The positions of a named account, of all its margin accounts."""
    mine = (book.owner == owner) & ~book.residual
    return Group("account", book.owners[owner], (book.size != 0) & mine[:, None])


def leverage(study: Study) -> np.ndarray:
    """Notional over equity [N] at the start; infinite without equity, zero without a position."""
    book, gross = study.book, gross_notional(study)
    held = mirrored(book, study.prices0) if study.config.protocol.contract == "inverse" else book
    equity = held.equity(study.prices0)
    some = np.divide(gross, equity, out=np.full(len(gross), np.inf), where=equity > 0)
    return np.where(gross > 0, some, 0.0)


def gross_notional(study: Study) -> np.ndarray:
    """Notional [N] in USD at the start."""
    return (np.abs(study.book.size) * study.prices0).sum(1)


def _tiers(study: Study) -> tuple[np.ndarray, list[str]]:
    """The line of the margin curve that rules the largest position [N]."""
    notional, units = np.abs(study.book.size) * study.prices0, np.abs(study.book.size)
    lines = study.margin.lines(units.T)
    level = np.stack([np.asarray(rate * notional.T - less) for rate, less in lines])  # [K, A, N]
    tier = level.argmax(0).T
    largest = notional.argmax(1)
    return tier[np.arange(len(tier)), largest], [f"tier {k + 1}" for k in range(len(lines))]


def _bands(study: Study, bands: list[float]) -> tuple[np.ndarray, list[str]]:
    edges = [f"{bound:g}" for bound in bands]
    between = [f"{low} to {high} times" for low, high in pairwise(edges)]
    names = [f"up to {edges[0]} times", *between, f"above {edges[-1]} times"] if edges else ["any leverage"]
    return np.searchsorted(np.asarray(bands), leverage(study), side="left"), names


def _types(book: Book, held: np.ndarray) -> tuple[np.ndarray, list[str]]:
    kinds = np.where(book.isolated, 2, (held.sum(1) > 1).astype(int))
    return kinds, ["cross, one market", "cross, several markets", "isolated"]


def _deciles(study: Study, held: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """Tenths [N] of the accounts with a position, the smallest first; of equals the first in the book is smaller."""
    gross, some = gross_notional(study), np.flatnonzero(held.any(1))
    order = some[np.argsort(gross[some], kind="stable")]
    tenth = np.full(len(gross), -1)
    tenth[order] = np.arange(len(order)) * DECILES // max(len(order), 1)
    names = [f"{k}. tenth" for k in range(1, DECILES + 1)]
    return tenth, [f"{names[0]} (smallest)", *names[1:-1], f"{names[-1]} (largest)"]
