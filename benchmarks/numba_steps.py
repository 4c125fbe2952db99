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
    returns: np.ndarray  # [n, A]


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
        factor=case.factor,
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
        returns=case.returns if case.name == "bootstrap" else np.zeros((1, case.markets)),
    )


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
