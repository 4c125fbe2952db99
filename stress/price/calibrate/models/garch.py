"""GARCH(1,1) with Student's t and GJR asymmetry, each market by the arch package."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stress.price.calibrate.base import Estimate, Fitted, Options, Sample
from stress.price.calibrate.garch.fit import MOST, MarketFit, fit_market, shock_correlation
from stress.price.calibrate.garch.law import GarchLaw
from stress.price.calibrate.notes import DRIFT, plain
from stress.price.calibrate.rounding import by_market, by_pair

NO_FOURTH_MOMENT = 4.0
LEAST_NU, MOST_NU = 2.1, 100.0
"""Degrees of freedom at the ends of what says something."""


@dataclass(frozen=True)
class GarchFitter:
    """Volatility that follows past shocks."""

    name = "garch"
    about = "GJR-GARCH(1,1) with Student-t shocks: volatility that follows past shocks, on bars of its own."
    method = ("each market's own bars by maximum likelihood (the arch package; bars on both sides of a gap count as "
              "neighbours), standard errors robust to a wrong law of shocks; then, given these, the correlation of the "
              "normals behind the shocks, pair by pair by maximum likelihood")
    fewest = 1000

    def fit(self, sample: Sample, options: Options) -> Fitted:
        """Fit the sample."""
        del options
        fits = [fit_market(column[np.isfinite(column)]) for column in sample.returns.T]
        law = _law(fits, sample, np.eye(len(fits)))
        correlation, errors = shock_correlation(law, sample.returns)
        section = _section(law, sample, correlation)
        law = _law(fits, sample, _matrix(section["correlation"], sample.markets))
        likelihood = law.likelihood(sample.returns)
        assert likelihood.joint is not None
        pairs = len(fits) * (len(fits) - 1) // 2
        return Fitted(
            parameters=[*_estimates(fits, sample), *_pairs(correlation, errors, sample.markets)],
            log_likelihood=likelihood.joint, free=sum(fit.free for fit in fits) + pairs,
            between=pairs,
            warnings=[note for m, fit in zip(sample.markets, fits, strict=True) for note in _notes(m, fit)],
            section=section, dynamics=law, notes=NOTES,
            settings={"targeted": [m for m, fit in zip(sample.markets, fits, strict=True) if fit.targeted]},
            assumed=["drift", *(["volatility"] if any(fit.targeted for fit in fits) else [])])


NOTES = {
    "drift": f"per year; {DRIFT}", "volatility": "per sqrt(year), long-run",
    "correlation": "of the normals behind the shocks", "variance.period_seconds": "s; a bar of the recursion",
    "variance.gamma": "on negative shocks", "variance.nu": "degrees of freedom of a bar's shock",
    "variance.initial_volatility": "per sqrt(year); null: the long-run one",
    "jump_duration_seconds": "s; nothing jumps",
}


def _law(fits: list[MarketFit], sample: Sample, correlation: np.ndarray) -> GarchLaw:
    scale = np.nanstd(sample.returns, axis=0)

    def column(name: str) -> np.ndarray:
        return np.array([fit.values[name] for fit in fits])

    return GarchLaw(
        mean=column("mu") * scale, volatility=np.array([fit.volatility for fit in fits]), alpha=column("alpha"),
        gamma=column("gamma"), beta=column("beta"), nu=column("nu"), correlation=correlation,
        first=np.array([fit.first for fit in fits]))


def _section(law: GarchLaw, sample: Sample, correlation: np.ndarray) -> dict:
    markets = sample.markets
    variance = {"kind": "garch", "period_seconds": plain(sample.bar_seconds),
                **{name: by_market(markets, getattr(law, name)) for name in ("alpha", "gamma", "beta", "nu")},
                "initial_volatility": None}
    return {
        "drift": 0, "volatility": by_market(markets, law.volatility / np.sqrt(sample.bar_years)),
        "correlation": by_pair(markets, correlation), "variance": variance, "jump": {"kind": "none"}, "regimes": None,
        "transition_rates": None, "initial_regime": "stationary", "jump_duration_seconds": 0}


def _matrix(pairs: dict | int, markets: list[str]) -> np.ndarray:
    """The correlation as it is written: mended where pairs did not go together."""
    matrix = np.eye(len(markets))
    for i, first in enumerate(markets):
        for j, second in enumerate(markets[i + 1 :], i + 1):
            assert isinstance(pairs, dict)
            matrix[i, j] = matrix[j, i] = pairs[first][second]
    return matrix


def _estimates(fits: list[MarketFit], sample: Sample) -> list[Estimate]:
    root, found = float(np.sqrt(sample.bar_years)), []
    for market, fit in zip(sample.markets, fits, strict=True):
        error = None if fit.volatility_error is None else fit.volatility_error / root
        found.append(Estimate(f"volatility.{market}", fit.volatility / root, error, "per sqrt(year)"))
        found += [Estimate(f"variance.{name}.{market}", fit.values[name], fit.errors[name], "")
                  for name in ("alpha", "gamma", "beta", "nu")]
    return found


def _pairs(correlation: np.ndarray, errors: np.ndarray, markets: list[str]) -> list[Estimate]:
    return [Estimate(f"correlation.{other}.{m}", float(correlation[i, j]), float(errors[i, j]), "")
            for i, m in enumerate(markets) for j, other in enumerate(markets[:i])]


def _notes(market: str, fit: MarketFit) -> list[str]:
    """What a reader should not take at face value."""
    notes, nu = [], fit.values["nu"]
    if fit.targeted:
        reached = fit.values["alpha"] + 0.5 * fit.values["gamma"] + fit.values["beta"]
        notes.append(
            f"{market}: unbounded, the persistence alpha + gamma/2 + beta would be {fit.persistence_seen:.5f} (from "
            f"{MOST} on the long-run level is not identified, at 1 there is none). The level was therefore set to the "
            f"sample's volatility and the rest fitted given it: persistence {reached:.5f}.")
    if not fit.asymmetric:
        notes.append(f"{market}: up-moves raise the variance more than down-moves (gamma below zero); gamma is set to "
                     "zero.")
    if nu < NO_FOURTH_MOMENT:
        notes.append(f"{market}: nu is {nu:.2f}; below 4 shocks have no kurtosis, so autocorrelations of squares and "
                     "worst moves differ much from sample to sample.")
    if nu < LEAST_NU or nu > MOST_NU:
        notes.append(f"{market}: nu is {nu:.3g}, at the end of its range: " + (
            "the variance hardly exists." if nu < LEAST_NU else "shocks cannot be told from normal ones."))
    return notes
