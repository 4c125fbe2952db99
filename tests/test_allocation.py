"""Euler allocation of expected shortfall: laws and samples of which the parts are known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate, optimize, sparse, stats

from stress.mc.estimators import allocation
from stress.mc.estimators.allocation import Allocation, Tail, allocate, tail_of
from stress.mc.estimators.quantiles import expected_shortfall
from stress.mc.estimators.sample import sample

ALARM = 1e-6
"""Chance that a test of coverage fails although the interval keeps its confidence."""


def allocated(losses: np.ndarray, p: float, weights: np.ndarray | None = None) -> tuple[Tail, Allocation]:
    """Parts [G] of the expected shortfall of the sum of losses [P, G]."""
    tail = tail_of(losses.sum(1), p, weights)
    return tail, allocate(tail, losses[tail.path])


# --- estimates --------------------------------------------------------------------------------------------------------
def test_two_outcomes() -> None:
    """10 of 100 paths lose 8 + 2, the others nothing: the worst 20 % lose 5 on average, 4 and 1 of it."""
    losses = np.zeros((100, 2))
    losses[::10] = [8.0, 2.0]
    _, found = allocated(losses, 0.8)
    assert found.shortfall == pytest.approx(5.0, rel=1e-12)
    np.testing.assert_allclose(found.part, [4.0, 1.0], rtol=1e-12)
    np.testing.assert_allclose(found.share, [0.8, 0.2], rtol=1e-12)


def test_paths_at_the_quantile_count_alike_with_what_is_left() -> None:
    """The worst 3 of 10: one of 6 + 0, and two places for four equal ones, of which the parts differ."""
    losses = np.zeros((10, 2))
    losses[0] = [6.0, 0.0]
    losses[1:5] = [[4.0, 0.0], [3.0, 1.0], [0.0, 4.0], [1.0, 3.0]]
    _, found = allocated(losses, 0.7)
    np.testing.assert_allclose(found.part, [(6 + 2 * 2.0) / 3, (2 * 2.0) / 3], rtol=1e-12)
    order = np.random.default_rng(1).permutation(10)
    np.testing.assert_allclose(allocated(losses[order], 0.7)[1].part, found.part, rtol=1e-12)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("p", [0.9, 0.975, 0.9911, 0.999])
def test_parts_add_up_to_the_expected_shortfall_of_the_run(p: float, weighted: bool) -> None:
    random = np.random.default_rng(5)
    losses = np.round(random.pareto(2.0, (1500, 4)) * random.normal(1.0, 2.0, (1500, 4)), 1)
    losses[random.random(1500) < 0.5] = 0.0
    losses[:, 3] = -0.5 * losses[:, 0]  # a hedge
    weights = random.gamma(2.0, 0.5, 1500) if weighted else None
    values = np.maximum(losses.sum(1), 0.0)
    losses[values == 0] = 0.0
    tail = tail_of(values, p, weights)
    found = allocate(tail, sparse.csr_array(losses[tail.path]))
    expected = expected_shortfall(sample(values, weights=weights), p, 0.95).estimate
    assert found.part.sum() == pytest.approx(expected, rel=1e-12)
    assert found.shortfall == pytest.approx(expected, rel=1e-12)
    assert found.part[3] == pytest.approx(-0.5 * found.part[0], rel=1e-12)
    assert (found.part[:3] != 0).any()


def test_more_paths_than_the_tail_are_kept_and_resamples_stay_within() -> None:
    values = np.random.default_rng(3).exponential(1.0, 10_000)
    tail = tail_of(values, 0.99)
    assert 150 < len(tail.path) < 220
    assert tail.mass == 100.0  # with p as the decimal it was written as
    assert (tail.shares(np.ones(len(tail.path))) > 0).sum() == 100
    np.testing.assert_array_equal(tail.value, np.sort(values)[::-1][: len(tail.path)])
    counts = np.zeros(len(tail.path))
    counts[-100:] = 1.0  # a resample may have drawn none of the others
    assert tail.shares(counts).sum() == pytest.approx(1.0, rel=1e-12)


def test_nothing_lost_and_paths_without_an_outcome() -> None:
    _, found = allocated(np.zeros((50, 2)), 0.9)
    assert found.shortfall == 0.0
    assert found.part.tolist() == [0.0, 0.0]
    values = np.array([np.nan, 3.0, 1.0, 0.0])
    assert tail_of(values, 0.5).path.tolist() == [1, 2]


# --- intervals --------------------------------------------------------------------------------------------------------
P = 0.95
MEANS = (1.0, 2.0)


def parts_of_exponentials(p: float) -> np.ndarray:
    """E[L_i | L_1 + L_2 >= q] of independent exponentials with MEANS, by integration."""
    a, b = MEANS
    q = optimize.brentq(lambda q: (b * np.exp(-q / b) - a * np.exp(-q / a)) / (b - a) - (1 - p), 0.0, 100.0)

    def part(mine: float, other: float) -> float:
        def below(x: float) -> float:
            return x / mine * np.exp(-x / mine - (q - x) / other)

        return (integrate.quad(below, 0.0, q)[0] + (q + mine) * np.exp(-q / mine)) / (1 - p)

    return np.array([part(a, b), part(b, a)])


def exponentials(random: np.random.Generator, n: int) -> np.ndarray:
    return random.exponential(1.0, (n, 2)) * MEANS


def elliptical(random: np.random.Generator, n: int) -> np.ndarray:
    """Student's t with 5 degrees of freedom of correlated parts: heavy, and parts may be negative."""
    normal = random.normal(size=(n, 2)) @ FACTOR.T
    return normal / np.sqrt(random.chisquare(5, (n, 1)) / 5)


FACTOR = np.array([[1.0, 0.0], [-0.9, 1.5]])


def parts_of_elliptical(p: float) -> np.ndarray:
    """Cov(L_i, L) / Var(L) ES(L): McNeil, Frey and Embrechts (2015), Corollary 8.43."""
    covariance = FACTOR @ FACTOR.T
    scale = np.sqrt(covariance.sum())
    q = stats.t.ppf(p, 5)
    shortfall = scale * stats.t.pdf(q, 5) * (5 + q * q) / 4 / (1 - p)
    return covariance.sum(1) / covariance.sum() * shortfall


@pytest.fixture(scope="module", params=["exponentials", "elliptical"])
def repeated(request: pytest.FixtureRequest) -> tuple[np.ndarray, list[Allocation]]:
    """True parts, and allocations of 300 samples of 2,000 paths."""
    draw, truth = {"exponentials": (exponentials, parts_of_exponentials(P)),
                   "elliptical": (elliptical, parts_of_elliptical(P))}[request.param]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(allocation, "RESAMPLES", 200)
        return truth, [allocated(draw(np.random.default_rng([7, k]), 2000), P)[1] for k in range(300)]


def too_few(held: int, n: int, confidence: float) -> bool:
    """Whether so few of n intervals held the truth that the confidence is not kept (one-sided, ALARM)."""
    return bool(stats.binom.cdf(held, n, confidence) < ALARM)


def test_parts_are_those_of_the_law(repeated: tuple[np.ndarray, list[Allocation]]) -> None:
    truth, found = repeated
    parts = np.array([one.part for one in found])
    z = (parts.mean(0) - truth) / (parts.std(0) / np.sqrt(len(found)))
    bias = 0.02 * truth  # of the empirical quantile, of order 1/n
    assert (np.abs(parts.mean(0) - truth) < 5 * parts.std(0) / np.sqrt(len(found)) + bias).all(), z
    assert (np.abs(parts.mean(0) - truth[::-1]) > 5 * parts.std(0) / np.sqrt(len(found)) + bias).all()


@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_intervals_keep_their_confidence(repeated: tuple[np.ndarray, list[Allocation]], confidence: float) -> None:
    truth, found = repeated
    shares = truth / truth.sum()
    for g in range(2):
        for true, which in ((truth[g], "interval"), (shares[g], "share_interval")):
            ends = np.array([[i.low, i.high] for i in (getattr(one, which)(g, confidence) for one in found)], float)
            held = int(((ends[:, 0] <= true) & (true <= ends[:, 1])).sum())
            assert not too_few(held, len(found), confidence), f"part {g}, {which}: {held} of {len(found)} held {true}"
            wider = confidence + 0.75 * (1 - confidence)  # the bounds are moved out, but not by much
            assert stats.binom.sf(held - 1, len(found), wider) > ALARM, f"part {g}, {which}: {held} held, too wide"
            wrong = true + 0.25 * (truth.sum() if which == "interval" else 1.0)  # the same intervals do not hold this
            held = int(((ends[:, 0] <= wrong) & (wrong <= ends[:, 1])).sum())
            assert too_few(held, len(found), confidence), f"{held} held {wrong}"


def test_without_finding_the_quantile_anew_intervals_of_correlated_parts_are_too_narrow() -> None:
    """What an interval from the mean of the tail alone would be, on the same law: the error of the quantile is missed."""
    truth, held = parts_of_exponentials(P), 0
    for k in range(2000):
        losses = exponentials(np.random.default_rng([7, k]), 2000)
        inside = losses[tail_of(losses.sum(1), P).path[:100], 1]
        held += abs(inside.mean() - truth[1]) <= stats.t.ppf(0.975, 99) * inside.std() / 10
    assert too_few(held, 2000, 0.95)


def test_a_part_of_one_path_has_no_interval() -> None:
    losses = np.zeros((1000, 2))
    losses[:20] = [5.0, 0.0]
    losses[3] = [5.0, 7.0]
    _, found = allocated(losses, 0.98)
    one = found.interval(1, 0.95)
    assert (one.low, one.high) == (None, None)
    assert one.reason == "1 paths of the tail contribute, so how much one does is not known"
    assert found.interval(0, 0.95).high is not None
