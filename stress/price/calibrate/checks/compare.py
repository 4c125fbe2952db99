"""The fit against the data: tails of one bar, worst moves, clustering, and dependence between markets."""

from __future__ import annotations

import itertools

import numpy as np

from stress.price.calibrate.base import Dynamics, Sample
from stress.price.calibrate.checks.statistics import market_statistics, seen, tail_dependence

PATHS, SEED = 64, 20200312
"""Simulated samples as long as the data."""

GRID = 120
OFF_VOLATILITY = 0.05
"""Relative difference of the fit's volatility from the data's that is worth a warning."""

BAND = (0.05, 0.5, 0.95)

LONGEST = 60_000
"""Most bars simulated a path; a longer sample is compared with its share."""

Row = dict[str, float]


def simulated(dynamics: Dynamics, sample: Sample) -> np.ndarray:
    """Simulated samples [T, P, A] as long as the data, with the data's holes."""
    returns = sample.returns[:LONGEST]
    paths = dynamics.simulate(len(returns), PATHS, np.random.default_rng(SEED))
    paths[np.broadcast_to(~np.isfinite(returns)[:, None, :], paths.shape)] = np.nan
    return paths


def tails(sample: Sample, paths: np.ndarray) -> dict[str, np.ndarray]:
    """Share of returns beyond a ``grid``, by market M: ``emp_down_M``, ``emp_up_M``, ``fit_down_M``, ``fit_up_M``."""
    returns = sample.returns
    typical, top = np.nanmedian(np.abs(returns)), np.nanmax(np.abs(returns))
    grid = np.geomspace(max(0.5 * typical, 1e-6 * top), 1.5 * top, GRID)
    result = {"grid": grid}
    for a, market in enumerate(sample.markets):
        for kind, values in (("emp", returns[:, [a]]), ("fit", paths[:, :, a])):
            ordered = np.sort(seen(values).ravel())
            result[f"{kind}_down_{market}"] = np.searchsorted(ordered, -grid, side="right") / len(ordered)
            result[f"{kind}_up_{market}"] = 1 - np.searchsorted(ordered, grid, side="left") / len(ordered)
    return result


def comparison(sample: Sample, paths: np.ndarray) -> tuple[dict[str, dict[str, Row]], list[str]]:
    """By market, statistics of the data beside those of the simulated samples; and warnings.

    ``share_below`` is the share of simulated samples with a lower value than the data's.
    """
    table, notes = {}, []
    for a, market in enumerate(sample.markets):
        rows = {name: _row(value(sample.returns[:, [a]])[0], value(paths[:, :, a]))
                for name, value in market_statistics(sample.bar_seconds).items()}
        table[market] = rows
        notes += [f"{market}: the worst {name.removeprefix('worst_')} of the data ({row['data']:.1%}) is worse than in "
                  f"all {PATHS} simulated samples as long (5 % of them reach {row['simulated_5']:.1%}): the fit "
                  "understates it."
                  for name, row in rows.items() if name.startswith("worst") and row["share_below"] == 0]
        volatility = rows["annual_volatility"]
        ratio = volatility["simulated_50"] / volatility["data"]
        if abs(ratio - 1) > OFF_VOLATILITY and not BAND[0] < volatility["share_below"] < BAND[2]:
            notes.append(f"{market}: the fit's volatility is {ratio:.2f} times that of the data.")
    return table, notes


def dependence(sample: Sample, paths: np.ndarray) -> dict[str, Row]:
    """Lower-tail dependence of every pair of markets, data beside simulated samples."""
    pairs = itertools.combinations(enumerate(sample.markets), 2)
    return {f"{first}.{second}": _row(
        tail_dependence(sample.returns[:, [a]], sample.returns[:, [b]])[0],
        tail_dependence(paths[:, :, a], paths[:, :, b])) for (a, first), (b, second) in pairs}


def _row(data: float, values: np.ndarray) -> Row:
    low, middle, high = np.quantile(values, BAND)
    return {"data": float(data), "simulated_5": float(low), "simulated_50": float(middle), "simulated_95": float(high),
            "share_below": float((values < data).mean())}
