"""The exogenous funding premium as a process: its law at any interval, and the venue that pays by it."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from stress.build.engine import obstacles
from stress.build.study import Study
from stress.config.funding import PremiumProcessConfig
from stress.engine.state import NOT_FINITE
from stress.mc.noise import draw_noise, tile_keys
from stress.mc.premium import STREAM
from stress.mc.replay import replay
from stress.price.base import Draw
from stress.protocol.premium import PremiumProcess, premium_process
from tests import z_tests
from tests.reference.building import Row, make_book
from tests.studies import config, outcome, simulated, study
from tests.z_tests import ZTest

MEAN, HALF_LIFE, STD = np.array([-4e-4, 2e-4]), np.array([10.0, 25.0]), np.array([3e-4, 5e-4])
CORRELATION = np.array([[1.0, 0.6], [0.6, 1.0]])
PATHS, SEED = 100_000, 4
WRONG_STD, WRONG_HALF_LIFE = 1.02, 1.1
"""Power: what the tests of the law must see."""


def process(
    interval: float, std: float = 1.0, half_life: float = 1.0, initial: np.ndarray | None = None
) -> PremiumProcess:
    return premium_process(MEAN, half_life * HALF_LIFE, std * STD, CORRELATION, initial, interval)


def walk(made: PremiumProcess, steps: int, seed: int = SEED) -> np.ndarray:
    """Premiums [steps + 1, PATHS, A]."""
    normal = jnp.asarray(np.random.default_rng(seed).normal(size=(steps + 1, PATHS, 2)))
    first, onward = jax.vmap(made.first), jax.jit(jax.vmap(made.next))
    path = [first(normal[0])]
    for noise in normal[1:]:
        path.append(onward(path[-1], noise))
    return np.asarray(jnp.stack(path))


def product(a: np.ndarray, b: np.ndarray) -> z_tests.Estimate:
    """Covariance of two samples."""
    return z_tests.mean((a - a.mean()) * (b - b.mean()))


# --- the law --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("interval", "steps"), [(1.0, 8), (8.0, 1)])
def test_the_law_is_exact_at_any_interval(interval: float, steps: int) -> None:
    """Variance, and covariance of two markets and of two moments eight hours apart, from one and from eight steps."""
    kappa, away = np.log(2) / HALF_LIFE, np.log(2) / HALF_LIFE * 8.0
    together = CORRELATION[0, 1] * STD[0] * STD[1] * 2 * np.sqrt(kappa[0] * kappa[1]) / kappa.sum()
    path, wrong = walk(process(interval), steps), walk(process(interval, WRONG_STD, WRONG_HALF_LIFE), steps)

    def tests(of: np.ndarray) -> list[ZTest]:
        start, end = of[0], of[-1]
        found = [("mean", z_tests.mean(end[:, 0]), MEAN[0]), ("covariance", product(end[:, 0], end[:, 1]), together)]
        found += [(f"variance {a}", product(end[:, a], end[:, a]), STD[a] ** 2) for a in (0, 1)]
        found += [
            (f"autocovariance {a}", product(start[:, a], end[:, a]), STD[a] ** 2 * np.exp(-away[a])) for a in (0, 1)
        ]
        return [ZTest(e, float(x), name, "Ornstein-Uhlenbeck", SEED, (interval, steps)) for name, e, x in found]

    for test in tests(path):
        test.agrees()
    for test in tests(wrong)[1:]:
        test.rejects()


def test_two_steps_are_one_of_twice_the_length() -> None:
    short, long = process(3.0), process(6.0)
    half, whole = (np.asarray(p.factor @ p.factor.T) for p in (short, long))
    np.testing.assert_allclose(np.asarray(short.decay) ** 2, long.decay, rtol=1e-14)
    np.testing.assert_allclose(half + np.outer(short.decay, short.decay) * half, whole, rtol=1e-12)
    settled = np.asarray(short.spread @ short.spread.T)
    np.testing.assert_allclose(half + np.outer(short.decay, short.decay) * settled, settled, rtol=1e-12)
    assert np.abs(np.triu(np.asarray(short.factor), 1)).max() == 0


def test_a_given_start_is_where_it_starts() -> None:
    made = process(8.0, initial=np.array([1e-3, -1e-3]))
    np.testing.assert_allclose(made.first(jnp.array([2.0, -3.0])), [1e-3, -1e-3], rtol=1e-15)
    expected = MEAN + np.exp2(-8.0 / HALF_LIFE) * (np.array([1e-3, -1e-3]) - MEAN)
    np.testing.assert_allclose(made.next(made.start, jnp.zeros(2)), expected, rtol=1e-12)


# --- the venue ------------------------------------------------------------------------------------------------------
MARKETS = ("X", "Y")
LEVELS = {"X": 0.004, "Y": -0.002}
ROWS: list[Row] = [
    *[(f"long{n}", 60.0 + 15.0 * n, {"X": (10.0, 100.0)}) for n in range(6)],
    *[(f"short{n}", 60.0 + 15.0 * n, {"Y": (-10.0, 100.0)}) for n in range(6)],
    ("both", 1e5, {"X": (-60.0, 100.0), "Y": (60.0, 100.0)}),
]


def paying(premium_process: PremiumProcessConfig | None, **more: Any) -> Study:
    """Two markets; longs of X and shorts of Y pay until they are liquidated one after another."""
    funding = {
        "interval_hours": 0.1,
        "interest_rate": 0.0,
        "clamp": 0.0,
        "cap": 0.05,
        "premium": LEVELS,
        "premium_process": premium_process,
    }
    protocol = {"maintenance_margin": 0.02, "insurance_fund": 100.0, "funding": funding, "liquidation": {"fee": 0.002}}
    price = {"volatility": 1.0, "drift": 0.0, "initial_prices": 100.0, "correlation": 0.3}
    liquidity = {"law": "linear", "depth_usd": 1e4}
    run = {
        "paths": 128,
        "block_paths": 128,
        "horizon_hours": 1.5,
        "twin": True,
        "precision": "float64",
        "engine": "dense",
    }
    given = {"markets": MARKETS, "price": price, "protocol": protocol, "liquidity": liquidity, "run": run}
    for section, changes in more.items():
        given[section] = given[section] | changes
    return study(config(**given), make_book(ROWS, MARKETS))


def noisy(**changes: Any) -> PremiumProcessConfig:
    return PremiumProcessConfig(
        **({"half_life_hours": 0.3, "std": 0.003, "correlation": 0.5, "initial": None} | changes)
    )


def test_without_noise_it_is_the_constant_premium() -> None:
    """The nested limit, and that noise does something: books of the same accounts end elsewhere."""
    still = simulated(paying(noisy(std=0.0)))
    constant, moving = simulated(paying(None)), simulated(paying(noisy()))
    for name in ("liquidated", "bad_debt", "insurance_paid", "depletion_tick", "fees_to_fund"):
        np.testing.assert_array_equal(outcome(still, name), outcome(constant, name), err_msg=name)
    assert outcome(constant, "liquidated").sum() > 0
    assert (outcome(moving, "liquidated") != outcome(constant, "liquidated")).any()


def test_cash_is_conserved_and_variants_share_the_premium() -> None:
    """Without impact the twin is the main run: it has the same premiums."""
    results = simulated(paying(noisy(), liquidity={"law": "none"}))  # asserts conservation
    assert outcome(results, "liquidated").sum() > 0
    assert (outcome(results, "status") != NOT_FINITE).all()
    for name in ("liquidated", "bad_debt", "depletion_tick"):
        np.testing.assert_array_equal(outcome(results, name), outcome(results, name, 1))


def test_every_payment_is_that_of_the_process() -> None:
    """The ledger of one path against the rates worked out from its noise, beside clamp and interest."""
    rules = {"interest_rate": 0.0003, "clamp": 0.001, "cap": 0.004}
    made = paying(
        noisy(),
        price={"volatility": 0.0},
        protocol={"funding": {"interval_hours": 0.2, "premium": LEVELS, "premium_process": noisy(), **rules}},
    )
    ledger = replay(made.plan.job, made.book, 0.0, 60.0)
    law = premium_process(
        np.array([0.004, -0.002]), np.full(2, 0.3), np.full(2, 0.003), np.array([[1, 0.5], [0.5, 1]]), None, 0.2
    )
    draws, seed = {STREAM: Draw("normal", (2,))}, made.plan.job.seed

    def normal(tick: int) -> Any:
        return draw_noise(tile_keys(seed, jnp.zeros(1, jnp.uint32), jnp.uint32(tick)), draws, jnp.dtype("float64"))[
            STREAM
        ][0]

    premium, owed = law.first(normal(0)), np.zeros(2)
    for tick in range(12, 91, 12):
        premium = law.next(premium, normal(tick))
        pull = np.clip(rules["interest_rate"] - np.asarray(premium), -rules["clamp"], rules["clamp"])
        owed += 100.0 * np.clip(np.asarray(premium) + pull, -rules["cap"], rules["cap"])
    assert not any(tick["liquidations"] for tick in ledger["ticks"])
    found = ledger["final"]["accounts"]["both"]["cash"]
    assert found == pytest.approx(1e5 + 60.0 * owed[0] - 60.0 * owed[1], rel=1e-12)
    assert abs(found - 1e5) > 1.0


def test_ladders_say_why_they_will_not_do() -> None:
    with_process, without = paying(noisy()), paying(None)

    def reasons(made: Study) -> str:
        return " ".join(obstacles(made.config, made.book, made.margin, made.market))

    assert "protocol.funding.premium_process: the premium moves" in reasons(with_process)
    assert "premium_process" not in reasons(without)
    unpaid = paying(noisy(), protocol={"funding": {"interval_hours": None, "premium_process": noisy()}})
    assert "premium_process" not in reasons(unpaid)
    assert unpaid.plan.job.venues.funding.process is None


def test_a_constant_premium_carries_nothing_along() -> None:
    """No leaf of the job, and no noise, is there for what is off."""
    venue = paying(None).plan.job.venues
    assert venue.funding.process is None
    assert venue.funding.premium.shape == (2, 2)
