"""Search: values that are known exactly or by a closed form, and what it says where there is none."""

from __future__ import annotations

import math
from pathlib import Path
from statistics import NormalDist
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import stress
from stress.cli.compose import load
from stress.cli.main import BAD_INPUT, OK, main
from stress.decisions.desk import Changes, Desk
from stress.decisions.search import _bracketed
from stress.decisions.search.narrow import Search, narrow
from stress.decisions.search.points import Point, point, rises
from stress.decisions.search.range import Range
from stress.errors import UserError
from stress.files import read_json
from stress.mc.estimators.intervals import Interval
from stress.mc.estimators.metrics import paths_of
from stress.report import write_decision_report
from stress.report.decisions import search as page

pytestmark = pytest.mark.usefixtures("compiled_soon")

HALF = 0.1
"""Half the width of the intervals of metrics that are made up."""


# --- step functions whose steps are known ---------------------------------------------------------------------------
def made_up(estimate: float, half: float = HALF) -> Any:
    """A point whose one metric, limited to 0.3, has this estimate."""
    metric = Interval(estimate, estimate - half, estimate + half, "made up", 100).metric(0.95, "USD")
    return lambda value: point(value, {"bad_debt": metric}, {"bad_debt": 0.3})


def search(low: float, high: float, *, smallest: bool = True, whole: bool = False, most: int = 100,
           together: bool = False) -> Search:
    return Search(Range("key", low, high, whole, smallest, None), 5, 0.01, most, together)


def each(one: Any) -> Any:
    """Points of values from that of one."""
    return lambda values: [one(value) for value in values]


def roots(found: dict[str, Any]) -> dict[str, tuple[float, float]]:
    return {name: tuple(sorted((answer["value"], answer["fails"]))) for name, answer in found["answers"].items()}


@pytest.mark.parametrize("together", [False, True])
@pytest.mark.parametrize(("smallest", "exact"), [
    (True, {"estimated": 0.7, "met": 0.8, "possible": 0.6}), (False, {"estimated": 0.3, "met": 0.2, "possible": 0.4})])
def test_three_roots_of_a_line(smallest: bool, exact: dict[str, float], together: bool) -> None:
    found = narrow(search(0.0, 1.0, smallest=smallest, together=together), each(lambda x: made_up(1 - x if smallest else x)(x)))
    for name, (low, high) in roots(found).items():
        assert low <= exact[name] <= high, name
        assert high - low <= 0.01 * high
        assert found["answers"][name]["reason"] is None
    low, high = found["interval"]
    assert low <= (0.6 if smallest else 0.2) <= (0.8 if smallest else 0.4) <= high or not smallest
    assert (low < exact["estimated"] < high)


def test_a_wrong_root_is_not_in_the_bracket() -> None:
    low, high = roots(narrow(search(0.0, 1.0), each(lambda x: made_up(1 - x)(x))))["estimated"]
    assert not low <= 0.7 * 1.02 <= high
    assert not low <= 0.7 * 0.98 <= high


@pytest.mark.parametrize("together", [False, True])
def test_whole_numbers_are_found_exactly(together: bool) -> None:
    seen: list[float] = []

    def evaluate(value: float) -> Point:
        seen.append(value)
        return made_up(1.0 if value < 1234 else 0.0)(value)

    found = narrow(search(1, 100_000, whole=True, together=together), each(evaluate))
    assert found["answers"]["met"] == {"value": 1234, "fails": 1233, "reason": None}
    assert all(value == round(value) for value in seen)
    assert len(seen) == len(set(seen)) < 30


def test_limits_out_of_reach_and_limits_that_never_bind() -> None:
    never = narrow(search(1.0, 9.0), each(made_up(0.5)))
    assert never["answers"]["met"]["value"] is None
    assert never["answers"]["met"]["reason"] == "not met with confidence even at 9, the safe end of the range"
    always = narrow(search(1.0, 9.0, smallest=False), each(made_up(0.1)))
    assert always["answers"]["met"] == {"value": 9.0, "fails": None, "reason":
                                        "met over the whole range, down to its unsafe end at 9"}
    between = narrow(search(1.0, 9.0), each(made_up(0.3)))  # the limit is in every interval
    assert between["interval"] == [None, None]
    assert [between["answers"][name]["value"] for name in ("met", "estimated", "possible")] == [None, 1.0, 1.0]


def test_a_mean_to_which_no_path_adds_is_passed_over() -> None:
    nothing = Interval(0.0, 0.0, None, "made up", 100, "no path adds to it").metric(0.95, "USD")

    def evaluate(value: float) -> Point:
        return point(value, {"bad_debt": nothing}, {"bad_debt": 0.3}) if value > 0.9 else made_up(1 - value)(value)

    low, high = roots(narrow(search(0.0, 1.0), each(evaluate)))["met"]
    assert low <= 0.8 <= high
    assert evaluate(1.0).told()["verdict"] == "no upper end"
    hidden = narrow(search(0.0, 1.0), each(lambda x: evaluate(x) if x > 0.9 else made_up(0.5)(x)))
    assert hidden["answers"]["met"]["value"] is None


@pytest.mark.parametrize("together", [False, True])
def test_the_number_of_settings_is_a_bound(together: bool) -> None:
    seen: list[float] = []
    found = narrow(search(0.0, 1.0, most=7, together=together), each(lambda x: seen.append(x) or made_up(1 - x)(x)))
    assert len(seen) == 7
    assert "decide.search.settings" in found["answers"]["met"]["reason"]


@pytest.mark.parametrize("together", [False, True])
def test_values_are_simulated_together_where_that_costs_less(together: bool, tmp_path: Path,
                                                             monkeypatch: pytest.MonkeyPatch) -> None:
    desk, sets = Desk(load([])[1], tmp_path), list[list[Changes]]()
    exact = {"estimated": 6.3, "met": 7.2, "possible": 5.4}

    def runs(changes: list[Changes], label: str) -> list[Any]:
        sets.append(changes)
        return [SimpleNamespace(metrics=made_up(1 - one["a.key"] / 9)(0.0).metrics) for one in changes]

    monkeypatch.setattr(desk, "runs", runs)
    monkeypatch.setattr(desk, "together", lambda ends: together)
    monkeypatch.setattr("stress.decisions.search.points._given", lambda desk, key: 3.5)
    settings = desk.config.decide.search
    found, points = _bracketed(desk, settings, Range("a.key", 1.0, 9.0, False, True, 3.5), {"bad_debt": 0.3})
    assert len(sets[0]) == settings.scan
    assert {len(some) > 1 for some in sets[1:]} == {together}
    assert sum(map(len, sets)) == len(points) == len({point.value for point in points}) <= settings.settings
    for name, (low, high) in roots(found).items():
        assert low <= exact[name] <= high <= low * (1 + settings.tolerance) * 1.001, name


def test_the_root_is_the_one_next_to_the_safe_end() -> None:
    def wavy(x: float) -> Point:
        return made_up(1.0 if x < 0.2 or 0.45 < x < 0.6 else 0.0)(x)

    low, high = roots(narrow(search(0.0, 1.0), each(wavy)))["met"]
    assert low <= 0.6 <= high


def test_where_more_is_not_safer() -> None:
    def at(value: float, losses: float) -> Point:
        columns = {"bad_debt": losses + np.arange(100.0) % 7, "status": np.zeros(100, int)}
        run: Any = SimpleNamespace(paths=paths_of(columns, confidence=0.95, fund=0.0, horizon_hours=1.0))
        metric = Interval(float(columns["bad_debt"].mean()), 0.0, 99.0, "m", 100).metric(0.95, "USD")
        return point(value, {"bad_debt": metric}, {"bad_debt": 1.0}, run)

    falling = [at(1.0, 3.0), at(2.0, 2.0), at(3.0, 1.0)]
    assert rises(falling, {"bad_debt": 1.0}, lambda value: value) == []
    found = rises(falling, {"bad_debt": 1.0}, lambda value: -value)
    assert [(r["from"], r["to"], r["beyond_noise"]) for r in found] == [(3.0, 2.0, True), (2.0, 1.0, True)]
    assert [r["change"]["estimate"] for r in found] == pytest.approx([1.0, 1.0])


# --- one account ----------------------------------------------------------------------------------------------------
DEVIATION, BROKE = 0.1, 90.0
"""Of the log-return of the one tick; price at which the account, long one unit from 100, is worth nothing."""
CONFIDENCE = 0.9999


@pytest.fixture(scope="module")
def venue(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """One long of one unit with 10 USD of margin, at a venue without fees, impact and ADL."""
    book = tmp_path_factory.mktemp("book") / "positions.csv"
    book.write_text("account,market,size,entry_price,margin_mode,isolated_margin\ntrader,X,1,100,isolated,10\n")
    return ["book=file", f"book.positions={book}", "price.markets=[X]", "price.initial_prices=100", "liquidity=none",
            "liquidity.half_spread_bps=0", "protocol.maintenance_margin=0.01", "protocol.initial_margin=0.1",
            "protocol.liquidation.fee=0", "protocol.liquidation.close_whole_below_usd=0", "protocol.adl.policy=none",
            "protocol.waterfall=[insurance_fund]", "protocol.insurance_fund=5", "protocol.funding.interval_hours=null",
            "run.progress=false", "run.twin=false"]


@pytest.fixture(scope="module")
def gbm(venue: list[str]) -> list[str]:
    volatility = DEVIATION * math.sqrt(24 * 365)
    return ["price=gbm", f"price.volatility={volatility}", "price.correlation=0", "run.horizon_hours=1",
            "run.step_seconds=3600", "run.paths=8192", f"run.confidence={CONFIDENCE}", *venue]


def price_at(probability: float) -> float:
    """The price below which the one tick ends with this probability."""
    return 100 * math.exp(DEVIATION * NormalDist().inv_cdf(probability) - DEVIATION**2 / 2)


def test_the_fund_is_that_of_the_closed_form(gbm: list[str], tmp_path: Path) -> None:
    words = [*gbm, "decide.search.key=protocol.insurance_fund", "limits.depletion_probability=0.02"]
    exact = stress.decide("search", words, output=tmp_path).found
    assert exact["method"] == "order statistics of the fund drawdown"
    fund = BROKE - price_at(0.02)
    low, high = exact["interval"]
    assert low < fund < high
    assert not low < 1.25 * fund < high, "too wide to tell a fund that is a quarter off"
    assert not low < 0.75 * fund < high
    drawdowns = np.sort(stress.run(gbm).paths["fund_drawdown"])
    value = exact["answers"]["estimated"]["value"]
    assert (drawdowns > value).mean() <= 0.02 < (drawdowns >= value).mean()
    simulated = stress.decide("search", [*words, "decide.search.method=bisection"]).found
    for reading, answer in exact["answers"].items():
        other = simulated["answers"][reading]
        assert other["fails"] < answer["value"] <= other["value"], reading
        assert other["value"] - other["fails"] <= 0.02 * other["value"]
    assert simulated["not_monotone"] == []
    page = (tmp_path / "report.html").read_text()
    assert "meets every limit with confidence" in page
    assert (tmp_path / "figures" / "search.png").stat().st_size > 10_000


@pytest.mark.parametrize(("values", "interval", "drawn"), [
    ([0, 1, 2, 3, 11, 13, 500], (1.0, 3.0), [0, 1, 2, 3, 11]),
    ([0, 1, 2, 3, 500], (1.0, None), [0, 1, 2, 3, 500]),  # the value may be anywhere beyond
    ([1, 400, 500], (1.0, 1.0), [1, 400, 500]),  # one mark is no picture
])
def test_settings_far_beyond_the_answer_are_in_the_table_only(values: list, interval: tuple, drawn: list) -> None:
    answers = {name: {"value": 3.0 if len(values) > 3 else 1.0, "fails": 1.0} for name in page.READINGS}
    found = {"points": [{"value": float(v)} for v in values], "interval": interval, "answers": answers,
             "range": [float(values[0]), float(values[-1])]}
    assert [point["value"] for point in page._near(found)] == drawn
    left = len(values) - len(drawn)
    assert page._left_out(found) == ("" if not left else f" {left} larger values are in the table only." if left > 1 else
                                        " 1 larger value is in the table only.")


def test_the_fund_of_one_percent_is_the_required_fund(gbm: list[str]) -> None:
    found = stress.decide("search", [*gbm, "decide.search.key=protocol.insurance_fund",
                                     "limits.depletion_probability=0.01"]).found
    required = stress.run(gbm).summary["metrics"]["required_fund_99"]
    answers = found["answers"]
    assert [answers[r]["value"] for r in ("possible", "estimated", "met")] == [
        required["low"], required["estimate"], required["high"]]


@pytest.mark.slow
def test_a_search_is_the_same_with_every_setting_by_itself() -> None:
    words = ["price=merton", "price.jump.intensity=2000", "price.jump.std=0.08", "run.paths=200", "run.horizon_hours=1",
             "book.accounts=60", "run.progress=false", "decide.search.key=protocol.maintenance_margin",
             "decide.search.low=0.002", "decide.search.high=0.02", "limits.liquidated_accounts=20"]
    together, apart = (stress.decide("search", [*words, *more]).found for more in ([], ["run.variants=separate"]))
    assert together["answers"] == apart["answers"]
    assert [p["value"] for p in together["points"]] == [p["value"] for p in apart["points"]]
    for mine, own in zip(together["points"], apart["points"], strict=True):
        values = (point["metrics"]["liquidated_accounts"]["estimate"] for point in (mine, own))
        assert next(values) == pytest.approx(next(values), rel=1e-9)


def test_the_largest_margin_is_that_of_the_closed_form(gbm: list[str]) -> None:
    found = stress.decide("search", [*gbm, "decide.search.key=protocol.maintenance_margin", "run.fund_curve=false",
                                     "decide.search.direction=largest", "limits.liquidated_accounts=0.25"]).found
    margin = 1 - BROKE / price_at(0.25)
    low, high = found["interval"]
    assert low < margin < high
    assert not low < 1.25 * margin < high
    assert not low < 0.75 * margin < high
    assert found["range"][1] < 0.1 + 1e-9, "beyond it the account would be liquidatable at the start"
    assert found["not_monotone"] == []


def test_on_a_given_path_the_value_is_exact(venue: list[str], tmp_path: Path) -> None:
    path = tmp_path / "path.csv"
    path.write_text("timestamp,X\n" + "".join(f"2025-01-01T0{h}:00:00Z,{p}\n" for h, p in enumerate((100, 95, 92, 94))))
    words = ["price=replay", f"price.path={path}", *venue, "run.paths=1", "run.fund_curve=false",
             "decide.search.key=protocol.maintenance_margin", "decide.search.direction=largest",
             "decide.search.tolerance=0.001", "limits.liquidated_accounts=0.5"]
    answers = stress.decide("search", words).found["answers"]
    margin = 1 - BROKE / 92  # it is liquidated below BROKE / (1 - margin)
    assert answers["estimated"]["value"] <= margin < answers["estimated"]["fails"]
    assert answers["estimated"]["fails"] - answers["estimated"]["value"] <= 0.001 * margin * 1.01
    assert answers["met"]["value"] is None, "one path gives no interval"
    assert "not met with confidence" in answers["met"]["reason"]


def test_a_limit_that_so_few_paths_cannot_show(gbm: list[str], tmp_path: Path) -> None:
    words = [*gbm, "decide.search.key=protocol.insurance_fund", "limits.depletion_probability=1e-6",
             f"hydra.run.dir={tmp_path}"]
    assert main(["search", *words]) == OK
    found = read_json(tmp_path / "decision.json")["found"]
    assert found["answers"]["met"]["value"] is None
    assert "9,903,483 paths" in found["answers"]["met"]["reason"]
    assert found["answers"]["estimated"]["value"] > 0
    assert found["interval"][1] is None
    assert "to beyond" in write_decision_report(tmp_path).read_text()


@pytest.mark.parametrize(("words", "said"), [
    ([], "decide.search.key: missing"),
    (["decide.search.key=protocol.insurance_fund", "limits.depletion_probability=null"], "limits: none is set"),
    (["decide.search.key=run.seed"], "a number of the venue"),
    (["decide.search.key=protocol.adl.policy"], "one number"),
    (["decide.search.key=protocol.insurance_found", "decide.search.low=1", "decide.search.high=2"], "insurance_found"),
    (["decide.search.key=protocol.maintenance_margin", "decide.search.low=0.5", "decide.search.high=0.1"],
     "decide.search.high"),
    (["decide.search.key=protocol.liquidation.fee", "decide.search.low=-1", "decide.search.high=0.1"],
     "protocol.liquidation.fee"),
])
def test_what_cannot_be_searched(words: list[str], said: str, gbm: list[str], tmp_path: Path) -> None:
    with pytest.raises(UserError, match=said):
        stress.decide("search", [*gbm, "limits.depletion_probability=0.02", "run.fund_curve=true", *words])


def test_bad_input_has_a_status(gbm: list[str], tmp_path: Path) -> None:
    assert main(["search", *gbm, f"hydra.run.dir={tmp_path}"]) == BAD_INPUT
