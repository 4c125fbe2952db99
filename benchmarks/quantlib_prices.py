"""Price paths from QuantLib's generators (``pip install QuantLib``), one process a core: it has no threads of its own.

It makes whole paths, and reading a path out through Python takes ten times as long as making it. So only the last price
is read, by a call of its own, and the running minimum that all others have to find is left out. Whatever the processes,
normals come from a Mersenne Twister and the inverse distribution function, as its path generators have them.
"""

from __future__ import annotations

import importlib.util
import multiprocessing
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.case import YEAR_SECONDS
from benchmarks.price_case import Ends, PriceCase

TODAY, DAYS = (1, 1, 2026), 365

HAS = {
    ("gbm", 1): "GeometricBrownianMotionProcess, Euler's scheme",
    ("merton", 1): "BatesProcess without volatility of variance (Merton76Process has no scheme)",
    ("heston", 1): "HestonProcess, QuadraticExponentialMartingale",
    ("bates", 1): "BatesProcess, full truncation (Python cannot choose another scheme)",
    ("garch", 1): "GJRGARCHProcess, the diffusion limit with normal shocks",
    ("gbm", 3): "StochasticProcessArray of GeometricBrownianMotionProcess",
}
"""Processes by model and number of markets. It has none for others: an array takes processes of one factor only."""


def problem(case: PriceCase) -> str | None:
    """Why there is nothing to time."""
    if (case.name, case.markets) not in HAS:
        return "QuantLib has no such process"
    return None if importlib.util.find_spec("QuantLib") else "QuantLib is not installed: pip install QuantLib"


def _process(ql: Any, case: PriceCase) -> Any:
    ql.Settings.instance().evaluationDate = today = ql.Date(*TODAY)
    zero = ql.YieldTermStructureHandle(ql.FlatForward(today, 0.0, ql.Actual365Fixed()))
    spot, square = ql.QuoteHandle(ql.SimpleQuote(1.0)), case.volatility**2
    jump = (case.intensity, case.merton.mean, case.merton.std)
    heston = (zero, zero, spot, case.theta, case.kappa, case.theta, case.xi, case.rho)
    match case.name, case.markets:
        case "gbm", 1:
            return ql.GeometricBrownianMotionProcess(1.0, 0.0, case.volatility)
        case "gbm", _:
            one = ql.GeometricBrownianMotionProcess(1.0, 0.0, case.volatility)
            return ql.StochasticProcessArray([one] * case.markets, ql.Matrix((case.factor @ case.factor.T).tolist()))
        case "merton", _:
            return ql.BatesProcess(zero, zero, spot, square, 1.0, square, 1e-8, 0.0, *jump)
        case "heston", _:
            return ql.HestonProcess(*heston, ql.HestonProcess.QuadraticExponentialMartingale)
        case "bates", _:
            return ql.BatesProcess(*heston, *jump)
    day = square / DAYS  # variance
    omega = day * (1.0 - case.alpha - case.beta - 0.5 * case.gamma)
    return ql.GJRGARCHProcess(zero, zero, spot, day, omega, case.alpha, case.beta, case.gamma, 0.0, float(DAYS))


class Generator:
    """Paths of a case, drawn one after another."""

    def __init__(self, case: PriceCase, seed: int) -> None:
        import QuantLib as ql  # noqa: N813

        process = _process(ql, case)
        years = case.steps * case.step_seconds / YEAR_SECONDS
        numbers = case.steps * process.factors()
        noise = ql.GaussianRandomSequenceGenerator(
            ql.UniformRandomSequenceGenerator(numbers, ql.UniformRandomGenerator(seed))
        )
        self.single = process.size() == 1
        if self.single:
            self.paths = ql.GaussianPathGenerator(process, years, case.steps, noise, False)
        else:
            times = list(ql.TimeGrid(years, case.steps))
            self.paths = ql.GaussianMultiPathGenerator(process, times, noise, False)
        self.markets = case.markets

    def last(self, paths: int) -> np.ndarray:
        """Log of the last prices [P, A]."""
        rows = []
        for _ in range(paths):
            path = self.paths.next().value()
            rows.append([path.back()] if self.single else [path[a].back() for a in range(self.markets)])
        return np.log(np.array(rows).reshape(paths, self.markets))


def draw(case: PriceCase, seed: int, paths: int) -> np.ndarray:
    """Log of the last prices [P, A] in this process."""
    return Generator(case, seed).last(paths)


def timed_draw(case: PriceCase, seed: int, paths: int) -> tuple[np.ndarray, float]:
    """The same, and the processor's seconds."""
    start = time.process_time()
    return draw(case, seed, paths), time.process_time() - start


def prepare(case: PriceCase, cores: int) -> tuple[Callable[[int, int], Ends], Callable[[], None]]:
    """A function of a seed and a number of paths, and one that ends its processes."""
    pool = multiprocessing.get_context("spawn").Pool(cores)

    def ends(seed: int, paths: int) -> Ends:
        counts = [(k + 1) * paths // cores - k * paths // cores for k in range(cores)]
        given = [(case, 1 + seed * cores + k, count) for k, count in enumerate(counts)]
        parts, seconds = zip(*pool.starmap(timed_draw, given, chunksize=1), strict=True)
        return Ends(np.concatenate(parts), None, sum(seconds))

    return ends, pool.terminate
