"""The margin frontier against cases whose depletion, insolvency and required fund are known."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.stats import norm

import stress
from stress.cli.compose import load
from stress.cli.main import BAD_INPUT, main
from stress.decisions.desk import Desk
from stress.decisions.frontier import decide
from stress.decisions.frontier.dominance import Point, joint_confidence, judge
from stress.errors import UserError
from stress.mc.estimators.metrics import paths_of
from stress.report.decisions import write_decision_report

pytestmark = pytest.mark.usefixtures("compiled_soon")

BOOKS = Path(__file__).resolve().parent.parent / "examples" / "book"
INTEREST, HEADROOM, VOLATILITY, FUND, TARGET = 1e8, 1.1, 0.8, 1e6, 0.05
ONE_TICK = [
    "price=gbm", "price.markets=[BTC]", f"price.volatility={VOLATILITY}", "price.drift=0", "run.horizon_hours=24",
    "run.step_seconds=86400", "run.paths=20000", "run.twin=false", "run.confidence=0.9999", "run.progress=false",
    "book.accounts=40", f"book.synthetic.open_interest_usd={INTEREST}", "book.synthetic.leverage_median=10000",
    "book.synthetic.leverage_sigma=0", "book.synthetic.leverage_size_slope=0", "book.synthetic.entry_spread=0",
    "book.synthetic.isolated_share=1", "book.synthetic.isolated_beside_cross=0", "book.synthetic.multi_market_share=0",
    f"book.synthetic.margin_headroom={HEADROOM}", f"protocol.insurance_fund={FUND}", "protocol.liquidation.fee=0",
    "protocol.waterfall=[insurance_fund]", "protocol.adl.policy=none", "protocol.funding.interval_hours=null",
    "liquidity.half_spread_bps=0", f"decide.frontier.target={TARGET}", "protocol.initial_margin=0.04",
    "protocol.maintenance_margin=0.02",
]
"""One tick of GBM, and everybody as levered as the initial margin lets him be: cash is ``HEADROOM`` times the margin."""


class OneTick:
    """What one tick of ``ONE_TICK`` costs under a flat initial rate; ``slope`` is the impact of closing a side at R = 1.

    With R the price over that at the start, longs whose cash is m of their notional are closed at R (1 - slope R) a
    unit and owe 1 - m less that, once R < (1 - m)/(1 - maintenance); shorts likewise.
    """

    def __init__(self, initial: float, maintenance: float, slope: float = 0.0, headroom: float = HEADROOM) -> None:
        self.cash, self.maintenance, self.slope = headroom * initial, maintenance, slope
        self.deviation = VOLATILITY * math.sqrt(1 / 365)

    def below(self, ratio: float) -> float:
        """P(R < ratio)."""
        return float(norm.cdf((math.log(ratio) + self.deviation**2 / 2) / self.deviation))

    def beyond(self, owed: float) -> float:
        """P(deficits > owed), of a USD of open interest."""
        longs, shorts = 1 - self.cash - owed, 1 + self.cash + owed
        low, high = (longs, shorts) if self.slope == 0 else (
            (1 - math.sqrt(1 - 4 * self.slope * longs)) / (2 * self.slope),
            (math.sqrt(1 + 4 * self.slope * shorts) - 1) / (2 * self.slope))
        low = min(low, (1 - self.cash) / (1 - self.maintenance))
        return self.below(low) + 1 - self.below(max(high, (1 + self.cash) / (1 + self.maintenance)))

    def depletion(self) -> float:
        return self.beyond(FUND / INTEREST)

    def required(self) -> float:
        """USD."""
        return INTEREST * brentq(lambda owed: self.beyond(owed) - TARGET, 0.0, 0.9)  # type: ignore[operator]

    def insolvent(self) -> float:
        """Mean notional in USD of closed accounts with a deficit, without impact: E[R; R < 1 - m or R > 1 + m]."""
        d, s = self.deviation, self.deviation / 2
        low, high = (math.log(ratio) / d - s for ratio in (1 - self.cash, 1 + self.cash))
        return INTEREST * float(norm.cdf(low) + norm.sf(high))


def inside(metric: dict[str, Any], value: float) -> bool:
    return metric["low"] <= value <= metric["high"]


def answer(folder: Path, *overrides: str) -> dict[str, Any]:
    desk = Desk(load([*ONE_TICK, *overrides])[1], folder)
    return decide(desk, desk.config.decide.frontier)


@pytest.fixture(scope="module")
def one_tick(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return answer(tmp_path_factory.mktemp("frontier"), "liquidity=none", "decide.frontier.scales=[0.5,1.5]",
                  "decide.frontier.scalings=[ratio,maintenance]",
                  "decide.frontier.flat=[{initial_margin: 0.05, maintenance_margin: 0.01}]",
                  "decide.frontier.tables={wide: {BTC: [{up_to_usd: 1e12, initial_margin: 0.03, maintenance_margin: "
                  "0.015}, {up_to_usd: null, initial_margin: 0.5, maintenance_margin: 0.5}]}}")


RATES = {"present": (0.04, 0.02), "ratio × 0.5": (0.02, 0.01), "ratio × 1.5": (0.06, 0.03),
         "maintenance × 0.5": (0.04, 0.01), "maintenance × 1.5": (0.04, 0.03), "flat 5 % / 1 %": (0.05, 0.01),
         "table wide": (0.03, 0.015)}


@pytest.mark.parametrize("name", RATES)
def test_risk_and_fund_of_one_tick_are_those_of_the_lognormal_law(one_tick: dict[str, Any], name: str) -> None:
    (row,) = [r for r in one_tick["settings"] if r["setting"] == name]
    initial, maintenance = RATES[name]
    truth, wrong = OneTick(initial, maintenance), OneTick(1.15 * initial, maintenance)
    assert row["leverage"] == pytest.approx(1 / initial, rel=1e-12)
    for key, of in (("depletion_probability", OneTick.depletion), ("insolvent_notional", OneTick.insolvent),
                    ("required_fund", OneTick.required)):
        assert inside(row[key], of(truth)), (key, row[key], of(truth))
        assert not inside(row[key], of(wrong)), (key, row[key], of(wrong))
    assert row["notional"] == pytest.approx(2 * INTEREST, rel=1e-6)
    assert row["margin_posted"] == pytest.approx(2 * INTEREST * initial, rel=1e-6)
    assert row["leverage_used"] == pytest.approx(1 / (HEADROOM * initial), rel=1e-4)
    assert inside(row["capital_efficiency"], 2 * INTEREST / (2 * INTEREST * initial + truth.required()))
    assert not inside(row["capital_efficiency"], 2 * INTEREST / (2 * INTEREST * initial + wrong.required()))


def test_the_efficient_set_of_one_tick(one_tick: dict[str, Any]) -> None:
    """More margin is safer, and in one tick the maintenance rate is of no account: it closes who is lost anyway."""
    status = {row["setting"]: (row["status"], set(row["by"])) for row in one_tick["settings"]}
    same = {"present", "maintenance × 0.5", "maintenance × 1.5"}
    assert {name for name, (word, _) in status.items() if word == "efficient"} == set(RATES) - same
    assert all(status[name] == ("cannot be told apart", same - {name}) for name in same)
    (row,) = [r for r in one_tick["settings"] if r["setting"] == "ratio × 0.5"]
    change = row["against_present"]["depletion_probability"]
    assert inside(change, OneTick(0.02, 0.01).depletion() - OneTick(0.04, 0.02).depletion())
    assert not inside(change, 0.0)
    assert one_tick["map"]["reason"] == "liquidity.law=none: depth is of no account"


def test_required_funds_of_the_map_are_those_of_a_linear_book(tmp_path: Path) -> None:
    depth = 2e7
    found = answer(tmp_path, "liquidity=linear", f"liquidity.depth_usd={depth}", "liquidity.withdrawal=0",
                   "decide.frontier.scales=[1.5]", "decide.frontier.scalings=[ratio]", "decide.frontier.depths=[0.5,2]")
    cells = found["map"]["cells"]
    assert [(c["scale"], c["depth"]) for c in cells] == [(s, d) for s in (1.0, 1.5) for d in (0.5, 1.0, 2.0)]
    for cell in cells:
        slope = 0.01 * INTEREST / (2 * depth * cell["depth"])
        rates = 0.04 * cell["scale"], 0.02 * cell["scale"]
        truth = OneTick(*rates, slope=slope).required()
        assert inside(cell["required_fund"], truth), (cell, truth)
        assert not inside(cell["required_fund"], OneTick(*rates, slope=1.25 * slope).required()), cell


def test_accounts_that_new_margins_put_under_water_are_counted(tmp_path: Path, traced: None) -> None:
    found = answer(tmp_path, "liquidity=none", "decide.frontier.scales=[2,2.5]", "decide.frontier.scalings=[ratio]",
                   "decide.frontier.book=held", "run.paths=128")
    at_once = {row["setting"]: row["liquidatable_at_once"] for row in found["settings"]}
    # cash is 4.4 % of the notional; the maintenance rate becomes 4 and 5 %
    assert at_once == {"present": 0, "ratio × 2": 0, "ratio × 2.5": 40}
    assert found["settings"][2]["liquidatable_at_once_notional"] == pytest.approx(2 * INTEREST, rel=1e-6)
    assert {row["leverage_used"] for row in found["settings"]} == {found["settings"][0]["leverage_used"]}
    assert found["book"] == "held"


# --- which settings are efficient -------------------------------------------------------------------------------------
def point(leverage: float, depleted: int, notional: np.ndarray) -> Point:
    """The first ``depleted`` of the paths lose the fund."""
    n = len(notional)
    columns = {"depleted": np.arange(n) < depleted, "insolvent_notional": notional, "status": np.zeros(n)}
    return Point(leverage, paths_of(columns, confidence=0.95, fund=1.0, horizon_hours=1.0), "depleted",
                 "insolvent_notional")


def losses(mean: float, n: int = 2000) -> np.ndarray:
    return mean * np.linspace(0.5, 1.5, n)


@pytest.mark.parametrize(("first", "second", "expected"), [
    ((20, 200, 2.0), (20, 100, 1.0), ("dominated", "efficient")),
    ((20, 200, 2.0), (25, 100, 1.0), ("dominated", "efficient")),
    ((25, 200, 2.0), (20, 100, 1.0), ("efficient", "efficient")),  # less leverage dominates nobody
    ((20, 200, 1.0), (20, 100, 2.0), ("efficient", "efficient")),  # each is better in something
    ((20, 200, 1.0), (20, 100, 1.0), ("cannot be told apart", "efficient")),
    ((20, 100, 1.0), (20, 100, 1.0), ("cannot be told apart", "cannot be told apart")),
    ((20, 101, 2.0), (20, 100, 1.0), ("cannot be told apart", "efficient")),  # one path is not confidence
])
def test_two_settings(first: tuple, second: tuple, expected: tuple[str, str]) -> None:
    points = [point(leverage, depleted, losses(mean)) for leverage, depleted, mean in (first, second)]
    found = judge(points, 0.95)
    assert tuple(v.status for v in found) == expected
    assert [v.status for v in judge(points[::-1], 0.95)] == list(expected[::-1])
    assert all(v.by == (1 - k,) if v.status != "efficient" else v.by == () for k, v in enumerate(found))


def test_the_efficient_set_of_many_settings_is_the_pareto_set() -> None:
    random = np.random.default_rng(5)
    numbers = [(float(random.integers(5, 10)), int(random.integers(1, 9)) * 200, float(random.integers(1, 9)))
               for _ in range(14)]
    found = judge([point(leverage, depleted, losses(mean)) for leverage, depleted, mean in numbers], 0.95)
    for k, (leverage, depleted, mean) in enumerate(numbers):
        above = {b for b, (L, d, m) in enumerate(numbers) if leverage <= L and d < depleted and m < mean}
        ties = {b for b, (L, d, m) in enumerate(numbers) if b != k and leverage <= L and d <= depleted and m <= mean}
        assert found[k].status == ("dominated" if above else "cannot be told apart" if ties else "efficient"), numbers[k]
        assert set(found[k].by) == (above or ties)
    assert {v.status for v in found} >= {"dominated", "efficient"}


def test_all_verdicts_hold_together() -> None:
    """Equal settings are called different in no more than 1 - confidence of all samples; without the correction, more."""
    assert joint_confidence(5, 0.95) == pytest.approx(1 - 0.05 / 20)
    random, wrong, careless = np.random.default_rng(7), 0, 0
    for _ in range(200):
        draws = random.random((6, 400))
        points = [Point(10.0, paths_of({"depleted": u < 0.2, "insolvent_notional": np.abs(u - 0.5), "status": 0 * u},
                                       confidence=0.9, fund=1.0, horizon_hours=1.0), "depleted", "insolvent_notional")
                  for u in draws]
        wrong += any(v.status != "cannot be told apart" for v in judge(points, 0.9))
        careless += any(v.status != "cannot be told apart" for v in judge(points, 1 - 0.1 * 30))
    assert wrong <= 200 * 0.1
    assert careless > 200 * 0.1


# --- what is refused, and the page ------------------------------------------------------------------------------------
SMALL = ["run.paths=128", "run.horizon_hours=0.1", "book.accounts=60", "run.progress=false", "decide.frontier.depths=[]",
         "decide.frontier.scales=[2]"]


@pytest.mark.parametrize(("overrides", "word"), [
    (["run.fund_curve=false"], "run.fund_curve"),
    (["decide.frontier.scales=[1]"], "decide.frontier.scales"),
    (["decide.frontier.scales=[0]"], r"decide.frontier.scales\[0\]"),
    (["decide.frontier.scalings=[both]"], r"decide.frontier.scalings\[0\]"),
    (["decide.frontier.book=mine"], "decide.frontier.book"),
    (["decide.frontier.flat=[{initial_margin: 0.05}]"], "maintenance_margin: missing"),
    (["decide.frontier.scales=[]", "decide.frontier.flat=[{initial_margin: 0.01, maintenance_margin: 0.05}]"],
     "no setting to compare.*protocol.maintenance_margin"),
    (["decide.frontier.tables={a: {BTC: [{up_to_usd: null, initial_margin: 0.1, maintenance_margin: 0.05}]}}"],
     "decide.frontier.tables.a: no tiers for ETH, SOL"),
    (["decide.frontier.tables={a: {default: [{up_to_usd: 5, initial_margin: 0.1, maintenance_margin: 0.05}]}}"],
     "decide.frontier.tables.a.default.up_to_usd: got .*the last one null"),
    (["decide.frontier.tables={a: {default: [{up_to_usd: null, initial_margin: 0.1, maintenance_margin: 0.2}]}}"],
     r"decide.frontier.tables.a.default\[0\].maintenance_margin: got 0.2"),
    (["decide.frontier.tables={a: {default: [{up_to_usd: null, initial_margin: 0.1}]}}"],
     r"decide.frontier.tables.a.default\[0\].maintenance_margin: missing"),
    (["protocol=deribit", "decide.frontier.scalings=[maintenance]"], "size_slope is that of both rates"),
    (["book=file", f"book.positions={BOOKS / 'positions.csv'}", f"book.collateral={BOOKS / 'collateral.csv'}",
      "price.initial_prices=[100000,4000,200]", "decide.frontier.book=offered"], "book.kind=file"),
])
def test_what_cannot_be_is_refused(overrides: list[str], word: str, traced: None) -> None:
    with pytest.raises(UserError, match=f"(?s){word}"):
        stress.decide("frontier", [*SMALL, *overrides])


def test_the_command_line_says_so_too(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["frontier", *SMALL, "run.fund_curve=false", f"hydra.run.dir={tmp_path}"]) == BAD_INPUT
    assert "run.fund_curve" in capsys.readouterr().err


def test_a_book_from_files_is_held(traced: None) -> None:
    files = ["book=file", f"book.positions={BOOKS / 'positions.csv'}", f"book.collateral={BOOKS / 'collateral.csv'}",
             "price.initial_prices=[100000,4000,200]"]
    assert stress.decide("frontier", [*SMALL, *files]).found["book"] == "held"
    assert stress.decide("frontier", SMALL).found["book"] == "offered"


def test_a_page_where_nothing_is_bounded(traced: None, tmp_path: Path) -> None:
    """Few paths on which nothing happens: no probability above zero, no fund with an upper end."""
    tier = "{up_to_usd: null, initial_margin: 0.2, maintenance_margin: 0.1}"
    overrides = [*SMALL, "decide.frontier.depths=[0.5,2]", f"decide.frontier.tables={{strict: {{default: [{tier}]}}}}"]
    decision = stress.decide("frontier", overrides, output=tmp_path)
    page = write_decision_report(tmp_path).read_text()
    assert "How much leverage can be offered?" in page and "cannot bound it from above" in page
    assert decision.in_short[0].startswith("The present setting offers 33.2×")
    rows = list(csv.DictReader((tmp_path / "figures" / "frontier.csv").read_text().splitlines()))
    offered = {row["setting"]: float(row["maximum leverage offered (x)"]) for row in rows}
    assert offered["table strict"] == 5.0 and len(rows) == 3 * len(decision.found["settings"])
    assert len((tmp_path / "figures" / "isoquants.csv").read_text().splitlines()) == 1 + 2 * 3
    for name in ("frontier", "isoquants"):
        assert (tmp_path / "figures" / f"{name}.png").stat().st_size > 10_000
    for name in ("settings", "capital", "against_the_present_setting", "required_fund_by_margin_and_depth"):
        assert (tmp_path / "tables" / f"{name}.csv").is_file()
    strict = json.loads((tmp_path / "decision.json").read_text(), parse_constant=pytest.fail)
    assert strict["complete"]
