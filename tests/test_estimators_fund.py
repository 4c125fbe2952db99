"""The fund curve, the required fund against known ruin problems, and the live tally."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose

from stress.mc.estimators import (
    Tally,
    clopper_pearson,
    confidence_sequence,
    expected_shortfall,
    fund_curve,
    probability,
    quantile,
)
from stress.mc.estimators.sample import sample
from stress.mc.estimators.streaming import EMPTY, log_evidence


# --- the fund curve ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("failures", [0, 9])
def test_fund_curve(weighted, failures):
    rng = np.random.default_rng(9)
    n = 3000
    drawdown = rng.exponential(1e6, n) * (rng.random(n) < 0.2)
    drawdown[:failures] = np.nan
    weights = np.exp(rng.normal(-0.02, 0.2, n)) if weighted else None
    fund = 1_234_567.0
    rows = fund_curve(drawdown, weights, 0.95, 40, fund=fund)
    table = np.array([[row[k] for k in ("fund", "depletion_probability", "low", "high")] for row in rows])
    assert 25 <= len(rows) <= 44
    assert table[0, 0] == 0.0 and fund in table[:, 0] and table[-1, 0] > np.nanmax(drawdown)
    assert np.all(np.diff(table[:, 0]) > 0)
    assert np.all(np.diff(table[:, 1:], axis=0) <= 0)
    assert np.all((table[:, 2] <= table[:, 1]) & (table[:, 1] <= table[:, 3]))
    at = table[list(table[:, 0]).index(fund)]
    found = probability(sample(drawdown - fund, weights=weights), 0.95)
    assert_allclose(at[1], found.estimate, rtol=1e-12, atol=0)
    assert at[2] <= found.low * (1 + 1e-12) and at[3] >= found.high * (1 - 1e-12)
    if not weighted:
        assert_allclose(at[2:], (found.low, found.high), rtol=1e-12, atol=0)
    assert table[-1, 1] == 0.0 and table[-1, 3] > 0.0


def test_fund_curve_at_a_tie_counts_strictly_above():
    rows = fund_curve(np.array([0.0, 5.0, 5.0, 8.0]), None, 0.95, 10, fund=5.0)
    assert {row["fund"]: row["depletion_probability"] for row in rows}[5.0] == 0.25
    assert rows[0]["depletion_probability"] == 0.75


def test_fund_curve_without_losses_or_data():
    rows = fund_curve(np.zeros(1000), None, 0.95, 40, fund=7.0)
    assert [row["fund"] for row in rows] == [0.0, 7.0]
    assert_allclose([row["high"] for row in rows], 0.003682083896865671, rtol=1e-9, atol=0)
    assert fund_curve(np.full(10, np.nan), None, 0.95, 40, fund=7.0) == []


@pytest.mark.parametrize("until, events, exhausted", [
    pytest.param(10.0, (10.0, 1.0, 1.0, 1.25), 0.020925252298519742, id="IF-RUIN-u10-T10"),
    pytest.param(10.0, (50.0, 2.0, 3.0, 7.0), 0.007541836458342402, id="IF-RUIN-u50-T10"),
])
def test_fund_curve_of_the_ruin_problem(until, events, exhausted):
    """Fee income c, Poisson(lam) bad debts Exp(m). False alarm 1e-6; sees a probability that is 25 % off."""
    fund, lam, size, income = events
    n, most = 100_000, 60
    rng = np.random.default_rng(10)
    times = np.cumsum(rng.exponential(1 / lam, (n, most)), axis=1)
    claims = np.cumsum(rng.exponential(size, (n, most)), axis=1)
    assert times[:, -1].min() > until
    drawdown = np.maximum(np.where(times <= until, claims - income * times, 0.0).max(axis=1), 0.0)
    rows = fund_curve(drawdown, None, 1 - 1e-6, 30, fund=fund)
    row = next(row for row in rows if row["fund"] == fund)
    assert row["low"] <= exhausted <= row["high"], f"ruin {exhausted}, calculated {row}, n {n}, seed 10"
    assert not row["low"] <= 1.25 * exhausted <= row["high"]


def test_required_fund_of_compound_poisson():
    """IF-CP-0.5-20.0: VaR at 95 % and 99.9 %, ES at 95 %, with an atom at zero. False alarm 1e-6; sees 3 %."""
    rng = np.random.default_rng(11)
    n = 1_000_000
    losses = sample(20.0 * rng.gamma(rng.poisson(0.5, n)))
    found = [(quantile(losses, 0.95, 1 - 1e-6), 52.32750862124584),
             (quantile(losses, 0.999, 1 - 1e-6), 147.43328759659744),
             (expected_shortfall(losses, 0.95, 1 - 1e-6), 76.90075516847931)]
    for interval, exact in found:
        assert interval.low <= exact <= interval.high, f"exact {exact}, calculated {interval}, seed 11"
        assert not interval.low <= 1.03 * exact <= interval.high


# --- the tally --------------------------------------------------------------------------------------------------------
def test_tally_merges():
    rng = np.random.default_rng(12)
    depleted, status = rng.random(1000) < 0.1, (rng.random(1000) < 0.02).astype(np.int8)
    whole = Tally.of(depleted, status)
    parts = [Tally.of(depleted[a:b], status[a:b]) for a, b in ((0, 300), (300, 301), (301, 1000))]
    assert EMPTY.merge(parts[2]).merge(parts[0].merge(parts[1])) == whole
    assert whole == Tally(1000, int(np.count_nonzero(depleted & (status == 0))), int(np.count_nonzero(status)))
    low, high = whole.interval(0.95)
    assert_allclose(low, clopper_pearson(whole.depleted, 1000, 0.95)[0], rtol=1e-12, atol=0)
    assert_allclose(high, clopper_pearson(whole.depleted + whole.failed, 1000, 0.95)[1], rtol=1e-12, atol=0)
    wide_low, wide_high = whole.anytime_interval(0.95)
    assert 0 < wide_low < low < high < wide_high < 1


@pytest.mark.parametrize("events, n", [(0, 1), (0, 5000), (3, 5000), (200, 400), (400, 400)])
def test_confidence_sequence_ends_where_the_evidence_does(events, n):
    low, high = confidence_sequence(events, n, 0.95)
    assert 0 <= low <= events / n <= high <= 1
    for end in (low, high):
        if 0 < end < 1:
            assert_allclose(log_evidence(events, n, end), math.log(20), rtol=1e-6, atol=0)
    assert confidence_sequence(0, 0, 0.95) == (0.0, 1.0)
