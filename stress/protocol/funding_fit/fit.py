"""Maximum likelihood of the premium process."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import minimize

from stress.protocol.funding_fit.likelihood import NODES, Law, log_likelihood, sequence
from stress.protocol.funding_fit.payments import Payments

FEWEST, FEWEST_SEEN = 200, 50
"""Payments that a fit takes, and of them with a premium."""
LASTING = 63
"""Payments over which scores are taken to depend on one another: volatility of the premium comes in clusters."""
HALF_LIVES = 0.05, 3000.0
"""Shortest and longest half-life that is looked for, in payments."""
STEP = 1e-4
"""Of differences instead of derivatives; parameters are of order one."""
COARSE = 0.1
"""Difference of the log-likelihood with twice the nodes that is worth a warning."""


@dataclass(frozen=True)
class Premium:
    """A fitted process. Errors allow for volatility that comes in clusters, which the process itself has not."""

    market: str
    mean: float
    half_life_hours: float
    std: float
    errors: tuple[float, float, float]  # of mean, log half-life, log std
    log_likelihood: float
    notes: tuple[str, ...]

    def law(self, interval: float) -> Law:
        """Between payments ``interval`` seconds apart."""
        return Law(self.mean, 0.5 ** (interval / 3600.0 / self.half_life_hours), self.std)


def shortage(payments: Payments) -> str | None:
    """What there is too little of for a fit; None where there is enough."""
    count, seen = len(payments.seconds), int((~payments.inside).sum())
    if count >= FEWEST and seen >= FEWEST_SEEN:
        return None
    found = f"{count} payments for {payments.market}, {seen} of them other than the interest"
    return f"{found}, allowed is at least {FEWEST} and {FEWEST_SEEN}"


def fit_premium(payments: Payments) -> Premium:
    """The process that makes the payments most likely. Raises ValueError where there are too few."""
    if (lack := shortage(payments)) is not None:
        raise ValueError(lack)
    data, scale = sequence(payments), payments.clamp
    low, high = np.log(HALF_LIVES)
    bounds = [(None, None), (low, high), (-12.0, 12.0)]
    tops = [
        minimize(lambda v: -log_likelihood(_law(v, scale), data).sum(), start, method="L-BFGS-B", bounds=bounds)
        for start in _starts(payments)
    ]
    top = min(tops, key=lambda t: t.fun)
    errors = _errors(top.x, lambda v: log_likelihood(_law(v, scale), data))
    return Premium(
        payments.market,
        float(top.x[0]) * scale,
        float(np.exp(top.x[1])) * payments.interval / 3600.0,
        float(np.exp(top.x[2])) * scale,
        (errors[0] * scale, errors[1], errors[2]),
        -float(top.fun),
        _notes(top, scale, payments, errors),
    )


def _law(vector: np.ndarray, scale: float) -> Law:
    """From (mean over scale, log half-life in payments, log std over scale)."""
    return Law(float(vector[0]) * scale, float(0.5 ** np.exp(-vector[1])), float(np.exp(vector[2])) * scale)


def _starts(payments: Payments) -> list[np.ndarray]:
    """From hidden premiums taken in the middle of where they hide, and at the nearer end of it."""
    known = payments.premium[~payments.inside]
    edge = payments.interest + np.sign(np.median(known) - payments.interest) * payments.clamp
    starts = []
    for value in (payments.interest, edge):
        guess = np.where(payments.inside, value, payments.premium)
        centred, std = guess - guess.mean(), max(guess.std(), 1e-3 * payments.clamp)
        phi = np.clip((centred[1:] * centred[:-1]).mean() / std**2, 0.1, 0.98)
        starts.append(np.array([guess.mean() / payments.clamp, -np.log(-np.log2(phi)), np.log(std / payments.clamp)]))
    return starts


def _errors(top: np.ndarray, contributions: Any) -> tuple[float, float, float]:
    """Standard errors: information, score, information (White 1982), scores summed after Newey and West (1987)."""
    moves = STEP * np.eye(3)
    score = np.stack([(contributions(top + m) - contributions(top - m)) / (2 * STEP) for m in moves], axis=1)

    def slope(at: np.ndarray) -> np.ndarray:
        return np.array([(contributions(at + m).sum() - contributions(at - m).sum()) / (2 * STEP) for m in moves])

    information = -np.stack([(slope(top + m) - slope(top - m)) / (2 * STEP) for m in moves])
    middle = score.T @ score
    for lag in range(1, min(LASTING, len(score) - 1) + 1):
        cross = score[lag:].T @ score[:-lag]
        middle += (1.0 - lag / (LASTING + 1.0)) * (cross + cross.T)
    try:
        inverse = np.linalg.inv(0.5 * (information + information.T))
    except np.linalg.LinAlgError:
        return (np.nan, np.nan, np.nan)
    mean, half_life, std = np.sqrt(np.clip(np.diag(inverse @ middle @ inverse), 0.0, None))
    return float(mean), float(half_life), float(std)


def _notes(top: Any, scale: float, payments: Payments, errors: tuple[float, float, float]) -> tuple[str, ...]:
    market, notes = payments.market, []
    if not top.success and "ABNORMAL" not in str(top.message):  # the line search ends where differences do
        notes.append(f"{market}: the climb did not end ({top.message}).")
    if min(abs(top.x[1] - np.log(HALF_LIVES))) < 1e-3:
        notes.append(f"{market}: the half-life is at the end of what is looked for.")
    finer = -log_likelihood(_law(top.x, scale), sequence(payments, 2 * NODES)).sum()
    if abs(finer - top.fun) > COARSE:
        notes.append(f"{market}: the quadrature is too coarse for so quiet a premium.")
    if not max(errors[1:]) < 1.0:
        notes.append(f"{market}: half-life or standard deviation is not identified.")
    return tuple(notes)
