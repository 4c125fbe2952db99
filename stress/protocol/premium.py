"""The exogenous premium of a perpetual as a mean-reverting process, from payment to payment.

    dP = kappa (mean - P) dt + sigma dW,    corr(dW_i, dW_j) = rho_ij

Uhlenbeck and Ornstein (1930). It is looked at when funding is paid and at no other time, so it is moved by whole
intervals h, exactly in law whatever they are:

    P' = mean + e^(-kappa h) (P - mean) + L Z,   (L L')_ij = C_ij (1 - e^(-(kappa_i + kappa_j) h)),
    C_ij = rho_ij sigma_i sigma_j / (kappa_i + kappa_j), the covariance that it settles at.
"""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from stress.types import Array


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class PremiumProcess:
    """The process between two payments. Axis ``A`` markets; premiums are relative to the price."""

    mean: Array  # [A]
    decay: Array  # [A] e^(-kappa h)
    factor: Array  # [A, A] L, lower triangular
    start: Array  # [A] mean at time zero
    spread: Array  # [A, A] lower Cholesky factor of the covariance at time zero

    def first(self, normal: Array) -> Array:
        """Premium [A] at time zero from normals [A]."""
        return self.start + (self.spread * normal).sum(-1)

    def next(self, premium: Array, normal: Array) -> Array:
        """Premium [A] of the next payment."""
        return self.mean + self.decay * (premium - self.mean) + (self.factor * normal).sum(-1)


def premium_process(
    mean: np.ndarray,
    half_life: np.ndarray,
    std: np.ndarray,
    correlation: np.ndarray,
    initial: np.ndarray | None,
    interval: float,
) -> PremiumProcess:
    """The process for payments every ``interval``.

    Parameters:
        half_life: [A] of a deviation from the mean, in units of the interval.
        std: [A] that the premium settles at.
        correlation: [A, A] of the Brownian motions.
        initial: premium [A] at time zero; None for a draw from what it settles at.
    """
    kappa = np.log(2.0) / half_life
    together = kappa[:, None] + kappa
    settled = correlation * np.outer(std, std) * 2.0 * np.sqrt(np.outer(kappa, kappa)) / together
    step = -settled * np.expm1(-together * interval)
    spread = _factor(settled) if initial is None else np.zeros_like(settled)
    return PremiumProcess(
        mean=jnp.asarray(mean),
        decay=jnp.asarray(np.exp(-kappa * interval)),
        factor=jnp.asarray(_factor(step)),
        start=jnp.asarray(mean if initial is None else initial),
        spread=jnp.asarray(spread),
    )


def _factor(covariance: np.ndarray) -> np.ndarray:
    """A lower triangular factor, of a singular covariance, too."""
    values, vectors = np.linalg.eigh(covariance)
    root = vectors * np.sqrt(np.clip(values, 0.0, None))
    factor = np.linalg.qr(root.T)[1].T
    return factor * np.where(np.diag(factor) < 0, -1.0, 1.0)
