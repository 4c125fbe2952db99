"""Fitting a Kou law: each market alone, then all by pairs."""

from __future__ import annotations

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np

from stress.price.calibrate.ascent import climb, newton
from stress.price.calibrate.base import Sample
from stress.price.calibrate.coordinates import bounds, free_correlation, join, split
from stress.price.calibrate.delta import Spread, spread
from stress.price.calibrate.kou.density import sufficient
from stress.price.calibrate.kou.law import KouLaw
from stress.price.calibrate.kou.layout import KouLayout
from stress.price.calibrate.kou.likelihood import PairLikelihood

ALONE, MOST = 4096, 1024
"""Points a side of the grid: of one market; at most, of two."""

COARSE, FINE = 2.2, 4.0
"""Points to a standard deviation of the diffusion, for two markets: on the way up, and at the top."""

START_STEPS, CLIMB_STEPS, POLISH_STEPS, NEWTON_STEPS = 60, 120, 60, 1

STARTS = ((0.05, 2.0), (0.005, 6.0))
"""Where one market begins: jumps a bar, and their mean size over the diffusion's standard deviation."""


@dataclass(frozen=True)
class KouMaximum:
    """The top of the composite likelihood."""

    layout: KouLayout
    vector: np.ndarray
    law: KouLaw
    log_likelihood: float
    around: Spread
    slope: float
    at_bound: np.ndarray  # bool


def fit_kou(sample: Sample, max_jumps_per_year: float) -> KouMaximum:
    """Fit the sample; standard errors are those of a composite likelihood (sandwich)."""
    layout = KouLayout(np.nanstd(sample.returns, axis=0), max_jumps_per_year, sample.bar_years)
    low, high = bounds(layout.blocks())
    vector, several = np.clip(_start(layout, sample.returns), low, high), len(sample.markets) > 1
    coarse, fine = (sufficient(sample.returns, _volatility(layout, vector), points, MOST) for points in (COARSE, FINE))
    if several:
        vector, _ = climb(PairLikelihood(layout, sample.returns, coarse).objective, vector, low, high, CLIMB_STEPS)
    top = PairLikelihood(layout, sample.returns, fine if several else ALONE)
    vector, _ = climb(top.objective, vector, low, high, POLISH_STEPS)
    vector, value, slope, information = newton(top.objective, vector, low, high, NEWTON_STEPS, top.curvature)
    at_bound = (vector <= low) | (vector >= high)
    law = KouLaw(*map(np.asarray, layout.law(jnp.asarray(vector))))
    around = spread(information, ~at_bound, top.squared_scores(vector))
    return KouMaximum(layout, vector, law, -value, around, slope, at_bound)


def _volatility(layout: KouLayout, vector: np.ndarray) -> np.ndarray:
    return np.asarray(layout.law(jnp.asarray(vector)).volatility)


def _start(layout: KouLayout, returns: np.ndarray) -> np.ndarray:
    """Each market alone; for several, half of a market's jumps are taken for own ones and half for common ones."""
    alone = [_alone(layout, a, returns[:, [a]]) for a in range(returns.shape[1])]
    own = {name: np.concatenate([part[name] for part in alone]) for name in alone[0]}
    if len(alone) == 1:
        return join(layout.blocks(), own)
    together = returns[np.isfinite(returns).all(1)]
    calm = together[(np.abs(together) < 2 * layout.scale).all(1)]
    matrix = np.corrcoef(calm.T)
    return join(layout.blocks(), own | {
        "intensity": own["intensity"] - np.log(2), "correlation": free_correlation(matrix),
        "common_intensity": own["intensity"].mean(keepdims=True) - np.log(2), "common_up": np.zeros(1),
        "common_rise": own["rise"], "common_fall": own["fall"]})


def _alone(layout: KouLayout, market: int, returns: np.ndarray) -> dict[str, np.ndarray]:
    """The best of several climbs on one market's returns [T, 1], as named parts."""
    single = KouLayout(layout.scale[[market]], layout.max_jumps_per_year, layout.bar_years)
    low, high = bounds(single.blocks())
    objective = PairLikelihood(single, returns, ALONE).objective
    tried = []
    for often, large in STARTS:
        parts = {name: np.zeros(shape) for name, (shape, _, _) in single.blocks().items()}
        parts |= {"volatility": np.array([-0.5]), "intensity": np.log([often])}
        parts |= {"rise": np.log([large]), "fall": np.log([large])}
        tried.append(climb(objective, np.clip(join(single.blocks(), parts), low, high), low, high, START_STEPS))
    best = min(tried, key=lambda pair: pair[1])[0]
    return {name: np.asarray(value) for name, value in split(single.blocks(), jnp.asarray(best)).items()}
