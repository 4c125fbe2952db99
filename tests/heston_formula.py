"""Heston's and Bates's European calls by their characteristic function, and given a path of the variance.

The characteristic function is that of Heston (1993) in the form of Albrecher, Mayer, Schoutens and Tistaert (2007),
"The little Heston trap", which is continuous in its argument. The call is Lewis's (2001) single integral.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.integrate
import scipy.special

from tests.functionals import controlled
from tests.z_tests import Estimate


@dataclass(frozen=True)
class Heston:
    """Parameters by their names in the configuration, and Merton's jumps."""

    kappa: float
    theta: float
    xi: float
    rho: float
    v0: float
    drift: float = 0.0
    intensity: float = 0.0
    mean: float = 0.0
    std: float = 0.0

    @staticmethod
    def of(price: Any) -> Heston:
        """The parameters of a price section."""
        variance, jump = price["variance"], price.get("jump", {})
        numbers = {name: variance[name] for name in ("kappa", "theta", "xi", "rho")}
        jumps = {name: jump.get(name, 0.0) for name in ("intensity", "mean", "std")}
        return Heston(v0=variance.get("v0") or variance["theta"], drift=price["drift"], **numbers, **jumps)

    def characteristic(self, u: np.ndarray, years: float) -> np.ndarray:
        """E[exp(i u ln(S_T/S_0))] without drift."""
        i = 1j
        b = self.kappa - i * self.rho * self.xi * u
        d = np.sqrt(b**2 + self.xi**2 * (u**2 + i * u))
        g, fade = (b - d) / (b + d), np.exp(-d * years)
        square = self.xi**2
        level = self.kappa * self.theta / square * ((b - d) * years - 2.0 * np.log((1.0 - g * fade) / (1.0 - g)))
        slope = (b - d) / square * (1.0 - fade) / (1.0 - g * fade)
        growth = math.expm1(self.mean + 0.5 * self.std**2)
        jumps = np.exp(i * u * self.mean - 0.5 * (u * self.std) ** 2) - 1.0 - i * u * growth
        return np.exp(level + slope * self.v0 + self.intensity * years * jumps)


def call(law: Heston, years: float, strike: float, start: float = 100.0, rate: float = 0.0) -> float:
    """The discounted call: F - sqrt(F K) / pi times the integral of Re[e^{iux} phi(u - i/2)] / (u^2 + 1/4)."""
    forward = start * math.exp(law.drift * years)
    x = math.log(forward / strike)

    def integrand(u: float) -> float:
        return float((np.exp(1j * u * x) * law.characteristic(np.asarray(u - 0.5j), years)).real / (u * u + 0.25))

    integral = sum(
        scipy.integrate.quad(integrand, *piece, limit=500, epsabs=1e-13, epsrel=1e-12)[0]
        for piece in ((0.0, 10.0), (10.0, 100.0), (100.0, np.inf))
    )
    return math.exp(-rate * years) * (forward - math.sqrt(forward * strike) / math.pi * integral)


def conditional_call(
    mean: np.ndarray, variance: np.ndarray, strike: float, expected: float, start: float = 100.0, discount: float = 1.0
) -> Estimate:
    """The discounted call of log prices that are normal given a path; its forward, of mean ``expected``, is control."""
    forward, deviation = start * np.exp(mean + 0.5 * variance), np.sqrt(variance)
    upper = (np.log(forward / strike) + 0.5 * variance) / deviation
    value = forward * scipy.special.ndtr(upper) - strike * scipy.special.ndtr(upper - deviation)
    return controlled(discount * value, forward, expected)
