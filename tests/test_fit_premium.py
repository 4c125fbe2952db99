"""Fitting the funding premium: the likelihood against brute force, known processes recovered, pairs, what it implies."""

from __future__ import annotations

import itertools
from functools import cache

import numpy as np
import pytest
from scipy.stats import multivariate_normal, norm

from stress.protocol.funding_fit.fit import Premium, fit_premium
from stress.protocol.funding_fit.implied import implied, misfit, rates, simulate
from stress.protocol.funding_fit.likelihood import Law, log_likelihood, sequence
from stress.protocol.funding_fit.payments import Payments, payments, usual_rate
from stress.protocol.funding_fit.together import nearest_correlation, pair_log_likelihood, shock_correlation

INTEREST, CLAMP, INTERVAL = 1e-4, 5e-4, 28_800.0
LIMIT = 4.0


def paid(premium: np.ndarray, market: str = "X", seconds: np.ndarray | None = None, cap: float = 0.02) -> Payments:
    """The payments of premiums [n], as a file has them."""
    rate = np.clip(premium + np.clip(INTEREST - premium, -CLAMP, CLAMP), -cap, cap)
    time = np.arange(len(premium)) * INTERVAL if seconds is None else seconds
    return payments(market, time, rate, INTEREST, CLAMP, cap)


def drawn(law: Law, size: int, seed: int) -> np.ndarray:
    """A path of the process."""
    noise = np.random.default_rng(seed).normal(size=size)
    path = np.empty(size)
    path[0] = law.std * noise[0]
    for k in range(1, size):
        path[k] = law.phi * path[k - 1] + law.noise * noise[k]
    return law.mean + path


# --- from rates to premiums -----------------------------------------------------------------------------------------
def test_premiums_come_back_outside_of_the_clamp_and_hide_inside() -> None:
    premium = np.array([-9e-4, -4.1e-4, -3.9e-4, 0.0, 5.9e-4, 6.1e-4, 2e-3])
    found = paid(premium)
    inside = np.abs(INTEREST - premium) <= CLAMP
    assert found.inside.tolist() == inside.tolist() == [False, False, True, True, True, False, False]
    np.testing.assert_allclose(found.premium[~inside], premium[~inside], rtol=1e-9)
    np.testing.assert_allclose(rates(premium, found)[inside], INTEREST, rtol=1e-12)
    single = payments(
        "X", np.arange(7.0), rates(premium, found).astype(np.float32).astype(float), INTEREST, CLAMP, 0.02
    )
    assert single.inside.tolist() == inside.tolist()


def test_gaps_break_the_sequence_and_early_payments_are_left_out() -> None:
    seconds = np.array([0, 8, 16, 18, 20, 24, 32, 64, 72, 80, 88, 96, 104]) * 3600.0
    found = paid(np.full(13, 1e-3), seconds=seconds)
    assert found.dropped == {"sooner than the interval": 3}
    assert (found.seconds / 3600).tolist() == [0, 8, 16, 32, 64, 72, 80, 88, 96, 104]
    assert np.flatnonzero(found.first).tolist() == [0, 3, 4]
    capped = paid(np.array([0.5, 0.0, -0.5, 0.001]))
    assert capped.capped == 2


def test_the_interest_is_what_is_paid_most_often() -> None:
    rate = np.concatenate([np.full(30, np.float32(1e-4)), np.random.default_rng(1).normal(size=70)]).astype(float)
    assert usual_rate(rate, 9.0) == 1e-4
    assert usual_rate(np.where(rate == rate[0], 0.0, rate), 9.0) == 0.0
    assert usual_rate(np.random.default_rng(2).normal(size=100), 9.0) == 9.0


# --- the likelihood -------------------------------------------------------------------------------------------------
def brute(law: Law, found: Payments) -> float:
    """The same by the joint normal law of all payments: density of what is seen, times a box probability given it."""
    runs = np.split(np.arange(len(found.premium)), np.flatnonzero(found.first)[1:])
    total = 0.0
    for run in runs:
        size = len(run)
        covariance = law.std**2 * law.phi ** np.abs(np.arange(size)[:, None] - np.arange(size))
        premium, inside = found.premium[run] - law.mean, found.inside[run]
        seen = np.flatnonzero(~inside)
        hidden = np.flatnonzero(inside)
        mean, left = np.zeros(len(hidden)), covariance[np.ix_(hidden, hidden)]
        if len(seen):
            total += multivariate_normal.logpdf(premium[seen], np.zeros(len(seen)), covariance[np.ix_(seen, seen)])
            gain = covariance[np.ix_(hidden, seen)] @ np.linalg.inv(covariance[np.ix_(seen, seen)])
            mean, left = gain @ premium[seen], left - gain @ covariance[np.ix_(seen, hidden)]
        if len(hidden):
            low, high = (found.interest + side * found.clamp - law.mean - mean for side in (-1, 1))
            corners = itertools.product(*[(0, 1)] * len(hidden))
            box = sum(
                (-1) ** (len(hidden) - sum(c))
                * multivariate_normal.cdf(
                    np.where(np.array(c, bool), high, low), np.zeros(len(hidden)), left, abseps=1e-7, releps=1e-7
                )
                for c in corners
            )
            total += float(np.log(box))
    return total


@pytest.mark.parametrize(
    "pattern",
    [
        [1e-3, -2e-3, 7e-4],
        [1e-3, None, -1e-3],
        [None, None, 1e-3],
        [1e-3, None, None],
        [None, None, None],
        [2e-3, None, 1.5e-3, None, -5e-4],
    ],
)
def test_the_likelihood_is_that_of_the_joint_law(pattern: list[float | None]) -> None:
    """Every mix of seen and hidden premiums, under a tight and a loose law."""
    premium = np.array([INTEREST if p is None else p for p in pattern])
    for law in (Law(-2e-4, 0.8, 7e-4), Law(3e-4, 0.3, 4e-4)):
        found = paid(premium)
        assert found.inside.tolist() == [p is None for p in pattern]
        got = log_likelihood(law, sequence(found)).sum()
        assert got == pytest.approx(brute(law, found), abs=2e-5), (law, pattern)
        wrong = log_likelihood(law._replace(std=1.02 * law.std), sequence(found)).sum()
        assert abs(wrong - got) > 1e-3, "a test that cannot fail"


def test_a_gap_begins_anew() -> None:
    premium, law = np.array([1e-3, INTEREST, INTEREST, 2e-3]), Law(-2e-4, 0.8, 7e-4)
    whole, broken = paid(premium), paid(premium, seconds=np.array([0, 8, 24, 32]) * 3600.0)
    assert np.flatnonzero(broken.first).tolist() == [0, 2]
    parts = [log_likelihood(law, sequence(paid(premium[cut]))).sum() for cut in (slice(0, 2), slice(2, 4))]
    assert log_likelihood(law, sequence(broken)).sum() == pytest.approx(sum(parts), rel=1e-12)
    assert abs(log_likelihood(law, sequence(whole)).sum() - sum(parts)) > 1e-3


def test_nodes_are_enough() -> None:
    """Long runs inside, noise down to a fiftieth of the interval: twice the nodes change nothing."""
    for noise in (2e-5, 1e-4, 1e-3):
        law = Law(-3.5e-4, 0.9, noise / np.sqrt(1 - 0.81))
        found = paid(drawn(law, 600, 3))
        assert found.inside.sum() > 50
        coarse, fine = (log_likelihood(law, sequence(found, nodes)).sum() for nodes in (64, 160))
        assert coarse == pytest.approx(fine, abs=1e-6)


# --- recovery -------------------------------------------------------------------------------------------------------
TRUTH = Law(-3e-4, 0.5 ** (8 / 20), 4e-4)  # a half-life of 20 h
SAMPLES, SIZE = 14, 800


@cache
def fits() -> list[Premium]:
    return [fit_premium(paid(drawn(TRUTH, SIZE, seed))) for seed in range(SAMPLES)]


def test_the_process_comes_back() -> None:
    """The mean over samples, within its error; the wrong parameter a tenth off is not within it."""
    columns = {
        "mean": [f.mean for f in fits()],
        "log half-life": [np.log(f.half_life_hours) for f in fits()],
        "log std": [np.log(f.std) for f in fits()],
    }
    truth = {"mean": TRUTH.mean, "log half-life": np.log(20.0), "log std": np.log(TRUTH.std)}
    for name, values in columns.items():
        error = np.std(values, ddof=1) / np.sqrt(SAMPLES)
        assert abs(np.mean(values) - truth[name]) < LIMIT * error, (name, np.mean(values), truth[name], error)
    std, half_life = (np.array(columns[name]) for name in ("log std", "log half-life"))
    assert abs(std.mean() - truth["log std"] - np.log(1.1)) > LIMIT * std.std() / np.sqrt(SAMPLES)
    assert abs(half_life.mean() - truth["log half-life"] - np.log(1.2)) > LIMIT * half_life.std() / np.sqrt(SAMPLES)


def test_hidden_premiums_taken_in_the_middle_would_be_seen() -> None:
    """What is gained over the naive fit: its standard deviation is off, that of the likelihood is not."""
    law = TRUTH._replace(mean=INTEREST)
    found = paid(drawn(law, 3 * SIZE, 1))
    naive, fitted = np.std(np.where(found.inside, INTEREST, found.premium)), fit_premium(found)
    assert abs(np.log(naive / law.std)) > LIMIT * fitted.errors[2]
    assert abs(np.log(fitted.std / law.std)) < LIMIT * fitted.errors[2]


def test_errors_are_those_of_the_samples() -> None:
    for k, values in enumerate(
        ([f.mean for f in fits()], [np.log(f.half_life_hours) for f in fits()], [np.log(f.std) for f in fits()])
    ):
        told = np.median([f.errors[k] for f in fits()])
        assert 0.5 < told / np.std(values, ddof=1) < 1.8


def test_too_few_payments_are_refused() -> None:
    with pytest.raises(ValueError, match="allowed is at least"):
        fit_premium(paid(np.full(300, INTEREST)))
    with pytest.raises(ValueError, match="100 payments for X"):
        fit_premium(paid(drawn(TRUTH, 100, 1)))


# --- several markets ------------------------------------------------------------------------------------------------
def test_the_likelihood_of_a_pair_is_that_of_the_joint_law() -> None:
    box_x, box_y, rho = (-0.4, 1.1), (-1.5, 0.2), 0.6
    law = multivariate_normal([0, 0], [[1, rho], [rho, 1]])
    got = pair_log_likelihood(
        rho, np.array([2.0, 2.0, np.nan, np.nan, 9.0]), np.array([1.0, np.nan, -2.0, np.nan, np.nan]), box_x, box_y
    )
    root = np.sqrt(1 - rho**2)

    def beside(seen: float, box: tuple[float, float]) -> float:
        return float(
            norm.logpdf(seen) + np.log(norm.cdf((box[1] - rho * seen) / root) - norm.cdf((box[0] - rho * seen) / root))
        )

    corner = [law.cdf([a, b]) for a in box_x for b in box_y]
    expected = [
        law.logpdf([2, 1]),
        beside(2.0, box_y),
        beside(-2.0, box_x),
        np.log(corner[3] - corner[1] - corner[2] + corner[0]),
        beside(9.0, box_y),
    ]
    np.testing.assert_allclose(got, expected, rtol=1e-5)


def test_the_correlation_of_shocks_comes_back() -> None:
    rho, phi, std, random = (
        0.6,
        np.array([0.5 ** (8 / 10), 0.5 ** (8 / 30)]),
        np.array([4e-4, 6e-4]),
        np.random.default_rng(6),
    )
    kappa, size = -np.log(phi), 20_000
    settled = rho * np.outer(std, std) * 2 * np.sqrt(np.outer(kappa, kappa)) / (kappa[:, None] + kappa)
    np.fill_diagonal(settled, std**2)
    step = np.linalg.cholesky(settled * (1 - np.outer(phi, phi)))
    path = np.empty((size, 2))
    path[0] = np.linalg.cholesky(settled) @ random.normal(size=2)
    for k, noise in enumerate(random.normal(size=(size - 1, 2)), 1):
        path[k] = phi * path[k - 1] + step @ noise
    mean = np.array([-2e-4, 1e-4])
    both = [paid(mean[a] + path[:, a], market=m) for a, m in enumerate("XY")]
    known = [Premium(m, mean[a], (10.0, 30.0)[a], std[a], (0, 0, 0), 0.0, ()) for a, m in enumerate("XY")]
    found, error, notes = shock_correlation(both, known)
    assert notes == []
    assert abs(found[0, 1] - rho) < LIMIT * error[0, 1], (found, error)
    assert abs(found[0, 1] - 0.9 * rho) > LIMIT * error[0, 1], "no power"
    apart = paid(path[:, 0], market="Z", seconds=np.arange(size) * INTERVAL + 1e9)
    alone, missing, notes = shock_correlation([both[0], apart], known)
    assert alone[0, 1] == 0 and np.isnan(missing[0, 1]) and "at the same time" in notes[0]


def test_pairs_that_do_not_fit_together_are_moved() -> None:
    matrix = np.array([[1, 0.9, -0.9], [0.9, 1, 0.9], [-0.9, 0.9, 1]])
    near = nearest_correlation(matrix)
    assert np.linalg.eigvalsh(near)[0] > 0
    np.testing.assert_allclose(np.diag(near), 1, rtol=1e-12)
    good = np.array([[1, 0.5], [0.5, 1]])
    assert nearest_correlation(good) is good


# --- what it implies ------------------------------------------------------------------------------------------------
def test_a_right_fit_implies_what_was_paid_and_a_wrong_one_is_told() -> None:
    found = paid(drawn(TRUTH, 1500, 9))
    right = Premium("X", TRUTH.mean, 20.0, TRUTH.std, (0, 0, 0), 0.0, ())
    table = implied(found, right)
    for name, row in table.items():
        assert row.low <= row.data <= row.high, name
    assert misfit(found, right, table) == []
    wrong = Premium("X", TRUTH.mean, 20.0, 0.4 * TRUTH.std, (0, 0, 0), 0.0, ())
    notes = " ".join(misfit(found, wrong, implied(found, wrong)))
    assert "are at the interest, the fit has" in notes
    assert "understates extremes" in notes
    path = simulate(found, right, 400, np.random.default_rng(1))
    assert path.std() == pytest.approx(TRUTH.std, rel=0.02)
    lag = np.mean((path[:, 1:] - TRUTH.mean) * (path[:, :-1] - TRUTH.mean)) / TRUTH.std**2
    assert lag == pytest.approx(TRUTH.phi, abs=0.02)
