"""Everything a depth history says about a ``liquidity`` section, and what it does not."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from scipy.stats import norm

from stress.calibrate.depth import DepthHistory, bar_ends, load_bars, load_depth
from stress.calibrate.regimes import bar_law, obstacle, probabilities
from stress.config.price import PriceConfig
from stress.config.schema import Config
from stress.errors import UserError
from stress.liquidity.calibrate.level import Level, recent_level
from stress.liquidity.calibrate.regression import Coefficient
from stress.liquidity.calibrate.response import Elasticity, elasticity, regime_response
from stress.liquidity.calibrate.windows import Bars, Realised, Windows, realised
from stress.liquidity.calibrate.withdrawal import Visible, visible
from stress.price.calibrate.history import load_history
from stress.units import years

DISPLACEMENTS = 0.02, 0.05, 0.15
"""Displacements of the mark for which it is said what an average over a window shows of makers who leave."""
WORST = 0.02
"""Share of windows that count as the worst."""
FEWEST_IN_REGIME = 30.0
"""Windows' worth of time in a regime below which it is not fitted."""


@dataclass(frozen=True)
class Multiplier:
    """Depth in a regime relative to the first."""

    regime: str
    estimate: float
    low: float
    high: float
    windows: float  # of all markets, as much time as was spent in the regime


@dataclass(frozen=True)
class LiquidityFit:
    """What was fitted. Without prices only levels are."""

    history: DepthHistory
    volatility: list[Realised]  # by market; empty without prices
    levels: dict[str, Level]
    by_market: dict[str, Elasticity]
    pooled: Elasticity | None
    multipliers: list[Multiplier]  # of every regime, the first being 1; none where they are not identified
    no_multipliers: str  # why there are none
    withdrawal: list[Visible]
    worst_missing: dict[
        str, tuple[int, int]
    ]  # by market: worst windows of the price history without depth, of how many
    warnings: list[str]


def fit_liquidity(cfg: Config, price: PriceConfig, markets: list[str]) -> LiquidityFit:
    """Fit depth of ``markets``; regimes are those of ``price``."""
    history = load_depth(cfg.data, markets)
    volatility, missing, notes = [], {}, []
    if cfg.data.path is None:
        notes.append("Without data.path there is no volatility: how depth answers to it is not fitted.")
    else:
        for windows in history.windows:
            bars, _ = load_bars(cfg.data, windows.market)
            try:
                volatility.append(realised(windows, bars))
            except ValueError as error:
                raise UserError(f"data.depth: {windows.market}: {error}. Use finer prices.") from None
            missing[windows.market] = _worst_missing(windows, bars)
    by_market, pooled = {}, None
    if volatility:
        pairs = list(zip(history.windows, volatility, strict=True))
        by_market = {w.market: elasticity([w], [r]) for w, r in pairs}
        pooled = elasticity(history.windows, volatility)
        notes += _timing(by_market)
    response, reason, shares = _regimes(cfg, price, history, volatility)
    names = list(price.regimes or {})
    width = float(norm.ppf(0.5 + 0.5 * cfg.run.confidence))
    multipliers = _multipliers(names, response, shares, width) if response else []
    change = np.array([0.0, *(c.estimate for c in response)])
    levels = {}
    for k, windows in enumerate(history.windows):
        effect = np.nan_to_num(shares[k]) @ change if response else np.zeros(len(windows.end))
        levels[windows.market] = recent_level(windows, cfg.calibrate.level_days, effect, cfg.run.confidence)
    return LiquidityFit(
        history,
        volatility,
        levels,
        by_market,
        pooled,
        multipliers,
        reason,
        _visible(cfg, history, levels, pooled),
        missing,
        [*notes, *_level_notes(levels, missing)],
    )


def _regimes(
    cfg: Config, price: PriceConfig, history: DepthHistory, volatility: list[Realised]
) -> tuple[list[Coefficient], str, list[np.ndarray]]:
    """What regimes do to log depth, or why that is not known, and the share [n, R] of each window in each regime."""
    reason = "data.path is null" if not volatility else obstacle(price)
    markets = [w.market for w in history.windows if w.market in price.markets]
    if reason is None and not markets:
        reason = "price.markets and the markets of data.depth have none in common"
    if reason is not None:
        return [], reason, []
    prices = load_history(cfg.data, markets)
    law = bar_law(price, markets, years(prices.bar_seconds))
    chance, ends = probabilities(law, prices.returns), bar_ends(prices)
    shares = [_shares(w.end, r.bars, ends, chance) for w, r in zip(history.windows, volatility, strict=True)]
    spent = sum(np.nan_to_num(s).sum(0) for s in shares) / len(shares)
    if np.min(spent) < FEWEST_IN_REGIME:
        name = list(price.regimes or {})[int(np.argmin(spent))]
        return [], f"the history has only {np.min(spent):.0f} windows' worth of {name}", []
    return regime_response(history.windows, shares), "", shares


def _shares(end: np.ndarray, bars: int, bar_end: np.ndarray, chance: np.ndarray) -> np.ndarray:
    """Share [n, R] of windows spent in each regime; NaN where bars are missing."""
    last = np.searchsorted(bar_end, end - 1.0)
    good = (last < len(bar_end)) & (last >= bars - 1)
    last = np.where(good, last, bars - 1)
    shares = chance[last[:, None] - np.arange(bars)].mean(1)
    shares[~good] = np.nan
    return shares


def _multipliers(
    names: list[str], response: list[Coefficient], shares: list[np.ndarray], width: float
) -> list[Multiplier]:
    """Of every regime; ``width`` standard errors make the interval."""
    spent = np.array([np.nan_to_num(share).sum(0) for share in shares]).sum(0)

    def one(r: int, found: Coefficient) -> Multiplier:
        value, side = found.estimate, width * found.standard_error
        low, middle, high = (float(np.exp(value + move)) for move in (-side, 0.0, side))
        return Multiplier(names[r], middle, low, high, float(spent[r]))

    return [one(r, found) for r, found in enumerate([Coefficient(0.0, 0.0, 0), *response])]


def _visible(cfg: Config, history: DepthHistory, levels: dict[str, Level], pooled: Elasticity | None) -> list[Visible]:
    book = cfg.liquidity
    half_life = None if book.recovery_half_life_minutes is None else 60.0 * book.recovery_half_life_minutes
    scatter = pooled.residual if pooled else float(np.mean([level.scatter for level in levels.values()]))
    length = history.windows[0].seconds
    return [visible(x, book.withdrawal, half_life, length, scatter) for x in DISPLACEMENTS]


def _worst_missing(mine: Windows, bars: Bars) -> tuple[int, int]:
    """Of the windows between the first and the last in which the price moved most, how many have no depth."""
    grid = np.arange(mine.end[0], mine.end[-1] + 1.0, mine.seconds)
    variance = np.nan_to_num(realised(replace(mine, end=grid), bars).variance)
    count = max(1, round(WORST * len(grid)))
    worst = grid[np.argsort(-variance)[:count]]
    return int((~np.isin(np.round(worst), np.round(mine.end))).sum()), count


def _timing(by_market: dict[str, Elasticity]) -> list[str]:
    late = [market for market, e in by_market.items() if abs(e.after) > abs(e.before)]
    if not late:
        return []
    more = "depth goes with the volatility of the window after it more than with its own"
    return [f"{', '.join(late)}: {more}. Are the times of data.depth beginnings of windows? They are taken for ends."]


def _level_notes(levels: dict[str, Level], missing: dict[str, tuple[int, int]]) -> list[str]:
    notes = [
        f"{m}: depth changed by a factor of {np.exp(abs(v.trend)):.1f} over the last year "
        f"({'up' if v.trend > 0 else 'down'}): the level is that of the recent windows, not of the next ones."
        for m, v in levels.items()
        if abs(v.trend) > max(0.4, 2 * v.trend_error)
    ]
    lost = {m: v for m, v in missing.items() if v[0]}
    if lost:
        listed = ", ".join(f"{m} {a} of {b}" for m, (a, b) in lost.items())
        notes.append(
            f"No depth was recorded in some of the windows in which prices moved most ({listed}): depth in the "
            "worst hours is not in the data."
        )
    return notes


def longest_gap(windows: Windows) -> tuple[float, float]:
    """Ends of the windows before and after the longest time without depth, in seconds since 1970."""
    place = int(np.argmax(np.diff(windows.end)))
    return float(windows.end[place]), float(windows.end[place + 1])


def as_json(fit: LiquidityFit) -> dict[str, Any]:
    """The fit as plain values."""
    return {
        "levels": {m: asdict(v) for m, v in fit.levels.items()},
        "elasticity": {
            **{m: asdict(e) for m, e in fit.by_market.items()},
            **({"pooled": asdict(fit.pooled)} if fit.pooled else {}),
        },
        "depth_multiplier": [asdict(m) for m in fit.multipliers],
        "no_depth_multiplier": fit.no_multipliers or None,
        "withdrawal": [asdict(v) for v in fit.withdrawal],
        "worst_windows_without_depth": {m: list(v) for m, v in fit.worst_missing.items()},
        "warnings": fit.warnings,
    }
