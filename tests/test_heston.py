"""Heston's scheme: its bias at an hour and a minute, what is exact at any step, and the page that says so."""

from __future__ import annotations

import dataclasses
import math
import re

import numpy as np
import pytest

from tests.documents import ROOT
from tests.heston_bias import MARKETS, STRIKES, measured
from tests.heston_formula import Heston, call
from tests.oracles import Oracle
from tests.oracles_heston import HESTON
from tests.parts import Variance
from tests.studies import regime
from tests.walks import DAY, Ends, Levels, ends, walk
from tests.z_tests import LIMIT, ZTest, mean, variance

SEED = 49
EXACT = 1e-9
"""Difference between the characteristic function and published values: their own digits."""
NAMED = {market.name: market for market in MARKETS}
SEEN = 0.001
"""A bias at the money, relative to the price, that the measurement would see: four of its standard errors are less."""
PRICED = [oracle for oracle in HESTON if oracle.quantity in ("call", "put")]


@pytest.mark.parametrize("oracle", PRICED, ids=lambda oracle: oracle.id)
def test_the_characteristic_function_gives_published_prices(oracle: Oracle) -> None:
    law, years = Heston.of(oracle.law.price), oracle.law.years
    value = call(law, years, oracle.strike, rate=oracle.rate)
    if oracle.quantity == "put":
        value -= math.exp(-oracle.rate * years) * (100.0 * math.exp(law.drift * years) - oracle.strike)
    assert value == pytest.approx(oracle.value, rel=0, abs=EXACT)


@pytest.mark.parametrize(("steps", "paths"), [(24, 2**17), (1440, 2**12)], ids=["1 h", "1 min"])
@pytest.mark.parametrize("name", NAMED)
def test_no_bias_is_seen(name: str, steps: int, paths: int) -> None:
    """Of a day's calls, at steps of an hour and of a minute."""
    for bias in measured(NAMED[name], 1.0, steps, paths):
        assert bias.z <= LIMIT, f"{name}, {steps} steps: {bias}"
        if steps == 24 and bias.strike == 100.0:
            assert LIMIT * bias.error < SEEN * bias.value, f"no evidence: {bias}"


def test_a_bias_is_seen_at_long_steps() -> None:
    """Steps of five days price too low where the variance reverts within a step; those of six hours do not."""
    market = NAMED["fast, often near zero"]
    long, short = (measured(market, 30.0, steps, 2**15)[STRIKES.index(100.0)] for steps in (6, 120))
    assert long.z > LIMIT and long.bias < 0, f"no power: {long}"
    assert short.z <= LIMIT, str(short)


@pytest.mark.parametrize("name", NAMED)
def test_mean_and_variance_of_a_step_are_exact(name: str) -> None:
    """Of v after one step of thirty days: Cox, Ingersoll and Ross (1985), eq. 19."""
    m, years = NAMED[name], 30.0 * DAY
    v = walk(Variance(), m.model(30.0).build(1), steps=1, paths=2**17, seed=SEED)["variance"][:, 0]
    assert v.min() >= 0.0
    decay = math.exp(-m.kappa * years)
    expected = m.theta * m.xi**2 / m.kappa * (decay * (1.0 - decay) + 0.5 * (1.0 - decay) ** 2)
    ZTest(mean(v), m.theta, "mean of v", "heston", SEED, m).agrees()
    ZTest(variance(v), expected, "variance of v", "heston", SEED, m).agrees()
    ZTest(mean(v), 1.02 * m.theta, "mean of v", "heston", SEED, m).rejects()
    ZTest(variance(v), 1.1 * expected, "variance of v", "heston", SEED, m).rejects()


@pytest.mark.parametrize("steps", [1, 6])
def test_the_mean_of_the_price_is_exact(steps: int) -> None:
    """At steps of thirty and of five days, in both branches of the scheme; 1 % more is rejected."""
    for market in (NAMED["wild"], NAMED["fast, often near zero"]):
        end = np.exp(ends(market.model(30.0).build(steps), steps=steps, paths=2**17, seed=SEED)["log"][:, 0])
        ZTest(mean(end), 1.0, "E[S_T/S_0]", "heston", SEED, market).agrees()
        ZTest(mean(end), 1.01, "E[S_T/S_0]", "heston", SEED, market).rejects()


PAGE = ROOT / "docs" / "heston.md"


def test_the_page_is_current() -> None:
    """It has every market, the exact values of today, and at an hour and a minute no bias that shows."""
    page = PAGE.read_text(encoding="utf-8")
    script = (ROOT / "docs" / "heston.py").read_text(encoding="utf-8")
    for text in re.findall(r'"""\\\n(.*?)"""', script, re.DOTALL):
        assert text in page, "run: python docs/heston.py"
    rows = [line.strip("| ").split(" | ") for line in page.splitlines()]
    rows = [row for row in rows if re.fullmatch(r"[\d.]+", row[0])]
    assert len(rows) == 2 * len(MARKETS) * len(STRIKES)
    for place, row in enumerate(rows):
        days = 1.0 if place < len(rows) / 2 else 30.0
        kappa, theta, xi, rho, strike, exact = map(float, row[:6])
        market = next(m for m in MARKETS if (m.kappa, m.theta, m.xi, m.rho) == (kappa, theta, xi, rho))
        assert call(Heston.of(market.model(days).price), days * DAY, strike) == pytest.approx(exact, rel=0, abs=5.1e-7)
        for cell in row[-2:]:
            bias, error = map(float, cell.split(" ± "))
            assert abs(bias) <= LIMIT * error + 1e-3, row  # both are rounded


def test_a_switch_of_the_correlation_keeps_variance_and_price() -> None:
    """With regimes whose correlations differ, and many switches in a step, the price stays a martingale."""
    wild = NAMED["wild"]
    regimes = {"a": regime(correlation=-0.9), "b": regime(correlation=0.9)}
    switching = {"regimes": regimes, "transition_rates": {"a": {"b": 700.0}, "b": {"a": 700.0}}}
    law = dataclasses.replace(wild.model(12.0), markets=("X", "Y")).changed(**switching)
    kept = walk(Ends(), law.build(12), extra=Levels.of(), steps=12, paths=2**17, seed=SEED)
    for market in (0, 1):
        v, end = kept["state"].diffusion[market], np.exp(kept["log"][:, market])
        ZTest(mean(v), wild.theta, "mean of v", "heston with regimes", SEED, law.price).agrees()
        ZTest(mean(end), 1.0, "E[S_T/S_0]", "heston with regimes", SEED, law.price).agrees()
        ZTest(mean(v), 0.98 * wild.theta, "mean of v", "heston with regimes", SEED, law.price).rejects()
