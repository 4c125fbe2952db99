"""Fitting a mixture by maximum likelihood, and what a reader should not take from it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stress.price.calibrate.base import Estimate, Options, Sample
from stress.price.calibrate.mixture.dynamics import MixtureDynamics, stationary_law
from stress.price.calibrate.mixture.estimates import estimates, regime_names
from stress.price.calibrate.mixture.extend import add, together
from stress.price.calibrate.mixture.further import further_estimates, pair_estimates
from stress.price.calibrate.mixture.law import BarLaw
from stress.price.calibrate.mixture.layout import Layout
from stress.price.calibrate.mixture.maximise import Maximum, maximise
from stress.price.calibrate.notes import DURATION_WARNING, ONE_MARKET

FEW_JUMPS = 30
LONG_STAY = 5
FURTHER = ("Only {} were fitted together; every further market was fitted given these, so its standard errors leave "
           "out theirs. The log-likelihood maximised is that of the first markets plus that of each further one given "
           "them.")


@dataclass(frozen=True)
class MixtureFit:
    """A fitted mixture of all markets."""

    law: BarLaw
    parameters: list[Estimate]
    log_likelihood: float
    free: int
    between: int  # of these, those that only say how markets move together
    warnings: list[str]
    dynamics: MixtureDynamics


def fit_mixture(sample: Sample, options: Options, regimes: int) -> MixtureFit:
    """The first ``options.joint_markets`` markets together, further ones each given these."""
    size = min(options.joint_markets, len(sample.markets))
    first = Sample(sample.markets[:size], sample.returns[:, :size], sample.bar_seconds)
    top = _together(first, options, regimes)
    found, notes = estimates(top, first.markets, sample.bar_years)
    if size == len(sample.markets):
        return MixtureFit(top.law, found, top.log_likelihood, int((~top.at_bound).sum()), top.between,
                          notes + mixture_notes(top.law, sample), MixtureDynamics(top.law, size))
    return _with_further(sample, first, top, found, notes)


def joint(sample: Sample, options: Options) -> dict[str, list[str]]:
    """For the provenance, which markets were fitted together where it was not all of them."""
    every = len(sample.markets) <= options.joint_markets
    return {} if every else {"fitted_together": sample.markets[: options.joint_markets]}


def _together(sample: Sample, options: Options, regimes: int) -> Maximum:
    scale = np.nanstd(sample.returns, axis=0)
    layout = Layout(regimes, scale, options.separation, options.max_jumps_per_year, sample.bar_years)
    return maximise(layout, sample.returns, options.starts, options.seed)


def _with_further(sample: Sample, first: Sample, top: Maximum, found: list[Estimate], notes: list[str]) -> MixtureFit:
    size, added = len(first.markets), []
    for place in range(size, len(sample.markets)):
        columns = [*range(size), place]
        added.append(add(top.law, top.layout, sample.returns[:, columns], top.log_likelihood))
    law = together(top.law, added, sample.returns)
    for extra, market in zip(added, sample.markets[size:], strict=True):
        more, more_notes = further_estimates(extra, market, first.markets, sample.bar_years)
        found, notes = found + more, notes + more_notes
    pairs = len(added) * (len(added) - 1) // 2 * len(law.rates)
    correlations = len(added) * size * len(law.rates)
    return MixtureFit(
        law, found + pair_estimates(np.asarray(law.correlation), sample.markets, size),
        top.log_likelihood + sum(extra.gain for extra in added),
        int((~top.at_bound).sum()) + sum(int((~extra.at_bound).sum()) for extra in added) + pairs,
        top.between + correlations + pairs, [FURTHER.format(", ".join(first.markets)), *notes,
                                             *mixture_notes(law, sample)], MixtureDynamics(law, size))


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
