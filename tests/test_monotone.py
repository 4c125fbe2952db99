"""Monotone risk on the same noise: more fund, deeper book, more margin never raise depletion; the fund curve is exact.

Common random numbers pair the runs path by path. Where a rule makes the order hold on every path it is asserted on
every path; where it does not, the test says why and asserts it of the mean, by a paired interval.
"""

from __future__ import annotations

import itertools
from functools import lru_cache
from typing import Any

import numpy as np
import pytest

from stress.config.price import JumpConfig
from stress.engine.state import NEVER
from stress.mc.block import BlockResult
from tests.reference.building import Row, make_book
from tests.studies import config, outcome, simulated, study
from tests.tiers import slow
from tests.z_tests import mean

SEED, PATHS, ACCOUNTS = 23, 2048, 40
ROUNDING = 1e-9
JUMP = JumpConfig(
    kind="merton",
    intensity=2e4,
    mean=-0.01,
    std=0.04,
    common_intensity=0.0,
    common_mean=0.0,
    common_std=0.0,
    common_correlation=0.0,
)
WATERFALLS: dict[str, dict[str, Any]] = {
    "fund only": {"waterfall": ["insurance_fund"], "adl": {"policy": "none"}},
    "pro rata": {"waterfall": ["insurance_fund", "adl", "socialised_loss"], "adl": {"policy": "pro_rata"}},
    "ranked": {"waterfall": ["insurance_fund", "adl", "socialised_loss"], "adl": {"policy": "profit_leverage"}},
}


def rows(seed: int = 1) -> list[Row]:
    """Isolated longs and shorts at 4 to 30 times leverage, and a rich account that balances them."""
    rng = np.random.default_rng(seed)
    size = rng.choice([-1.0, 1.0, 1.0], ACCOUNTS) * rng.pareto(1.5, ACCOUNTS) * 10 + 1
    cash = np.abs(size) * 100.0 / np.exp(rng.uniform(np.log(4), np.log(30), ACCOUNTS))
    accounts: list[Row] = [(f"a{n}", float(cash[n]), {"X": (float(size[n]), 100.0)}) for n in range(ACCOUNTS)]
    return [*accounts, ("rich", 1e6, {"X": (-float(size.sum()), 100.0)})]


def simulate(
    waterfall: str = "fund only", *, fund: float = 0.0, margin: float = 0.01, fee: float = 0.0, **liquidity: Any
) -> list[BlockResult]:
    """One hour in minutes with steps of 0.7 % and gaps; main variant and its companion with an unlimited fund."""
    protocol = {
        "insurance_fund": fund,
        "maintenance_margin": margin,
        "liquidation": {"fee": fee},
        **WATERFALLS[waterfall],
    }
    run = {"paths": PATHS, "block_paths": 512, "seed": SEED, "fund_curve": True, "horizon_hours": 1.0}
    cfg = config(price={"volatility": 5.0, "jump": JUMP}, protocol=protocol, liquidity=liquidity, run=run)
    return simulated(study(cfg, make_book(rows())))


IMPACT = {
    "law": "power",
    "exponent": 0.875,
    "depth_usd": 2e4,
    "withdrawal": 20.0,
    "recovery_half_life_minutes": 4.0,
    "half_spread_bps": 2.0,
}


@lru_cache(maxsize=4)
def curve(waterfall: str) -> np.ndarray:
    """Drawdown [P] of an unlimited fund."""
    return outcome(simulate(waterfall, fund=1.0, fee=0.004, **IMPACT), "drawdown", 1)


@pytest.mark.parametrize("waterfall", slow(WATERFALLS, "ranked"))
def test_depleted_is_drawdown_above_the_fund_for_every_fund(waterfall: str) -> None:
    """Exactly, on every path. From one fund to another the companion, which wakes in another tick, sums accounts in
    another order: there its drawdown is the same but for rounding."""
    drawdown = curve(waterfall)
    positive = np.sort(drawdown[drawdown > 0])
    assert len(positive) > 100
    edge = float(positive[len(positive) // 2])
    ticks = np.full(PATHS, 0)
    for fund in (0.0, float(positive[0]) / 2, edge, 2 * float(positive[-1])):
        results = simulate(waterfall, fund=fund, fee=0.004, **IMPACT)
        tick = outcome(results, "depletion_tick")
        mine = outcome(results, "drawdown", 1)
        np.testing.assert_array_equal(tick != NEVER, mine > fund, err_msg=f"fund {fund}")
        np.testing.assert_allclose(mine, drawdown, rtol=1e-12, atol=0, err_msg="the companion does not know the fund")
        if fund == 0.0:
            ticks = tick
        assert (tick >= ticks).all(), "a larger fund is depleted later"
    assert (ticks != NEVER).mean() > 0.05


def test_more_margin_never_raises_bad_debt() -> None:
    """Without impact and fee on every path: a higher requirement closes an account at its first tick beyond a price
    that is further from bankruptcy, so it has a deficit only where the lower one has the same at the same tick."""
    losses = [outcome(simulate(margin=margin, law="none"), "drawdown", 1) for margin in (0.002, 0.01, 0.03)]
    for more, less in zip(losses[1:], losses, strict=False):
        assert (more <= less + ROUNDING).all()
        assert (more < less - 1.0).mean() > 0.02, "it matters"


def test_more_margin_lowers_bad_debt_on_average_with_impact() -> None:
    """Not on every path: earlier closing pushes others over, who might have come through. In a book a fifth as deep,
    where closing everybody moves the price by more than any margin, not even the mean falls."""
    losses = [
        outcome(simulate(margin=margin, **IMPACT | {"depth_usd": 1e5}), "drawdown", 1) for margin in (0.002, 0.01, 0.03)
    ]
    for less, more in itertools.pairwise(losses):
        paired_decrease(less, more)
        for fund in np.quantile(losses[0], [0.5, 0.9, 0.99]):
            never_increases((less > fund).astype(float), (more > fund).astype(float))
    assert (losses[2] > losses[1] + 1.0).any(), "or assert it pathwise"


def test_a_deeper_book_lowers_depletion_on_average() -> None:
    """Not on every path: what a thin book sells early, at a mild price, a deep one may hold until a gap."""
    losses = [outcome(simulate(**IMPACT | {"depth_usd": depth}), "drawdown", 1) for depth in (1e4, 2e4, 8e4)]
    losses.append(outcome(simulate(law="none"), "drawdown", 1))
    for thin, deep in itertools.pairwise(losses):
        paired_decrease(thin, deep)
    fund = float(np.quantile(losses[1], 0.9))
    for thin, deep in itertools.pairwise(losses):
        never_increases((thin > fund).astype(float), (deep > fund).astype(float))
    assert (losses[1] > losses[0] + 1.0).any(), "or assert it pathwise"


def paired_decrease(before: np.ndarray, after: np.ndarray) -> None:
    """The mean falls, by more than four standard errors of the paired difference."""
    difference = mean(after - before)
    assert difference.value < -4 * difference.error, (
        f"{difference.value} +- {difference.error}, n {difference.n}, seed {SEED}"
    )


def never_increases(before: np.ndarray, after: np.ndarray) -> None:
    """The mean does not rise by more than four standard errors of the paired difference."""
    difference = mean(after - before)
    assert difference.value <= 4 * difference.error, (
        f"{difference.value} +- {difference.error}, n {difference.n}, seed {SEED}"
    )
