"""What a fitted premium implies for the rates that are paid, beside the rates that were."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from stress.protocol.funding_fit.fit import Premium
from stress.protocol.funding_fit.payments import Payments

PATHS, SEED = 100, 20200312
"""Simulated samples as long as the data."""
OFF_SHARE = 0.1
"""Difference of the share of hidden premiums from the fit's that is worth a warning."""


@dataclass(frozen=True)
class Implied:
    """A statistic of the data beside those of simulated samples as long."""

    data: float
    low: float  # of all simulated samples
    median: float
    high: float


def rates(premium: np.ndarray, payments: Payments) -> np.ndarray:
    """The rates that premiums lead to, without a cap."""
    return premium + np.clip(payments.interest - premium, -payments.clamp, payments.clamp)


def implied(payments: Payments, fit: Premium) -> dict[str, Implied]:
    """Statistics of the rates, by name."""
    premium = simulate(payments, fit, PATHS, np.random.default_rng(SEED))
    seen = np.where(payments.inside, payments.interest, rates(np.nan_to_num(payments.premium), payments))
    drawn = rates(premium, payments)
    names = {"mean": np.mean, "standard_deviation": np.std, "lowest": np.min, "highest": np.max}
    found = {name: _beside(float(f(seen)), np.array([f(path) for path in drawn])) for name, f in names.items()}
    lag = [np.corrcoef(path[1:], path[:-1])[0, 1] if path.std() > 0 else np.nan for path in drawn]
    found["autocorrelation"] = _beside(float(np.corrcoef(seen[1:], seen[:-1])[0, 1]), np.array(lag))
    share = np.abs(drawn - payments.interest) < 1e-12
    found["share_at_interest"] = _beside(float(payments.inside.mean()), share.mean(1))
    return found


def simulate(payments: Payments, fit: Premium, paths: int, random: np.random.Generator) -> np.ndarray:
    """Premiums [paths, n] at the times of the payments' sequence."""
    law = fit.law(payments.interval)
    noise = random.normal(size=(len(payments.seconds), paths))
    path = np.empty_like(noise)
    path[0] = law.std * noise[0]
    for k in range(1, len(noise)):
        path[k] = law.std * noise[k] if payments.first[k] else law.phi * path[k - 1] + law.noise * noise[k]
    return law.mean + path.T


def misfit(payments: Payments, fit: Premium, found: dict[str, Implied]) -> list[str]:
    """Where the process is not what was paid."""
    low, high = ((payments.interest + side * payments.clamp - fit.mean) / fit.std for side in (-1.0, 1.0))
    share, seen = float(norm.cdf(high) - norm.cdf(low)), found["share_at_interest"].data
    notes = []
    if abs(share - seen) > OFF_SHARE:
        notes.append(
            f"{fit.market}: {seen:.0%} of payments are at the interest, the fit has {share:.0%}: premiums are "
            "not normal about one mean over this time. A shorter data.start may be."
        )
    for name in ("lowest", "highest"):
        row = found[name]
        if (row.data < row.low) if name == "lowest" else (row.data > row.high):
            notes.append(
                f"{fit.market}: the {name} rate paid ({row.data:.3%}) is beyond what simulated samples reach "
                f"({row.low if name == 'lowest' else row.high:.3%}): the fit understates extremes."
            )
    return notes


def _beside(data: float, simulated: np.ndarray) -> Implied:
    return Implied(data, float(np.nanmin(simulated)), float(np.nanmedian(simulated)), float(np.nanmax(simulated)))
