"""A path within a bar: from the open through the high and the low to the close.

Bars with a high and low. The path is at the high in one tick and at the low in another, exactly, in all markets of the
bar in the same order: the extreme nearer to the open tends to come first, with the odds that Brownian motion has
(``first_low``). The ticks are those of ``stress.price.legs``. From one of these points to the next it is a Brownian
bridge that stays within the bar's range: near the high or low it is pushed back as Brownian motion is that is known
not to cross it (a Bessel process of dimension 3, its drift in closed form for one wall), and what the last step leaves
beyond is cut off. The variance is that of Garman and Klass (1980) from the same bar, 0.5 (high - low)^2 - (2 log 2 - 1)
close^2; the noise has the correlation of the bars' returns. With bars cut from Brownian motion this gives back, in
sixty ticks, its variance to 3 %, the variance at half time to 6 %, no autocorrelation of ticks; the correlation of
two markets' ticks comes out lower than that of their bars, 0.61 for 0.8 (0.68 after a quarter of an hour). At fewer
than three ticks a bar there may be no tick for both extremes: with two, the one that is farther off is kept.

Bars without. A Brownian bridge to the close with the variance given, of the returns around the bar.

Either way the path is at the close when the bar ends, so bars have the same law whatever the step. The price may be
told to move during part of the bar only, at a random moment, the same in all markets, and to stand still otherwise:
bars do not say how fast their moves were.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import jax
import jax.numpy as jnp
import numpy as np

from stress.price.base import Shock
from stress.price.keyed import following
from stress.price.legs import leg_shares
from stress.types import Array

EXTREMES = 3
"""Number of the words of a bar's uniform that follow those of its legs."""
TINY = 1e-30
"""Keeps a bar that does not move from dividing by zero."""
RANGE, CLOSE = 0.5, 2.0 * np.log(2.0) - 1.0
"""Weights of Garman and Klass's (1980) practical estimator."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Bars:
    """Bars, in log price over their open: a table [n, ...] or one of them. Axis ``A`` markets."""

    close: Array  # [n, A]
    high: Array  # [n, A]
    low: Array  # [n, A]
    ranged: Array  # [n, A] bool: high and low are known
    variance: Array  # [n, A] of the whole bar
    first_low: Array  # [n] probability that the low comes before the high

    def row(self, index: Array) -> Bars:
        """One bar."""
        return jax.tree.map(lambda table: table[index], self)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Opened:
    """The bar that a path is in."""

    bar: Bars  # a row
    turn: Array  # [A] int32, tick of the first extreme
    last_turn: Array  # [A] int32, tick of the second; both 0 where high and low are not known
    begin: Array  # [] int32, ticks before the price moves; turns are counted from then on
    low_first: Array  # [] bool
    price: Array  # [A] log price now over the bar's open


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Bridge:
    """The bridge: steps to a bar, more than one, and those of them in which the price moves."""

    factor: Array  # [A, A] lower Cholesky factor of the noise's correlation
    ticks: int = field(metadata={"static": True})
    moving: int = field(metadata={"static": True})

    def unopened(self, bar: Bars) -> Opened:
        """Before the first bar, of which ``bar`` is one like."""
        never = jnp.zeros_like(bar.close, jnp.int32)
        return Opened(
            bar=bar,
            turn=never,
            last_turn=never,
            begin=jnp.zeros((), jnp.int32),
            low_first=jnp.zeros((), bool),
            price=jnp.zeros_like(bar.close),
        )

    def open(self, bar: Bars, uniform: Array) -> Opened:
        """At the open of a bar; ``uniform`` [] decides where its extremes are."""
        order, moment = following(uniform, EXTREMES)
        low_first = order < bar.first_low
        turn, last_turn = self._turns(bar, low_first, uniform)
        return Opened(
            bar=bar,
            turn=jnp.where(bar.ranged, turn, 0),
            last_turn=jnp.where(bar.ranged, last_turn, 0),
            begin=jnp.floor(moment * (self.ticks - self.moving + 1)).astype(jnp.int32),
            low_first=low_first,
            price=jnp.zeros_like(bar.close),
        )

    def _turns(self, bar: Bars, low_first: Array, uniform: Array) -> tuple[Array, Array]:
        """Ticks [A] of both extremes: apart, within the bar, at its ends where open or close is one."""
        ticks = self.moving
        first, second = _ordered(bar, low_first)
        scale = jnp.sqrt(jnp.maximum(bar.variance, TINY))
        lengths = jnp.abs(first), jnp.abs(second - first), jnp.abs(bar.close - second)
        to_first, between = leg_shares(lengths[0] / scale, lengths[1] / scale, lengths[2] / scale, uniform)
        before, after = ((length > 0).astype(jnp.int32) for length in (lengths[0], lengths[2]))
        turn = jnp.where(before > 0, _ticks(ticks * to_first, before, ticks - 1 - after), 0)
        last_turn = _ticks(ticks * (to_first + between), turn + 1, ticks - after)
        last_turn = jnp.where(after > 0, last_turn, ticks)
        if ticks > 2:
            return turn, last_turn
        none = jnp.zeros_like(turn)
        if ticks == 1:
            return none, none
        farther = (lengths[0] > lengths[2]) & (before > 0) & (after > 0)  # one tick between open and close
        return jnp.where(farther, 1, turn), jnp.where(farther, 1, last_turn)

    def step(self, now: Opened, place: Array, normal: Array) -> tuple[Opened, Array]:
        """After tick ``place`` [] of the bar, 0 to ``ticks`` - 1, and its log-return [A]; ``normal`` is [A]."""
        since = place - now.begin
        moves = (since >= 0) & (since < self.moving)
        price = jnp.where(moves, self._price(now, jnp.clip(since, 0, self.moving - 1), normal), now.price)
        return replace(now, price=price), price - now.price

    def _price(self, now: Opened, place: Array, normal: Array) -> Array:
        """Log price [A] over the open after tick ``place`` of those in which the price moves."""
        first, second = _ordered(now.bar, now.low_first)
        before, between = place < now.turn, place < now.last_turn
        target = jnp.where(before, first, jnp.where(between, second, now.bar.close))
        end = jnp.where(before, now.turn, jnp.where(between, now.last_turn, self.moving))
        left = (end - place).astype(jnp.float64)  # ticks to the target, this one included
        a_tick = jnp.maximum(now.bar.variance, TINY) / self.moving
        spread = a_tick * (left - 1.0) / left
        noise = (self.factor.astype(normal.dtype) * normal).sum(-1)
        free = now.price + (target - now.price) / left + jnp.sqrt(spread) * noise
        to_come = a_tick * jnp.maximum(left - 1.0, 1.0)
        above = now.bar.low + _kept(free - now.bar.low, target - now.bar.low, spread, to_come)
        below = now.bar.high - _kept(now.bar.high - above, now.bar.high - target, spread, to_come)
        inside = jnp.clip(below, now.bar.low, now.bar.high)
        return jnp.where(left > 1.0, jnp.where(now.bar.ranged, inside, free), target)


def _ordered(bar: Bars, low_first: Array) -> tuple[Array, Array]:
    """First and second extreme [A]."""
    return jnp.where(low_first, bar.low, bar.high), jnp.where(low_first, bar.high, bar.low)


def _ticks(time: Array, low: Array, high: Array) -> Array:
    return jnp.minimum(jnp.maximum(jnp.round(time).astype(jnp.int32), low), high)


def _kept(distance: Array, goal: Array, spread: Array, to_come: Array) -> Array:
    """Distance [A] from a wall that is not crossed, a step of variance ``spread`` later.

    A step of the Bessel process is sqrt(distance^2 + 2 spread), two more dimensions at their mean. The bridge
    to a ``goal`` away from the wall is pushed less: by 2y / (exp(2y) - 1) with y = goal distance / variance to come.
    """
    y = goal * jnp.abs(distance) / to_come
    push = 1.0 / (1.0 + y * (1.0 + y * (2.0 / 3.0 + y / 3.0)))
    return jnp.sqrt(distance**2 + 2.0 * spread * push)


def shock(log_return: Array) -> Shock:
    """What bars of prices say of a step: of the order book's depth nothing."""
    return Shock(log_return=log_return, depth_multiplier=jnp.ones((), jnp.float64))


def ranged_variance(close: np.ndarray, high: np.ndarray, low: np.ndarray) -> np.ndarray:
    """Variance of bars by Garman and Klass (1980); at least 0.11 of the squared range. NaN without high and low."""
    return RANGE * (high - low) ** 2 - CLOSE * close**2


def low_before_high(close: np.ndarray, high: np.ndarray, low: np.ndarray) -> np.ndarray:
    """Probability [n] that the low comes first, one for all markets [n, A] of a bar: the mean of their log-odds.

    Brownian motion that runs from the open by the low and the high to the close covers y = 2 (high - low) - close, the
    other way round 2 (high - low) + close; the leading terms of their densities (reflection principle) are as
    (y^2 / variance - 1) exp(-y^2 / (2 variance)). Markets without high and low do not count; one half if all are so.
    """
    known = np.isfinite(high) & np.isfinite(low) & (high > low)
    spread = np.where(known, high - low, 1.0)
    moved = np.where(known, close, 0.0)
    variance = ranged_variance(moved, spread, np.zeros_like(spread))

    def log_density(way: np.ndarray) -> np.ndarray:
        return np.log(way**2 / variance - 1.0) - way**2 / (2.0 * variance)

    odds = log_density(2.0 * spread - moved) - log_density(2.0 * spread + moved)
    mean = np.where(known, odds, 0.0).sum(1) / np.maximum(known.sum(1), 1)
    return 1.0 / (1.0 + np.exp(-np.clip(mean, -700.0, 700.0)))
