"""The numbers of one regime: its own, and from the price section what it leaves null."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stress.config.markets import correlation_matrix, per_market
from stress.config.price import JumpConfig, PriceConfig, RegimeConfig


@dataclass(frozen=True)
class Regime:
    """Axes: ``A`` markets."""

    key: str  # where its numbers stand, for messages
    drift: np.ndarray  # [A] per year
    volatility: np.ndarray  # [A] per sqrt(year); ones where the variance part has a level of its own
    multiplier: np.ndarray  # [A] of the volatility
    factor: np.ndarray  # [A, A] lower Cholesky factor of the correlation
    depth: np.float64
    jump: JumpConfig


def effective(price: PriceConfig, regime: RegimeConfig | None, key: str) -> Regime:
    """The numbers of a regime; None: there are no regimes."""

    def value(name: str) -> object:
        own = getattr(regime, name, None) if regime else None
        return getattr(price, name) if own is None else own

    def by_market(name: str, otherwise: float) -> np.ndarray:
        given = value(name) if hasattr(price, name) else getattr(regime, name, None)
        return per_market(otherwise if given is None else given, price.markets, f"{key}.{name}")  # type: ignore[arg-type]

    jump = value("jump")
    assert isinstance(jump, JumpConfig)  # checked with the config
    return Regime(
        key=key,
        drift=by_market("drift", 0.0),
        volatility=by_market("volatility", 1.0),
        multiplier=by_market("volatility_multiplier", 1.0),
        factor=cholesky(correlation_matrix(value("correlation"), price.markets, f"{key}.correlation")),  # type: ignore[arg-type]
        depth=np.float64(regime.depth_multiplier if regime else 1.0),
        jump=jump,
    )


def cholesky(correlation: np.ndarray) -> np.ndarray:
    """Lower factor L [A, A] with L L' = correlation, also for a singular one (by eigenvectors and QR)."""
    try:
        return np.linalg.cholesky(correlation)
    except np.linalg.LinAlgError:
        values, vectors = np.linalg.eigh(correlation)
        upper: np.ndarray = np.linalg.qr((vectors * np.sqrt(np.clip(values, 0.0, None))).T)[1]
        return upper.T * np.sign(np.where(np.diag(upper) == 0, 1.0, np.diag(upper)))
