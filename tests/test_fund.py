"""The command ``fund`` against laws that are exact: a ladder in one gap, two markets, a hand-made default, horizons."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from statistics import NormalDist
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest

import stress
from stress.cli.compose import load
from stress.cli.main import BAD_INPUT, main
from stress.decisions.desk import Desk
from stress.decisions.fund import BARE, exposure
from stress.decisions.fund.cover import by_default
from stress.decisions.fund.exposure import exposures
from stress.files import read_json
from tests.reference.building import Row, make_book
from tests.studies import config, path_study

SURE = 1 - 1e-6
YEARS, VOLATILITY = 4 / 8760, 0.8
LADDER = ((99.0, 50.0), (98.0, 120.0), (97.0, 80.0), (95.0, 200.0))
"""Bankruptcy prices and sizes of IF-LADDER-0.99 and IF-LADDER-0.999; prices start at 100."""
REQUIRED = {0.01: 448.22052682811744, 0.001: 791.7683521352363}
BARE_VENUE = [
    "price=gbm", f"price.volatility={VOLATILITY}", "price.drift=0", "liquidity=none", "liquidity.half_spread_bps=0",
    "protocol.initial_margin=0.002", "protocol.maintenance_margin=0.001", "protocol.liquidation.fee=0",
    "protocol.funding.interval_hours=null", "protocol.insurance_fund=500", "run.horizon_hours=4",
    "run.step_seconds=14400", f"run.confidence={SURE}", "run.progress=false", "book=file",
    "decide.fund.targets=[0.01,0.001]", "decide.fund.horizons_hours=[6]", "decide.fund.cover.hours=4",
]

pytestmark = pytest.mark.usefixtures("compiled_soon")


def quantile_price(tail: float) -> float:
    """The price that is undercut with this probability in one gap."""
    spread = VOLATILITY * math.sqrt(YEARS)
    return 100 * math.exp(-spread * spread / 2 + spread * NormalDist().inv_cdf(tail))


def owed(price: float) -> np.ndarray:
    """What the accounts of the ladder owe at a price."""
    return np.array([units * max(level - price, 0.0) for level, units in LADDER])


def book_of(folder: Path, rows: dict[str, list[tuple[float, float]]]) -> list[str]:
    """Overrides for isolated longs by market, from (bankruptcy price, size)."""
    lines = ["account,market,size,entry_price,margin_mode,isolated_margin"]
    for market, accounts in rows.items():
        lines += [f"{market}{n},{market},{units},100,isolated,{units * (100 - level)}"
                  for n, (level, units) in enumerate(accounts)]
    (folder / "positions.csv").write_text("\n".join(lines) + "\n")
    names = ",".join(rows)
    return [f"book.positions={folder}/positions.csv", f"price.markets=[{names}]", "price.initial_prices=100"]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory, compiled_soon: None) -> Iterator[dict[str, Any]]:
    """The answer for the ladder in one gap, and its page."""
    folder = tmp_path_factory.mktemp("ladder")
    words = [*BARE_VENUE, *book_of(folder, {"X": list(LADDER)}), "price.correlation=0", "run.paths=200000",
             "decide.fund.cover.accounts=[1,2,4]", "decide.fund.cover.moves=[-0.04,0.04]",
             "decide.fund.cover.paths=200000", "decide.fund.capital_cost=2.19", "decide.fund.adl_cost=0.5"]
    answer = stress.decide("fund", words, output=folder / "out")
    yield answer.found | {"folder": folder / "out", "in_short": answer.in_short}


def holds(row: dict[str, Any], exact: float, off: float = 1.02) -> bool:
    """Whether the interval holds the exact value and not one a few percent more."""
    assert row["low"] <= exact <= row["high"], f"exact {exact}, calculated {row}"
    return not row["low"] <= off * exact <= row["high"]


# --- one ladder, one gap --------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("place", "target"), [(0, 0.01), (1, 0.001)])
def test_the_fund_of_a_ladder_is_the_exact_one(found: dict[str, Any], place: int, target: float) -> None:
    row = found["required"][place]
    assert row["target"] == target
    assert holds(row, REQUIRED[target], 1.1)
    assert owed(quantile_price(target)).sum() == pytest.approx(REQUIRED[target], rel=1e-9), "the closed form"


def test_the_cheapest_fund_of_a_ladder_is_the_exact_one(found: dict[str, Any]) -> None:
    """219 % a year is 0.1 % in 4 h; over half a USD for a USD lacking that is a chance of 0.2 %."""
    cost = found["cost"]
    assert cost["tail"] == pytest.approx(0.002, rel=1e-12)
    assert holds(cost["optimum"], owed(quantile_price(0.002)).sum(), 1.1)
    assert cost["optimum"]["low"] > found["required"][0]["estimate"]
    assert min(row["estimate"] for row in cost["curve"]) > 0


@pytest.mark.parametrize("k", [1, 2, 4])
@pytest.mark.parametrize("target", [0.01, 0.001])
def test_the_default_of_the_largest_over_simulated_moves(found: dict[str, Any], k: int, target: float) -> None:
    """Each account owes more the lower the price, so quantiles go through; of all four it is the fund itself."""
    (row,) = [row for row in found["cover"]["required"] if (row["accounts"], row["target"]) == (k, target)]
    exact = float(np.sort(owed(quantile_price(target)))[-k:].sum())
    assert holds(row, exact, 1.1)
    if k == 4:
        assert exact == pytest.approx(REQUIRED[target], rel=1e-9)


def test_the_default_by_move_is_arithmetic(found: dict[str, Any]) -> None:
    """At 96 the accounts owe 150, 240, 80 and 0 USD; after a rise nobody owes."""
    fall, rise = found["cover"]["moves"]
    assert fall["need"] == pytest.approx([240.0, 390.0, 470.0]) and fall["everybody"] == pytest.approx(470.0)
    assert [who["account"] for who in fall["who"]] == ["X1", "X0", "X2"]
    assert rise == {"move": 0.04, "need": [0.0, 0.0, 0.0], "everybody": 0.0, "who": []}


def test_what_cannot_be_is_said(found: dict[str, Any]) -> None:
    """Six hours are no whole number of ticks of four; there is one market; the page says both."""
    here, refused = found["horizons"]
    assert here["hours"] == 4.0 and here["required"] == found["required"]
    assert refused["hours"] == 6.0 and "run.horizon_hours" in refused["reason"] and "required" not in refused
    assert found["markets"] == {"reason": "there is one market"}
    page = (found["folder"] / "report.html").read_text()
    for word in ("whole number of ticks", "there is one market", "Not simulated: 1", "newsvendor"):
        assert word in page, word
    assert len(found["in_short"]) == 5
    assert any("after a fall of 4\u00a0% and a rise of 4\u00a0%" in line for line in found["in_short"])
    for name in ("fund_curve", "cover", "cost"):
        assert (found["folder"] / "figures" / f"{name}.png").stat().st_size > 5000
    rows = {name: len((found["folder"] / "figures" / f"{name}.csv").read_text().splitlines()) - 1
            for name in ("fund_curve", "cover", "cost")}
    assert rows == {"fund_curve": len(found["curve"]), "cover": len(found["cover"]["moves"]),
                    "cost": len(found["cost"]["curve"])}


# --- two markets ----------------------------------------------------------------------------------------------------
def shared_need(tail: float, level: float, units: float) -> float:
    """The quantile of the sum of what a long owes in each of two independent markets, by convolution."""
    from scipy.optimize import brentq

    spread = VOLATILITY * math.sqrt(YEARS)
    edges = np.linspace(-9, 9, 400_001)
    middle = (edges[1:] + edges[:-1]) / 2
    weight = np.diff([NormalDist().cdf(x) for x in edges[::400]]).repeat(400) / 400
    loss = units * np.maximum(level - 100 * np.exp(-spread**2 / 2 + spread * middle), 0.0)

    def beyond(x: float) -> float:  # P(sum > x): the other must owe more than is left
        left = np.maximum(x - loss, 0.0)
        price = np.maximum(level - left / units, 1e-300)
        other = np.log(price / 100) / spread + spread / 2
        from scipy.special import ndtr

        return float((weight * np.where(loss > x, 1.0, ndtr(other))).sum())

    return float(brentq(lambda x: beyond(x) - tail, 1e-6, 4 * units))  # type: ignore[arg-type]


@pytest.mark.slow
@pytest.mark.parametrize(("correlation", "paths"), [(1.0, 20_000), (0.0, 100_000)])
def test_two_markets_need_what_their_joint_law_says(tmp_path: Path, correlation: float, paths: int) -> None:
    """Alike and moving as one, a shared fund is exactly the sum of two; independent, it is the convolution's."""
    level, units, target = 99.0, 100.0, 0.01
    words = [*BARE_VENUE, *book_of(tmp_path, {"X": [(level, units)], "Y": [(level, units)]}), f"run.paths={paths}",
             f"price.correlation={correlation}", "decide.fund.targets=[0.01]", "decide.fund.horizons_hours=[]",
             "decide.fund.cover.paths=128", f"run.confidence={0.95 if correlation else SURE}"]
    row = stress.decide("fund", words).found["markets"]["rows"][0]
    alone = units * max(level - quantile_price(target), 0.0)
    if correlation:
        assert row["saved"]["estimate"] == pytest.approx(0.0, abs=1e-9)
        assert row["saved"]["low"] == pytest.approx(0.0, abs=1e-9) and row["saved"]["high"] == pytest.approx(0.0, abs=1e-9)
        assert row["shared"]["estimate"] == pytest.approx(2 * row["own"]["X"]["estimate"], rel=1e-9)
        return
    both = shared_need(target, level, units)
    assert all(holds(row["own"][market], alone, 1.1) for market in "XY")
    assert holds(row["shared"], both, 1.1)
    assert holds(row["sum"], 2 * alone, 1.1)
    assert holds(row["saved"], 1 - both / (2 * alone), 1.3)
    assert not row["own"]["X"]["low"] <= both <= row["own"]["X"]["high"], "they differ enough to be told apart"


# --- horizons -------------------------------------------------------------------------------------------------------
@pytest.mark.slow
def test_long_ticks_stand_beside_short_ones_at_the_same_horizon(tmp_path: Path) -> None:
    """A day's horizon with both, beyond it long ones, below it short ones; and the page says which is which."""
    words = [*BARE_VENUE, *book_of(tmp_path, {"X": list(LADDER)}), "price.correlation=0", "run.paths=1000",
             "run.step_seconds=7200", "decide.fund.horizons_hours=[2,8]", "decide.fund.long_step_seconds=14400"]
    answer = stress.decide("fund", words, output=tmp_path / "out")
    rows = answer.found["horizons"]
    assert [(row["hours"], row["step_seconds"]) for row in rows] == [(2, 7200), (4, 7200), (4, 14400), (8, 14400)]
    assert rows[1]["required"] == answer.found["required"] != rows[2]["required"]
    assert any(line.startswith("Over 8\u00a0h with ticks of 14,400\u00a0s") for line in answer.in_short)
    page = (tmp_path / "out" / "report.html").read_text()
    assert "Longer horizons have longer ticks" in page and "Not simulated" in page


@pytest.mark.slow
def test_a_shorter_horizon_is_the_beginning_of_a_longer_one(tmp_path: Path) -> None:
    """Path by path: depleted within half an hour in the one, by then in the other; and drawdowns only grow."""
    words = ["price=merton", "price.jump.intensity=4000", "price.jump.std=0.08", "run.paths=256", "book.accounts=100",
             "run.horizon_hours=1", "run.progress=false", "protocol.insurance_fund=1e5"]
    desk = Desk(load(words)[1], tmp_path)
    long, short = desk.run(BARE).columns, desk.run({**BARE, "run.horizon_hours": 0.5}).columns
    by_then = long["depleted"] & (np.nan_to_num(long["time_to_depletion_hours"].astype(float), nan=9.0) <= 0.5)
    np.testing.assert_array_equal(short["depleted"], by_then)
    assert 0 < by_then.sum() < long["depleted"].sum(), "both must happen"
    assert (long["fund_drawdown"] >= short["fund_drawdown"] * (1 - 1e-9)).all()
    assert (long["fund_drawdown"] > short["fund_drawdown"] * (1 + 1e-9)).any()


# --- defaults by hand -----------------------------------------------------------------------------------------------
OWNERS: list[Row] = [
    ("A", 100.0, {"X": (10.0, 100.0)}), ("B", 250.0, {"X": (20.0, 100.0)}), ("C", 200.0, {"X": (5.0, 100.0)}),
    ("D", 80.0, {"X": (-10.0, 100.0)}), ("pool", 1e6, {"X": (-25.0, 100.0)}),
]


def owed_after(price: float, counts: list[int], *, rows: list[Row] = OWNERS, half_spread: float = 0.0,
               depth_share: float = 1.0) -> Any:
    """Exposures at a price, with an impact of 0.1 USD a unit at 80 and at the whole depth."""
    liquidity = {"law": "linear", "depth_usd": 0.01 * 80.0**2 / 0.1, "half_spread_bps": half_spread}
    cfg = config(liquidity=liquidity)
    study = path_study(cfg, make_book(rows, residual="pool"), np.array([[100.0], [100.0]]))
    with TemporaryDirectory() as folder:
        return exposures(study, np.array([[price], [price]]), counts, depth_share, Path(folder))


def test_three_accounts_by_hand() -> None:
    """At 80 A is at -100, B at -150, C at +100 and safe. Alone A sells at 79.5, B at 79; together at 78.5."""
    found = owed_after(80.0, [1, 2, 3])
    assert found.owes[0].tolist() == pytest.approx([170.0, 105.0, 0.0])
    assert found.who[0, :2].tolist() == [1, 0]
    assert found.need[0].tolist() == pytest.approx([170.0, 115.0 + 180.0, 115.0 + 180.0])
    assert found.everybody[0] == pytest.approx(295.0)
    np.testing.assert_array_equal(found.need[0], found.need[1])


def test_half_the_depth_is_twice_the_impact_and_the_spread_is_on_top() -> None:
    """B alone at a mean of 78, less half a spread of 10 bp: 1,559 and 0.08 a unit; 250 + 20 (77.922 - 100)."""
    found = owed_after(80.0, [1], half_spread=10.0, depth_share=0.5)
    assert found.need[0, 0] == pytest.approx(20 * (100 - 78.0 * 0.999) - 250)


def test_a_healthy_account_does_not_default() -> None:
    """At 95, A at 50 and B at 150 are above 1 %; at 90.5, A at 5 is not, and its own sale leaves it short."""
    assert owed_after(95.0, [2]).need[0, 0] == 0.0
    impact = 0.1 * 90.5**2 / 80.0**2  # USD a unit
    assert owed_after(90.5, [2]).need[0, 0] == pytest.approx(10 * (9.5 + 5 * impact) - 100)


def test_opposite_sides_net_off() -> None:
    """At 120, D is at -120 and E, long at 150, at -100: together 10 bought and 10 sold meet at 120."""
    rows: list[Row] = [("D", 80.0, {"X": (-10.0, 100.0)}), ("E", 200.0, {"X": (10.0, 150.0)})]
    found = owed_after(120.0, [1, 2], rows=rows)
    impact = 0.1 * 120.0**2 / 80.0**2  # USD a unit
    assert found.need[0].tolist() == pytest.approx([120 + 10 * 5 * impact, 220.0])


def test_affiliates_default_together_and_one_does_not_pay_for_another() -> None:
    """F has two margin accounts that owe 50 and 60 at 80 without impact, and one with 900 USD left that stays."""
    rows: list[Row] = [
        ("F", 50.0, {"X": (5.0, 100.0)}), ("F", 60.0, {"X": (6.0, 100.0)}), ("F", 1000.0, {"X": (5.0, 100.0)}),
        ("G", 100.0, {"X": (10.0, 100.0)}), ("pool", 1e6, {"X": (-26.0, 100.0)}),
    ]
    found = owed_after(80.0, [1], rows=rows)
    assert found.need[0, 0] == pytest.approx(110 + 11 * 0.55)
    assert found.owes[0, 0] == pytest.approx(110 + 11 * 0.55)
    assert found.everybody[0] == pytest.approx(210 + 21 * 1.05)


def test_a_killed_one_goes_on_where_it_stood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed at the fourth of five pieces: three are kept, and the numbers are those of one that was not killed."""
    words = ["run.paths=256", "run.block_paths=128", "book.accounts=60", "run.progress=false", "run.chunk_seconds=0",
             "price.markets=[BTC]"]
    config, container = load(words)
    found, real = list[dict[str, Any]](), exposure._chunk
    monkeypatch.setattr(exposure, "NUMBERS", 60 * 64)

    def told(folder: str, most: int) -> int:
        """Pieces that are calculated, killed when there are more than ``most``."""
        calls = 0

        def chunk(*given: Any) -> Any:
            nonlocal calls
            if calls == most:
                raise KeyboardInterrupt
            calls += 1
            return real(*given)

        monkeypatch.setattr(exposure, "_chunk", chunk)
        found.append(by_default(Desk(container, tmp_path / folder), BARE, [0.1], config.decide.fund.cover))
        return calls

    pieces = told("whole", 99)
    assert pieces == 1 + 4, "all given moves together, and 256 simulated ones"
    with pytest.raises(KeyboardInterrupt):
        told("killed", 3)
    monkeypatch.setattr("stress.decisions.fund.cover.block_ends", lambda *_: pytest.fail("prices simulated again"))
    assert told("killed", 99) == pieces - 3
    assert told("killed", 0) == 0
    assert found[0] == found[1] == found[2]
    assert found[0]["moves"][0]["need"][-1] > 0


# --- what is refused ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("words", "key"), [
    (["protocol.waterfall=[adl]"], "protocol.waterfall"),
    (["decide.fund.targets=[]"], "decide.fund.targets"),
    (["decide.fund.cover.accounts=[]"], "decide.fund.cover.accounts"),
    (["decide.fund.cover.moves=[]"], "decide.fund.cover.moves"),
    (["decide.fund.cover.accounts=[0.5]"], "decide.fund.cover.accounts"),
    (["decide.fund.horizons_hours=[0]"], "decide.fund.horizons_hours"),
    (["decide.fund.adl_cost=0"], "decide.fund.adl_cost"),
])
def test_what_is_no_setting_is_refused_by_name(tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str],
                                               key: str) -> None:
    assert main(["fund", "run=quick", "book.accounts=50", *words, f"hydra.run.dir={tmp_path}/out"]) == BAD_INPUT
    error = capsys.readouterr().err
    assert key in error and "allowed" in error, error
    assert not (tmp_path / "out" / "settings").exists()


def test_the_answer_is_plain_strict_data(found: dict[str, Any]) -> None:
    written = read_json(found["folder"] / "decision.json")
    assert written["complete"] and set(written["found"]) == set(found) - {"folder", "in_short"}
