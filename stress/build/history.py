"""From a price history to the models that draw from one: blocks of it, or windows."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from stress.build.regime import cholesky
from stress.config.markets import per_market
from stress.config.price import BootstrapConfig, PriceConfig
from stress.config.schema import DataConfig, RunConfig
from stress.errors import bad_value
from stress.price.block_length import optimal_block_length
from stress.price.bootstrap import Blocks, Bootstrap, growth, part_runs, part_starts
from stress.price.bridge import Bars, Bridge, low_before_high, ranged_variance
from stress.price.calibrate.bars import BarHistory, load_bars, span
from stress.price.calibrate.history import moment
from stress.price.windows import Windows
from stress.units import SECONDS_PER_HOUR, years

TOLERANCE = 1e-9
"""A step that is this close to a part of a bar, or a time to a bar's open, is one."""
AROUND = 12
"""Bars before and after one without high and low whose squared returns are its variance."""
SEEN = 3
"""Ticks in which a path can be at the high, at the low and at the close of a bar."""


def build_from_history(price: PriceConfig, run: RunConfig, data: DataConfig) -> dict[str, Any]:
    """The fields of a Market whose prices come from a history."""
    bars = load_bars(data, price.markets)
    step = bars.bar_seconds if run.step_seconds is None else run.step_seconds
    assert run.horizon_hours is not None  # checked with the config
    clock = _clock(bars.bar_seconds, step)
    steps = round(run.horizon_hours * SECONDS_PER_HOUR / step)
    make = _bootstrap if price.model == "bootstrap" else _windows
    model, facts = make(price, bars, clock, steps)
    files = sorted({str(source.file) for source in bars.history.sources.values()})
    return {
        "model": model, "prices": per_market(price.initial_prices, price.markets, "price.initial_prices"),
        "steps": steps, "step_seconds": step, "files": tuple(files), "history": _described(bars) | facts,
    }


def _clock(bar: float, step: float) -> tuple[int, int]:
    """Ticks in a bar and bars in a tick, one of them 1."""
    ticks, bars = max(1, round(bar / step)), max(1, round(step / bar))
    if abs(ticks * step - bars * bar) > TOLERANCE * max(bar, step):
        nearest = bar / ticks if ticks > 1 or step < bar else bars * bar
        raise bad_value("run.step_seconds", step, f"a whole part or a multiple of the history's bar, {bar:g} s",
                        f"The nearest is run.step_seconds={nearest:.12g}.")
    return ticks, bars


def _described(bars: BarHistory) -> dict[str, Any]:
    """What was read, and how much of it is used."""
    first, last = span(bars)
    told = bars.history.describe()
    return {
        "bar_seconds": bars.bar_seconds, "start": first, "end": last, "bars": len(bars.log_return),
        "gaps": int(bars.last[:-1].sum()), "high_and_low": dict(bars.wicks),
        "bars_without_high_and_low": dict(zip(bars.history.markets, _unknown(bars).sum(0).tolist(), strict=True)),
        "files": told["files"], "markets": told["markets"],
    }


def _unknown(bars: BarHistory) -> np.ndarray:
    return ~np.isfinite(bars.high)


def bar_table(bars: BarHistory) -> Bars:
    """The bars as a simulation reads them [n, ...]."""
    known = ~_unknown(bars)
    variance = np.where(known, ranged_variance(bars.log_return, bars.high, bars.low), _local_variance(bars))
    return Bars(
        close=jnp.asarray(bars.log_return),
        high=jnp.asarray(np.where(known, bars.high, np.maximum(bars.log_return, 0.0))),
        low=jnp.asarray(np.where(known, bars.low, np.minimum(bars.log_return, 0.0))),
        ranged=jnp.asarray(known),
        variance=jnp.asarray(variance),
        first_low=jnp.asarray(low_before_high(bars.log_return, bars.high, bars.low)),
    )


def _local_variance(bars: BarHistory) -> np.ndarray:
    """Mean of the squared returns of the bars around each [n, A], itself included."""
    n = len(bars.log_return)
    sums = _sums(bars.log_return**2)
    first, end = np.maximum(np.arange(n) - AROUND, 0), np.minimum(np.arange(n) + AROUND + 1, n)
    return np.maximum(sums[end] - sums[first], 0.0) / (end - first)[:, None]


def _sums(values: np.ndarray) -> np.ndarray:
    """Sums [n + 1, A] of the rows before each, and of all."""
    return np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0)])


def _bridge(price: PriceConfig, bars: BarHistory, ticks: int) -> Bridge | None:
    asked, bar = price.bridge_seconds, bars.bar_seconds
    if asked is not None and not (SEEN * bar / ticks <= asked * (1.0 + TOLERANCE) and asked <= bar * (1.0 + TOLERANCE)):
        raise bad_value("price.bridge_seconds", asked, f"at least {SEEN} steps ({SEEN * bar / ticks:g} s), for a path "
                        f"to be at the high and the low, and at most the history's bar ({bar:g} s)")
    if ticks == 1:
        return None
    moving = ticks if asked is None else round(asked / bar * ticks)
    return Bridge(factor=jnp.asarray(cholesky(_correlation(bars))), ticks=ticks, moving=moving)


def _correlation(bars: BarHistory) -> np.ndarray:
    """Correlation [A, A] of the bars' returns; none with a price that never moves."""
    moves = bars.log_return - bars.log_return.mean(0)
    scale = np.sqrt((moves**2).sum(0))
    unit = moves / np.where(scale > 0, scale, 1.0)
    correlation = unit.T @ unit
    np.fill_diagonal(correlation, 1.0)
    return correlation


def _bootstrap(
    price: PriceConfig, bars: BarHistory, clock: tuple[int, int], steps: int
) -> tuple[Bootstrap, dict[str, Any]]:
    """Blocks of all bars."""
    assert price.bootstrap is not None  # checked with the config
    ticks, bars_a_step = clock
    length, told = _mean_block(price.bootstrap, bars)
    restart = 1.0 / length
    model = Bootstrap(
        bars=bar_table(bars),
        blocks=Blocks(jnp.asarray(restart), jnp.asarray(part_runs(bars.last)), jnp.asarray(part_starts(bars.last))),
        drift=jnp.asarray(_drift(price, bars, restart, clock, steps)),
        bridge=_bridge(price, bars, ticks),
        bars_a_step=bars_a_step,
    )
    return model, told


def _mean_block(section: BootstrapConfig, bars: BarHistory) -> tuple[float, dict[str, Any]]:
    """Mean length of a block in bars, and what there is to say of it."""
    hours = bars.bar_seconds / SECONDS_PER_HOUR
    rule = {name: max(optimal_block_length(column) for column in series.T) * hours
            for name, series in (("absolute_returns", np.abs(bars.log_return)), ("returns", bars.log_return))}
    asked = section.mean_block_hours
    mean = rule[section.auto_from] if isinstance(asked, str) else asked
    if mean < hours * (1.0 - TOLERANCE):
        raise bad_value("price.bootstrap.mean_block_hours", mean, f"at least a bar of the history, {hours:g} h")
    return max(mean / hours, 1.0), {"mean_block_hours": mean, "rule_of_politis_and_white_hours": rule}


def _drift(price: PriceConfig, bars: BarHistory, restart: float, clock: tuple[int, int], steps: int) -> np.ndarray:
    """What is added to the log price in each tick [K, A], by bars (or by steps of several) since the start."""
    ticks, bars_a_step = clock
    if price.drift is None:
        return np.zeros((1, len(price.markets)))
    wanted = per_market(price.drift, price.markets, "price.drift") * years(bars.bar_seconds)
    simulated = -(-steps // ticks) * bars_a_step
    found = growth(bars.log_return, bars.last, restart, simulated)
    added = wanted - np.concatenate([found, np.repeat(found[-1:], -len(found) % bars_a_step, axis=0)])
    return added.reshape(-1, bars_a_step, added.shape[1]).sum(1) / ticks


def _windows(
    price: PriceConfig, bars: BarHistory, clock: tuple[int, int], steps: int
) -> tuple[Windows, dict[str, Any]]:
    """One window, or all that start at even times."""
    assert price.windows is not None  # checked with the config
    ticks, bars_a_step = clock
    length = -(-steps // ticks) * bars_a_step
    whole = _whole(bars, length)
    if price.windows.start is not None:
        row = _named(price, bars, whole, length)
        starts, told = np.array([row]), {"window": _span_of(bars, row, length)}
    else:
        starts, told = _even(price, bars, whole, length)
    told |= {"worst_fall": _falls(price.markets, bars, starts, whole, length, bridged=ticks > 1)}
    first, end = (int(starts[0]), int(starts[-1]) + length)  # nothing else is read
    model = Windows(
        bars=jax.tree.map(lambda column: column[first:end], bar_table(bars)),
        sums=jnp.asarray(_sums(bars.log_return[first:end])),
        starts=jnp.asarray(starts - first, jnp.int32),
        bridge=_bridge(price, bars, ticks),
        bars_a_step=bars_a_step,
    )
    return model, told


def _whole(bars: BarHistory, length: int) -> np.ndarray:
    """Whether a window of ``length`` bars can start in a row [n]: the history goes on and has no gap in it."""
    n = len(bars.last)
    ends = np.concatenate([[0], np.cumsum(bars.last)])
    rows = np.arange(n)
    inside = np.minimum(rows + length - 1, n)
    return (rows + length <= n) & (ends[inside] == ends[rows])


def _named(price: PriceConfig, bars: BarHistory, whole: np.ndarray, length: int) -> int:
    """The row of the first bar of the window that the config names."""
    assert price.windows is not None and price.windows.start is not None
    text = price.windows.start
    date = datetime.fromisoformat(text)
    wanted = (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() + bars.bar_seconds
    row = int(np.argmin(np.abs(bars.closed - wanted)))
    if whole[row] and abs(bars.closed[row] - wanted) <= TOLERANCE * wanted:
        return row
    hours = length * bars.bar_seconds / SECONDS_PER_HOUR
    possible = np.flatnonzero(whole)
    near = int(possible[np.argmin(np.abs(bars.closed[possible] - wanted))]) if len(possible) else None
    fix = "" if near is None else f"The nearest that can be had is {moment(bars.closed[near] - bars.bar_seconds)}."
    raise bad_value("price.windows.start", text, f"the open of a bar from which on {hours:g} h of all of "
                    f"{', '.join(price.markets)} are in the history without a gap ({_ranges(bars)})", fix)


def _ranges(bars: BarHistory) -> str:
    told = bars.history.describe()["markets"].items()
    return ", ".join(f"{market} {d['start']} to {d['end']}" for market, d in told)


def _even(price: PriceConfig, bars: BarHistory, whole: np.ndarray, length: int) -> tuple[np.ndarray, dict[str, Any]]:
    """Rows of windows that start at even times after the first bar's open."""
    assert price.windows is not None and price.windows.every_hours is not None
    every = price.windows.every_hours * SECONDS_PER_HOUR / bars.bar_seconds
    if abs(every - round(every)) > TOLERANCE * every or round(every) < 1:
        raise bad_value("price.windows.every_hours", price.windows.every_hours,
                        f"a multiple of the history's bar, {bars.bar_seconds / SECONDS_PER_HOUR:g} h")
    since = np.round((bars.closed - bars.closed[0]) / bars.bar_seconds).astype(np.int64)
    due = since % round(every) == 0
    if not (due & whole).any():
        first, last = span(bars)
        raise bad_value("run.horizon_hours", length * bars.bar_seconds / SECONDS_PER_HOUR,
                        f"a window that fits into the history without a gap ({first} to {last})")
    starts = np.flatnonzero(due & whole)
    fitting = (int(since[-1]) + 1 - length) // round(every) + 1
    return starts, {"windows": len(starts), "windows_with_a_gap": fitting - len(starts)}


def _span_of(bars: BarHistory, row: int, length: int) -> list[str]:
    return [moment(bars.closed[row] - bars.bar_seconds), moment(bars.closed[row + length - 1])]


def _falls(
    markets: list[str], bars: BarHistory, starts: np.ndarray, whole: np.ndarray, length: int, *, bridged: bool
) -> dict[str, dict[str, float]]:
    """How far below its start a window falls at most, and how many windows of the sample fall as deep.

    To the low of a bar where it is known and the path goes there, else to its close.
    """
    sums, rows = _sums(bars.log_return), np.flatnonzero(whole)
    deepest = np.minimum(np.where(_unknown(bars), 0.0, bars.low) if bridged else 0.0, bars.log_return)
    lowest = np.zeros((len(rows), len(markets)))
    for ahead in range(length):
        np.minimum(lowest, sums[rows + ahead] - sums[rows] + deepest[rows + ahead], out=lowest)
    mine = lowest[np.isin(rows, starts)].min(0)
    share = (lowest <= mine + TOLERANCE).mean(0)
    return {market: {"fall": float(-np.expm1(mine[a])), "share_of_all_windows": float(share[a])}
            for a, market in enumerate(markets)}
