"""Price impact: displacement X of the mark as a function of the absorbed flow z (in multiples of the 1 % depth)."""

from __future__ import annotations

import math
import warnings

from scipy.integrate import quad

from tests.reference.rules import Rules


def displacement(z: float, rules: Rules) -> float:
    """X(z) = -sign(z) min(0.01 |z|^gamma, cap): selling (z > 0) lowers the mark."""
    if not rules.impact or z == 0:
        return 0.0
    return -math.copysign(min(0.01 * abs(z) ** rules.gamma, rules.max_displacement), z)


def mean_displacement(z0: float, z1: float, rules: Rules) -> float:
    """Exact mean of X over the walk from z0 to z1; X(z0) when nothing was walked."""
    if not rules.impact:
        return 0.0
    step = z1 - z0
    if abs(step) <= 1e-7 * max(abs(z0), abs(z1)):
        return displacement(z0 + step / 2, rules)  # off by O(step^2); the quotient below would be rounding noise
    return -(_area(abs(z1), rules) - _area(abs(z0), rules)) / step


def mean_reciprocal(z0: float, z1: float, rules: Rules) -> float:
    """Mean of 1 / (1 + X) over the walk from z0 to z1, by an adaptive rule between the points where X bends."""
    if not rules.impact:
        return 1.0
    if abs(z1 - z0) <= 1e-7 * max(abs(z0), abs(z1)):
        return 1 / (1 + displacement((z0 + z1) / 2, rules))
    low, high = min(z0, z1), max(z0, z1)
    kink = (rules.max_displacement / 0.01) ** (1 / rules.gamma)
    cuts = [low, *(z for z in (-kink, 0.0, kink) if low < z < high), high]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of rounding, at the last digits
        parts = [quad(lambda z: 1 / (1 + displacement(z, rules)), a, b, epsabs=0, epsrel=1e-13, limit=200)[0]
                 for a, b in zip(cuts, cuts[1:], strict=False)]
    return sum(parts) / (high - low)


def average_price(s: float, z0: float, z1: float, rules: Rules) -> float:
    """What a contract brings on average on the walk from z0 to z1, at the fundamental price ``s``: inverse ones bring 1/p."""
    if rules.coin is None:
        return s * (1 + mean_displacement(z0, z1, rules))
    return s / mean_reciprocal(z0, z1, rules)


def _area(u: float, rules: Rules) -> float:
    """Integral of min(0.01 v^gamma, cap) over v from 0 to u >= 0. X is odd, so its integral depends on |z| only."""
    gamma, cap = rules.gamma, rules.max_displacement
    kink = (cap / 0.01) ** (1 / gamma)
    below = min(u, kink)
    return 0.01 * below ** (gamma + 1) / (gamma + 1) + cap * (u - below)
