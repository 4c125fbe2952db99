"""The command ``critical`` on ladders of liquidation levels, where critical shocks, ratios and funds are known exactly.

A ladder is ``RUNGS`` isolated longs of one size; impact is linear and stays. Selling ``q`` units at the fundamental
price S moves the mark by 0.01 S^2 q / D, whatever the slices, and each slice is sold at its own mean price.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import stress
from stress.book.export import export_book
from stress.cli.compose import load
from stress.decisions.critical import why_no_depletion
from stress.decisions.critical.levels import ratios, sides_of
from stress.decisions.critical.rounds import branching
from stress.decisions.critical.shots import Gun, Shots
from stress.decisions.desk import Desk
from stress.report import style
from stress.report.decisions import critical as page
from stress.report.decisions.critical import tell
from tests.reference.building import ladder, near

pytestmark = pytest.mark.usefixtures("compiled_soon")

RUNGS, START, MARGIN = 400, 100.0, 0.005
"""Of every ladder: all share a program."""
BARE = [
    "price=gbm", "price.markets=[X]", f"price.initial_prices={START}", "price.volatility=0.5", "price.correlation=0",
    f"protocol.maintenance_margin={MARGIN}", "protocol.initial_margin=0.01", "protocol.liquidation.fee=0",
    "protocol.liquidation.close_whole_below_usd=0", "protocol.liquidation.max_rounds=1000",
    "protocol.waterfall=[insurance_fund]", "protocol.adl.policy=none", "protocol.funding.interval_hours=null",
    "liquidity=linear", "liquidity.half_spread_bps=0", "liquidity.recovery_half_life_minutes=null",
    "liquidity.withdrawal=0", "run.paths=256", "run.horizon_hours=0.1", "run.progress=false",
    "decide.critical.quiet_minutes=2", "decide.critical.largest_move=0.05", "decide.critical.points=25",
    "decide.critical.depth_losses=[]", "decide.critical.at_moves=[]", "decide.critical.likelihood=false",
]


@dataclasses.dataclass(frozen=True)
class Ladder:
    """Rungs at prices START - distance, of ``unit`` each, and the USD that move the price by 1 %."""

    distance: np.ndarray
    unit: float
    depth: float

    def mark(self, drop: float, depth_loss: float) -> tuple[float, float]:
        """USD per unit after a drop in USD, before anybody sells, and by how much each unit sold lowers it."""
        price = START - drop
        return price, 0.01 * price**2 / (self.depth * (1 - depth_loss))

    def units(self, drop: float, *, depth_loss: float = 0.0) -> list[float]:
        """Units sold by round after a drop in USD: rungs strictly above the mark, nothing else."""
        (price, slope), levels, sold, parts = self.mark(drop, depth_loss), START - self.distance, 0.0, []
        while (new := self.unit * (levels > price - slope * sold).sum() - sold) > 1e-9 * self.unit:
            parts.append(float(new))
            sold += new
        return parts

    def money(self, drop: float, *, depth_loss: float = 0.0) -> tuple[float, float, float]:
        """(USD liquidated, USD the drop alone liquidates, USD of deficits)."""
        (price, slope), sold, closed, deficits = self.mark(drop, depth_loss), 0.0, 0.0, 0.0
        parts = self.units(drop, depth_loss=depth_loss)
        for part in parts:
            fill = price - slope * (sold + part / 2)
            first, last = round(sold / self.unit), round((sold + part) / self.unit)
            bankruptcy = (START - np.sort(self.distance)[first:last]) * (1 - MARGIN)
            deficits += self.unit * np.maximum(bankruptcy - fill, 0.0).sum()
            closed, sold = closed + part * fill, sold + part
        return closed, (parts[0] if parts else 0.0) * price, float(deficits)

    def cascade(self, drop: float, depth_loss: float = 0.0) -> bool:
        """By the default rule: over 5 % of the open interest, more than half of it not the drop's."""
        main_usd, twin, _ = self.money(drop, depth_loss=depth_loss)
        return main_usd > 0.05 * RUNGS * self.unit * START and main_usd - twin > 0.5 * main_usd


class Leaning(Ladder):
    """On a venue whose price leans with the skew, p (1 + skew / ``depth``), of a book that is even at the start."""

    def mark(self, drop: float, depth_loss: float) -> tuple[float, float]:
        price = START - drop
        return price, price / self.depth


def first(holds: Callable[[float], bool], largest: float, points: int = 1001) -> float:
    """The smallest value in [0, largest] that holds, to 1e-9, if no earlier stretch hides between the points."""
    grid = np.linspace(0.0, largest, points).tolist()
    place = next(i for i, x in enumerate(grid) if holds(x))
    low, high = grid[place - 1], grid[place]
    while high - low > 1e-9:
        middle = (low + high) / 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high


def even(branching_ratio: float, spacing: float = 0.05, gap: float = 1.0) -> Ladder:
    """Evenly spaced rungs with this ratio at a drop of 2 USD: rungs a USD times 0.01 S^2 unit / D.

    They stand four fifths of a spacing early, so that k first rungs sell k / (1 - b) wherever that is whole.
    """
    unit = 10.0
    depth = 0.01 * 98.0**2 * unit / spacing / branching_ratio
    return Ladder(gap + spacing * (np.arange(RUNGS) + 0.2), unit, depth)


@cache
def _files(book: tuple[float, ...], unit: float, folder: Path) -> tuple[Path, ...]:
    return tuple(export_book(ladder(np.array(book), unit, margin=MARGIN), folder))


def overrides(rungs: Ladder, folder: Path, *more: str) -> list[str]:
    """A configuration with this ladder."""
    positions, collateral = _files(tuple(rungs.distance.tolist()), rungs.unit, folder / "positions.csv")[:2]
    return [*BARE, "book=file", f"book.positions={positions}", f"book.collateral={collateral}",
            f"liquidity.depth_usd={rungs.depth!r}", *more]


def gun(rungs: Ladder, folder: Path, *more: str) -> Gun:
    """It, ready to fire."""
    desk = Desk(load(overrides(rungs, folder, *more))[1], folder / "desk")
    return Gun(desk, desk.config.decide.critical)


def fall(found: dict[str, Any]) -> dict[str, Any]:
    """The scope of falls of the one market."""
    return next(s for s in found["scopes"] if s["direction"] == "down")


def brackets(bracket: dict[str, Any], drop: float) -> bool:
    """Whether the bracket holds a drop in USD."""
    return bracket["absorbed"] - 1e-9 <= drop / START <= bracket["breaks"] + 1e-9


FUND = 1_000.0


@pytest.fixture(scope="module")
def evenly(tmp_path_factory: pytest.TempPathFactory) -> tuple[Ladder, dict[str, Any]]:
    """The answer for a ladder with a branching ratio of 0.6."""
    rungs = even(0.6)
    found = stress.decide("critical", overrides(
        rungs, tmp_path_factory.mktemp("even"), f"protocol.insurance_fund={FUND}",
        "decide.critical.depth_losses=[0.2,0.3]", "decide.critical.at_moves=[0.02]")).found
    return rungs, found


def test_critical_shocks_of_an_even_ladder(evenly: tuple[Ladder, dict[str, Any]]) -> None:
    """Depletion where the deficits pass the fund, a cascade where the sales pass the rule's share."""
    rungs, found = evenly
    critical, tolerance = fall(found)["critical"], found["tolerance"]
    for event, drop in (("depletion", first(lambda d: rungs.money(d)[2] > FUND, 5.0)),
                        ("cascade", first(rungs.cascade, 5.0))):
        bracket = critical[event]
        assert 0 < bracket["breaks"] - bracket["absorbed"] <= tolerance * (1 + 1e-9)
        assert brackets(bracket, drop), f"{event}: {bracket} does not hold {drop / START}"
    wrong = dataclasses.replace(rungs, distance=1.0 + 1.05 * (rungs.distance - 1.0))  # 5 % wider apart
    assert not brackets(critical["depletion"], first(lambda d: wrong.money(d)[2] > FUND, 5.0))
    assert not brackets(critical["cascade"], first(wrong.cascade, 5.0))


def test_the_cascade_starts_where_the_continuous_ladder_says(evenly: tuple[Ladder, dict[str, Any]]) -> None:
    """k first rungs sell k / (1 - b): with 5 % of 400 rungs and b = 0.6, after 8 of them, to a rung."""
    rungs, found = evenly
    spacing, usd = 0.05, 0.05 * RUNGS * START / 98.0  # rungs worth 5 % of the open interest at the prices they get
    closed_form = 1.0 + (1 - 0.6) * usd * spacing
    assert abs(START * fall(found)["critical"]["cascade"]["breaks"] - closed_form) < 2 * spacing
    del rungs


def test_the_loss_curve_of_an_even_ladder(evenly: tuple[Ladder, dict[str, Any]]) -> None:
    rungs, found = evenly
    rows = fall(found)["curve"]
    assert rows[0]["liquidated_notional"] == 0 and len(rows) == 26
    for row in rows:
        main_usd, twin, deficits = rungs.money(START * row["size"])
        assert row["liquidated_notional"] == near(main_usd) and row["liquidated_notional_twin"] == near(twin)
        assert row["bad_debt"] == row["fund_needed"] == near(deficits)
        assert row["interest_share"] == near(main_usd / (RUNGS * rungs.unit * START))
        assert row["fund_left"] == near(max(FUND - deficits, 0.0))
        assert row["uncovered"] == near(max(deficits - FUND, 0.0))
        assert row["depleted"] == (deficits > FUND)
    assert sum(row["depleted"] for row in rows) not in (0, 26)
    at_two = rows[10]
    units = sum(rungs.units(2.0))
    assert units / (20 * rungs.unit) == near(1 / (1 - 0.6))  # 20 first rungs, amplification 2.5
    mean = 98.0 - 0.01 * 98.0**2 / rungs.depth * units / 2
    assert at_two["amplification"] == near(2.5 * mean / 98.0)


def test_critical_loss_of_depth(evenly: tuple[Ladder, dict[str, Any]]) -> None:
    """With depth gone the same ladder branches more; at 40 % it is at one."""
    rungs, found = evenly
    for row in (r for r in found["frontier"] if r["direction"] == "down"):
        loss = row["depth_loss"]
        assert brackets(row["cascade"], first(lambda d, loss=loss: rungs.cascade(d, loss), 5.0)), row
        exact = first(lambda d, loss=loss: rungs.money(d, depth_loss=loss)[2] > FUND, 5.0)
        assert brackets(row["depletion"], exact)
    assert [r["depth_loss"] for r in found["frontier"] if r["direction"] == "down"] == [0, 0.2, 0.3]
    (row,) = [r for r in found["depth"] if r["direction"] == "down"]
    exact = first(lambda loss: rungs.money(2.0, depth_loss=loss)[2] > FUND, 0.95)
    assert row["depletion"]["absorbed"] - 1e-9 <= exact <= row["depletion"]["breaks"] + 1e-9
    assert 0 < row["depletion"]["absorbed"] < row["depletion"]["breaks"] <= row["depletion"]["absorbed"] + 1e-4
    assert (row["cascade"]["absorbed"], row["cascade"]["breaks"], row["cascade"]["reason"]) == (
        None, 0.0, "it happens without")


def test_a_venue_without_an_order_book(tmp_path: Path) -> None:
    """Moves are found as ever, where the price leans with the skew; losses of depth there are none."""
    rungs = Leaning(1.0 + 0.05 * (np.arange(RUNGS) + 0.2), 10.0, 98.0 * 10.0 / 0.05 / 0.6)
    skew = ["liquidity=skew", f"liquidity.skew_scale={rungs.depth}", f"protocol.insurance_fund={FUND}"]
    found = stress.decide("critical", [*overrides(rungs, tmp_path), *skew]).found
    exact = first(lambda d: rungs.money(d)[2] > FUND, 5.0)
    assert brackets(fall(found)["critical"]["depletion"], exact), (fall(found)["critical"], exact)
    upright = dataclasses.replace(rungs, depth=1e9)
    assert not brackets(fall(found)["critical"]["depletion"], first(lambda d: upright.money(d)[2] > FUND, 5.0))
    assert found["frontier"] == found["depth"] == found["static"]["levels"] == []
    page = tell(found, tmp_path)
    assert "liquidity.law=skew has no order book" in page.cautions[-1]
    assert [f.name for f in page.figures if f.drawn.figure is None] == ["frontier", "levels"]


def test_what_does_not_break_says_why(evenly: tuple[Ladder, dict[str, Any]], tmp_path: Path) -> None:
    """Nobody can be liquidated by a rise; a branching ratio of 0.4 is no cascade at any size."""
    _, found = evenly
    rise = next(s for s in found["scopes"] if s["direction"] == "up")
    assert rise["critical"]["cascade"]["breaks"] is None
    assert "none liquidates more than 5 %" in rise["critical"]["cascade"]["reason"]
    assert rise["critical"]["depletion"]["absorbed"] == 0.05
    calm = fall(stress.decide("critical", overrides(even(0.4), tmp_path, "protocol.insurance_fund=1e9")).found)
    assert "1e+09" in calm["critical"]["depletion"]["reason"]
    assert calm["critical"]["cascade"]["breaks"] is None
    at_two = calm["curve"][10]
    large = [r["own_share"] for r in calm["curve"] if r["interest_share"] > 0.05]
    assert f"at most {100 * max(large):.3g} %" in calm["critical"]["cascade"]["reason"]
    assert at_two["own_share"] == pytest.approx(0.4, abs=0.01)
    assert calm["path"]["of"] == "largest" and calm["path"]["size"] == 0.05


def test_the_page_of_one_market(evenly: tuple[Ladder, dict[str, Any]]) -> None:
    """The answer in words holds the exact drop; every picture that can be is drawn."""
    rungs, found = evenly
    with style.applied():
        told = tell(found, Path())
    drop = first(lambda d: rungs.money(d)[2] > FUND, 5.0)
    (said,) = re.findall(r"sudden fall of X: one between ([\d.]+) and ([\d.]+)\W% depletes", " ".join(told.in_short))
    assert float(said[0]) <= drop <= float(said[1]) <= float(said[0]) + 0.0201  # percent of 100 USD
    assert [f.name for f in told.figures if f.drawn.figure is None or not f.drawn.data] == []
    losses, frontier, *_ = (f.drawn.data for f in told.figures)
    assert losses is not None and frontier is not None
    assert [*losses["fund needed (USD)"]] == [r["fund_needed"] for s in found["scopes"] for r in s["curve"]]
    assert [*frontier["breaks by depletion"]] == [r["depletion"]["breaks"] for r in found["frontier"]]
    assert all(len(row) == len(table.header) for _, _, table in told.tables for row in table.rows)


def test_branching_round_by_round(tmp_path: Path) -> None:
    """Geometric: 125 first rungs of an even ladder with a ratio of 0.6 trigger 75, 45, 27."""
    spacing = 2.0 / 125
    rungs = Ladder(spacing * (np.arange(RUNGS) + 0.5), 1.0, 0.01 * 98.0**2 / spacing / 0.6)
    found = branching(gun(rungs, tmp_path), Shots(np.array([[-0.02]]), np.zeros(1)))
    closed = [row["closed"] / 98.0 for row in found["rounds"]]
    assert closed[:4] == near([125, 75, 45, 27]) and closed == near(rungs.units(2.0))
    assert [row["ratio"] for row in found["rounds"][:4]] == [None, near(0.6), near(0.6), near(0.6)]
    assert found["by_shock"] == near(125 * 98.0) and found["by_selling"] == near((sum(closed) - 125) * 98.0)
    assert found["passes_one"] is None
    marks = [row["mark"]["X"] for row in found["rounds"]]
    assert marks[:3] == near([98.0, 98.0 - 125 * spacing * 0.6, 98.0 - 200 * spacing * 0.6])
    doubled = dataclasses.replace(rungs, distance=rungs.distance * 1.05)
    assert doubled.units(2.0)[1] / doubled.units(2.0)[0] != pytest.approx(0.6, rel=0.01)


@pytest.fixture(scope="module")
def clusters(tmp_path_factory: pytest.TempPathFactory) -> tuple[float, dict[str, Any]]:
    """The drop that joins two clusters, 100 units at 97 and 400 at 94, and the answer.

    Selling the first 100 moves the mark by S^2 / D: it reaches the second where S - S^2 / D = 94.
    """
    depth = 96.0**2 / 2.0
    rungs = Ladder(np.repeat([3.0, 6.0], [80, 320]), 1.25, depth)
    drop = START - depth / 2 * (1 - np.sqrt(1 - 4 * 94.0 / depth))
    found = stress.decide("critical", overrides(
        rungs, tmp_path_factory.mktemp("two"), "decide.critical.largest_move=0.1", "decide.critical.points=50",
        "protocol.insurance_fund=1e9")).found
    return float(drop), found


def test_two_clusters(clusters: tuple[float, dict[str, Any]]) -> None:
    """The first sets off the second: ratio four, at its level; a drop beyond the second liquidates all by itself."""
    drop, found = clusters
    assert drop == near(4.0)
    cascade, path = fall(found)["critical"]["cascade"], fall(found)["path"]
    assert brackets(cascade, drop) and not brackets(cascade, 1.05 * drop)
    (pocket,) = cascade["pockets"]
    assert (pocket["from"], pocket["to"]) == (near(0.062), near(0.1)), "the grid's first beyond 6 %, to its end"
    assert path["of"] == "cascade" and len(path["rounds"]) == 2
    assert path["largest"] == path["passes_one"] and path["passes_one"]["ratio"] == near(4.0)
    price = START * (1 - path["size"])
    assert path["passes_one"]["mark"]["X"] == near(price - 2.0 * (price / 96.0) ** 2)
    assert 94.0 - 0.02 < path["passes_one"]["mark"]["X"] < 94.0
    (one,) = [c for c in found["static"]["clusters"] if c["from_price"] > 94.0 > c["to_price"]]
    assert one["accounts"] == 320 and one["notional"] == near(400 * START) and one["tiers"] == {"1": near(400 * START)}
    assert len(one["largest"]) == 5 and all(a["price"] == near(94.0) for a in one["largest"])


def test_the_ratio_read_off_an_even_ladder(tmp_path: Path) -> None:
    """b(p) = 0.01 S^2 / D times the units in the window over its width, S - 0.01 S^2 q(p) / D = p."""
    spacing = 0.02
    rungs = Ladder(spacing * (np.arange(RUNGS) + 0.5), 1.0, 0.01 * 98.0**2 / spacing / 0.6)
    fired = gun(rungs, tmp_path, "decide.critical.cluster_width=0.008")
    side = next(s for s in sides_of(fired) if s.sign < 0)
    liquidity = _liquidity(fired)
    at = np.array([0.01, 0.02, 0.04, 0.07])
    found, shock = ratios(side, liquidity, at, 0.008)
    for x, ratio, moved in zip(at, found, shock, strict=True):
        quantity, slope = x * START / spacing, 0.01 / rungs.depth
        price = (1 - np.sqrt(1 - 4 * slope * quantity * START * (1 - x))) / (2 * slope * quantity)
        assert moved == pytest.approx(price / START - 1, rel=1e-9)
        assert ratio == pytest.approx(slope * price**2 / spacing, rel=1e-9)
        assert ratio != pytest.approx(slope * price**2 / (1.05 * spacing), rel=1e-3)


def test_the_ratio_passes_one_where_the_levels_get_denser(tmp_path: Path) -> None:
    """Half of one above a level, one and a half below it: a centred window says one at the level, to a rung."""
    sparse, dense = 0.04, 0.04 / 3
    above = 2.0 - sparse * (np.arange(50) + 0.5)
    below = 2.0 + dense * (np.arange(RUNGS - 50) + 0.5)
    rungs = Ladder(np.sort(np.concatenate([above, below])), 1.0, 0.01 * 98.5**2 / sparse / 0.5)
    fired = gun(rungs, tmp_path)
    side = next(s for s in sides_of(fired) if s.sign < 0)
    at = np.linspace(0.012, 0.028, 3201)
    ratio, _ = ratios(side, _liquidity(fired), at, 0.01)
    passes = START * at[np.argmax(ratio > 1.0)]
    # a centred window of one USD holds 0.5 (1/2 - x) + 1.5 (1/2 + x), x USD below the level; S is not quite 98.5
    assert abs(passes - 2.0) < 2 * sparse
    assert ratio[0] == pytest.approx(0.5, abs=0.03) and ratio[-1] == pytest.approx(1.5, abs=0.06)


def _liquidity(fired: Gun) -> Any:
    import jax

    return jax.tree.map(lambda leaf: np.asarray(leaf)[0], fired.base.plan.job.venues.liquidity)


# --- sentences ------------------------------------------------------------------------------------------------------
def told_of(fund: float) -> str:
    """The lines of a venue at which BTC breaks at 5 % and ETH not at all, up to the largest fall that is looked at."""
    def scope(name: str, direction: str, breaks: float | None) -> dict[str, Any]:
        bracket = {"absorbed": 0.0499 if breaks else 0.5, "breaks": breaks, "pockets": [], "reason": "nothing: nothing"}
        return {"name": name, "direction": direction, "critical": dict.fromkeys(("depletion", "cascade"), bracket)}

    scopes = [scope(name, direction, breaks) for direction in ("down", "up")
              for name, breaks in (("all markets together", 0.05), ("BTC", 0.05), ("ETH", None))]
    lines = page._in_short({"fund": fund, "markets": ["BTC", "ETH"], "scopes": scopes, "tolerance": 1e-4,
                            "likelihood": None, "depth": [], "static": {"clusters": []}})
    return "\n".join(lines).replace("\N{NO-BREAK SPACE}", " ")


def test_a_fall_that_was_the_largest_looked_at_is_no_largest_one() -> None:
    assert "Largest fall of one market alone that the fund survives: BTC 4.99 % and ETH at least 50.0 %." in told_of(1e6)


def test_a_venue_without_a_fund_is_not_told_of_one() -> None:
    told = told_of(0.0)
    assert "one between 4.99 and 5.00 % leaves a deficit and no fund to pay it;" in told
    assert "that leaves no such deficit: BTC 4.99 %" in told
    assert "depletes" not in told and "survives" not in told


def test_why_nothing_is_depleted() -> None:
    rows: Any = [{"size": 0.5, "fund_needed": needed} for needed in (None, 2e5)]
    plan: Any = dataclasses.make_dataclass("Plan", ["fund", "insured"])
    assert why_no_depletion(plan(1e6, True), rows).endswith("the fund of 1e+06 USD is not less than the 200000 USD that "
                                                            "the worst of them takes")
    assert why_no_depletion(plan(1e6, False), [rows[0]]) == "no shock up to 50 % does it: none leaves a deficit"
