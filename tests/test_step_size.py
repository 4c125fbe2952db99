"""One law at a step of an hour and at steps of a minute, where the design says so: two samples, moments and KS.

The models move fast, so that an hour holds jumps, clusters and switches. Power checks: the same comparison with an
intensity 20 %, a volatility 2 % (GARCH: 4 %) or a rate of switching 20 % off.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
import scipy.stats

from tests.studies import regime
from tests.walks import DAY, Model, ends
from tests.z_tests import NOISE_ALARM, STATISTICS, Estimate, ZTest

PATHS, HOUR = 2**15, DAY / 24
MINUTES = 60
SEEDS = {1: 53, MINUTES: 54}
"""By ticks an hour: equal seeds would share the noise of the first tick."""
GBM: dict[str, Any] = {"initial_prices": 100.0, "drift": 0.2, "volatility": 0.8}
MERTON = {"kind": "merton", "intensity": 8000.0, "mean": -0.01, "std": 0.01}
KOU = {"kind": "kou", "intensity": 8000.0, "up_probability": 0.3, "eta_up": 120.0, "eta_down": 80.0}
HAWKES = {"kind": "hawkes", "alpha": 12000.0, "beta": 20000.0, "initial": "base"}
SWITCHING = {
    "regimes": {"calm": regime(volatility=0.4), "wild": regime(volatility=1.6)},
    "transition_rates": {"calm": {"wild": 8000.0}, "wild": {"calm": 12000.0}},
    "initial_regime": "calm",
}
GARCH = {"kind": "garch", "period_seconds": 3600.0, "alpha": 0.2, "gamma": 0.1, "beta": 0.6, "nu": 9.0}


def model(years: float = HOUR, **price: Any) -> Model:
    return Model(years, GBM | price)


EXACT = {
    "gbm": model(),
    "merton": model(jump=MERTON),
    "kou": model(jump=KOU),
    "hawkes": model(jump=MERTON, intensity=HAWKES),
    "regime": model(**SWITCHING),
    "garch": model(3 * HOUR, variance=GARCH),
}
WRONG = {
    "gbm": model(volatility=0.8 * 1.02),
    "merton": model(jump={**MERTON, "intensity": 8000.0 * 1.2}),
    "kou": model(jump={**KOU, "intensity": 8000.0 * 1.2}),
    "hawkes": model(jump=MERTON, intensity={**HAWKES, "alpha": 12000.0 * 1.2}),
    "regime": model(**SWITCHING | {"transition_rates": {"calm": {"wild": 9600.0}, "wild": {"calm": 12000.0}}}),
    "garch": model(3 * HOUR, volatility=0.8 * 1.04, variance=GARCH),
}


@cache
def logs(law: Model, ticks: int) -> np.ndarray:
    """Log prices [P] at the end, with so many ticks an hour."""
    steps = ticks * round(law.years / HOUR)
    return ends(law.build(steps), steps=steps, paths=PATHS, seed=SEEDS[ticks])["log"][:, 0]


def differences(x: np.ndarray, y: np.ndarray, name: str) -> list[ZTest]:
    """Of moments of two samples; GARCH's kurtosis has no standard error at nine degrees of freedom."""
    tests = []
    for statistic, of in STATISTICS.items():
        if name == "garch" and statistic == "kurtosis":
            continue
        one, two = of(x), of(y)
        estimate = Estimate(one.value - two.value, float(np.hypot(one.error, two.error)), one.n + two.n)
        tests.append(ZTest(estimate, 0.0, f"difference of {statistic}", name, SEEDS[1]))
    return tests


@pytest.mark.parametrize("name", EXACT)
def test_an_hour_is_sixty_minutes(name: str) -> None:
    hourly, by_minute = logs(EXACT[name], 1), logs(EXACT[name], MINUTES)
    for test in differences(hourly, by_minute, name):
        test.agrees()
    assert scipy.stats.ks_2samp(hourly, by_minute).pvalue > NOISE_ALARM


@pytest.mark.parametrize("name", WRONG)
def test_another_law_is_seen(name: str) -> None:
    wrong = logs(WRONG[name], 1)
    tests = differences(wrong, logs(EXACT[name], MINUTES), name)
    seen = any(test.z > test.limit for test in tests)
    assert seen or scipy.stats.ks_2samp(wrong, logs(EXACT[name], MINUTES)).pvalue < NOISE_ALARM


def test_jumps_show() -> None:
    """The hour is long enough for jumps and clusters to make the law another one than a normal's."""
    for name in ("merton", "kou", "hawkes", "regime", "garch"):
        kurtosis = STATISTICS["kurtosis"](logs(EXACT[name], 1))
        ZTest(kurtosis, 0.0, "kurtosis", name, SEEDS[1]).rejects()
