"""From the jump and intensity sections to jumps."""

from __future__ import annotations

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np

from stress.build.regime import Regime
from stress.config.markets import per_market
from stress.config.price import IntensityConfig, PriceConfig
from stress.price.arrivals.base import ArrivalPart
from stress.price.arrivals.hawkes import RELAXATIONS, HawkesArrivals
from stress.price.arrivals.poisson import PoissonArrivals
from stress.price.composition import Jumps
from stress.price.jumps.base import JumpSizes, spread_ticks
from stress.price.jumps.kou import KouJumps
from stress.price.jumps.merton import MertonJumps


def build_jumps(price: PriceConfig, regimes: Sequence[Regime], step_seconds: float) -> Jumps | None:
    """Jumps of all regimes; None where none of them has any."""
    kinds = {regime.jump.kind for regime in regimes} - {"none"}
    if not kinds:
        return None
    (kind,) = kinds  # checked with the config
    sizes: JumpSizes = _merton(price, regimes) if kind == "merton" else _kou(price, regimes)
    arrivals = _arrivals(price, _intensity(price, regimes))
    return Jumps(arrivals, sizes, spread_ticks(price.jump_duration_seconds, step_seconds))


def _of(regime: Regime, name: str, otherwise: float) -> object:
    """A number of the regime's jumps; ``otherwise`` where it has none or does not say."""
    value = getattr(regime.jump, name) if regime.jump.kind != "none" else None
    return otherwise if value is None else value


def _stack(price: PriceConfig, regimes: Sequence[Regime], name: str, otherwise: float = 0.0) -> np.ndarray:
    """By regime and market [R, A]."""
    return np.stack(
        [per_market(_of(r, name, otherwise), price.markets, f"{r.key}.jump.{name}") for r in regimes]  # type: ignore[arg-type]
    )


def _numbers(regimes: Sequence[Regime], name: str, otherwise: float = 0.0) -> np.ndarray:
    """By regime [R]."""
    return np.array([_of(regime, name, otherwise) for regime in regimes], dtype=np.float64)


def _intensity(price: PriceConfig, regimes: Sequence[Regime]) -> np.ndarray:
    """Rates [R, A + 1] a year, that of common jumps last."""
    return np.concatenate([_stack(price, regimes, "intensity"), _numbers(regimes, "common_intensity")[:, None]], axis=1)


def _merton(price: PriceConfig, regimes: Sequence[Regime]) -> MertonJumps:
    arrays = {name: _stack(price, regimes, name) for name in ("mean", "std", "common_mean", "common_std")}
    arrays["common_correlation"] = _numbers(regimes, "common_correlation")
    return MertonJumps(**{name: jnp.asarray(value) for name, value in arrays.items()})


def _kou(price: PriceConfig, regimes: Sequence[Regime]) -> KouJumps:
    never = 1e9  # rate of jumps that do not come
    return KouJumps(
        up=jnp.asarray(_stack(price, regimes, "up_probability")),
        eta_up=jnp.asarray(_stack(price, regimes, "eta_up", never)),
        eta_down=jnp.asarray(_stack(price, regimes, "eta_down", never)),
        common_up=jnp.asarray(_numbers(regimes, "common_up_probability")),
        common_eta_up=jnp.asarray(_stack(price, regimes, "common_eta_up", never)),
        common_eta_down=jnp.asarray(_stack(price, regimes, "common_eta_down", never)),
    )


def _arrivals(price: PriceConfig, intensity: np.ndarray) -> ArrivalPart:
    section = price.intensity
    if section is None or section.kind == "constant":
        return PoissonArrivals(jnp.asarray(intensity))
    return _hawkes(price, section, intensity)


def _hawkes(price: PriceConfig, section: IntensityConfig, base: np.ndarray) -> HawkesArrivals:
    def streams(name: str, otherwise: float) -> np.ndarray:
        own, common = getattr(section, name), getattr(section, f"common_{name}")
        by_market = per_market(own, price.markets, f"price.intensity.{name}")
        return np.append(by_market, otherwise if common is None else common)

    alpha, beta = streams("alpha", 0.0), streams("beta", 1.0)
    history = RELAXATIONS / (beta - alpha) if section.initial == "stationary" else np.zeros_like(beta)
    gain = section.liquidation_gain
    return HawkesArrivals(
        base=jnp.asarray(base),
        start=jnp.asarray(base.mean(0)),
        alpha=jnp.asarray(alpha),
        beta=jnp.asarray(beta),
        history_years=jnp.asarray(history),
        gain=None if gain is None else jnp.asarray(per_market(gain, price.markets, "price.intensity.liquidation_gain")),
    )

