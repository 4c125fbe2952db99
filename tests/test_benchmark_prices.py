"""Path generation in ``benchmarks/``: every contender draws from the model that the case names."""

from __future__ import annotations

import dataclasses
import json
from functools import cache

import numpy as np
import pytest

from benchmarks import numpy_prices, quantlib_prices, stress_prices
from benchmarks.measure import machine
from benchmarks.price_case import MARKETS, MODELS, Ends, PriceCase
from benchmarks.price_moments import LIMIT, checks, mean_and_variance
from benchmarks.prices import CONTENDERS, HEAD, Timing, missing, numba_loop, row

PATHS, SEED = 8192, 3
SEVERAL = ("merton", "hawkes", "regime")
"""Models whose loop for several markets is compiled here; the others share its parts."""


def case(model: str, markets: int) -> PriceCase:
    """Six hours."""
    return PriceCase(name=model, markets=markets, steps=360)


@cache
def numpy_ends(model: str, markets: int) -> Ends:
    return numpy_prices.prepare(case(model, markets), 2)(SEED, PATHS)


def agree(case: PriceCase, ends: Ends, other: Ends | None = None) -> None:
    """Within the limit, in every statistic."""
    for check in checks(case, ends, other):
        assert abs(check.z) <= LIMIT, f"{case}: {check}, z {check.z:.2f}"


@pytest.mark.parametrize("markets", MARKETS)
@pytest.mark.parametrize("model", MODELS)
def test_numpy_agrees_with_closed_forms(model: str, markets: int) -> None:
    ends = numpy_ends(model, markets)
    agree(case(model, markets), ends)
    assert ends.last.shape == (PATHS, markets) and ends.lowest is not None
    assert (ends.lowest <= np.minimum(ends.last, 0.0)).all() and (ends.lowest < ends.last).mean() > 0.9


@pytest.mark.parametrize("model", MODELS)
def test_a_wrong_number_is_noticed(model: str) -> None:
    """A tenth more volatility, whichever number says it."""
    driven = {"heston": "theta", "bates": "theta", "regime": "volatilities", "bootstrap": "bar"}
    right, number = case(model, 1), driven.get(model, "volatility")
    value, by = getattr(right, number), 1.21 if number == "theta" else 1.1
    wrong = tuple(by * v for v in value) if isinstance(value, tuple) else by * value
    with pytest.raises(AssertionError):
        agree(dataclasses.replace(right, **{number: wrong}), numpy_ends(model, 1))


@pytest.mark.slow
@pytest.mark.parametrize(("model", "markets"), [*((m, 1) for m in MODELS), *((m, 3) for m in SEVERAL)])
def test_numba_agrees_with_closed_forms_and_with_numpy(model: str, markets: int) -> None:
    pytest.importorskip("numba", reason="numba is not installed")
    agree(case(model, markets), numba_loop(case(model, markets))(SEED, PATHS), numpy_ends(model, markets))


@pytest.mark.parametrize(("model", "markets"), quantlib_prices.HAS)
def test_quantlib_agrees_with_closed_forms(model: str, markets: int) -> None:
    pytest.importorskip("QuantLib", reason="QuantLib is not installed")
    ends = Ends(quantlib_prices.draw(case(model, markets), SEED, 500), None)
    agree(case(model, markets), ends, numpy_ends(model, markets))


@pytest.mark.parametrize(("model", "markets"), [("merton", 3), ("bootstrap", 1)])
def test_ours_agrees_with_closed_forms_and_with_numpy(model: str, markets: int) -> None:
    run, block = stress_prices.prepare(case(model, markets), 1)
    agree(case(model, markets), run(SEED, block), numpy_ends(model, markets))


@pytest.mark.parametrize(("model", "years"), [("heston", 0.25), ("hawkes", 0.1), ("regime", 0.5)])
def test_closed_forms_are_those_of_their_limits(model: str, years: float) -> None:
    """Without what sets it apart every model is geometric Brownian motion, or Merton's."""
    off = {
        "heston": {"xi": 1e-9, "theta": 0.64},
        "hawkes": {"excitation": 0.0},
        "regime": {"volatilities": (0.8, 0.8)},
    }
    mine = dataclasses.replace(PriceCase(name=model, step_seconds=years * 365 * 60), **off[model])
    limit = dataclasses.replace(mine, name="merton" if model == "hawkes" else "gbm")
    assert mean_and_variance(mine) == pytest.approx(mean_and_variance(limit), rel=1e-6)


def test_the_table_and_the_lines_say_what_was_measured() -> None:
    rates = {"stress": 4e8, "numba": 2e8, "numpy": 1e8}
    timings = [
        Timing(name, case("gbm", 1), 2, 1000, [360_000 / rate] * 3, [720_000 / rate] * 3)
        for name, rate in rates.items()
    ]
    line = json.loads(timings[1].line(machine(), timings[0].rate))
    assert line["path_steps_per_second"] == pytest.approx(2e8) and line["stress_over_this"] == pytest.approx(2.0)
    assert line.keys() >= {
        "name",
        "case",
        "markets",
        "cores",
        "paths",
        "steps",
        "machine",
        "numba",
        "QuantLib",
        "commit",
    }
    text = row(case("gbm", 1), 2, timings)
    assert row(case("gbm", 1), 2, timings, a_core=True).split()[3:] == ["200", "100", "50", "2.00x"]
    assert text.split() == ["gbm", "1", "2", "400", "200", "100", "2.00x"] and all(name in HEAD for name in CONTENDERS)
    assert missing("quantlib", case("hawkes", 1)) == "QuantLib has no such process"
