"""From the funding section to its rule."""

from __future__ import annotations

from functools import partial

import jax.numpy as jnp
import numpy as np

from stress.build.leaves import in_ticks, real
from stress.config.fields import PerMarket
from stress.config.funding import AdaptiveConfig, FundingConfig, VelocityConfig
from stress.config.markets import correlation_matrix, per_market
from stress.protocol.funding.adaptive import Adaptive, AdaptiveRule
from stress.protocol.funding.base import Funding, PremiumRule, SkewRule
from stress.protocol.funding.clamped import Clamped
from stress.protocol.funding.deadband import Deadband
from stress.protocol.funding.velocity import Velocity
from stress.protocol.premium import PremiumProcess, premium_process
from stress.units import SECONDS_PER_HOUR

HOURS_PER_DAY = 24.0


def build_funding(funding: FundingConfig, markets: list[str], step_seconds: float) -> Funding:
    """Funding of ``markets``."""
    interval = in_ticks(funding.interval_hours, SECONDS_PER_HOUR / step_seconds)
    hours = int(interval) * step_seconds / SECONDS_PER_HOUR
    return Funding(
        interval=interval,
        premium=jnp.asarray(_by_market(markets, funding.premium, "premium")),
        process=_process(funding, markets, hours),
        rule=_rule(funding, markets, hours),
    )


def _by_market(markets: list[str], value: PerMarket, name: str) -> np.ndarray:
    return per_market(value, markets, f"protocol.funding.{name}")


def _process(funding: FundingConfig, markets: list[str], hours: float) -> PremiumProcess | None:
    """The exogenous premium, for payments every ``hours``."""
    given, key, of = funding.premium_process, "premium_process", partial(_by_market, markets)
    if given is None or funding.interval_hours is None:
        return None
    return premium_process(
        of(funding.premium, "premium"),
        of(given.half_life_hours, f"{key}.half_life_hours"),
        of(given.std, f"{key}.std"),
        correlation_matrix(given.correlation, markets, f"protocol.funding.{key}.correlation"),
        None if given.initial is None else of(given.initial, f"{key}.initial"),
        interval=hours,
    )


def _rule(funding: FundingConfig, markets: list[str], hours: float) -> PremiumRule | SkewRule:
    match funding.kind:
        case "deadband":
            assert funding.deadband is not None  # config.check_protocol
            return Deadband(width=real(funding.deadband), cap=real(funding.cap))
        case "velocity":
            assert funding.velocity is not None
            return _velocity(funding.velocity, markets, hours)
        case "adaptive":
            assert funding.adaptive is not None
            return _adaptive(funding.adaptive, markets, hours)
        case _:
            return Clamped(
                interest=jnp.asarray(_by_market(markets, funding.interest_rate, "interest_rate")),
                clamp=real(funding.clamp),
                cap=real(funding.cap),
                share=real(1.0 if funding.premium_hours is None else hours / funding.premium_hours),
            )


def _velocity(velocity: VelocityConfig, markets: list[str], hours: float) -> Velocity:
    return Velocity(
        initial=jnp.asarray(_by_market(markets, velocity.initial_rate, "velocity.initial_rate")),
        scale=jnp.asarray(_by_market(markets, velocity.skew_scale, "velocity.skew_scale")),
        velocity=jnp.asarray(_by_market(markets, velocity.max_velocity, "velocity.max_velocity")),
        elapsed=real(hours / HOURS_PER_DAY),
    )


def _adaptive(adaptive: AdaptiveConfig, markets: list[str], hours: float) -> Adaptive:
    return Adaptive(
        initial=jnp.asarray(_by_market(markets, adaptive.initial_rate, "adaptive.initial_rate")),
        rule=AdaptiveRule(
            increase=real(adaptive.increase),
            decrease=real(adaptive.decrease),
            stable=real(adaptive.stable_above),
            fading=real(adaptive.fading_below),
            smallest=real(adaptive.smallest),
            largest=real(adaptive.largest),
        ),
        elapsed=real(hours * SECONDS_PER_HOUR),
    )
