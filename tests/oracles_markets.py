"""Public reference values of several markets at once, and of rare liquidations under geometric Brownian motion.

Both driftless in ln S. A row of two markets says at what distances, in log price, an account in each is liquidated.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from tests.oracles import Law, Oracle
from tests.walks import DAY, Model


@dataclass(frozen=True)
class Pair:
    """Two correlated driftless log prices with a long position in each."""

    model: Model
    distance: tuple[float, float]  # of the liquidation prices, in log price


def driftless(years: float, volatility: list[float], correlation: Any) -> Model:
    """Markets whose log prices have no drift."""
    drift = [0.5 * sigma**2 for sigma in volatility]
    price = {"initial_prices": 100.0, "drift": drift, "volatility": volatility, "correlation": correlation}
    return Model(years, price, tuple("XYZ"[: len(volatility)]))


# fmt: off
PAIR_A = Pair(driftless(7 * DAY, [0.6, 0.8], 0.8), (0.10536051565782628, 0.16251892949777494))
PAIR_C = Pair(driftless(7 * DAY, [0.6, 0.8], 0.0), (0.10536051565782628, 0.16251892949777494))
PAIR_D = Pair(driftless(DAY, [0.8, 0.8], 0.6), (0.05129329438755058, 0.05129329438755058))
PORTFOLIO = driftless(DAY, [0.6, 0.8, 1.1], [[1.0, 0.8, 0.6], [0.8, 1.0, 0.7], [0.6, 0.7, 1.0]])
NOTIONAL, EQUITY, REQUIREMENT = (100.0, -60.0, 30.0), 8.0, 3.0
"""USD of the portfolio; a return is the change of the log price."""
STUDENT = Model(DAY, {
    "initial_prices": 100.0, "drift": 0.0, "volatility": 0.8, "correlation": 0.7,
    "variance": {"kind": "garch", "period_seconds": 86400.0, "alpha": 0.0, "gamma": 0.0, "beta": 0.0, "nu": 8.0},
}, ("X", "Y"))
RARE_LAW = Law(start=100.0, drift=0.0, volatility=0.8, years=DAY)

MARKETS = (
    Oracle("MA-FPT-CORR-A", PAIR_A, "correlation of liquidations", 0.5212957716819383, 1e-08),
    Oracle("MA-FPT-ANY-C", PAIR_C, "any liquidated", 0.31802508383710615, 1e-09),
    Oracle("MA-FPT-BOTH-D", PAIR_D, "both liquidated", 0.11104078186329946, 1e-09),
    Oracle("MA-FPT-CORR-D", PAIR_D, "correlation of liquidations", 0.3628063445934188, 1e-08),
    Oracle("MA-PORT#1", PORTFOLIO, "portfolio deviation", 2.639738467743005, 3e-10),
    Oracle("MA-PORT#2", PORTFOLIO, "portfolio liquidated", 0.029104074953966816, 3e-12),
    Oracle("MA-PORT#3", PORTFOLIO, "portfolio bad debt", 0.000905050568128658, 9e-14),
    Oracle("MA-TAILDEP-t8", STUDENT, "tail dependence", 0.23927242482697827, 2e-11),
)
RARE = (
    Oracle("RARE-GBM-4.5-cont", RARE_LAW, "liquidated", 7.465204223253623e-06, 7e-16, level=82.82563159849734),
    Oracle("RARE-GBM-4.5-n288", RARE_LAW, "liquidated", 6.4138195059402864e-06, 6e-13, steps=288,
           level=82.82563159849734),
    Oracle("RARE-GBM-5.0-n24", RARE_LAW, "liquidated", 3.970213232830089e-07, 4e-14, steps=24, level=81.10954244921618),
    Oracle("RARE-GBM-5.0-n288", RARE_LAW, "liquidated", 5.389934983785687e-07, 5e-14, steps=288,
           level=81.10954244921618),
    Oracle("RARE-GBM-5.4-cont", RARE_LAW, "liquidated", 7.460233455389257e-08, 7e-18, level=79.7623071532247),
    Oracle("RARE-GBM-5.4-n288", RARE_LAW, "liquidated", 6.246238740979766e-08, 6e-15, steps=288, level=79.7623071532247),
)
# fmt: on
ESTIMATOR = "the variance of an estimator of rare events, not a property of a market"
RARE_EXCUSED = {
    "RARE-IS-GBM-4.5": ESTIMATOR,
    "RARE-IS-GBM-5.0": ESTIMATOR,
    "RARE-IS-NORM-4": ESTIMATOR,
    "RARE-MER-x-0.3": "one path in 300,000: the likelihood ratio of a law of sizes of its own would be needed",
    "RARE-AMS-p0.0001-N100": ESTIMATOR,
    "RARE-AMS-p1e-07-N1000": ESTIMATOR,
    "RARE-FIXSPLIT-p1e-06-m3-N1000": ESTIMATOR,
    "RARE-FIXSPLIT-p0.0001-m4-N500": ESTIMATOR,
}


def toward(law: Law, level: float) -> tuple[Law, float, float]:
    """The law whose mean path ends at the level, and the drifts of ln S of both: given and of that law."""
    assert isinstance(law.drift, float) and isinstance(law.volatility, float)
    given, tilted = law.drift - 0.5 * law.volatility**2, math.log(level / law.start) / law.years
    drift = tilted + 0.5 * law.volatility**2
    return Law(start=law.start, drift=drift, volatility=law.volatility, years=law.years), given, tilted
