"""Exact likelihood of an Ornstein-Uhlenbeck process that is seen at even times, and hidden inside a known interval.

Between payments P is autoregressive: mean + phi (P - mean) + noise, phi = e^(-kappa h). While it is hidden, its density
is carried through the interval on Gauss-Legendre nodes, which loses nothing: outside of the interval it would be seen.
This is the Tobit likelihood (Tobin 1958) of a process instead of independent draws.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from stress.protocol.funding_fit.payments import Payments

NODES = 64
"""Of the quadrature over the interval; enough while a step's noise is more than a fiftieth of it."""
SMALLEST = 1e-300
"""Densities below are taken for this, so that a wild guess has a likelihood, too."""


class Law(NamedTuple):
    """The process between payments."""

    mean: float
    phi: float  # correlation of neighbouring payments' premiums
    std: float  # stationary standard deviation

    @property
    def noise(self) -> float:
        """Standard deviation of a step's noise."""
        return self.std * float(np.sqrt(1.0 - self.phi**2))

    def next(self, premium: np.ndarray) -> np.ndarray:
        """Mean of the next premium."""
        return self.mean + self.phi * (premium - self.mean)


@dataclass(frozen=True)
class Sequence:
    """Payments sorted by what is known of them. Axes: ``n`` payments, ``k`` runs of hidden premiums, longest first."""

    premium: np.ndarray  # [n], NaN where hidden
    opening: np.ndarray  # places of payments with a premium that follow nothing
    seen: np.ndarray  # places of those that follow one with a premium
    first: np.ndarray  # [k] place of a run's first payment
    length: np.ndarray  # [k] payments of the run
    before: np.ndarray  # [k] premium before the run; NaN: it follows nothing
    after: np.ndarray  # [k] premium after it; NaN: nothing follows
    nodes: np.ndarray  # [NODES] premiums
    weights: np.ndarray  # [NODES]


def sequence(payments: Payments, nodes: int = NODES) -> Sequence:
    """The payments as the likelihood needs them."""
    inside, opens, premium = payments.inside, payments.first, payments.premium
    follows_hidden = np.append(True, inside[:-1])
    first = np.flatnonzero(inside & (opens | ~follows_hidden))
    ends = np.flatnonzero(inside & np.append(~inside[1:] | opens[1:], True))
    order = np.argsort(first - ends, kind="stable")
    first, ends = first[order], ends[order]
    before = np.where(opens[first], np.nan, np.append(np.nan, premium[:-1])[first])
    after = np.where(np.append(opens[1:], True)[ends], np.nan, np.append(premium[1:], np.nan)[ends])
    points, weights = np.polynomial.legendre.leggauss(nodes)
    return Sequence(
        premium,
        np.flatnonzero(~inside & opens),
        np.flatnonzero(~inside & ~opens & ~follows_hidden),
        first,
        ends - first + 1,
        before,
        after,
        payments.interest + payments.clamp * points,
        payments.clamp * weights,
    )


def log_likelihood(law: Law, data: Sequence) -> np.ndarray:
    """Contribution [n] of every payment to the log-likelihood, given all before it."""
    premium, result = data.premium, np.zeros(len(data.premium))
    result[data.opening] = _log_normal(premium[data.opening], law.mean, law.std)
    result[data.seen] = _log_normal(premium[data.seen], law.next(premium[data.seen - 1]), law.noise)
    fresh = np.isnan(data.before)
    centre, width = np.where(fresh, law.mean, law.next(data.before)), np.where(fresh, law.std, law.noise)
    onward = np.exp(_log_normal(data.nodes, law.next(data.nodes)[:, None], law.noise))
    held = np.exp(_log_normal(data.nodes, centre[:, None], width[:, None]))  # [k, NODES], density in each run
    for turn in range(int(data.length.max(initial=0))):
        running = int(np.searchsorted(-data.length, -turn))  # runs longer than this many payments
        if turn:
            held[:running] = held[:running] @ onward
        held[:running] *= data.weights
        total = np.maximum(held[:running].sum(1), SMALLEST)
        held[:running] /= total[:, None]
        result[data.first[:running] + turn] = np.log(total)
    back = np.flatnonzero(np.isfinite(data.after))
    density = np.exp(_log_normal(data.after[back, None], law.next(data.nodes), law.noise))
    found = np.maximum((held[back] * density).sum(1), SMALLEST)
    result[data.first[back] + data.length[back]] = np.log(found)
    return result


def _log_normal(x: np.ndarray, mean: np.ndarray | float, std: np.ndarray | float) -> np.ndarray:
    return -0.5 * ((x - mean) / std) ** 2 - np.log(std * np.sqrt(2.0 * np.pi))
