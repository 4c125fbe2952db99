"""The command attribution: books of which it is known who carries the loss, and what removing them changes."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stress.cli.compose import load
from stress.cli.main import OK, main
from stress.decisions.attribution import decide
from stress.decisions.attribution.books import kept
from stress.decisions.attribution.caps import cap_of
from stress.decisions.attribution.groups import groups_of
from stress.decisions.desk import Desk, Run
from stress.errors import UserError
from stress.mc import losses as recorder
from stress.report.decisions import attribution as page
from tests.reference.building import make_book

pytestmark = pytest.mark.usefixtures("compiled_soon")

POSITIONS = "account,market,size,entry_price,margin_mode,isolated_margin\n"
LONGS = ("amy", "ben", "cid", "dot")
"""Alike: ten times leverage."""
MARKET = ["price=merton", "price.markets=[BTC]", "price.initial_prices=[100]", "price.volatility=0.1", "price.correlation=0",
          "price.jump.intensity=3000", "price.jump.mean=-0.12", "price.jump.std=0.03", "price.jump_duration_seconds=0",
          "run.paths=256", "run.horizon_hours=1", "run.step_seconds=600", "run.progress=false", "protocol.maintenance_margin=0.01",
          "protocol.initial_margin=0.02", "book=file", "liquidity.half_spread_bps=0"]


def written(folder: Path) -> list[str]:
    """Four equal longs, a small one twice as long in leverage, a rich one; the residual account is short."""
    rows = [f"{name},BTC,100,100,isolated,1000\n" for name in LONGS]
    rows += ["eve,BTC,10,100,isolated,50\n", "rich,BTC,20,100,isolated,1990\n"]
    (folder / "positions.csv").write_text(POSITIONS + "".join(rows))
    return [*MARKET, f"book.positions={folder / 'positions.csv'}"]


def desk_of(folder: Path, *more: str) -> Desk:
    return Desk(load([*written(folder), *more])[1], folder / "desk")


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """Liquidations move no price, and there are no fees: losses are everybody's own."""
    return desk_of(tmp_path_factory.mktemp("quiet"), "liquidity=none", "protocol.liquidation.fee=0",
                   "decide.attribution.level=0.9", "decide.attribution.accounts=5", "decide.attribution.changed=[market]",
                   "decide.attribution.leverage_caps=[5,10]")


@pytest.fixture(scope="module")
def found(quiet: Desk) -> dict[str, Any]:
    answer = decide(quiet, quiet.config.decide.attribution)
    return json.loads(json.dumps(answer, allow_nan=False))


def row_of(found: dict[str, Any], name: str) -> dict[str, Any]:
    (row,) = [row for row in found["accounts"] if row["name"] == name]
    return row


def test_alike_accounts_have_alike_parts(found: dict[str, Any]) -> None:
    parts = [row_of(found, name)["part"]["estimate"] for name in LONGS]
    assert parts == pytest.approx([parts[0]] * 4, rel=1e-12)
    assert parts[0] > 0
    small = row_of(found, "eve")["part"]["estimate"]
    assert sum(parts) + small == pytest.approx(found["shortfall"]["estimate"], rel=1e-9)
    assert parts[0] / 10 < small  # a tenth of the size, with twice the leverage
    assert "rich" not in {row["name"] for row in found["accounts"]}


def test_parts_of_every_kind_add_up(found: dict[str, Any]) -> None:
    assert [kind["kind"] for kind in found["groups"]] == ["market", "side", "tier", "leverage", "account_type", "size"]
    for kind in found["groups"]:
        assert sum(r["share"]["estimate"] for r in kind["rows"]) == pytest.approx(1.0, rel=1e-9), kind["kind"]
        assert sum(r["notional_share"] for r in kind["rows"]) == pytest.approx(1.0, rel=1e-12), kind["kind"]
    by_leverage = {r["name"]: r for r in found["groups"][3]["rows"]}
    assert {name: r["margin_accounts"] for name, r in by_leverage.items()} == {
        "up to 5 times": 1, "5 to 10 times": 4, "10 to 20 times": 1}
    assert by_leverage["up to 5 times"]["part"]["estimate"] == 0.0


def test_without_impact_removing_changes_what_the_part_says(found: dict[str, Any]) -> None:
    rows = {row["name"]: row for row in found["changes"]}
    assert set(rows) == {"BTC", *LONGS, "eve"}
    for name in LONGS:
        removed = rows[name]["removed"]
        assert removed["difference"]["estimate"] == pytest.approx(removed["euler"], rel=1e-9)
        assert removed["difference"]["low"] < removed["euler"] < removed["difference"]["high"] < 0
    assert rows["BTC"]["removed"]["shortfall"]["estimate"] == 0.0
    halved = rows["amy"]["capped"]
    assert halved["difference"]["estimate"] < 1.1 * halved["euler"] < 0  # half the leverage, so less than half is lost


def test_a_cap_on_leverage_closes_what_is_above_it(found: dict[str, Any], quiet: Desk, tmp_path: Path) -> None:
    """At 10 times eve is a twentieth of amy, who is at the cap. At 5 times the book is one written with smaller positions."""
    mild, strict = found["leverage_caps"]
    assert [(row["leverage"], row["margin_accounts"]) for row in (mild, strict)] == [(10.0, 1), (5.0, 5)]
    assert mild["notional_cut"] == pytest.approx(5 / 430, rel=1e-12)
    assert strict["notional_cut"] == pytest.approx((4 * 50 + 7.5) / 430, rel=1e-12)
    amy, eve = (row_of(found, name)["part"]["estimate"] for name in ("amy", "eve"))
    assert mild["euler"] == pytest.approx(-eve / 2, rel=1e-12)
    assert mild["shortfall"]["estimate"] == pytest.approx(4.05 * amy, rel=1e-9)
    assert eve > 1.5 * amy / 20  # so that the cap does something
    assert strict["difference"]["estimate"] < strict["euler"] < mild["euler"] < 0  # a deeper bankruptcy price for all

    small = written(tmp_path)
    text = (tmp_path / "positions.csv").read_text().replace("BTC,100,", "BTC,50,").replace("BTC,10,", "BTC,2.5,")
    (tmp_path / "positions.csv").write_text(text)
    words = [word for word in small if word not in MARKET]
    container = load([*MARKET, *words, "liquidity=none", "protocol.liquidation.fee=0"])[1]
    other = Desk(container, tmp_path / "desk").run({"run.twin": False})
    cap = cap_of(quiet.base, 5.0)
    capped = quiet.run({"run.twin": False}, book=kept(quiet.base.book, cap.cut > 0, cap.kept[:, None],
                                                      quiet.base.prices0, "residual"))
    for name in ("fund_drawdown", "bad_debt", "liquidated_notional"):
        np.testing.assert_allclose(capped.columns[name], other.columns[name], rtol=1e-9, err_msg=name)
    assert other.columns["fund_drawdown"].any()


def test_removing_who_never_loses_changes_nothing(quiet: Desk) -> None:
    base = without(quiet, [])
    for columns in (without(quiet, ["rich"]).columns, without(quiet, ["rich"], 0.3).columns):
        for name in ("fund_drawdown", "bad_debt", "liquidated_notional"):
            np.testing.assert_array_equal(columns[name], base.columns[name], err_msg=name)
    assert not np.array_equal(without(quiet, ["eve"]).columns["fund_drawdown"], base.columns["fund_drawdown"])


def without(desk: Desk, names: list[str], share: float = 0.0) -> Run:
    book = desk.base.book
    members = np.isin([book.owners[o] for o in book.owner], names)[:, None] & (book.size != 0)
    return desk.run({"run.twin": False}, book=kept(book, members, share, desk.base.prices0, "residual"))


def test_two_accounts_with_impact_by_hand(tmp_path: Path) -> None:
    """Both long 100 at 100 with 1,000, bankrupt at 90; the price gaps to 85, where 20,000 USD move it by 1 %.

    Q units are sold at 85 (1 - 0.005 Q 85 / 20,000) on average: both lose 100 (90 - 84.63875), one alone 100 (90 - 84.819375).
    Without one, the other loses less, too: removing changes more than the part.
    """
    (tmp_path / "path.csv").write_text("time_hours,BTC\n0,100\n0.5,85\n1,85\n")
    (tmp_path / "positions.csv").write_text(POSITIONS + "".join(f"{n},BTC,100,100,isolated,1000\n" for n in ("amy", "ben")))
    desk = Desk(load(["price=replay", "price.markets=[BTC]", f"price.path={tmp_path / 'path.csv'}", "run.paths=128",
                      "run.progress=false", "protocol.maintenance_margin=0.01", "protocol.initial_margin=0.02", "book=file",
                      f"book.positions={tmp_path / 'positions.csv'}", "protocol.liquidation.fee=0", "liquidity=linear",
                      "liquidity.depth_usd=2e4", "liquidity.half_spread_bps=0", "liquidity.withdrawal=0",
                      "decide.attribution.changed=[]", "decide.attribution.accounts=2"])[1], tmp_path / "desk")
    answer = decide(desk, desk.config.decide.attribution)
    assert answer["shortfall"]["estimate"] == pytest.approx(1072.25, rel=1e-9)
    for row, name in zip(answer["changes"], ("amy", "ben"), strict=True):
        assert row["name"] == name
        assert row_of(answer, name)["part"]["estimate"] == pytest.approx(536.125, rel=1e-9)
        assert row["removed"]["euler"] == pytest.approx(-536.125, rel=1e-9)
        assert row["removed"]["difference"]["estimate"] == pytest.approx(518.0625 - 1072.25, rel=1e-9)


@pytest.fixture(scope="module")
def of_markets(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """Longs of 100 at 100 with 1,000, two of BTC and one of ETH; at the third tick BTC falls to 85 and ETH to 88.

    BTC's fund is two thirds by open interest. In a tick it gets 6 USD of 9 and 5 of trading fees, ETH's 3 and 2.50.
    """
    folder = tmp_path_factory.mktemp("markets")
    (folder / "path.csv").write_text("time_hours,BTC,ETH\n0,100,100\n0.25,100,100\n0.5,100,100\n0.75,85,88\n1,85,88\n")
    rows = "".join(f"{name},{market},100,100,isolated,1000\n" for name, market in (("amy", "BTC"), ("ann", "BTC"), ("ben", "ETH")))
    (folder / "positions.csv").write_text(POSITIONS + rows)
    income = "income_usd_per_day:864,turnover_per_day:48,trading_fee:0.001,fee_share:0.5"
    words = [word for word in MARKET if not word.startswith("price")] + [f"book.positions={folder / 'positions.csv'}"]
    return Desk(load([*words, "price=replay", "price.markets=[BTC,ETH]", f"price.path={folder / 'path.csv'}", "run.paths=128",
                      "run.step_seconds=900", "liquidity=none", "protocol.liquidation.fee=0", f"protocol.insurance={{scope:market,{income}}}",
                      "decide.attribution.changed=[]", "decide.attribution.accounts=3", "decide.attribution.cap=0",
                      "decide.attribution.leverage_caps=[]"])[1], folder / "desk")


@pytest.mark.parametrize(("measure", "total", "income", "parts", "removed"), [
    pytest.param("total_drawdown", 967 + 183.5, -33 - 16.5, {"amy": 500.0, "ann": 500.0, "ben": 200.0},
                 {"amy": -500.0, "ann": -500.0, "ben": -183.5}, id="sum"),  # what ETH's fund would have left is nobody else's
    pytest.param("fund_drawdown", 967 * 1.5, -33 * 1.5, {"amy": 750.0, "ann": 750.0}, {"amy": -750.0, "ann": -750.0}, id="worst"),
])
def test_funds_of_markets_with_an_income_by_hand(
    of_markets: Desk, measure: str, total: float, income: float, parts: dict[str, float], removed: dict[str, float]
) -> None:
    answer = decide(of_markets, dataclasses.replace(of_markets.config.decide.attribution, measure=measure))
    assert answer["shortfall"]["estimate"] == pytest.approx(total, rel=1e-9)
    assert answer["income"]["part"]["estimate"] == pytest.approx(income, rel=1e-9)
    assert {row["name"]: row["part"]["estimate"] for row in answer["accounts"]} == pytest.approx(parts, rel=1e-9)
    changes = {row["name"]: row["removed"] for row in answer["changes"]}
    assert {name: row["difference"]["estimate"] for name, row in changes.items()} == pytest.approx(removed, rel=1e-9)
    assert {name: -row["euler"] for name, row in changes.items()} == pytest.approx(parts, rel=1e-9)
    for kind in answer["groups"]:
        assert sum(row["part"]["estimate"] for row in kind["rows"]) + income == pytest.approx(total, rel=1e-9), kind["kind"]


def test_the_page_tells_income_apart(of_markets: Desk, tmp_path: Path) -> None:
    settings = of_markets.config.decide.attribution
    answer = decide(of_markets, dataclasses.replace(settings, measure="fund_drawdown", accounts=0))
    told = page.tell(json.loads(json.dumps(answer, allow_nan=False)), tmp_path)
    assert "for the one that needs most" in told.question
    assert told.in_short[1].startswith("Income that flows in whatever happens takes $49.5 ($49.5 to $49.5) off it.")
    (table,) = [table for title, _, table in told.tables if title == "Income of the fund"]
    assert [row[2] for row in table.rows] == ["−3.41\xa0%"]  # of 1,450.50
    assert page.WORST_ONLY in told.cautions


def test_a_book_is_simulated_once(quiet: Desk, found: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    del found
    fresh = Desk(quiet.container, quiet.folder)
    monkeypatch.setattr(fresh, "_simulate", lambda *_: pytest.fail("simulated again"))
    first = without(fresh, ["amy"])
    assert first is without(fresh, ["amy"])
    assert first.folder != without(fresh, ["ben"]).folder


# --- books ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("inverse", [False, True])
def test_who_is_made_smaller_keeps_equity_and_the_book_its_balance(inverse: bool) -> None:
    book = make_book([("a", 50.0, {"X": (4.0, 90.0), "Y": (-2.0, 11.0)}), ("b", 9.0, {"X": (-3.0, 120.0)}),
                      ("r", 0.0, {"X": (-1.0, 100.0), "Y": (2.0, 10.0)})], ("X", "Y"), residual="r")
    prices, members = np.array([100.0, 10.0]), np.array([[True, False], [True, False], [True, True]])
    smaller = kept(book, members, 0.25, prices, "r", inverse=inverse)
    assert smaller.owners == ("a", "b", "r")
    np.testing.assert_allclose(smaller.size, [[1.0, -2.0], [-0.75, 0.0], [-0.25, 2.0]], rtol=1e-15)
    np.testing.assert_allclose(smaller.size.sum(0), 0.0, atol=1e-15)
    assert smaller.residual.tolist() == [False, False, True]

    def worth(book: Any) -> np.ndarray:
        from stress.book.inverse import mirrored

        return (mirrored(book, prices) if inverse else book).equity(prices)

    np.testing.assert_allclose(worth(smaller)[:2], worth(book)[:2], rtol=1e-14)
    assert worth(smaller)[2] == 0.0
    gone = kept(book, members, 0.0, prices, "r", inverse=inverse)
    assert gone.accounts == 3
    assert gone.size[0, 0] == gone.entry[0, 0] == 0.0


def test_books_are_told_apart() -> None:
    book = make_book([("a", 50.0, {"X": (4.0, 90.0)}), ("b", 9.0, {"X": (-4.0, 120.0)})])
    others = [dataclasses.replace(book, cash=book.cash + np.array([0.0, 1e-9])), dataclasses.replace(book, owners=("a", "c")),
              dataclasses.replace(book, coins=np.zeros((2, 1)), counted=np.zeros((2, 1)))]
    assert len({b.digest() for b in (book, *others)}) == 4
    assert dataclasses.replace(book, notes=("said",)).digest() == book.digest()


def test_every_position_is_in_one_group_of_each_kind() -> None:
    desk = Desk(load(["run.paths=128", "book.accounts=150"])[1], Path("nowhere"))
    study = desk.base
    for kind in ("market", "side", "tier", "leverage", "account_type", "size"):
        members = np.sum([g.members for g in groups_of(study, kind, [3.0, 10.0])], axis=0)
        np.testing.assert_array_equal(members, (study.book.size != 0) & ~study.book.residual[:, None], err_msg=kind)
    assert [g.members.any(1).sum() for g in groups_of(study, "size", [])] == [15] * 10
    assert [g.name for g in groups_of(study, "leverage", [])] == ["any leverage"]


# --- what is refused, and what there is to tell -------------------------------------------------------------------------
@pytest.mark.parametrize(("more", "word"), [
    (["run.fund_curve=false"], "run.fund_curve"),
    (["decide.attribution.leverage_bands=[5,5]"], "leverage_bands"),
    (["decide.attribution.measure=total_drawdown"], "decide.attribution.measure.*scope: market"),
    (["decide.attribution.measure=total_drawdown", "protocol.insurance={scope:market}", "run.fund_curve=false"], "run.fund_curve"),
])
def test_what_cannot_be_told_is_refused(more: list[str], word: str, tmp_path: Path) -> None:
    desk = Desk(load(["run.paths=128", "run.horizon_hours=0.1", "run.progress=false", *more])[1], tmp_path)
    with pytest.raises(UserError, match=word):
        decide(desk, desk.config.decide.attribution)
    assert not list(tmp_path.rglob("*"))


def test_settings_out_of_their_domain_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    for wrong in ("level=1", "cap=1", "changed=[whales]", "measure=losses", "accounts=-1", "leverage_caps=[0]"):
        assert main(["attribution", f"decide.attribution.{wrong}"]) != OK
        assert f"decide.attribution.{wrong.split('=')[0]}" in capsys.readouterr().err


def test_the_page_and_its_pictures(found: dict[str, Any], tmp_path: Path) -> None:
    told = page.tell(found, tmp_path)
    assert [figure.drawn.figure is not None for figure in told.figures] == [True] * 3
    assert all(figure.drawn.data for figure in told.figures)
    assert "Market: BTC carries 100" in told.in_short[1]
    assert {row[0] for row in told.tables[-2][2].rows} >= {"market BTC", "account amy"}
    assert [row[:3] for row in told.tables[-1][2].rows] == [["10x", "1", "1.16\xa0%"], ["5x", "5", "48.3\xa0%"]]
    assert "no more than 5x" in told.in_short[-1]
    nothing = found | {"groups": [], "accounts": [], "top": [], "changes": [], "leverage_caps": [], "reason": "no path lost"}
    told = page.tell(nothing, tmp_path)
    assert "no path lost" in told.in_short[-1]
    assert not any(figure.drawn.figure for figure in told.figures)


def test_nothing_lost_is_said(quiet: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = dataclasses.replace(quiet.config.decide.attribution, measure="fund_drawdown")
    calm = {"price.jump.intensity": 0.0}
    monkeypatch.setattr(quiet, "run", lambda changes, **_: Desk.run(quiet, {**changes, **calm}))
    answer = decide(quiet, settings)
    assert answer["shortfall"]["estimate"] == 0.0
    assert "nothing to allocate" in answer["reason"]
    assert recorder.record_losses(quiet.base.plan.job, quiet.base.plan.variants, "bad_debt", np.zeros(0, int),
                                  lambda _: None).lost.nnz == 0


@pytest.mark.slow
def test_bad_debt_is_allocated_as_the_drawdown_where_they_are_the_same(tmp_path: Path) -> None:
    """Without fees, ADL and impact every deficit is bad debt and lasts."""
    desk = desk_of(tmp_path, "liquidity=none", "protocol.liquidation.fee=0", "protocol.adl.policy=none",
                   "decide.attribution.level=0.9", "decide.attribution.accounts=1", "decide.attribution.changed=[]")
    settings = desk.config.decide.attribution
    drawdown, debt = (decide(desk, dataclasses.replace(settings, measure=measure)) for measure in ("fund_drawdown", "bad_debt"))
    assert debt["shortfall"]["estimate"] == pytest.approx(drawdown["shortfall"]["estimate"], rel=1e-9)
    for name in (*LONGS, "eve"):
        assert row_of(debt, name)["part"]["estimate"] == pytest.approx(row_of(drawdown, name)["part"]["estimate"], rel=1e-9)
    first, second = (answer["changes"][0]["removed"]["difference"] for answer in (drawdown, debt))
    assert second["estimate"] == pytest.approx(first["estimate"], rel=1e-9)
