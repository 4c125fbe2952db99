"""The branching ratio that can be read off the book: liquidation levels per price times price impact per unit sold.

At a price level p of one market, moved alone: everything with a level between the start and p is sold, q(p) units, and
the mark stands at p. Then selling what stands in a window h around p moves the mark by

    ratio(p) = |X(q(p - h/2)) - X(q(p + h/2))| S / h,      p = S (1 + X(q(p))),

X the displacement of the impact law and S the fundamental price that carries the mark to p. For linear impact it is
|dq/dp| times the price impact of a unit. Where it exceeds one, a fall feeds itself: S(p) turns back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from stress.book.exposure import distance_to_liquidation
from stress.decisions.critical.scopes import DIRECTIONS
from stress.decisions.critical.shots import Gun
from stress.liquidity.book import Liquidity

STEPS_A_WIDTH = 8
"""Levels that are looked at, to the width of the window."""
FIXED_POINT = 200
"""Steps of S = p / (1 + X(q S / D)); each gains a factor of at least X, which is below one."""
NEAR_TOP = 0.8
"""A cluster is a run of levels where the ratio is at least one, or this share of its maximum where that is less."""
NAMED = 5


@dataclass(frozen=True)
class Side:
    """Accounts liquidated by a move of one market in one direction. Axes: ``n`` of them."""

    market: int
    sign: float  # of the move
    distance: np.ndarray  # [n] relative to the price at the start, > 0, ascending
    account: np.ndarray  # [n] margin account
    notional: np.ndarray  # [n] USD at the start

    def within(self, distance: np.ndarray) -> np.ndarray:
        """USD [k] with a level up to a distance [k]."""
        total = np.concatenate([[0.0], np.cumsum(self.notional)])
        return total[np.searchsorted(self.distance, distance, side="right")]


def sides_of(gun: Gun) -> list[Side]:
    """Both directions of every market."""
    base = gun.base
    edge = distance_to_liquidation(base.book, base.prices0, base.margin, base.plan.job.venues.contract is not None)
    notional = np.abs(base.book.size) * base.prices0
    found = []
    for a in range(len(base.markets)):
        for sign in DIRECTIONS.values():
            hit = np.flatnonzero((sign * edge[:, a] >= 0) & (sign * base.book.size[:, a] < 0))
            order = hit[np.argsort(sign * edge[hit, a], kind="stable")]
            found.append(Side(a, sign, sign * edge[order, a], order, notional[order, a]))
    return found


def static(gun: Gun) -> dict[str, Any]:
    """Ratios by market, direction and level, and the clusters."""
    width, largest = gun.settings.cluster_width, gun.settings.largest_move
    at = np.arange(0.0, largest + 1e-12, width / STEPS_A_WIDTH)
    liquidity = jax.tree.map(lambda leaf: np.asarray(leaf)[0], gun.base.plan.job.venues.liquidity)
    rows, clusters = [], []
    for side in sides_of(gun):
        ratio, shock = ratios(side, liquidity, at, width)
        name = gun.base.markets[side.market]
        direction = "down" if side.sign < 0 else "up"
        rows.append({"market": name, "direction": direction, "distance": at.tolist(),
                     "price": (gun.base.prices0[side.market] * (1 + side.sign * at)).tolist(),
                     "ratio": ratio.tolist(), "shock": shock.tolist(), "volume": side.within(at).tolist()})
        clusters += [cluster(gun, side, at, ratio, run) | {"market": name, "direction": direction}
                     for run in runs(ratio)]
    clusters.sort(key=lambda c: -c["largest_ratio"])
    return {"levels": rows, "clusters": clusters[: gun.settings.clusters]}


def ratios(side: Side, liquidity: Liquidity, at: np.ndarray, width: float) -> tuple[np.ndarray, np.ndarray]:
    """The ratio [k] at distances [k], and the relative move of the fundamental price that carries the mark there."""
    depth, price = float(np.asarray(liquidity.depth)[side.market]), 1.0 + side.sign * at

    def displaced(volume: np.ndarray, fundamental: np.ndarray) -> np.ndarray:  # fundamental over the price at start
        worth = fundamental if liquidity.contract is None else 1.0  # an inverse contract is so many USD at any price
        return np.asarray(liquidity.impact.displacement(jnp.asarray(-side.sign * volume * worth / depth)))

    fundamental = price.copy()
    for _ in range(FIXED_POINT):
        fundamental = price / (1.0 + displaced(side.within(at), fundamental))
    near, far = (side.within(at + step * width / 2) for step in (-1, 1))
    moved = np.abs(displaced(far, fundamental) - displaced(near, fundamental)) * fundamental
    return moved / width, fundamental - 1.0


def runs(ratio: np.ndarray) -> list[np.ndarray]:
    """Places of the levels of each cluster."""
    top = float(ratio.max(initial=0.0))
    if top <= 0:
        return []
    high = np.flatnonzero(ratio >= min(1.0, NEAR_TOP * top))
    return np.split(high, np.flatnonzero(np.diff(high) > 1) + 1)


def cluster(gun: Gun, side: Side, at: np.ndarray, ratio: np.ndarray, run: np.ndarray) -> dict[str, Any]:
    """Price range, notional and largest accounts of a run of levels."""
    width, start = gun.settings.cluster_width, float(gun.base.prices0[side.market])
    peak = run[int(np.argmax(ratio[run]))]
    low, high = at[run[0]] - width / 2, at[run[-1]] + width / 2
    inside = np.flatnonzero((side.distance > low) & (side.distance <= high))
    interest = float(gun.base.book.open_interest(gun.base.prices0)[side.market])
    largest = inside[np.argsort(-side.notional[inside], kind="stable")][:NAMED]
    notional = float(side.notional[inside].sum())
    return {
        "from_move": side.sign * max(float(low), 0.0), "to_move": side.sign * float(high),
        "from_price": start * (1 + side.sign * max(float(low), 0.0)), "to_price": start * (1 + side.sign * float(high)),
        "largest_ratio": float(ratio[peak]), "at_move": side.sign * float(at[peak]),
        "at_price": start * (1 + side.sign * float(at[peak])), "passes_one": bool(ratio[peak] > 1),
        "notional": notional, "interest_share": notional / interest if interest > 0 else None,
        "accounts": len(inside), "tiers": _tiers(gun, side, inside),
        "largest": [_account(gun, side, place) for place in largest],
    }


def _tier(gun: Gun, side: Side, places: np.ndarray) -> np.ndarray:
    """Number [n] of the margin line, 1 for the first, that a position's requirement is on."""
    a, rows = side.market, side.account[places]
    units = np.zeros((len(gun.base.markets), len(rows)))
    units[a] = np.abs(gun.base.book.size[rows, a])
    lines = gun.base.margin.lines(units)
    level = [np.asarray(rate)[a] * side.notional[places] - np.asarray(deduction)[a] for rate, deduction in lines]
    return 1 + np.argmax(np.stack(level), axis=0)


def _tiers(gun: Gun, side: Side, inside: np.ndarray) -> dict[str, float]:
    """USD by margin tier."""
    tier = _tier(gun, side, inside)
    return {str(t): float(side.notional[inside][tier == t].sum()) for t in np.unique(tier).tolist()}


def _account(gun: Gun, side: Side, place: int) -> dict[str, Any]:
    book, n = gun.base.book, int(side.account[place])
    equity = float(book.equity(gun.base.prices0)[n])
    total = float((np.abs(book.size[n]) * gun.base.prices0).sum())
    return {"account": book.owners[book.owner[n]], "margin_account": n, "notional": float(side.notional[place]),
            "move": side.sign * float(side.distance[place]),
            "price": float(gun.base.prices0[side.market]) * (1 + side.sign * float(side.distance[place])),
            "tier": int(_tier(gun, side, np.array([place]))[0]), "leverage": total / equity if equity > 0 else None}
