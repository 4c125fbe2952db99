"""Closed-form moments of the log-price at the end of a path, and the comparison of a contender with them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy.linalg

from benchmarks.price_case import Ends, PriceCase

LIMIT = 4.0
"""Standard errors."""


def mean_and_variance(case: PriceCase) -> tuple[float, float]:
    """Of the log-price of one market; of the bootstrap of the first."""
    return LAWS[case.name](case)


def _levy(case: PriceCase) -> tuple[float, float]:
    mean, variance = -0.5 * case.volatility**2, case.volatility**2
    for rate, law in case.jumps:
        first, second, growth = law.moments
        mean, variance = mean + rate * (first - growth), variance + rate * second
    return mean * case.years, variance * case.years


def _grown(rates: np.ndarray, start: list[float], years: float) -> np.ndarray:
    """Moments that obey a linear equation, the first of them the number one."""
    return scipy.linalg.expm(rates * years) @ np.array(start)


def _heston(case: PriceCase) -> tuple[float, float]:
    """Equations for 1, v, v^2, x, x v, x^2."""
    kappa, theta, xi, rho = case.kappa, case.theta, case.xi, case.rho
    first = sum(rate * (law.moments[0] - law.moments[2]) for rate, law in case.jumps)
    second = sum(rate * law.moments[1] for rate, law in case.jumps)
    rates = np.zeros((6, 6))
    rates[1, :2] = kappa * theta, -kappa
    rates[2, 1:3] = 2 * kappa * theta + xi**2, -2 * kappa
    rates[3, :2] = first, -0.5
    rates[4, 1:5] = first + rho * xi, -0.5, kappa * theta, -kappa
    rates[5, :5] = second, 1.0, 0.0, 2 * first, -1.0
    moments = _grown(rates, [1.0, theta, theta**2, 0.0, 0.0, 0.0], case.years)
    return moments[3], moments[5] - moments[3] ** 2


def _hawkes(case: PriceCase) -> tuple[float, float]:
    """Equations for 1, the intensity, its square, x, x times it, x^2; kinds of jumps are independent."""
    mean, variance = -0.5 * case.volatility**2 * case.years, case.volatility**2 * case.years
    alpha, beta = case.excitation, case.decay
    for base, law in case.jumps:
        first, second, growth = law.moments
        net = first - growth
        rates = np.zeros((6, 6))
        rates[1, :2] = beta * base, alpha - beta
        rates[2, 1:3] = 2 * beta * base + alpha**2, 2 * (alpha - beta)
        rates[3, 1] = net
        rates[4, 1:5] = alpha * first, net, beta * base, alpha - beta
        rates[5, 1], rates[5, 4] = second, 2 * net
        moments = _grown(rates, [1.0, base, base**2, 0.0, 0.0, 0.0], case.years)
        mean, variance = mean + moments[3], variance + moments[5] - moments[3] ** 2
    return mean, variance


def _garch(case: PriceCase) -> tuple[float, float]:
    """Bar by bar; E[h^(3/2)], which only the asymmetry needs, from the first two moments of h."""
    nu, alpha, gamma, beta = case.nu, case.alpha, case.gamma, case.beta
    square = (nu - 2.0) / (nu - 4.0)  # E[W^2], W = (nu - 2) / chi^2
    cube = ((nu - 2.0) / 2.0) ** 1.5 * math.exp(math.lgamma(0.5 * nu - 1.5) - math.lgamma(0.5 * nu))
    h = case.volatility**2 * case.step_years * case.bar_steps
    lever, omega = alpha + 0.5 * gamma, h * (1.0 - alpha - 0.5 * gamma - beta)
    fourth = 3.0 * square * (alpha**2 + alpha * gamma + 0.5 * gamma**2) + 2.0 * beta * lever + beta**2
    h2, x, xh, x2 = h * h, 0.0, 0.0, 0.0
    for _ in range(case.steps // case.bar_steps):
        root = h**1.5 * (1.0 + 0.375 * (h2 / h**2 - 1.0))
        down = gamma * math.sqrt(2.0 / math.pi) * cube * root
        x2 += h - xh + 0.25 * square * h2
        xh = omega * (x - 0.5 * h) + lever * (xh - 0.5 * square * h2) + beta * (xh - 0.5 * h2) - down
        x -= 0.5 * h
        h, h2 = omega + (lever + beta) * h, omega**2 + 2.0 * omega * (lever + beta) * h + fourth * h2
    return x, x2 - x * x


def _regime(case: PriceCase) -> tuple[float, float]:
    """From the integral of the variance: its first two moments by regime."""
    leave, square = np.array(case.leave), np.array(case.volatilities) ** 2
    turn = np.array([[-leave[0], leave[1]], [leave[0], -leave[1]]])
    rates = np.zeros((6, 6))
    for power in range(3):
        rows = slice(2 * power, 2 * power + 2)
        rates[rows, rows] = turn
        if power:
            rates[rows, 2 * power - 2 : 2 * power] = power * np.diag(square)
    moments = _grown(rates, [case.calm_share, 1.0 - case.calm_share, 0.0, 0.0, 0.0, 0.0], case.years)
    first, second = moments[2:4].sum(), moments[4:].sum()
    return -0.5 * first, first + 0.25 * (second - first**2)


def _bootstrap(case: PriceCase) -> tuple[float, float]:
    """Politis and Romano (1994), from the autocovariances round the circle of the history."""
    r, steps = case.bars.close[:, 0], case.steps // case.bar_steps
    spectrum = np.abs(np.fft.rfft(r - r.mean())) ** 2
    covariance = np.fft.irfft(spectrum, len(r)) / len(r)
    lags = np.arange(1, steps)
    weights = (steps - lags) * (1.0 - 1.0 / case.mean_block) ** lags
    return steps * r.mean(), steps * covariance[0] + 2.0 * weights @ covariance[1:steps]


LAWS: dict[str, Callable[[PriceCase], tuple[float, float]]] = {
    "gbm": _levy,
    "merton": _levy,
    "kou": _levy,
    "heston": _heston,
    "bates": _heston,
    "garch": _garch,
    "hawkes": _hawkes,
    "regime": _regime,
    "bootstrap": _bootstrap,
}


@dataclass(frozen=True)
class Check:
    """A statistic of some paths and what it should be."""

    name: str
    found: float
    expected: float
    error: float  # standard error of the difference

    @property
    def z(self) -> float:
        """Standard errors between them."""
        return (self.found - self.expected) / self.error


def checks(case: PriceCase, ends: Ends, other: Ends | None = None) -> list[Check]:
    """The first market against closed forms; of another contender's paths, dependence of markets and lowest prices."""
    mean, variance = mean_and_variance(case)
    x, n = ends.last[:, 0], len(ends.last)
    square = (x - x.mean()) ** 2
    found = [
        Check("mean", x.mean(), mean, x.std() / math.sqrt(n)),
        Check("variance", square.mean(), variance, square.std() / math.sqrt(n)),
    ]
    if case.name != "bootstrap":
        price = np.exp(x)
        found.append(Check("mean price", price.mean(), 1.0, price.std() / math.sqrt(n)))
    for name in COMPARED if other is not None and other.lowest is not None else ():
        if (mine := _seen(name, ends)) is not None and (theirs := _seen(name, other)) is not None:
            error = math.hypot(*(values.std() / math.sqrt(len(values)) for values in (mine, theirs)))
            found.append(Check(name, mine.mean(), theirs.mean(), error))
    return found


COMPARED = ("lowest", "lowest squared", "product of markets")


def _seen(name: str, ends: Ends | None) -> np.ndarray | None:
    """A number for every path."""
    assert ends is not None  # the caller's branch
    if name == "product of markets":
        return ends.last[:, 0] * ends.last[:, -1] if ends.last.shape[1] > 1 else None
    return None if ends.lowest is None else ends.lowest[:, 0] ** (2 if name.endswith("squared") else 1)
