"""From the section on margin requirements that follow the market to their rule."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from stress.book.schema import Book
from stress.build.leaves import in_ticks, whole
from stress.build.leaves import real as _f
from stress.config.adaptive import AdaptiveMarginConfig
from stress.config.markets import per_market
from stress.errors import UserError
from stress.protocol.adaptive import AdaptiveMargin, ByStage, ByVolatility, Factor
from stress.protocol.margin.base import MarginCurve
from stress.protocol.margin.scaled import Scaled
from stress.units import SECONDS_PER_YEAR

KEY = "protocol.adaptive"


def build_adaptive(adaptive: AdaptiveMarginConfig, markets: list[str], step_seconds: float) -> AdaptiveMargin:
    """The rule, and how often it is followed."""
    update = adaptive.update_minutes
    every = whole(1) if update is None else in_ticks(update, 60.0 / step_seconds)
    return AdaptiveMargin(rule=_rule(adaptive, markets, step_seconds), every=every)


def _rule(adaptive: AdaptiveMarginConfig, markets: list[str], step_seconds: float) -> Factor:
    if adaptive.kind == "staged":
        stages, minutes = adaptive.stages or [], adaptive.window_minutes or 0.0
        return ByStage(
            move=jnp.asarray([stage.move for stage in stages], jnp.float64),
            multiplier=jnp.asarray([stage.multiplier for stage in stages], jnp.float64),
            window=max(1, round(minutes * 60.0 / step_seconds)),
        )
    assert adaptive.reference_volatility is not None  # checked with the config
    volatility = per_market(adaptive.reference_volatility, markets, f"{KEY}.reference_volatility")
    return ByVolatility(
        kept=_f(2.0 ** (-step_seconds / (60.0 * (adaptive.half_life_minutes or 1.0)))),
        reference=jnp.asarray(volatility**2 * step_seconds / SECONDS_PER_YEAR),
        most=_f(adaptive.max_multiplier or 1.0),
    )


def scalable(curve: MarginCurve, markets: int) -> Scaled:
    """The curve with a factor, one at first."""
    return Scaled(curve, jnp.ones(markets, jnp.float64))


def highest(adaptive: AdaptiveMarginConfig) -> float:
    """The largest factor that can come."""
    return max([adaptive.max_multiplier or 1.0, *(stage.multiplier for stage in adaptive.stages or [])])


def refuse_whole_multiples(book: Book, maintenance: MarginCurve, adaptive: AdaptiveMarginConfig | None) -> None:
    """Raises UserError where a position's maintenance rate would be one or more in the highest stress."""
    if adaptive is None:
        return
    units = np.abs(np.where(book.residual[:, None], 0.0, book.size)).T
    rates = np.broadcast_to(np.asarray(maintenance.steepest(units)), units.shape) * (units > 0)
    most, a = highest(adaptive), int(rates.max(1).argmax())
    if rates.max() * most >= 1.0:
        raise UserError(
            f"{KEY}: the largest factor {most:g} makes a maintenance rate of {rates.max() * most:.3g} of the rate "
            f"{rates.max():.3g} of {book.markets[a]}, allowed is below 1. Lower the factor, or the maintenance rates."
        )
