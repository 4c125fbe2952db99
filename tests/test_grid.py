"""Settings simulated together against separate runs of each: the same columns, on random grids.

As programs are compiled for use they are the same bit by bit. Compiled in half the time, as most tests do, prices that
are drawn apart from the venue are rounded apart, by 1e-10 of themselves.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stress.build.study import Study, build_study
from stress.cli.compose import load
from stress.cli.main import FAILED, INTERRUPTED, OK, main
from stress.decisions.desk import Desk
from stress.files import read_json
from stress.mc import program, story
from stress.mc.grid import classes, sharing
from stress.mc.grid import run as grids
from stress.mc.grid.run import Counted, Setting, simulate_grid
from stress.mc.plan import Plan
from stress.mc.program import compile_program, pick_workers
from stress.mc.run import Columns, join, simulate
from stress.mc.story import tell_story
from stress.protocol.venue import Venue
from tests.designs import DESIGNS
from tests.random_books import random_study
from tests.tiers import slow

SMALL = ["price=merton", "price.jump.intensity=2000", "price.jump.std=0.08", "run.paths=200", "run.horizon_hours=1",
         "book.accounts=60", "run.progress=false"]
LADDER = ["price.markets=[BTC]", "book.synthetic.isolated_share=1", "protocol.maintenance_margin=0.01",
          "protocol.initial_margin=0.05", "run.engine=ladder"]
KEYS: dict[str, tuple[float, float]] = {
    "protocol.maintenance_margin": (0.002, 0.02),
    "protocol.insurance_fund": (1e3, 3e6),
    "liquidity.depth_usd": (1e6, 6e7),
    "liquidity.half_spread_bps": (0.0, 30.0),
    "liquidity.withdrawal": (0.0, 60.0),
    "liquidity.exponent": (0.5, 1.0),
    "protocol.liquidation.fee": (0.0, 0.02),
    "protocol.liquidation.keeper_share": (0.0, 1.0),
    "protocol.oracle.impact_share": (0.0, 1.0),
    "cascade.open_interest_share": (0.001, 0.2),
}
"""Numbers of every family, and between what they are drawn."""
ROUNDING, BOOK = 1e-9, 1e8
"""Relative, and about what the smaller books hold in USD."""
SHARES = ("amplification", "max_displacement", "time_to_depletion_hours")
"""Columns that are not in USD."""

pytestmark = pytest.mark.usefixtures("compiled_soon")


def drawn(rng: np.random.Generator, keys: dict[str, tuple[float, float]], count: int) -> list[list[str]]:
    """Random settings: two values of each key, so that some share what others do not."""
    values = {key: rng.uniform(*bounds, 2) for key, bounds in keys.items()}
    return [[f"{key}={rng.choice(two)!r}".replace("np.float64(", "").replace(")", "") for key, two in values.items()]
            for _ in range(count)]


def studies_of(settings: Sequence[list[str]], *base: str) -> list[Study]:
    return [build_study(load([*SMALL, *base, *setting])[0]) for setting in settings]


def alone(study: Study, folder: Path) -> Columns:
    plan = study.plan
    folder.mkdir(parents=True)
    simulate(plan, compile_program(plan.job, pick_workers(1, plan.blocks)), folder, progress=False)
    join(plan, folder)
    return Columns(folder / "paths.parquet")


def together(studies: Sequence[Study], folder: Path) -> tuple[list[Columns], Counted]:
    settings = [Setting(study.plan, folder / str(n)) for n, study in enumerate(studies)]
    counted = simulate_grid(settings, 1, progress=False)
    for setting in settings:
        join(setting.plan, setting.folder)
    return [Columns(setting.folder / "paths.parquet") for setting in settings], counted


def differing(one: Columns, other: Columns, rounding: float = ROUNDING) -> set[str]:
    """Columns that differ, by more than a share ``rounding`` of themselves or, in USD, of the book where they may."""
    assert list(one) == list(other)

    def same(name: str) -> bool:
        a, b = one[name], other[name]
        if a.dtype.kind != "f" or not rounding:
            return np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
        return np.allclose(a, b, rtol=rounding, atol=rounding if name in SHARES else rounding * BOOK, equal_nan=True)

    return {name for name in one if not same(name)}


def check(studies: Sequence[Study], folder: Path) -> Counted:
    found, counted = together(studies, folder / "together")
    for n, (study, mine) in enumerate(zip(studies, found, strict=True)):
        own = alone(study, folder / "alone" / str(n))
        assert differing(own, mine) == set(), f"setting {n}"
    return counted


def check_story(plan: Plan, mine: Path, alone: Path) -> None:
    """The story that a grid left for a setting against that of its own run, which simulates a block."""
    assert (mine / story.KEPT).is_file()
    assert tell_story(plan, None, mine) == tell_story(plan, None, alone)
    found, own = (np.load(folder / "data" / "story.npz") for folder in (mine, alone))
    for name, values in own.items():
        size = 0.0 if name in ("mark", "fundamental", "time_hours", "path") else ROUNDING * BOOK
        np.testing.assert_allclose(found[name], values, rtol=ROUNDING, atol=size, err_msg=name)
    assert own["liquidated_long"].sum() + own["liquidated_short"].sum() > 0


@pytest.mark.slow
def test_settings_equal_separate_runs_bit_by_bit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As programs are compiled for use, price paths and stories for the report included."""
    for options in (program.COMPILER, program.DENSE):
        monkeypatch.delitem(options, "xla_backend_optimization_level", raising=False)
    monkeypatch.setitem(program.DENSE, "xla_backend_optimization_level", "1")
    program.forget_programs()
    studies = studies_of(drawn(np.random.default_rng(8), KEYS, 3))
    found, _ = together(studies, tmp_path / "together")
    for n, (study, mine) in enumerate(zip(studies, found, strict=True)):
        assert differing(alone(study, tmp_path / "alone" / str(n)), mine, rounding=0.0) == set()
        assert (tmp_path / "together" / str(n) / story.KEPT).is_file()
        for folder in ("alone", "together"):
            tell_story(study.plan, None, tmp_path / folder / str(n))
        for file in ("prices.npz", "story.npz"):
            for name, values in np.load(tmp_path / "alone" / str(n) / "data" / file).items():
                other = np.load(tmp_path / "together" / str(n) / "data" / file)[name]
                np.testing.assert_array_equal(values, other)
    program.forget_programs()


@pytest.mark.parametrize("seed", slow(range(5), 1, 2, 3, 4))
def test_random_grids_equal_separate_runs(tmp_path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    studies = studies_of(drawn(rng, KEYS, 4))
    groups, reasons = sharing.by_family([study.plan for study in studies])
    assert (groups, reasons) == ([[0, 1, 2, 3]], {})
    counted = check(studies, tmp_path)
    check_story(studies[3].plan, tmp_path / "together" / "3", tmp_path / "alone" / "3")
    assert 0 < counted.simulated < counted.rows
    depleted = [Columns(tmp_path / "together" / str(n) / "paths.parquet")["depleted"] for n in range(4)]
    assert any(share.mean() > 0 for share in depleted), "the case tells nothing about the fund"


@pytest.mark.slow
def test_a_pool_that_deleverages_and_prices_by_skew_are_shared_alike(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both act on paths on which nobody is liquidated. Bit by bit: rounding is many times larger in profits."""
    for options in (program.COMPILER, program.DENSE):
        monkeypatch.delitem(options, "xla_backend_optimization_level", raising=False)
    monkeypatch.setitem(program.DENSE, "xla_backend_optimization_level", "1")
    program.forget_programs()
    base = ("protocol=gmx_v2", "liquidity=skew", "protocol.adl.pool.max_paid_factor=0.5", "protocol.oracle.impact_share=1",
            "protocol.backstop.capital_usd=1e5")
    keys = {
        "protocol.adl.pool.max_factor": (0.78, 2.0),
        "protocol.adl.pool.long_usd": (2e5, 5e6),
        "liquidity.skew_scale": (1e4, 1e6),
        "protocol.liquidation.fee": (0.0, 0.004),
    }
    studies = studies_of(drawn(np.random.default_rng(3), keys, 4), *base)
    found, counted = together(studies, tmp_path / "together")
    for n, (study, mine) in enumerate(zip(studies, found, strict=True)):
        assert differing(alone(study, tmp_path / "alone" / str(n)), mine, rounding=0.0) == set(), f"setting {n}"
    program.forget_programs()
    assert counted.simulated < counted.rows
    hit = [mine["adl_notional"] for mine in found]
    assert len({float(mine.sum()) for mine in hit}) > 1 and min(mine.max() for mine in hit) > 0


def test_a_wrong_sharing_is_caught(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The power of the test above: a twin shared over margins, on which it does depend."""
    true = sharing.reads

    def without_margins(venue: Venue) -> bytes:
        if not sharing.blind(venue):
            return true(venue)
        return true(dataclasses.replace(venue, maintenance=np.zeros(1)))  # type: ignore[arg-type]

    studies = studies_of([[f"protocol.maintenance_margin={rate}"] for rate in (0.003, 0.015)])
    right = alone(studies[1], tmp_path / "alone")
    assert differing(right, together(studies, tmp_path / "right")[0][1]) == set()
    monkeypatch.setattr(classes, "reads", without_margins)
    wrong = differing(right, together(studies, tmp_path / "wrong")[0][1])
    assert {"liquidated_notional_twin", "amplification"} <= wrong


def test_a_fund_shared_where_it_fails_is_caught(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    studies = studies_of([[f"protocol.insurance_fund={fund}"] for fund in ("1e3", "1e9")])
    right = alone(studies[0], tmp_path / "alone")
    monkeypatch.setattr(grids, "lost", lambda drawdown, part: np.empty(0, np.int64))
    assert "depleted" in differing(right, together(studies, tmp_path / "wrong")[0][0])


def test_what_is_simulated_once() -> None:
    """By rule: settings, and how many venues stand for all their variants on all paths."""
    def kinds(key: str, *values: float) -> int:
        return len(classes.kinds_of([s.plan for s in studies_of([[f"{key}={v}"] for v in values])]).venues)

    assert kinds("protocol.insurance_fund", 1e4, 1e5, 1e6) == 2  # main with its companion, and the twin
    assert kinds("liquidity.depth_usd", 1e6, 1e7, 1e8) == 4  # three, and the twin
    assert kinds("protocol.maintenance_margin", 0.005, 0.01) == 4
    assert kinds("cascade.open_interest_share", 0.01, 0.1) == 2


@pytest.mark.parametrize(("base", "settings", "word"), [
    (LADDER, ("protocol.insurance_fund=1e4", "protocol.insurance_fund=1e5"), "ladder"),
    ([], ("run.seed=1", "run.seed=2"), "no other job"),
    ([], ("protocol.liquidation.rule=full", "protocol.liquidation.rule=close_factor"), "no other job"),
    (["protocol.insurance={scope:shared,income_usd_per_day:1e4}"],
     ("protocol.insurance_fund=1e4", "protocol.insurance_fund=1e5"), "protocol.insurance"),
    (["price=hawkes", "price.intensity.liquidation_gain=100"],
     ("protocol.insurance_fund=1e4", "protocol.insurance_fund=1e5"), "answer"),
])
def test_what_is_simulated_alone_has_a_reason(base: list[str], settings: tuple[str, str], word: str) -> None:
    groups, reasons = sharing.by_family([study.plan for study in studies_of([[s] for s in settings], *base)])
    assert groups == []
    assert [word in reason for reason in reasons.values()] == [True, True]


def varied(study: Study, rng: np.random.Generator) -> list[Study]:
    """A random study with three other funds and depths, fees and spreads."""
    job, found = study.plan.job, [study]
    for _ in range(3):
        fund, depth, fee = rng.uniform(0.2, 3.0, 3)
        venue: Any = job.venues
        book = dataclasses.replace(venue.liquidity, depth=venue.liquidity.depth * depth,
                                   half_spread=venue.liquidity.half_spread * fee)
        fees = dataclasses.replace(venue.fees, rate=venue.fees.rate * fee)
        venue = dataclasses.replace(venue, fund=venue.fund * fund, liquidity=book, fees=fees)
        plan = dataclasses.replace(study.plan, job=dataclasses.replace(job, venues=venue), fund=study.plan.fund * fund)
        found.append(dataclasses.replace(study, plan=plan))
    return found


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name, design in DESIGNS.items() if "insurance" not in design])
def test_adversarial_books_under_every_kind_of_venue(tmp_path: Path, name: str) -> None:
    rng = np.random.default_rng(5)
    study, _ = random_study(DESIGNS[name], rng)
    if sharing.obstacle(study.plan) is None:
        check(varied(study, rng), tmp_path)


def swept(folder: Path, *words: str) -> int:
    return main(["-m", *SMALL, "protocol.insurance_fund=1e4,1e6", "liquidity.depth_usd=2e6,2e7", *words,
                 f"hydra.sweep.dir={folder}"])


def test_a_killed_sweep_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
                                ) -> None:
    store, stored = grids.Turn.store, []

    def stop_at_the_third(self: Any, *given: Any) -> None:
        if len(stored) == 2:
            raise KeyboardInterrupt
        stored.append(store(self, *given))

    with monkeypatch.context() as patch:
        patch.setattr(grids.Turn, "store", stop_at_the_third)
        assert swept(tmp_path / "killed") == INTERRUPTED
    assert f"hydra.sweep.dir={tmp_path / 'killed'}" in capsys.readouterr().err
    monkeypatch.setattr("stress.cli.sweep.FEW", 3)  # of four jobs none gets a report
    monkeypatch.setattr("stress.session.compile_program", None)  # stories are told, too
    assert swept(tmp_path / "killed") == OK
    assert [group["jobs"] for group in read_json(tmp_path / "killed" / "grid.json")["together"]] == [[0, 1, 2, 3]]
    assert swept(tmp_path / "whole") == OK
    monkeypatch.setattr("stress.mc.grid.batch.simulate_rows", None)  # nothing is left to simulate
    assert swept(tmp_path / "killed") == OK
    for n in range(4):
        mine = tmp_path / "killed" / str(n)
        whole = Columns(tmp_path / "whole" / str(n) / "paths.parquet")
        assert differing(whole, Columns(mine / "paths.parquet"), rounding=0.0) == set()
        assert not (mine / "report.html").exists()
        assert {"summary.json", "manifest.json", "job.json", "data", ".hydra"} <= {file.name for file in mine.iterdir()}
    assert (tmp_path / "killed" / "sweep.html").is_file()


def test_insisting_on_a_grid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
                             ) -> None:
    monkeypatch.setattr("stress.cli.sweep.finish_sweep", lambda: None)
    assert main(["-m", *SMALL, "run.seed=1,2", "run.variants=grid", f"hydra.sweep.dir={tmp_path}"]) == FAILED
    assert "run.variants: got 'grid'" in read_json(tmp_path / "1" / "job.json")["error"]
    assert "run.variants=auto" in capsys.readouterr().err


def test_a_desk_simulates_settings_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    changes = [{"protocol.insurance_fund": fund} for fund in (1e3, 1e5, 1e7)]
    desk = Desk(load(SMALL)[1], tmp_path / "together")
    monkeypatch.setattr("stress.decisions.desk.simulate", lambda *_, **__: pytest.fail("simulated by itself"))
    found = desk.runs(changes)
    monkeypatch.undo()
    apart = Desk(load([*SMALL, "run.variants=separate"])[1], tmp_path / "apart").runs(changes)
    pairs: list[tuple[Columns, Columns]] = [(a.columns, b.columns) for a, b in zip(found, apart, strict=True)]
    assert [differing(a, b) for a, b in pairs] == [set()] * 3
    assert found[0].metrics["depletion_probability"] == apart[0].metrics["depletion_probability"]
