"""Fitting a mixture by maximum likelihood, and what a reader should not take from it."""

from __future__ import annotations

import numpy as np

from stress.price.calibrate.base import Options, Sample
from stress.price.calibrate.mixture.dynamics import stationary_law
from stress.price.calibrate.mixture.estimates import regime_names
from stress.price.calibrate.mixture.law import BarLaw
from stress.price.calibrate.mixture.layout import Layout
from stress.price.calibrate.mixture.maximise import Maximum, maximise
from stress.price.calibrate.notes import DURATION_WARNING, ONE_MARKET

FEW_JUMPS = 30
LONG_STAY = 5


def fit_mixture(sample: Sample, options: Options, regimes: int) -> Maximum:
    """The top of the likelihood of a law with ``regimes``."""
    scale = np.nanstd(sample.returns, axis=0)
    layout = Layout(regimes, scale, options.separation, options.max_jumps_per_year, sample.bar_years)
    return maximise(layout, sample.returns, options.starts, options.seed)


def mixture_notes(law: BarLaw, sample: Sample) -> list[str]:
    """What the data cannot say about jumps and regimes."""
    span, shares = len(sample.returns) * sample.bar_years, stationary_law(law)
    names = regime_names(len(shares))
    notes = [DURATION_WARNING]
    if len(sample.markets) == 1:
        notes.append(ONE_MARKET)
    for r, name in enumerate(names):
        number = float(law.common_intensity[r]) / sample.bar_years * shares[r] * span
        if len(sample.markets) > 1 and number < FEW_JUMPS:
            notes.append(f"{name or 'model'}: about {number:.0f} common jumps in the sample identify their sizes.")
        stay = -1 / float(law.rates[r, r]) if len(shares) > 1 else np.inf
        if stay < LONG_STAY:
            notes.append(f"{name}: lasts {stay:.1f} bars on average; switching inside a bar, which the fit ignores, "
                         "matters.")
    if len(shares) > 1:
        notes.append("depth_multiplier is assumed: prices do not say how deep the book is.")
    return notes
