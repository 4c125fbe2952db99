"""Several markets of one model: correlation of returns and variances, common jumps, dependence of squares."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from tests.parts import Shocks
from tests.walks import DAY, Ends, Levels, Model, counted, ends, uncompensated, walk
from tests.z_tests import ZTest, correlation, mean

SEED, PATHS = 55, 2**17
MINUTE = DAY / 1440
R = 0.6
BASE: dict[str, Any] = {"initial_prices": 100.0, "drift": 0.0, "volatility": [0.8, 1.2], "correlation": R}


def pair(years: float, **price: Any) -> Model:
    """Two markets."""
    return Model(years, BASE | price, ("X", "Y"))


def one_tick(law: Model, paths: int = PATHS) -> np.ndarray:
    """Log-returns [P, 2] of one tick."""
    return ends(law.build(1), steps=1, paths=paths, seed=SEED)["log"]


def is_correlated(x: np.ndarray, y: np.ndarray, expected: float, name: str, other: float | None = None) -> None:
    """As much as expected; ``other`` (10 % less) is rejected."""
    test = ZTest(correlation(x, y), expected, "correlation", name, SEED, tolerance=1e-3)
    test.agrees()
    dataclasses.replace(test, expected=0.9 * expected if other is None else other).rejects()


HESTON = {"kind": "heston", "kappa": 20.0, "theta": [0.64, 1.44], "xi": [3.0, 4.0], "rho": [-0.7, 0.5]}


def test_heston_correlations() -> None:
    """Over a minute: of the prices by the formula of the part, of each variance with both prices, of the variances."""
    law = pair(MINUTE, volatility=None, variance=HESTON)
    kept = walk(Ends(), law.build(1), extra=Levels.of(), steps=1, paths=PATHS, seed=SEED)
    (x, y), (v, w) = kept["log"].T, kept["state"].diffusion
    a, b = HESTON["rho"]
    both = R * (a * b + np.sqrt(1 - a**2) * np.sqrt(1 - b**2))
    is_correlated(x, y, both, "prices", R)
    is_correlated(v, x, a, "variance and price of X")
    is_correlated(w, y, b, "variance and price of Y")
    is_correlated(v, w, R, "variances")
    is_correlated(v, y, R * b, "variance of X, price of Y")
    is_correlated(w, x, R * a, "variance of Y, price of X")


def test_heston_with_one_rho_has_the_correlation_of_the_configuration() -> None:
    law = pair(MINUTE, volatility=None, variance=HESTON | {"rho": -0.5})
    is_correlated(*one_tick(law).T, R, "prices")


MERTON = {"kind": "merton", "intensity": 0.0, "mean": 0.0, "std": 0.0}
KOU = {"kind": "kou", "intensity": 0.0, "up_probability": 0.5, "eta_up": 20.0, "eta_down": 20.0}
COMMON_KOU = {"common_up_probability": 0.3, "common_eta_up": [20.0, 30.0], "common_eta_down": [15.0, 10.0]}


def test_common_jumps_of_kou_are_one_jump() -> None:
    """Without diffusion: both markets jump or none, with one sign, sizes in the ratio of their rates."""
    law = pair(DAY, volatility=0.0, jump=KOU | COMMON_KOU | {"common_intensity": 20.0})
    kept = uncompensated(law.build(1), steps=1, paths=PATHS, seed=SEED)
    alone = kept["jumps"][:, 0] == 1
    jumped = kept["log"][alone]
    assert (kept["jumps"][:, 0] == kept["jumps"][:, 1]).all()
    still = kept["jumps"][:, 0] == 0
    np.testing.assert_allclose(kept["log"][still], np.zeros((int(still.sum()), 2)), rtol=0, atol=1e-12)
    np.testing.assert_allclose(jumped[:, 1], jumped[:, 0] * np.where(jumped[:, 0] > 0, 2 / 3, 1.5), rtol=1e-6)
    rises = ZTest(mean((jumped[:, 0] > 0).astype(float)), 0.3, "share of common up-jumps", "kou", SEED)
    rises.agrees()
    dataclasses.replace(rises, expected=0.33).rejects()


def test_own_jumps_are_each_market_s() -> None:
    """Numbers of own jumps of two markets have nothing in common, also where they excite their own."""
    excited = {"kind": "hawkes", "alpha": 300.0, "beta": 900.0, "initial": "base"}
    for intensity in (None, excited):
        law = pair(DAY, jump=MERTON | {"intensity": [600.0, 400.0], "std": 0.01}, intensity=intensity)
        jumps = counted(law.build(1), steps=1, paths=PATHS // 4, seed=SEED)
        assert jumps.std(0).min() > 0.5
        ZTest(correlation(*jumps.T), 0.0, "correlation of numbers of jumps", "own jumps", SEED).agrees()


def test_common_jumps_excite_common_jumps() -> None:
    """E[N_T] from an empty history, of common and of own jumps: each with its own excitation."""
    excited = {"kind": "hawkes", "alpha": [300.0, 0.0], "beta": 900.0, "initial": "base"}
    excited |= {"common_alpha": 600.0, "common_beta": 800.0}
    own, common = expected_count(300.0, 900.0, 500.0, DAY), expected_count(600.0, 800.0, 500.0, DAY)
    cases = ((500.0, 0.0, own), (0.0, 500.0, common), (500.0, 500.0, own + common))
    for intensity, common_intensity, expected in cases:
        jump = MERTON | {"intensity": intensity, "common_intensity": common_intensity}
        law = pair(DAY, jump=jump, intensity=excited)
        count = counted(law.build(1), steps=1, paths=PATHS // 4, seed=SEED)[:, 0]
        test = ZTest(mean(count), expected, "mean number of jumps", "hawkes", SEED, (intensity, common_intensity))
        test.agrees()
        dataclasses.replace(test, expected=1.05 * expected).rejects()


def expected_count(alpha: float, beta: float, mu: float, years: float) -> float:
    """Of a Hawkes process with empty history: with b = beta - alpha, mu (T + alpha / b (T - (1 - exp(-b T)) / b))."""
    slow = beta - alpha
    return mu * (years + alpha / slow * (years + np.expm1(-slow * years) / slow))


@pytest.mark.parametrize("nu", [None, 12.0])
def test_garch_shocks(nu: float | None) -> None:
    """Correlated like the configuration's normals; their squares more, since a bar's W is common: with w = E[W^2]

        corr(e^2, e'^2) = (w (1 + 2 R^2) - 1) / (3 w - 1),   w = (nu - 2) / (nu - 4), normal: 1.
    """  # fmt: skip
    section = {"kind": "garch", "period_seconds": 86400.0, "alpha": 0.1, "gamma": 0.0, "beta": 0.8, "nu": nu}
    law = pair(DAY, variance=section)
    x, y = walk(Shocks(), law.build(1), steps=1, paths=PATHS, seed=SEED, extra=np.int32(1))["shock"].T
    w = 1.0 if nu is None else (nu - 2.0) / (nu - 4.0)
    is_correlated(x, y, R, f"shocks, nu {nu}")
    is_correlated(x**2, y**2, (w * (1 + 2 * R**2) - 1) / (3 * w - 1), f"squares, nu {nu}", R**2 if nu else 0.3)


@pytest.mark.parametrize("kind", ["kou", "hawkes"])
def test_jump_models_keep_the_correlation_of_the_diffusion(kind: str) -> None:
    """Of a tick: R times the share of the diffusion in the variances, the jumps being each market's own."""
    jump = KOU | {"intensity": 500.0} if kind == "kou" else MERTON | {"intensity": 500.0, "std": 0.05}
    intensity = {"kind": "hawkes", "alpha": 0.0, "beta": 100.0, "initial": "base"} if kind == "hawkes" else None
    square = 2 / 20.0**2 if kind == "kou" else 0.05**2
    x, y = one_tick(pair(DAY, jump=jump, intensity=intensity)).T
    share = [s**2 / (s**2 + 500.0 * square) for s in BASE["volatility"]]
    is_correlated(x, y, R * np.sqrt(share[0] * share[1]), kind, R)
