"""Public reference values of GARCH(1,1): h' = omega + alpha e^2 + beta h, a bar a tick.

A table gives ``omega`` and the variance ``first`` of the first bar; the configuration takes volatilities a year. "bar
10" is the tenth bar, "sum of 10" that of the shocks of ten bars. Where nothing is said of the first bar, values are
those of the stationary law.
"""

from __future__ import annotations

import math

from tests.oracles import Oracle
from tests.walks import DAY, Model

STATIONARY_BARS = 600
"""Bars of a stationary law that is simulated as such."""


def garch(bars: int, omega: float, alpha: float, beta: float, *, nu: float | None = None, first: float = 1.0) -> Model:
    """One market on daily bars; ``first`` is the variance of the first bar over the long-run one."""
    variance = omega / (1.0 - alpha - beta)
    section = {
        "kind": "garch",
        "period_seconds": 86400.0,
        "alpha": alpha,
        "gamma": 0.0,
        "beta": beta,
        "nu": nu,
        "initial_volatility": math.sqrt(first * variance / DAY),
    }
    return Model(
        bars * DAY,
        {"initial_prices": 100.0, "drift": 0.0, "volatility": math.sqrt(variance / DAY), "variance": section},
    )


# fmt: off
N1, N2, N3 = (1e-06, 0.08, 0.9), (0.05, 0.1, 0.85), (0.2, 0.3, 0.4)
T8 = (2e-06, 0.06, 0.92)
AFTER_N1, AFTER_N2, AFTER_N3 = (garch(10, *numbers, first=4.0) for numbers in (N1, N2, N3))
AFTER_T8 = garch(10, *T8, nu=8.0, first=4.0)
LONG_N2, LONG_N3 = (garch(STATIONARY_BARS, *numbers) for numbers in (N2, N3))
ONE_N3, ONE_T8 = garch(2, *N3), garch(2, *T8, nu=8.0)
TWO_BARS = garch(2, *N2, first=2.0)

GARCH = (
    Oracle("GAR-FC-N1", AFTER_N1, "variance of bar 10", 0.00017506216431952232, 2e-16, steps=10),
    Oracle("GAR-CUM-N1", AFTER_N1, "variance of the sum of 10", 0.0018719539483433969, 2e-15, steps=10),
    Oracle("GAR-KUR-N2", LONG_N2, "kurtosis", 3.7741935483870974, 4e-11, steps=STATIONARY_BARS),
    Oracle("GAR-CUM-N2", AFTER_N2, "variance of the sum of 10", 34.07578364569723, 3e-11, steps=10),
    Oracle("GAR-KUR-T8", ONE_T8, "kurtosis", 6.600000000000034, 7e-11, steps=2),
    Oracle("GAR-FC-T8", AFTER_T8, "variance of bar 10", 0.0003501243286390466, 4e-16, steps=10),
    Oracle("GAR-VAR-N3", LONG_N3, "variance", 0.6666666666666669, 7e-14, steps=STATIONARY_BARS),
    Oracle("GAR-KUR-N3", ONE_N3, "kurtosis", 4.636363636363636, 5e-11, steps=2),
    Oracle("GAR-ACF1-N3", ONE_N3, "autocorrelation of squares", 0.36, 4e-12, steps=2),
    Oracle("GAR-FC-N3", AFTER_N3, "variance of bar 10", 0.7473738806666668, 7e-13, steps=10),
    Oracle("GAR-CUM-N3", AFTER_N3, "variance of the sum of 10", 13.14501650066667, 1e-11, steps=10),
    Oracle("GAR-TAIL2", TWO_BARS, "sum of two below", 0.0022273419860206886, 2e-13, steps=2, level=-6.0),
)
# fmt: on
