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
from stress.price.diffusion.base import correlated
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
class OpenedMarket:
    """The bar of one market that a path is in; all []."""

    close: Array
    high: Array
    low: Array
    ranged: Array  # bool
    variance: Array
    turn: Array  # int32, tick of the first extreme
    last_turn: Array  # int32, tick of the second; both 0 where high and low are not known
    price: Array  # log price now over the bar's open


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Opened:
    """The bar that a path is in."""

    markets: tuple[OpenedMarket, ...]  # numbers of their own, so that of many paths each is a vector
    begin: Array  # [] int32, ticks before the price moves; turns are counted from then on
    low_first: Array  # [] bool

    @property
    def price(self) -> Array:
        """Log prices [A] now over the bar's open."""
        return jnp.stack([market.price for market in self.markets], axis=-1)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Bridge:
    """The bridge: steps to a bar, more than one, and those of them in which the price moves."""

    factor: Array  # [A, A] lower Cholesky factor of the noise's correlation
    ticks: int = field(metadata={"static": True})
    moving: int = field(metadata={"static": True})

    def unopened(self, bar: Bars) -> Opened:
        """Before the first bar, of which ``bar`` is one like."""
        return Opened(_markets(bar), begin=jnp.zeros((), jnp.int32), low_first=jnp.zeros((), bool))

    def open(self, bar: Bars, uniform: Array) -> Opened:
        """At the open of a bar; ``uniform`` [] decides where its extremes are."""
        order, moment = following(uniform, EXTREMES)
        low_first = order < bar.first_low
        begin = jnp.floor(moment * (self.ticks - self.moving + 1)).astype(jnp.int32)
        markets = (self._turned(market, low_first, uniform) for market in _markets(bar))
        return Opened(tuple(markets), begin=begin, low_first=low_first)

    def _turned(self, market: OpenedMarket, low_first: Array, uniform: Array) -> OpenedMarket:
        """Ticks of both extremes: apart, within the bar, at its ends where open or close is one."""
        ticks, close = self.moving, market.close
        first, second = _ordered(market, low_first)
        scale = jnp.sqrt(jnp.maximum(market.variance, TINY))
        lengths = jnp.abs(first), jnp.abs(second - first), jnp.abs(close - second)
        to_first, between = leg_shares(lengths[0] / scale, lengths[1] / scale, lengths[2] / scale, uniform)
        before, after = ((length > 0).astype(jnp.int32) for length in (lengths[0], lengths[2]))
        turn = jnp.where(before > 0, _ticks(ticks * to_first, before, ticks - 1 - after), 0)
        last_turn = _ticks(ticks * (to_first + between), turn + 1, ticks - after)
        last_turn = jnp.where(after > 0, last_turn, ticks)
        if ticks == 2:  # one tick between open and close
            farther = (lengths[0] > lengths[2]) & (before > 0) & (after > 0)
            turn, last_turn = (jnp.where(farther, 1, extreme) for extreme in (turn, last_turn))
        seen = market.ranged & (ticks > 1)
        return replace(market, turn=jnp.where(seen, turn, 0), last_turn=jnp.where(seen, last_turn, 0))

    def step(self, now: Opened, place: Array, normal: Array) -> tuple[Opened, Array]:
        """After tick ``place`` [] of the bar, 0 to ``ticks`` - 1, and its log-return [A]; ``normal`` is [A]."""
        since = place - now.begin
        moves, within = (since >= 0) & (since < self.moving), jnp.clip(since, 0, self.moving - 1)
        if self.moving == self.ticks:
            moves, within = jnp.ones((), bool), place
        prices = [
            jnp.where(moves, self._price(market, now.low_first, within, noise), market.price)
            for market, noise in zip(now.markets, correlated(self.factor, normal), strict=True)
        ]
        pairs = list(zip(now.markets, prices, strict=True))
        after = replace(now, markets=tuple(replace(market, price=price) for market, price in pairs))
        return after, jnp.stack([price - market.price for market, price in pairs])

    def _price(self, market: OpenedMarket, low_first: Array, place: Array, noise: Array) -> Array:
        """Log price [] over the open after tick ``place`` of those in which the price moves."""
        first, second = _ordered(market, low_first)
        before, between = place < market.turn, place < market.last_turn
        target = jnp.where(before, first, jnp.where(between, second, market.close))
        end = jnp.where(before, market.turn, jnp.where(between, market.last_turn, self.moving))
        left = (end - place).astype(jnp.float64)  # ticks to the target, this one included
        a_tick, part = jnp.maximum(market.variance, TINY) / self.moving, 1.0 / left
        spread = a_tick * (1.0 - part)
        free = market.price + (target - market.price) * part + jnp.sqrt(spread) * noise
        to_come = 1.0 / (a_tick * jnp.maximum(left - 1.0, 1.0))
        low, high = market.low, market.high
        above = low + _kept(free - low, target - low, spread, to_come)
        below = high - _kept(high - above, high - target, spread, to_come)
        inside = jnp.clip(below, low, high)
        return jnp.where(left > 1.0, jnp.where(market.ranged, inside, free), target)


def _markets(bar: Bars) -> tuple[OpenedMarket, ...]:
    """A bar [A], market by market, at its open."""

    def one(a: int) -> OpenedMarket:
        none, zero = jnp.zeros((), jnp.int32), jnp.zeros((), jnp.float64)
        numbers = (bar.close[a], bar.high[a], bar.low[a], bar.ranged[a], bar.variance[a])
        return OpenedMarket(*numbers, turn=none, last_turn=none, price=zero)

    return tuple(one(a) for a in range(bar.close.shape[0]))


def _ordered(bar: Bars | OpenedMarket, low_first: Array) -> tuple[Array, Array]:
    """First and second extreme."""
    return jnp.where(low_first, bar.low, bar.high), jnp.where(low_first, bar.high, bar.low)


def _ticks(time: Array, low: Array, high: Array) -> Array:
    return jnp.minimum(jnp.maximum(jnp.round(time).astype(jnp.int32), low), high)


def _kept(distance: Array, goal: Array, spread: Array, to_come: Array) -> Array:
    """Distance [] from a wall that is not crossed, a step of variance ``spread`` later.

    A step of the Bessel process is sqrt(distance^2 + 2 spread), two more dimensions at their mean. The bridge
    to a ``goal`` away from the wall is pushed less: by 2y / (exp(2y) - 1) with y = goal distance / variance to come,
    of which ``to_come`` is the inverse.
    """
    y = goal * jnp.abs(distance) * to_come
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
