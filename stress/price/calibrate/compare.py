"""The fit against the data: tails of one bar, and worst moves over an hour, four hours and a day."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.stats import kurtosis, norm

from stress.price.calibrate.law import BarLaw, components, jump_counts
from stress.price.calibrate.simulate import growth_free, simulate, stationary_law
from stress.units import SECONDS_PER_HOUR

PATHS, SEED = 64, 20200312
"""Simulated samples as long as the data."""

GRID = 120
HOURS = (1, 4, 24)
OFF_VOLATILITY = 0.05
"""Relative difference of the fit's volatility from the data's that is worth a warning."""

BAND = (0.05, 0.5, 0.95)
BY_MARKET = ("location", "volatility", "intensity", "mean", "std", "common_mean", "common_std")
"""Fields of a law that have a column a market."""

Statistic = Callable[[np.ndarray], np.ndarray]
"""Function of returns [T, n] that gives [n]."""

LONGEST = 60_000
"""Most bars simulated a path; a longer sample is compared with its share."""


def tails(law: BarLaw, returns: np.ndarray, markets: list[str]) -> dict[str, np.ndarray]:
    """Share of returns beyond a ``grid``, by market M: ``emp_down_M``, ``emp_up_M``, ``fit_down_M``, ``fit_up_M``."""
    typical, top = np.nanmedian(np.abs(returns)), np.nanmax(np.abs(returns))
    grid = np.geomspace(max(0.5 * typical, 1e-6 * top), 1.5 * top, GRID)
    result = {"grid": grid}
    flat = growth_free(law)
    for a, market in enumerate(markets):
        seen = np.sort(returns[np.isfinite(returns[:, a]), a])
        result[f"emp_down_{market}"] = np.searchsorted(seen, -grid, side="right") / len(seen)
        result[f"emp_up_{market}"] = 1 - np.searchsorted(seen, grid, side="left") / len(seen)
        result[f"fit_down_{market}"], result[f"fit_up_{market}"] = _exceedance(flat, a, grid)
    return result


def _exceedance(law: BarLaw, market: int, grid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """P(return <= -x) and P(return >= x) of one market for the x of ``grid`` [G]: a sum over numbers of jumps."""
    down, up = np.zeros_like(grid), np.zeros_like(grid)
    own = {name: getattr(law, name)[:, [market]] for name in BY_MARKET}
    alone = law._replace(correlation=np.ones((len(law.rates), 1, 1)), **own)
    for r, share in enumerate(stationary_law(law)):
        counts = jump_counts(np.array([law.intensity[r, market], law.common_intensity[r]]), 1e-12)
        weight, mean, variance = (np.asarray(x) for x in components(alone, r, counts))
        weights, std = share * np.exp(weight), np.sqrt(variance[:, 0, 0])
        down += norm.cdf((-grid[:, None] - mean[:, 0]) / std) @ weights
        up += norm.sf((grid[:, None] - mean[:, 0]) / std) @ weights
    return down, up


def worst_moves(law: BarLaw, returns: np.ndarray, markets: list[str], bar_seconds: float) -> tuple[dict, list[str]]:
    """Volatility, kurtosis and worst moves of the data beside those of simulated samples as long; and warnings.

    Moves are relative. ``share_below`` is the share of simulated samples with a lower value than the data's.
    """
    seen = returns[:LONGEST] if len(returns) > LONGEST else returns
    paths = simulate(growth_free(law), len(seen), PATHS, np.random.default_rng(SEED))
    paths[~np.isfinite(seen).repeat(PATHS, axis=0).reshape(len(seen), PATHS, -1)] = np.nan
    table, notes = {}, []
    for a, market in enumerate(markets):
        rows = {name: _row(value(returns[:, [a]])[0], value(paths[:, :, a]))
                for name, value in _statistics(bar_seconds).items()}
        table[market] = rows
        notes += [f"{market}: the worst {name.removeprefix('worst_')} of the data ({row['data']:.1%}) is worse than in "
                  f"all {PATHS} simulated samples as long (5 % of them reach {row['simulated_5']:.1%}): the fit "
                  "understates it."
                  for name, row in rows.items() if name.startswith("worst") and row["share_below"] == 0]
        ratio = rows["annual_volatility"]["simulated_50"] / rows["annual_volatility"]["data"]
        if abs(ratio - 1) > OFF_VOLATILITY:
            notes.append(f"{market}: the fit's volatility is {ratio:.2f} times that of the data.")
    return table, notes


def _statistics(bar_seconds: float) -> dict[str, Statistic]:
    """Name -> function of returns [T, n] giving [n]."""
    def volatility(x: np.ndarray) -> np.ndarray:
        return np.nanstd(x, axis=0) * np.sqrt(365 * 24 * SECONDS_PER_HOUR / bar_seconds)

    def worst(bars: int) -> Statistic:
        return lambda x: np.expm1(np.nanmin(_windows(x, bars), axis=0))

    def rare(bars: int) -> Statistic:
        return lambda x: np.expm1(np.nanquantile(_windows(x, bars), 1e-3, axis=0))

    def excess_kurtosis(x: np.ndarray) -> np.ndarray:
        return kurtosis(x, axis=0, nan_policy="omit")

    spans = {h: round(h * SECONDS_PER_HOUR / bar_seconds) for h in HOURS if h * SECONDS_PER_HOUR >= 0.99 * bar_seconds}
    moves = {f"worst_{h}h": worst(k) for h, k in spans.items()}
    rares = {f"one_in_1000_{h}h": rare(k) for h, k in spans.items()}
    return {"annual_volatility": volatility, "excess_kurtosis": excess_kurtosis, **moves, **rares}


def _windows(returns: np.ndarray, bars: int) -> np.ndarray:
    """Sums over every ``bars`` neighbouring returns [T, n]; NaN where one is missing."""
    if bars == 1 or len(returns) < bars:
        return returns
    missing = np.isnan(returns)
    total = np.cumsum(np.vstack([np.zeros((1, returns.shape[1])), np.where(missing, 0.0, returns)]), axis=0)
    holes = np.cumsum(np.vstack([np.zeros((1, returns.shape[1]), int), missing]), axis=0)
    return np.where(holes[bars:] > holes[:-bars], np.nan, total[bars:] - total[:-bars])


def _row(data: float, simulated: np.ndarray) -> dict[str, float]:
    low, middle, high = np.quantile(simulated, BAND)
    return {"data": float(data), "simulated_5": float(low), "simulated_50": float(middle), "simulated_95": float(high),
            "share_below": float((simulated < data).mean())}
