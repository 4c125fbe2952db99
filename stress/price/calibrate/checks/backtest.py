"""Tests of forecasts: is the share of violations right, and do violations come one by one?

Kupiec (1995), "Techniques for verifying the accuracy of risk measurement models", J. Derivatives 3(2), eq. 3 (the
proportion of failures); Christoffersen (1998), "Evaluating interval forecasts", Int. Economic Review 39(4), section 3.
"""

from __future__ import annotations

import numpy as np
from scipy.special import xlogy
from scipy.stats import chi2, kstest

BINS = 20
"""Bars of the histogram of a probability integral transform."""


def kupiec(violations: np.ndarray, expected: float) -> dict[str, float]:
    """Likelihood ratio of the share of violations [n] (bool) against ``expected``; chi-squared with one degree."""
    n, hits = len(violations), int(violations.sum())
    given = xlogy(hits, expected) + xlogy(n - hits, 1 - expected)
    return _ratio(given, _bernoulli(hits, n), 1)


def christoffersen(violations: np.ndarray, expected: float) -> dict[str, dict[str, float]]:
    """Independence of neighbouring violations [n] (one degree), and that with the right share, too (two degrees)."""
    before, now = violations[:-1], violations[1:]
    after_none, after_one = now[~before], now[before]
    single = _bernoulli(int(now.sum()), len(now))
    split = _bernoulli(int(after_none.sum()), len(after_none)) + _bernoulli(int(after_one.sum()), len(after_one))
    independence = _ratio(single, split, 1)
    together = kupiec(violations, expected)["statistic"] + independence["statistic"]
    return {"independence": independence,
            "conditional_coverage": {"statistic": together, "p_value": float(chi2.sf(together, 2))}}


def uniformity(pit: np.ndarray) -> dict[str, object]:
    """Kolmogorov and Smirnov's test of probability integral transforms [n], and their histogram as shares."""
    found = kstest(pit, "uniform")
    counts = np.histogram(pit, bins=BINS, range=(0, 1))[0]
    return {"n": len(pit), "statistic": float(found.statistic), "p_value": float(found.pvalue),
            "histogram": [float(share) for share in counts / len(pit)]}


def _bernoulli(hits: int, n: int) -> float:
    """Largest log-likelihood of ``hits`` in ``n``."""
    share = hits / n if n else 0.0
    return float(xlogy(hits, share) + xlogy(n - hits, 1 - share))


def _ratio(restricted: float, free: float, degrees: int) -> dict[str, float]:
    statistic = max(2 * (free - float(restricted)), 0.0)
    return {"statistic": statistic, "p_value": float(chi2.sf(statistic, degrees))}
