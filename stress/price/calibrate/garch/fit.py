"""Fitting GARCH: each market by the arch package, then the correlation of their shocks pair by pair."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar

from stress.errors import UserError
from stress.price.calibrate.garch.law import GarchLaw, log_density, variances

MOST = 0.999
"""Persistence from which on the level is not identified: half of a shock is left after a month of hourly bars."""

STEP = 1e-3
"""Of a correlation, for the curvature of the likelihood."""


@dataclass(frozen=True)
class MarketFit:
    """One market, returns in standard deviations of its sample: values by arch's names, and their standard errors."""

    values: dict[str, float]  # mu, omega, alpha, gamma, beta, nu
    errors: dict[str, float | None]
    volatility: float  # long-run, in log-return of a bar
    volatility_error: float | None
    first: float  # variance of the first bar, in log-return
    free: int
    persistence_seen: float  # before any bound
    targeted: bool  # the level is the sample's
    asymmetric: bool  # False: gamma was negative, and is zero


def fit_market(returns: np.ndarray) -> MarketFit:
    """Maximum likelihood for returns [T] without holes.

    A gamma below zero is fitted as zero. Where the persistence reaches ``MOST`` the long-run level, omega over one
    less persistence, is not identified: the level is then the sample's (variance targeting, Engle and Mezrich, 1996).
    """
    scale = float(returns.std())
    asymmetric, result = True, _arch(returns / scale, True, False)
    if result.params.get("gamma[1]", 0.0) <= 0:
        asymmetric, result = False, _arch(returns / scale, False, False)
    seen = _persistence(_values(result, 1.0))
    targeted = seen >= MOST
    if targeted:
        result = _arch(returns / scale, asymmetric, True)
    values = _values(result, 1.0)
    level, error = (scale, _level_error(returns)) if targeted else _long_run(result, values, scale)
    errors = {_short(name): float(value) for name, value in result.std_err.items()}
    return MarketFit(values, {**dict.fromkeys(values), **errors}, level, error, _first(result, scale),
                     len(result.params), seen, targeted, asymmetric)


def _arch(scaled: np.ndarray, asymmetric: bool, targeted: bool) -> Any:
    try:
        from arch.univariate import ConstantMean, StudentsT

        from stress.price.calibrate.garch.targeted import garch
    except ImportError:
        raise UserError("calibrate: price=garch needs the packages arch and statsmodels. Install them with "
                        "pip install 'perpstress[calibrate]'.") from None
    model = ConstantMean(scaled, volatility=garch(asymmetric, targeted), distribution=StudentsT(), rescale=False)
    return model.fit(disp="off", show_warning=False, options={"maxiter": 500})


def _short(name: str) -> str:
    return name.removesuffix("[1]")


def _values(result: Any, target: float) -> dict[str, float]:
    """Parameters by short name; omega follows from the target where it was not fitted."""
    found = {"gamma": 0.0, **{_short(name): float(value) for name, value in result.params.items()}}
    found.setdefault("omega", target * (1 - _persistence(found)))
    return found


def _persistence(values: dict[str, float]) -> float:
    return values["alpha"] + 0.5 * values["gamma"] + values["beta"]


def _long_run(result: Any, values: dict[str, float], scale: float) -> tuple[float, float]:
    """Long-run volatility and its standard error, by the delta method."""
    names, gap = [_short(name) for name in result.params.index], 1 - _persistence(values)
    weight = {"omega": 1 / values["omega"], "alpha": 1 / gap, "gamma": 0.5 / gap, "beta": 1 / gap}
    slope = 0.5 * np.array([weight.get(name, 0.0) for name in names])
    level = scale * float(np.sqrt(values["omega"] / gap))
    return level, level * float(np.sqrt(slope @ np.asarray(result.param_cov) @ slope))


def _level_error(returns: np.ndarray) -> float:
    """Standard error of the sample's standard deviation; squares of neighbouring bars go together (Newey and West)."""
    square = (returns - returns.mean()) ** 2
    centred, lags = square - square.mean(), int(len(returns) ** (1 / 3))
    long_run = (centred**2).mean() + 2 * sum(
        (1 - lag / (lags + 1)) * (centred[lag:] * centred[:-lag]).sum() / len(centred) for lag in range(1, lags + 1))
    return float(0.5 * np.sqrt(max(long_run, 0.0) / len(returns)) / returns.std())


def _first(result: Any, scale: float) -> float:
    return float(result.conditional_volatility[0] * scale) ** 2


def shock_correlation(law: GarchLaw, returns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Correlation [A, A] of the normals behind the shocks of returns [T, A], and its standard errors.

    Pair by pair the maximum of the pair's likelihood given the markets' own parameters.
    """
    z = (returns - law.mean) / np.sqrt(variances(law, returns)[:-1])
    size = len(law.nu)
    matrix, errors = np.eye(size), np.zeros((size, size))
    for i, j in itertools.combinations(range(size), 2):
        both = z[:, [i, j]][np.isfinite(z[:, [i, j]]).all(1)]
        matrix[i, j], errors[i, j] = _pair(both, law.nu[[i, j]])
        matrix[j, i], errors[j, i] = matrix[i, j], errors[i, j]
    return matrix, errors


def _pair(z: np.ndarray, nu: np.ndarray) -> tuple[float, float]:
    def negative(rho: float) -> float:
        return -float(log_density(z, nu, np.array([[1, rho], [rho, 1]])).sum())

    found: Any = minimize_scalar(negative, bounds=(-0.99, 0.999), method="bounded", options={"xatol": 1e-5})
    best = float(found.x)
    step = min(STEP, 0.5 * (1 - abs(best)))
    curvature = (negative(best + step) - 2 * negative(best) + negative(best - step)) / step**2
    return best, float(1 / np.sqrt(max(curvature, 1e-300)))
