"""The bias of Heston's scheme: calls priced on its own variance paths, against the characteristic function.

Given a path of the variance the scheme's log price is normal, so a call on it is Black and Scholes's, and only the
law of the variance is simulated. Two control variates have known means under the scheme, which matches the
conditional mean of the variance at any step: its integral, and the forward. What is left of the standard error is
small beside any bias that matters.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.special

from tests.heston_formula import Heston, call
from tests.oracles_heston import heston
from tests.parts import Variance
from tests.walks import BLOCK, DAY, Model, walk

START = 100.0


@dataclass(frozen=True)
class Market:
    """Parameters as they are typical of crypto, or at an edge of that; the variance starts at theta."""

    name: str
    kappa: float
    theta: float
    xi: float
    rho: float

    def model(self, days: float) -> Model:
        """Over so many days, without drift."""
        numbers = {"kappa": self.kappa, "theta": self.theta, "xi": self.xi, "rho": self.rho, "v0": self.theta}
        return heston(days * DAY, drift=0.0, **numbers)


MARKETS = (
    Market("slow", 20.0, 0.4, 3.0, -0.3),
    Market("middle", 60.0, 0.64, 6.5, -0.1),
    Market("wild", 100.0, 1.4, 10.0, 0.3),
    Market("slow, often near zero", 20.0, 0.4, 10.0, 0.0),
    Market("fast, often near zero", 100.0, 0.4, 10.0, -0.3),
)
STRIKES = (90.0, 100.0, 110.0)


@dataclass(frozen=True)
class Bias:
    """Of a call: its value by the characteristic function, and what the scheme adds to it."""

    strike: float
    value: float
    bias: float
    error: float
    n: int

    @property
    def z(self) -> float:
        """Standard errors."""
        return abs(self.bias) / self.error


def measured(market: Market, days: float, steps: int, paths: int, seed: int = 48) -> list[Bias]:
    """The bias of every strike."""
    model = market.model(days)
    block = min(BLOCK, paths)
    kept = walk(Variance(), model.build(steps), steps=steps, paths=paths, seed=seed, block=block)
    mean, integral = kept["mean"][:, 0], kept["integral"][:, 0]
    variance = (1.0 - market.rho**2) * integral
    forward = START * np.exp(mean + 0.5 * variance)
    controls = [np.ones(paths), integral - market.theta * model.years, *([forward - START] if market.rho else [])]
    return [_bias(market, model.years, strike, forward, variance, np.stack(controls, 1)) for strike in STRIKES]


def _bias(
    market: Market, years: float, strike: float, forward: np.ndarray, variance: np.ndarray, controls: np.ndarray
) -> Bias:
    deviation = np.sqrt(variance)
    upper = (np.log(forward / strike) + 0.5 * variance) / deviation
    value = forward * scipy.special.ndtr(upper) - strike * scipy.special.ndtr(upper - deviation)
    fitted, *_ = np.linalg.lstsq(controls, value, rcond=None)
    left = value - controls @ fitted
    exact = call(Heston.of(market.model(years / DAY).price), years, strike, START)
    return Bias(strike, exact, float(fitted[0]) - exact, float(left.std() / np.sqrt(len(left))), len(left))
