"""Sensitivities: closed forms, slopes path by path, the choice of a step, and that no parameter is forgotten."""

from __future__ import annotations

import csv
import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import binom, expon, lognorm, lomax

import stress
from stress.cli.compose import load
from stress.cli.main import BAD_INPUT, main
from stress.decisions.desk import Desk
from stress.decisions.sensitivity import smooth
from stress.decisions.sensitivity.differences import Ends, agree, derivative
from stress.decisions.sensitivity.metrics import chosen_metrics
from stress.decisions.sensitivity.parameters import find
from stress.decisions.sensitivity.pathwise import FEE, FUND, SHARE, obstacle, probe, slopes
from stress.errors import UserError
from stress.mc.estimators.metrics import METRICS, paths_of
from tests.oracles import ORACLES

SMALL = ["price=merton", "price.jump.intensity=2000", "price.jump.std=0.08", "run.paths=256", "run.horizon_hours=1",
         "book.accounts=200", "run.progress=false"]
KEYS = ["protocol.insurance_fund", "protocol.initial_margin", "protocol.liquidation.fee",
        "protocol.liquidation.keeper_share", "protocol.liquidation.keeper_congestion",
        "protocol.liquidation.close_factor", "protocol.oracle", "liquidity.max_displacement"]
BARE = ["price=gbm", "price.markets=[BTC]", "price.initial_prices=100", "price.correlation=0", "book=file",
        "book.collateral=null", "liquidity=none", "protocol.funding.interval_hours=null", "protocol.initial_margin=0.5",
        "protocol.waterfall=[insurance_fund]", "protocol.adl.policy=none", "run.twin=false", "run.confidence=0.9999",
        "run.progress=false", "run.block_paths=4096"]
WRONG = 1.1
"""Power checks: what is wrong by a tenth must be seen."""

pytestmark = pytest.mark.usefixtures("compiled_soon")


# --- closed forms ---------------------------------------------------------------------------------------------------
def book(folder: Path, *accounts: tuple[float, float]) -> str:
    """A file of isolated longs, each (units, bankruptcy price), entered at 100."""
    rows = [f"a{n},BTC,{units},100,isolated,{units * (100 - broke)}" for n, (units, broke) in enumerate(accounts)]
    file = folder / "positions.csv"
    file.write_text("\n".join(["account,market,size,entry_price,margin_mode,isolated_margin", *rows]) + "\n")
    return f"book.positions={file}"


def answers(overrides: list[str], metrics: list[str], keys: list[str]) -> dict[tuple[str, str], dict[str, Any]]:
    """Rows by parameter and metric."""
    found = stress.decide("sensitivity", [*BARE, *overrides, f"decide.sensitivity.metrics=[{','.join(metrics)}]",
                                          f"decide.sensitivity.keys=[{','.join(keys)}]"]).found
    return {(row["key"], row["metric"]): row for row in found["rows"]}


def holds(row: dict[str, Any], expected: float) -> None:
    """The interval holds what is expected, and not what is a tenth off."""
    told = row["derivative"]
    assert told["low"] <= expected <= told["high"], (row["key"], row["metric"], row["method"], told, expected)
    for wrong in (expected * WRONG, expected / WRONG):
        assert not told["low"] <= wrong <= told["high"], ("no power", row["key"], row["metric"], told, expected)


def passage(start: float, level: float, volatility: float, years: float, steps: int) -> float:
    """P(a driftless geometric Brownian motion is below ``level`` at one of so many dates), by quadrature."""
    step = volatility * np.sqrt(years / steps)
    nodes, weights = np.polynomial.legendre.leggauss(400)
    top = np.log(level) + 9 * volatility * np.sqrt(years)
    x = 0.5 * (top - np.log(level)) * (nodes + 1) + np.log(level)
    w = 0.5 * (top - np.log(level)) * weights

    def kernel(source: Any) -> Any:
        return np.exp(-0.5 * ((x - source + 0.5 * step**2) / step) ** 2) / (step * np.sqrt(2 * np.pi))

    alive = kernel(np.log(start))
    transition = kernel(x[:, None]) * w[:, None]
    for _ in range(steps - 1):
        alive = alive @ transition
    return 1.0 - float(alive @ w)


LAW = {"start": 100.0, "volatility": 0.6, "years": 1 / 365, "steps": 96}
BROKE, MARGIN = 97.4, 0.01


def test_the_quadrature_is_the_reference_s() -> None:
    oracle = next(o for o in ORACLES if o.id == "GBM-FPT-F-n96")
    assert passage(**LAW, level=oracle.level) == pytest.approx(oracle.value, abs=2e-9)  # type: ignore[arg-type]


def test_first_passage(tmp_path: Path) -> None:
    rows = answers(["protocol.liquidation.fee=0", f"protocol.maintenance_margin={MARGIN}", "price.volatility=0.6",
                    "run.step_seconds=900", "run.horizon_hours=24", "run.paths=65536", "run.fund_curve=false",
                    book(tmp_path, (1.0, BROKE))],
                   ["liquidated_accounts"], ["protocol.maintenance_margin", "price.volatility"])

    def slope(of: str, at: float, by: float) -> float:
        ends = [passage(**LAW | {"level": BROKE / (1 - MARGIN)} | (  # type: ignore[arg-type]
            {"level": BROKE / (1 - at - sign * by)} if of == "margin" else {"volatility": at + sign * by}))
            for sign in (-1, 1)]
        return (ends[1] - ends[0]) / (2 * by)

    holds(rows["protocol.maintenance_margin", "liquidated_accounts"], slope("margin", MARGIN, 1e-5))
    holds(rows["price.volatility", "liquidated_accounts"], slope("volatility", 0.6, 1e-4))


YEARS = 4 / 8760
SPREAD = 0.8 * np.sqrt(YEARS)
PRICE: Any = lognorm(SPREAD, scale=100 * np.exp(-0.5 * SPREAD**2))
UNITS, PAYERS, FIRST, SECOND, RATE, KEPT, RESERVE = 1000.0, 200.0, 99.0, 98.6, 0.002, 0.2, 50.0
"""One gap: UNITS with bankruptcy price FIRST owe what PAYERS with SECOND partly bring as fees."""


def mean_over(low: float, high: float, what: Any = lambda s: 1.0) -> float:
    return quad(lambda s: what(s) * PRICE.pdf(s), low, high, epsabs=1e-12)[0]


@pytest.mark.slow
def test_what_flows_into_the_fund(tmp_path: Path) -> None:
    rows = answers(["protocol.maintenance_margin=0.005", f"protocol.liquidation.fee={RATE}", "price.volatility=0.8",
                    f"protocol.liquidation.keeper_share={KEPT}", f"protocol.insurance_fund={RESERVE}",
                    "run.step_seconds=14400", "run.horizon_hours=4", "run.paths=131072",
                    book(tmp_path, (UNITS, FIRST), (PAYERS, SECOND))],
                   ["fund_shortfall", "depletion_probability", "fund_drawdown_es_99"], [FUND, SHARE, FEE])
    capped = SECOND / (1 - RATE)  # below it the fee is all that is left
    into = PAYERS * (1 - KEPT)
    edge = (UNITS * FIRST - RESERVE) / (UNITS + into * RATE)  # where the fund is just enough
    assert SECOND < capped < edge < FIRST

    holds(rows[FUND, "fund_shortfall"], -float(PRICE.cdf(edge)))
    holds(rows[FEE, "fund_shortfall"], -into * mean_over(capped, edge, lambda s: s))
    charged = PAYERS * (mean_over(SECOND, capped, lambda s: s - SECOND) + mean_over(capped, edge, lambda s: RATE * s))
    holds(rows[SHARE, "fund_shortfall"], charged)
    assert {rows[key, "fund_shortfall"]["method"] for key in (FUND, SHARE, FEE)} == {"pathwise"}

    density = float(PRICE.pdf(edge)) / (UNITS + into * RATE)
    for key, slope in ((FUND, -1.0), (FEE, -into * edge), (SHARE, PAYERS * RATE * edge)):
        row = rows[key, "depletion_probability"]
        assert row["method"] == "density"
        told = row["derivative"]
        assert told["low"] <= slope * density <= told["high"], (key, told, slope * density)
        assert not told["low"] <= 2 * slope * density <= told["high"], ("no power", key)
    assert rows[FUND, "fund_drawdown_es_99"]["derivative"]["high"] == 0.0  # the drawdown does not know the fund
    assert rows[FUND, "fund_drawdown_es_99"]["derivative"]["low"] == 0.0


# --- estimators on samples ------------------------------------------------------------------------------------------
def scaled(seed: int, n: int) -> np.ndarray:
    """Lognormal drawdowns theta X at theta = 1, on every second path: slope X."""
    random = np.random.default_rng(seed)
    return np.where(random.random(n) < 0.5, np.exp(random.normal(size=n)), 0.0)


UNIT: Any = lognorm(1)
EXACT = {
    "shortfall": 0.5 * UNIT.expect(lambda x: x, lb=5.0),
    "tail": 0.5 * UNIT.expect(lambda x: x, lb=float(UNIT.ppf(0.9))) / 0.05,
    "probability": 0.5 * 5.0 * float(UNIT.pdf(5.0)),
}
"""d/dtheta of E(theta X - 5)+, ES 95 % and P(theta X > 5): E[X; X > 5], E[X | X > q], 5 h(5)."""


@pytest.mark.parametrize("name", EXACT)
def test_intervals_of_smooth_derivatives_cover(name: str) -> None:
    def interval(x: np.ndarray) -> Any:
        match name:
            case "shortfall":
                return smooth.of_shortfall(x, x, 5.0, 0.95).interval
            case "tail":
                return smooth.of_tail_mean(x, x, 0.95, 0.95).interval
        return smooth.of_probability(x, x, 5.0, 0.95).interval

    found = [interval(scaled(seed, 4000)) for seed in range(400)]
    inside = np.mean([i.low <= EXACT[name] <= i.high for i in found])
    wrong = np.mean([i.low <= 1.5 * EXACT[name] <= i.high for i in found])
    assert 0.92 <= inside <= 0.985, inside
    assert wrong < 0.25, wrong


@pytest.mark.parametrize("law", [expon(), lomax(2.5), lognorm(1)], ids=["exponential", "Pareto", "lognormal"])
@pytest.mark.parametrize("chance", [0.05, 0.01])
def test_the_density_at_the_fund_covers_whatever_the_tail(law: Any, chance: float) -> None:
    """d P(D > F) / dF of 1,000 drawdowns: -h(F). Rejected at 1e-6 if fewer than 93 % of intervals hold it.

    A window as long as the bulk is wide held 79 % where the tail is exponential, for the density falls within it.
    """
    fund, random, trials = float(law.isf(chance)), np.random.default_rng(12), 400
    truth, found = -float(law.pdf(fund)), []
    for _ in range(trials):
        told = smooth.of_probability(law.rvs(size=1000, random_state=random), -np.ones(1000), fund, 0.95).interval
        found += [(told.low, told.high)] if told.low is not None else []
    inside, twice = (sum(low <= x <= high for low, high in found) for x in (truth, 2 * truth))
    assert len(found) > 0.9 * trials
    assert binom.cdf(inside, len(found), 0.93) > 1e-6, f"{inside} of {len(found)} hold {truth:.3g}"
    assert twice < inside - trials / 10, "no power"


def ends(curve: Any, step: float) -> Ends:
    """Deficits curve(theta) X at both ends of a step around theta = 1."""
    x = scaled(1, 5000)
    low, high = (paths_of({"bad_debt": curve(1 + sign * step) * x, "status": np.zeros(5000)}, confidence=0.99, fund=0.0,
                          horizon_hours=1.0) for sign in (-1, 1))
    return Ends(low, high, 2 * step)


def test_a_step_that_is_too_long_is_seen() -> None:
    mean = METRICS["bad_debt"]
    straight, bent = (lambda t: 3 * t), (lambda t: t**5)
    assert agree(mean, ends(straight, 0.1), ends(straight, 0.05)) is True
    assert agree(mean, ends(bent, 0.1), ends(bent, 0.05)) is False
    assert agree(mean, ends(lambda t: 1.0, 0.1), ends(lambda t: 1.0, 0.05)) is None
    no_terms = dataclasses.replace(mean, terms=None)  # as quantiles: by whether intervals overlap
    assert agree(no_terms, ends(bent, 0.1), ends(bent, 0.05)) is True
    assert agree(no_terms, ends(lambda t: 9 * t, 0.1), ends(straight, 0.05)) is False
    told = derivative(mean, ends(straight, 0.1), "USD per unit")
    assert told["estimate"] == pytest.approx(3 * scaled(1, 5000).mean(), rel=1e-12)


# --- a whole study --------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def study(compiled_soon: None, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Desk]:
    """A small venue of many accounts: the answer, and the desk that made it."""
    overrides = [*SMALL, "price.jump.intensity=8000", f"decide.sensitivity.keys=[{','.join(KEYS)}]"]
    folder = tmp_path_factory.mktemp("sensitivity")
    decision = stress.decide("sensitivity", overrides, output=folder)
    return decision, Desk(load(overrides)[1], folder)


def test_every_parameter_is_told_of_once(study: tuple[Any, Desk]) -> None:
    decision, desk = study
    found = decision.found
    parameters, skipped = find(desk.config, KEYS)
    moved = {row["key"] for row in found["rows"]}
    unmoved, left = ({row["key"] for row in found[name]} for name in ("without_effect", "skipped"))
    assert moved | unmoved | left == {p.key for p in parameters} | {s.key for s in skipped}
    assert not (moved & unmoved or moved & left or unmoved & left)
    assert {"protocol.insurance_fund", "protocol.oracle.lag_seconds", "protocol.oracle.impact_share"} <= moved
    reasons = {row["key"]: row["reason"] for row in [*found["without_effect"], *found["skipped"]]}
    assert "rule=" in reasons["protocol.liquidation.close_factor"]
    assert "keeper_cost_usd" in reasons["protocol.liquidation.keeper_congestion"]
    assert "zero stands for never" in reasons["protocol.oracle.deviation_threshold"]
    assert reasons["protocol.initial_margin"] == "not set"
    assert all(reasons.values())


def test_what_cannot_have_an_effect_has_none(study: tuple[Any, Desk]) -> None:
    """Simulated after all, a parameter on which no number of the venue depends leaves every path as it is."""
    _, desk = study
    key, base = "protocol.liquidation.target_multiple", desk.run()
    for other in desk.runs([{key: 1.3}, {key: 1.2}]):  # together, as the base was
        for name in base.columns:
            np.testing.assert_array_equal(base.columns[name], other.columns[name], err_msg=name)


def test_differences_by_the_fund_are_those_of_its_curve(study: tuple[Any, Desk]) -> None:
    decision, desk = study
    drawdown, fund = desk.run().columns["fund_drawdown"], desk.base.plan.fund
    row = next(r for r in decision.found["rows"] if (r["key"], r["metric"]) == (FUND, "depletion_probability"))
    counted = [float((drawdown > fund * factor).mean()) for factor in (0.9, 1.1)]
    assert row["full"]["estimate"] == pytest.approx((counted[1] - counted[0]) / (0.2 * fund), rel=1e-9)


@pytest.mark.parametrize("key", [SHARE, FEE])
def test_slopes_lie_between_differences_on_every_path(study: tuple[Any, Desk], key: str) -> None:
    """The drawdown is convex in what brings the fund less: its slope is above what is behind and below what is ahead."""
    _, desk = study
    parameter = next(p for p in find(desk.config, [key])[0])
    value, move = parameter.leaves[()], probe(parameter)
    slope = slopes(parameter, desk.run(), desk.run(move.changes), move.by)
    assert isinstance(slope, np.ndarray)
    down, here, up = (desk.run(changes).columns["fund_drawdown"]
                      for changes in ({key: value * 0.9}, {}, {key: value * 1.1}))
    behind, ahead = (here - down) / (0.1 * value), (up - here) / (0.1 * value)
    room = 1e-6 * np.abs(slope).max()
    assert (np.abs(slope) > 0).sum() > 20
    assert (slope >= behind - room).all()
    assert (slope <= ahead + room).all()
    assert (WRONG * np.abs(slope) > np.maximum(np.abs(behind), np.abs(ahead)) + room).any(), "no power"


def test_what_moves_accounts_has_no_slope(study: tuple[Any, Desk]) -> None:
    """A parameter that accounts feel is caught by the check on paths whose fund lasts."""
    _, desk = study
    spread = next(p for p in find(desk.config, ["liquidity.half_spread_bps"])[0])
    told = slopes(spread, desk.run(), desk.run({"liquidity.half_spread_bps": 2.2}), 0.2)
    assert isinstance(told, str)
    assert "accounts hear of it" in told
    assert obstacle("liquidity.depth_usd", desk) is not None
    assert obstacle(FEE, desk) is None
    in_parts = Desk(load([*SMALL, "protocol.liquidation.rule=close_factor"])[1], desk.folder / "parts")
    assert "parts" in (obstacle(FEE, in_parts) or "")
    assert obstacle(SHARE, in_parts) is None


def test_a_metric_of_another_venue_is_refused(study: tuple[Any, Desk]) -> None:
    _, desk = study
    wanted = dataclasses.replace(desk.config.decide.sensitivity, metrics=["taken_over"])
    with pytest.raises(UserError, match="taken_over"):
        chosen_metrics(desk.run(), wanted)


def test_the_step_that_is_told_is_the_one_that_was_chosen(study: tuple[Any, Desk]) -> None:
    decision, _ = study
    rows = [r for r in decision.found["rows"] if r["pathwise"] is None]
    assert any(row["shorter"] for row in rows)
    for row in rows:
        assert row["derivative"] == (row["half"] if row["shorter"] else row["full"])
        assert not row["shorter"] or (row["agree"] is False and row["half"]["estimate"] is not None)


def test_the_page(study: tuple[Any, Desk]) -> None:
    decision, _ = study
    page = (decision.folder / "report.html").read_text()
    assert "tornado" in " ".join(f.name for f in (decision.folder / "figures").iterdir())
    assert "keeper_congestion" in page
    drawn = list(csv.DictReader((decision.folder / "figures" / "tornado_bad_debt.csv").read_text().splitlines()))
    ends = {(row["key"], which): row[which]["difference"]["estimate"] for row in decision.found["rows"]
            if row["metric"] == "bad_debt" for which in ("low", "high") if row[which]}
    assert drawn and all(float(row["estimate"]) == pytest.approx(ends[row["parameter"], row["end"].removeprefix("parameter ")[:-2]], rel=1e-9) for row in drawn)
    for row in decision.found["rows"]:
        told = row["derivative"]
        assert told["estimate"] is None or told["low"] is None or told["low"] <= told["estimate"] <= told["high"]
    tables = (decision.folder / "tables" / "derivatives_of_bad_debt.csv").read_text().splitlines()
    assert len(tables) == 1 + len({row["key"] for row in decision.found["rows"]})


def test_numbers_by_market_and_tier_move_together() -> None:
    config, container = load(SMALL)
    found = {p.key: p for p in find(config, None)[0]}
    tiers = found["protocol.margin_tiers.maintenance_margin"]
    moved = tiers.moved(container, 1.1)["protocol.margin_tiers"]
    for market, rows in container["protocol"]["margin_tiers"].items():
        for number, row in enumerate(rows):
            assert moved[market][number] == row | {"maintenance_margin": 1.1 * row["maintenance_margin"]}
    assert found["liquidity.depth_usd"].moved(container, 0.5)["liquidity.depth_usd"]["BTC"] == 30e6


def test_what_is_no_parameter_or_metric_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    for setting, word in [("decide.sensitivity.keys=[protocol.liquidation.fees]", "protocol.liquidation.fee"),
                          ("decide.sensitivity.metrics=[bad_det]", "bad_debt"),
                          ("decide.sensitivity.metrics=[]", "decide.sensitivity.metrics"),
                          ("decide.sensitivity.step=0", "decide.sensitivity.step"),
                          ("run.twin=false", "cascade_probability")]:
        assert main(["sensitivity", *SMALL, "report.enabled=false", setting]) == BAD_INPUT
        assert word in capsys.readouterr().err
