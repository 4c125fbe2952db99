"""What price paths in Numba share: the numbers of a case, sizes of jumps, a step of Heston's variance."""

from __future__ import annotations

import math
from typing import NamedTuple

import numba
import numpy as np

from benchmarks.numba_random import exponential, normal, uniform
from benchmarks.price_case import Exponentials, Normal, PriceCase


class Law(NamedTuple):
    """A law of log-jumps, normal (mean, standard deviation) or Kou's (probability up, both rates)."""

    a: float
    b: float
    c: float


class Numbers(NamedTuple):
    """A case, as a compiled loop takes it."""

    steps: int
    step: float  # years
    factor: np.ndarray  # [A, A]
    growth: float  # of the log-price a step, where volatility is constant
    deviation: float
    compensation: float  # of jumps a step
    intensity: float
    own: Law
    own_growth: float  # E[exp(J)] - 1
    common_intensity: float
    common: Law
    common_growth: float
    shared: float  # square root of the correlation of common jumps
    apart: float  # square root of the rest
    theta: float
    decayed: float  # exp(-kappa step)
    spread: tuple[float, float]  # variance of the next variance: a v + b
    weights: tuple[float, float, float, float, float]  # Andersen's A, K1, K2, K3, and K1 + K3 / 2
    bar_variance: float
    bar_steps: int
    omega: float
    alpha: float
    gamma: float
    beta: float
    nu: float
    excitation: float
    decay: float
    volatilities: tuple[float, float]
    regime_growth: tuple[float, float]
    regime_deviation: tuple[float, float]
    leave: tuple[float, float]
    calm_share: float
    block_rate: float  # of exponential lengths, whose whole parts are geometric
    close: np.ndarray  # [n, A], as the next four: bars
    high: np.ndarray
    low: np.ndarray
    variance: np.ndarray
    first_low: np.ndarray  # [n]


def numbers_of(case: PriceCase) -> Numbers:
    """The numbers of a case."""
    h, (calm, wild) = case.step_years, case.volatilities
    own, common = (case.kou, case.common_kou) if case.name == "kou" else (case.merton, case.common_merton)
    compensation = -h * sum(rate * law.moments[2] for rate, law in case.jumps)
    constant = -0.5 * case.volatility**2 * h
    bar = case.volatility**2 * h * case.bar_steps
    return Numbers(
        steps=case.steps,
        step=h,
        factor=np.linalg.cholesky(np.corrcoef(case.bars.close.T)) if _of_bars(case) else case.factor,
        growth=constant if case.name == "hawkes" else constant + compensation,
        deviation=case.volatility * math.sqrt(h),
        compensation=compensation,
        intensity=case.intensity,
        own=_law(own),
        own_growth=own.moments[2],
        common_intensity=case.common_intensity,
        common=_law(common),
        common_growth=common.moments[2],
        shared=math.sqrt(case.common_correlation),
        apart=math.sqrt(1.0 - case.common_correlation),
        **_variance(case),
        bar_variance=bar,
        bar_steps=case.bar_steps,
        omega=bar * (1.0 - case.alpha - 0.5 * case.gamma - case.beta),
        alpha=case.alpha,
        gamma=case.gamma,
        beta=case.beta,
        nu=case.nu,
        excitation=case.excitation,
        decay=case.decay,
        volatilities=case.volatilities,
        regime_growth=(-0.5 * calm**2 * h, -0.5 * wild**2 * h),
        regime_deviation=(calm * math.sqrt(h), wild * math.sqrt(h)),
        leave=case.leave,
        calm_share=case.calm_share,
        block_rate=-1.0 / math.log1p(-1.0 / case.mean_block),
        **_bars(case),
    )


def _of_bars(case: PriceCase) -> bool:
    return case.name == "bootstrap" and case.markets > 1


def _bars(case: PriceCase) -> dict[str, np.ndarray]:
    names = ("close", "high", "low", "variance", "first_low")
    if case.name != "bootstrap":
        return {name: np.zeros((1, 1) if name != "first_low" else 1) for name in names}
    return {name: getattr(case.bars, name) for name in names}


def _law(law: Normal | Exponentials) -> Law:
    return Law(law.mean, law.std, 0.0) if isinstance(law, Normal) else Law(law.up, law.eta_up, law.eta_down)


def _variance(case: PriceCase) -> dict[str, object]:
    """Constants of Andersen's scheme (2008), equations 17, 18 and 33 with gamma_1 = gamma_2 = 1/2."""
    h, kappa, xi, rho = case.step_years, case.kappa, case.xi, case.rho
    decayed = math.exp(-kappa * h)
    per = xi**2 / kappa * (1.0 - decayed)
    half, lever = 0.5 * h * (kappa * rho / xi - 0.5), rho / xi
    k1, k2, k3 = half - lever, half + lever, 0.5 * h * (1.0 - rho**2)
    return {
        "theta": case.theta,
        "decayed": decayed,
        "spread": (decayed * per, 0.5 * case.theta * (1.0 - decayed) * per),
        "weights": (k2 + 0.5 * k3, k1, k2, k3, k1 + 0.5 * k3),
    }


@numba.njit(inline="always")
def size(s: np.ndarray, kind: int, law: Law) -> float:
    """A log-jump: 1 normal, 2 Kou's."""
    if kind == 1:
        return law.a + law.b * normal(s)
    return exponential(s) / law.b if uniform(s) < law.a else -exponential(s) / law.c


@numba.njit(inline="always", fastmath=True)
def quadratic_exponential(s: np.ndarray, v: float, z: float, own: float, c: Numbers) -> tuple[float, float]:
    """The next variance and the log-return, of a normal for each (Andersen 2008, section 3.2.4, proposition 9)."""
    mean = c.theta + (v - c.theta) * c.decayed
    psi = (c.spread[0] * v + c.spread[1]) / (mean * mean)
    a, k1, k2, k3, constant = c.weights
    if psi <= 1.5:
        inverse = 2.0 / psi
        b2 = inverse - 1.0 + math.sqrt(inverse * (inverse - 1.0))
        root = mean / (1.0 + b2)
        moved = root * (math.sqrt(b2) + z) ** 2
        room = 1.0 - 2.0 * a * root
        log_moment = a * b2 * root / room - 0.5 * math.log(room)
    else:
        zero = (psi - 1.0) / (psi + 1.0)
        rate = (1.0 - zero) / mean
        u = uniform(s)
        moved = math.log((1.0 - zero) / (1.0 - u)) / rate if u > zero else 0.0
        log_moment = math.log(zero + (1.0 - zero) * rate / (rate - a))
    return moved, -log_moment - constant * v + k1 * v + k2 * moved + math.sqrt(k3 * (v + moved)) * own


@numba.njit(fastmath=True)
def hawkes_wait(budget: float, excited: float, base: float, decay: float) -> float:
    """When the integrated intensity reaches a budget, by Newton's method (it is concave)."""
    t = budget / (base + excited)
    for _ in range(50):
        after = math.exp(-decay * t)
        gap = budget - base * t - excited * (1.0 - after) / decay
        t += gap / (base + excited * after)
        if gap < 1e-12 * budget:
            break
    return t


@numba.njit(fastmath=True)
def _passage(a: float, b: float, z: float, root: float) -> float:
    """Inverse Gaussian of mean a / b and shape a^2: Michael, Schucany and Haas (1976)."""
    mean, w = a / b, z * z / (2.0 * a * b)
    small = mean / (1.0 + w + math.sqrt(w * (w + 2.0)))
    return small if root <= mean / (mean + small) else mean * mean / small


@numba.njit(fastmath=True)
def split(a: float, b: float, z: float, choice: float, root: float) -> float:
    """Share of the time that a leg of length ``a`` takes beside one of length ``b``."""
    a, b = max(a, 1e-6), max(b, 1e-6)
    ratio = _passage(a, b, z, root) if choice < b / (a + b) else 1.0 / _passage(b, a, z, root)
    return ratio / (1.0 + ratio)


@numba.njit(fastmath=True)
def turns(c: Numbers, row: int, a: int, low_first: bool, words: np.ndarray) -> tuple[int, int]:
    """Steps of a bar in which a market is at its extremes (see ``stress.price.bridge`` and ``legs``)."""
    close, high, low = c.close[row, a], c.high[row, a], c.low[row, a]
    first, second = (low, high) if low_first else (high, low)
    scale = math.sqrt(max(c.variance[row, a], 1e-30))
    one, two, three = abs(first) / scale, abs(second - first) / scale, abs(close - second) / scale
    outer = split(one + three, two, words[0], words[1], words[2])
    root = math.sqrt(outer)
    to_first = outer * split(one / root, three / root, words[3], words[4], words[5])
    before, after = (1 if one > 0.0 else 0), (1 if three > 0.0 else 0)
    turn = 0
    if before:
        turn = min(max(round(c.bar_steps * to_first), before), c.bar_steps - 1 - after)
    if not after:
        return turn, c.bar_steps
    return turn, min(max(round(c.bar_steps * (to_first + 1.0 - outer)), turn + 1), c.bar_steps - after)


@numba.njit(fastmath=True)
def _kept(distance: float, goal: float, spread: float, to_come: float) -> float:
    """Distance from a wall that is not crossed, a step later."""
    y = goal * abs(distance) / to_come
    return math.sqrt(distance * distance + 2.0 * spread / (1.0 + y * (1.0 + y * (2.0 / 3.0 + y / 3.0))))


@numba.njit(inline="always", fastmath=True)
def bridged(c: Numbers, row: int, a: int, ends: tuple[int, int], low_first: bool, k: int, x: float, z: float) -> float:
    """Log price over the open after step ``k`` of a bar, from what it was and a normal."""
    high, low = c.high[row, a], c.low[row, a]
    first, second = (low, high) if low_first else (high, low)
    if k < ends[0]:
        target, end = first, ends[0]
    elif k < ends[1]:
        target, end = second, ends[1]
    else:
        target, end = c.close[row, a], c.bar_steps
    left = end - k
    if left == 1:
        return target
    variance = max(c.variance[row, a], 1e-30) / c.bar_steps
    spread = variance * (left - 1.0) / left
    free = x + (target - x) / left + math.sqrt(spread) * z
    to_come = variance * (left - 1.0)
    above = low + _kept(free - low, target - low, spread, to_come)
    below = high - _kept(high - above, high - target, spread, to_come)
    return min(max(below, low), high)


@numba.njit(fastmath=True)
def bar_words(s: np.ndarray, words: np.ndarray) -> None:
    """What decides where the extremes of a bar are: two normals and four uniforms."""
    for k in range(6):
        words[k] = normal(s) if k % 3 == 0 else uniform(s)
