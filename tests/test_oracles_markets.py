"""Several markets against public reference values: who is liquidated together, a portfolio, dependence of tails.

Two accounts under continuous monitoring: given the ticks, each one's chance to stay is known (``tests.bridges``).
That of both lies between the product (the bridges are positively correlated, so staying is associated) and the
smaller one, tick by tick; half of the gap is the tolerance.
"""

from __future__ import annotations

import dataclasses
from functools import lru_cache
from typing import Any

import numpy as np
import pytest
import scipy.integrate
import scipy.stats

from tests.bridges import continuous
from tests.functionals import compared, of_means
from tests.oracles import Oracle
from tests.oracles_markets import EQUITY, MARKETS, NOTIONAL, PORTFOLIO, REQUIREMENT, STUDENT, Pair
from tests.parts import Shocks
from tests.walks import Levels, Model, ends, walk
from tests.z_tests import Estimate, ZTest, mean, variance

SEED, TICKS, PATHS = 46, 256, 2**15
PORTFOLIO_PATHS, STUDENT_PATHS = 2**18, 2**17
PAIRS = [oracle for oracle in MARKETS if isinstance(oracle.law, Pair)]
HELD = [oracle for oracle in MARKETS if oracle.law is PORTFOLIO]


@lru_cache(maxsize=1)
def staying(pair: Pair, ticks: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Chances [P] that the first stays, the second, and an upper bound of that of both."""
    levels = Levels.of(*[(-distance, 1.0, market, -distance) for market, distance in enumerate(pair.distance)])
    kept = continuous(pair.model.build(ticks), levels, steps=ticks, paths=PATHS, seed=SEED)
    return kept["alive"][:, 0], kept["alive"][:, 1], kept["together"]


def of_pair(quantity: str, first: np.ndarray, second: np.ndarray, both: np.ndarray) -> Estimate:
    """A quantity if ``both`` is the chance that both stay."""

    def moments(a: Any, b: Any, ab: Any) -> Any:
        covariance = ab - a * b  # of staying, and so of being liquidated
        match quantity:
            case "any liquidated":
                return 1.0 - ab
            case "both liquidated":
                return 1.0 - a - b + ab
        return covariance / (a * (1.0 - a) * b * (1.0 - b)) ** 0.5

    return of_means(moments, first, second, both)


def pair_test(oracle: Oracle, pair: Pair) -> ZTest:
    ticks = 1 if pair.model.price["correlation"] == 0 else TICKS  # independent bridges: the product is exact
    first, second, most = staying(pair, ticks)
    low = of_pair(oracle.quantity, first, second, first * second)
    high = of_pair(oracle.quantity, first, second, most) if ticks > 1 else low
    middle = dataclasses.replace(low, value=(low.value + high.value) / 2, error=max(low.error, high.error))
    test = compared(oracle, middle, SEED, model="two markets", parameters=(pair.model.price, pair.distance))
    return dataclasses.replace(test, tolerance=oracle.tolerance + abs(high.value - low.value) / 2)


@pytest.mark.parametrize("oracle", PAIRS, ids=lambda oracle: oracle.id)
def test_two_accounts(oracle: Oracle) -> None:
    test = pair_test(oracle, oracle.law)
    test.agrees()
    assert test.tolerance < 0.02 * oracle.value, f"the bounds are too wide: {test}"


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("MA-FPT-CORR-A", {"correlation": 0.72}),
        ("MA-FPT-ANY-C", {"volatility": [0.6 * 1.02, 0.8 * 1.02]}),
        ("MA-FPT-BOTH-D", {"volatility": [0.8 * 1.04, 0.8 * 1.04]}),
        ("MA-FPT-CORR-D", {"correlation": 0.48}),
    ],
)
def test_two_accounts_reject_a_wrong_parameter(name: str, wrong: dict[str, Any]) -> None:
    oracle = next(oracle for oracle in PAIRS if oracle.id == name)
    pair_test(oracle, dataclasses.replace(oracle.law, model=oracle.law.model.changed(**wrong))).rejects()


@lru_cache(maxsize=1)
def profits(model: Model) -> np.ndarray:
    """Profit and loss [P] of the portfolio; a return is the change of the log price."""
    return ends(model.build(1), steps=1, paths=PORTFOLIO_PATHS, seed=SEED)["log"] @ np.array(NOTIONAL)


def portfolio_test(oracle: Oracle, model: Model) -> ZTest:
    equity = EQUITY + profits(model)
    match oracle.quantity:
        case "portfolio deviation":
            square = variance(equity)
            deviation = np.sqrt(square.value)
            estimate = dataclasses.replace(square, value=float(deviation), error=square.error / (2 * deviation))
        case "portfolio liquidated":
            estimate = mean((equity < REQUIREMENT).astype(float))
        case _:
            estimate = mean(np.maximum(-equity, 0.0))
    return compared(oracle, estimate, SEED, model="gbm", parameters=model.price)


@pytest.mark.parametrize("oracle", HELD, ids=lambda oracle: oracle.id)
def test_portfolio(oracle: Oracle) -> None:
    portfolio_test(oracle, PORTFOLIO).agrees()


def test_portfolio_rejects_a_wrong_parameter() -> None:
    volatility = PORTFOLIO.changed(volatility=[0.6 * 1.02, 0.8 * 1.02, 1.1 * 1.02])
    correlation = PORTFOLIO.changed(correlation=[[1.0, 0.7, 0.6], [0.7, 1.0, 0.7], [0.6, 0.7, 1.0]])
    for oracle in HELD[:2]:
        portfolio_test(oracle, volatility).rejects()
    for oracle in HELD:
        portfolio_test(oracle, correlation).rejects()


def joint_tail(nu: float, rho: float, share: float) -> float:
    """P(both below their quantile of ``share``) / share of a bivariate t, by one integral over the first."""
    x = scipy.stats.t.ppf(share, nu)

    def density(t: float) -> float:
        spread = np.sqrt((nu + 1.0) / ((nu + t * t) * (1.0 - rho**2)))
        return float(scipy.stats.t.pdf(t, nu) * scipy.stats.t.cdf((x - rho * t) * spread, nu + 1.0))

    ends = (x * 1e3, x * 1e1, x * 3.0, x)
    pieces = [
        scipy.integrate.quad(density, a, b, epsabs=0.0, epsrel=1e-10)[0] for a, b in zip(ends, ends[1:], strict=False)
    ]
    return sum(pieces) / share


def test_dependence_of_tails() -> None:
    """The table's value is the limit of what is simulated, at quantiles of 1 % and 0.1 %."""
    oracle = next(oracle for oracle in MARKETS if oracle.law is STUDENT)
    assert joint_tail(8.0, 0.7, 1e-40) == pytest.approx(oracle.value, rel=0, abs=1e-6)
    for share in (0.01, 0.001):
        tail_test(STUDENT, share).agrees()
    tail_test(STUDENT.changed(variance={"nu": None}), 0.01).rejects()
    tail_test(STUDENT.changed(correlation=0.56), 0.01).rejects()


def tail_test(model: Model, share: float) -> ZTest:
    kept = walk(Shocks(), model.build(1), steps=1, paths=STUDENT_PATHS, seed=SEED, extra=np.int32(1))["shock"]
    scale = model.price["volatility"] * np.sqrt(model.years) * np.sqrt((8.0 - 2.0) / 8.0)  # of a t of unit variance
    beyond = (kept / scale < scipy.stats.t.ppf(share, 8.0)).all(1)
    return ZTest(
        mean(beyond / share), joint_tail(8.0, 0.7, share), f"joint tail at {share}", "garch", SEED, model.price
    )
