"""Out of sample: forecasts of a fit on bars it has not seen, each from what is known when it is made."""

from __future__ import annotations

from typing import Any

import numpy as np

from stress.price.calibrate.base import Dynamics, Likelihood, Sample
from stress.price.calibrate.checks.backtest import christoffersen, kupiec, uniformity
from stress.units import SECONDS_PER_HOUR

LEVEL = 0.01
"""Of value at risk: 99 %."""

DRAWS = 999
"""Simulated outcomes a forecast: what comes falls below the tenth of 999 with a probability of exactly 1 %."""

DRAWS_BAR = 99
"""For single bars, of which there are many more; only their rank is used."""

HORIZON_HOURS, SEED, FEWEST = 24, 20240101, 30


def out_of_sample(dynamics: Dynamics, sample: Sample, first: int) -> dict[str, Any]:
    """Tests on the bars from ``first`` of the sample [T, A], of which ``dynamics`` was fitted to those before."""
    bars = max(round(HORIZON_HOURS * SECONDS_PER_HOUR / sample.bar_seconds), 1)
    length = bars * sample.bar_seconds / SECONDS_PER_HOUR
    random, total = np.random.default_rng(SEED), len(sample.returns)
    each, days = np.arange(first, total), np.arange(first, total - bars + 1, bars)
    ranks = forecast(dynamics, sample.returns, each, 1, DRAWS_BAR, random)
    day_ranks = forecast(dynamics, sample.returns, days, bars, DRAWS, random)
    markets = {m: _market(ranks[:, a], day_ranks[:, a], random) for a, m in enumerate(sample.markets)}
    return {"first_bar": first, "bars": len(each), "horizon_hours": length, "level": LEVEL, "markets": markets,
            "log_likelihood": _held_out(dynamics, sample, first)}


def forecast(dynamics: Dynamics, returns: np.ndarray, at: np.ndarray, bars: int, draws: int, random: np.random.Generator
             ) -> np.ndarray:
    """How many of ``draws`` simulated sums over ``bars`` from the bars ``at`` [n] on lie below what came [n, A].

    NaN where what came was not all seen.
    """
    drawn = dynamics.predict(returns, at, bars, draws, random)
    came = np.stack([returns[a : a + bars].sum(0) for a in at])
    return np.where(np.isnan(came), np.nan, (drawn < came[:, None]).sum(1))


def _market(ranks: np.ndarray, day_ranks: np.ndarray, random: np.random.Generator) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for name, found, draws in (("bar", ranks, DRAWS_BAR), ("day", day_ranks, DRAWS)):
        known = found[np.isfinite(found)]
        pit = (known + random.random(len(known))) / (draws + 1)  # exactly uniform under the fitted law
        result[f"pit_{name}"] = uniformity(pit) if len(known) >= FEWEST else None
    known, edge = day_ranks[np.isfinite(day_ranks)], round(LEVEL * (DRAWS + 1))
    result["var_long"] = _violations(known < edge) if len(known) >= FEWEST else None
    result["var_short"] = _violations(known > DRAWS - edge) if len(known) >= FEWEST else None
    return result


def _violations(violations: np.ndarray) -> dict[str, Any]:
    return {"n": len(violations), "expected": LEVEL * len(violations), "violations": int(violations.sum()),
            "kupiec": kupiec(violations, LEVEL), "christoffersen": christoffersen(violations, LEVEL)}


def _held_out(dynamics: Dynamics, sample: Sample, first: int) -> dict[str, Any]:
    """Log-likelihood of the bars from ``first`` on, given those before."""
    whole, before = dynamics.likelihood(sample.returns), dynamics.likelihood(sample.returns[:first])
    both = whole.joint is not None and before.joint is not None
    return written(Likelihood(whole.joint - before.joint if both else None,  # type: ignore[operator]
                              whole.marginal - before.marginal), sample.markets)


def written(likelihood: Likelihood, markets: list[str]) -> dict[str, Any]:
    """A likelihood as JSON has it."""
    return {"joint": likelihood.joint,
            "marginal": {m: float(v) for m, v in zip(markets, likelihood.marginal, strict=True)},
            "sum_of_marginals": float(likelihood.marginal.sum())}
