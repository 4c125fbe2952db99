"""Cascades through the engine: ladders that sell themselves down, against the minimal fixed point of D = D0 + lam M(D).

Every lane of a block sees the same given path; all must agree. Ladders are built like the reference's. Not expressible:
impact across markets (CAS-2A), recovery between rounds (CAS-TRANS), laws over random books (CAS-POI: a run has one).
"""

from __future__ import annotations

from statistics import NormalDist
from typing import Any

import numpy as np
import pytest

from tests.reference.building import ladder, near
from tests.studies import config, outcome, padded, path_study, simulated

RUNGS = 1502
"""Every book has so many accounts, most of them flat: all ladders share one program a liquidation rule."""


def cascade(
    distances: np.ndarray, unit: float, drop: float, lam: float = 0.02, **liquidation: Any
) -> tuple[float, float]:
    """(price drop, quantity sold) of a ladder after an exogenous drop, impact lam USD a unit: D = 0.01 S^2 / lam."""
    price = 100.0 - drop
    cfg = config(
        protocol={"maintenance_margin": 0.1, "liquidation": liquidation, "insurance_fund": 1e9},
        liquidity={"law": "linear", "depth_usd": 0.01 * price**2 / lam},
        run={"paths": 128, "block_paths": 128},
    )
    results = simulated(path_study(cfg, padded(ladder(distances, unit), RUNGS), np.array([[100.0], [price]])))
    total = 100.0 - results[0].trace["mark"][0, 0]
    displacement = outcome(results, "max_displacement")
    assert np.ptp(displacement) == 0 and displacement[0] == near((total - drop) / price)
    return float(total), float((total - drop) / lam)


def uniform(
    drop: float, rho: float, first: int, count: int, gap: float = 0.0, lead: float = 0.8
) -> tuple[np.ndarray, float]:
    """A ladder of ``rho`` units a USD that the drop alone takes ``first`` rungs into, and its unit.

    Rungs stand ``lead`` of a spacing early: with branching ratio n <= lead < 1 the staircase's minimal fixed point is
    first / (1 - n) rungs wherever that is whole, the continuous answer without a discretisation error.
    """
    spacing = (drop - gap) / first
    return gap + (np.arange(1, count + 1) - lead) * spacing, rho * spacing


@pytest.mark.parametrize(
    ("drop", "rho", "gap", "first", "count", "liquidation", "expected"),
    [
        pytest.param(2.0, 30.0, 0.0, 120, 400, {}, (5.0, 150.0), id="CAS-UNI-D, -Q, -A"),
        pytest.param(2.0, 30.0, 1.0, 60, 300, {}, (3.5, 75.0), id="CAS-GAP"),
        pytest.param(2.0, 30.0, 1.0, 60, 120, {}, (3.2, 60.0), id="CAS-SAT: the ladder ends after 2 USD"),
        pytest.param(
            2.0,
            60.0,
            0.0,
            280,
            500,
            {"rule": "close_factor", "close_factor": 0.25},
            (20 / 7, 300 / 7),
            id="CAS-PART-0.25",
        ),
        pytest.param(
            2.0, 60.0, 0.0, 280, 900, {"rule": "close_factor", "close_factor": 0.5}, (5.0, 150.0), id="CAS-PART-0.5"
        ),
    ],
)
def test_uniform_ladder(
    drop: float,
    rho: float,
    gap: float,
    first: int,
    count: int,
    liquidation: dict[str, Any],
    expected: tuple[float, float],
) -> None:
    assert cascade(*uniform(drop, rho, first, count, gap), drop, **liquidation) == near(expected)


def test_round_by_round() -> None:
    """CAS-UNI-ROUNDS: geometric. With 625 first rungs every round up to the fifth sells a whole number of rungs."""
    rungs, unit = uniform(2.0, 30.0, 625, 1500, lead=0.5)
    drops = [cascade(rungs, unit, 2.0, max_rounds=k)[0] for k in range(1, 6)]
    assert drops == near([3.2, 3.92, 4.352, 4.6112, 4.76672])


@pytest.mark.parametrize(
    ("rho", "liquidation", "runaway"),
    [
        pytest.param(45.0, {}, False, id="CAS-UNI-RHOC below"),
        pytest.param(50.0, {}, True, id="CAS-UNI-RHOC at"),
        pytest.param(60.0, {"rule": "close_factor", "close_factor": 0.75}, False, id="CAS-PART-FC below"),
        pytest.param(60.0, {"rule": "close_factor", "close_factor": 5 / 6 + 1e-9}, True, id="CAS-PART-FC at"),
    ],
)
def test_critical_density(rho: float, liquidation: dict[str, Any], runaway: bool) -> None:
    """Below the critical density a drop is amplified tenfold; at it the whole ladder of 7.5 USD goes."""
    rungs, unit = uniform(0.5, rho, 20, 300, lead=0.95)
    share = liquidation.get("close_factor", 1.0)
    assert cascade(rungs, unit, 0.5, **liquidation)[0] == near(0.5 + 0.02 * share * 300 * unit if runaway else 5.0)


@pytest.mark.parametrize(
    ("drop", "expected"),
    [
        pytest.param(3.0, (5.0, 100.0), id="CAS-BIM-3"),
        pytest.param(3.9, (5.9, 100.0), id="CAS-BIM-3.9"),
        pytest.param(4.0, (14.0, 500.0), id="CAS-BIM-4"),
        pytest.param(6.0, (16.0, 500.0), id="CAS-BIM-6"),
    ],
)
def test_two_steps(drop: float, expected: tuple[float, float]) -> None:
    """Triggers stand 1e-9 early: the table triggers at the level, the venue strictly beyond it."""
    assert cascade(np.array([3.0, 6.0, 6.0, 6.0, 6.0]) - 1e-9, 100.0, drop) == near(expected)


@pytest.mark.parametrize(
    ("law", "total", "lam", "drop", "expected", "slope"),
    [
        pytest.param("exponential", 100.0, 0.03, 1.0, 1.9816434245910237, 0.404, id="CAS-EXP-sub"),
        pytest.param("normal", 500.0, 0.02, 4.400026450732809, 5.2312276499888455, 0.775, id="CAS-GAU-a-Dlo"),
        pytest.param("normal", 500.0, 0.02, 4.5000264507328085, 14.494197049614534, 0.01, id="CAS-GAU-a-Dhi"),
        pytest.param("normal", 200.0, 0.02, 8.0, 11.897328991135083, 0.125, id="CAS-GAU-b-D08"),
    ],
)
def test_curved_ladder(law: str, total: float, lam: float, drop: float, expected: float, slope: float) -> None:
    """Rungs at the midpoint quantiles: the staircase is at most half a rung off the curve.

    So the fixed point moves by at most lam * half a rung, amplified by 1 / (1 - slope), slope the branching ratio.
    """
    share = (np.arange(1500) + 0.5) / 1500
    normal = NormalDist(8.0, 2.0)
    rungs = -5.0 * np.log(1 - share) if law == "exponential" else np.array([normal.inv_cdf(p) for p in share])
    unit = total / 1500
    found, _ = cascade(rungs, unit, drop, lam)
    assert found == pytest.approx(expected, rel=0, abs=lam * unit / 2 / (1 - slope) + 1e-9)


def test_the_twin_sells_only_what_the_drop_alone_takes() -> None:
    """Amplification 2.5: the main run sells 300 rungs at the walk's prices, the twin 120 at the exogenous one."""
    rungs, unit = uniform(2.0, 30.0, 120, 400)
    cfg = config(
        protocol={"maintenance_margin": 0.1, "insurance_fund": 1e9},
        liquidity={"law": "linear", "depth_usd": 0.01 * 98.0**2 / 0.02},
        run={"paths": 128, "block_paths": 128, "twin": True},
    )
    results = simulated(path_study(cfg, padded(ladder(rungs, unit), RUNGS), np.array([[100.0], [98.0]])))
    main, twin = (outcome(results, "liquidated", variant)[0, 0, 0] for variant in (0, 1))
    assert twin == near(120 * unit * 98.0)
    assert main == near(300 * unit * (98.0 - 0.02 * 300 * unit / 2))  # linear walk: the mean price of the whole flow
    assert outcome(results, "liquidated_accounts")[0] == 300 and outcome(results, "liquidated_accounts", 1)[0] == 120
    assert results[0].cascade.all()
