"""Prices from a history: what is read of a bar, windows cut from it, historical crashes, and what is refused."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import stress
from stress.build.price import build_market
from stress.build.study import build_study
from stress.cli.compose import config_folder, load
from stress.errors import UserError
from stress.files import read_json
from stress.price.calibrate.bars import BarHistory, load_bars
from stress.session import config_hash, data_hashes
from tests.histories import write_bars, write_market, write_table
from tests.z_tests import ZTest, mean

pytestmark = pytest.mark.usefixtures("compiled_soon")

DATA = Path(os.environ.get("STRESS_DATA", Path(__file__).resolve().parent.parent / ".." / "shared" / "data")) / "prices_1h"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="no price history: set STRESS_DATA to its folder")
CRASHES = sorted(file.stem for file in config_folder().glob("experiment/crash_*.yaml"))
EXACT = 1e-9
SMALL = ["price.markets=[X]", "price.initial_prices=50", "run.paths=256", "protocol.funding.interval_hours=null"]


def prices(*overrides: str) -> np.ndarray:
    return stress.simulate_prices([*SMALL, *overrides])


@pytest.fixture
def table(tmp_path: Path) -> tuple[str, np.ndarray]:
    """A table of 60 hours, of which hours 20 and 33 are missing, and its prices."""
    walk = 100.0 * np.exp(np.cumsum(0.01 * np.random.default_rng(2).standard_normal(60)))[:, None]
    given = walk.copy()
    given[[20, 33]] = np.nan
    return write_table(tmp_path / "prices.csv", given), walk[:, 0]


# --- windows --------------------------------------------------------------------------------------------------------
def test_one_window_is_the_history_rebased(table: tuple[str, np.ndarray]) -> None:
    file, walk = table
    hourly = prices("price=replay", f"data.path={file}", "price.windows.start=2024-01-01T05:00Z", "run.horizon_hours=8")
    expected = 50.0 * walk[5:14] / walk[5]
    np.testing.assert_allclose(hourly[:, :, 0], np.tile(expected, (256, 1)), rtol=EXACT)
    fine = prices("price=replay", f"data.path={file}", "price.windows.start=2024-01-01T05:00", "run.horizon_hours=8",
                  "run.step_seconds=600")
    np.testing.assert_allclose(fine[:, ::6, 0], np.tile(expected, (256, 1)), rtol=EXACT)
    assert (fine[:, 3, 0].std() > 0) and len(np.unique(fine[:, 3, 0])) > 250, "every path has its own noise"
    coarse = prices("price=replay", f"data.path={file}", "price.windows.start=2024-01-01T05:00", "run.horizon_hours=8",
                    "run.step_seconds=14400")
    np.testing.assert_allclose(coarse[:, :, 0], np.tile(expected[::4], (256, 1)), rtol=EXACT)
    part = prices("price=replay", f"data.path={file}", "price.windows.start=2024-01-01T05:00", "run.horizon_hours=0.5",
                  "run.step_seconds=600")
    np.testing.assert_array_equal(part, fine[:, :4])


def test_every_window_is_as_likely_and_none_has_a_gap(table: tuple[str, np.ndarray]) -> None:
    file, walk = table
    found = stress.simulate_prices([
        *SMALL, "run.paths=16384", "price=replay", f"data.path={file}", "price.windows.every_hours=4",
        "run.horizon_hours=6"])[:, :, 0]
    whole = [start for start in range(0, 54, 4) if not any(gap in range(start, start + 7) for gap in (20, 33))]
    cut = np.stack([50.0 * walk[start : start + 7] / walk[start] for start in whole])
    which = np.abs(found[:, None] - cut).max(2).argmin(1)
    np.testing.assert_allclose(found, cut[which], rtol=EXACT)
    for window in range(len(whole)):
        share = mean((which == window).astype(float))
        ZTest(share, 1 / len(whole), f"share of window {window}", "windows", 1).agrees()
        ZTest(share, 1 / (len(whole) + 3), f"share of window {window}", "windows", 1).rejects()


def market(*overrides: str) -> Any:
    cfg, _ = load([*SMALL, *overrides])
    return build_market(cfg.price, cfg.run, cfg.data)


def test_what_was_read_is_told(table: tuple[str, np.ndarray]) -> None:
    file, walk = table
    read = market("price=replay", f"data.path={file}", "price.windows.every_hours=4", "run.horizon_hours=6")
    assert read.files == (file,)
    told = read.history
    assert (told["bars"], told["gaps"], told["windows"], told["windows_with_a_gap"]) == (55, 2, 10, 4)
    assert told["high_and_low"] == {"X": "not in the file"}
    assert (told["start"], told["end"]) == ("2024-01-01T00:00:00Z", "2024-01-03T11:00:00Z")
    starts = [s for s in range(54) if not any(gap in range(s, s + 7) for gap in (20, 33))]
    falls = np.array([1.0 - min(walk[s : s + 7] / walk[s]) for s in starts])
    deepest = max(fall for s, fall in zip(starts, falls, strict=True) if s % 4 == 0)
    assert told["worst_fall"]["X"]["fall"] == pytest.approx(deepest, rel=EXACT)
    assert told["worst_fall"]["X"]["share_of_all_windows"] == pytest.approx((falls >= deepest - EXACT).mean())


REFUSED = {
    "price.windows.start=2024-01-01T16:00Z run.horizon_hours=6": "nearest that can be had is 2024-01-01T13:00:00Z",
    "price.windows.start=2024-01-01T05:30Z run.horizon_hours=6": "the open of a bar",
    "price.windows.start=yesterday run.horizon_hours=6": "a date or a time such as",
    "price.windows.start=2024-01-01 run.horizon_hours=null": "run.horizon_hours: got null",
    "price.windows.start=2024-01-01 run.horizon_hours=6 price.windows.every_hours=2": "price.path: got null",
    "price.windows.start=2024-01-01 run.horizon_hours=5 run.step_seconds=1000": "nearest is run.step_seconds=900",
    "price.windows.start=2024-01-01 run.horizon_hours=3 run.step_seconds=5400": "nearest is run.step_seconds=7200",
    "price.windows.every_hours=1.5 run.horizon_hours=6": "a multiple of the history's bar, 1 h",
    "price.windows.every_hours=1 run.horizon_hours=40": "without a gap",
    "price.windows.every_hours=1 run.horizon_hours=6 data.markets=[Y]": "Use price.markets",
    "price.windows.every_hours=1 run.horizon_hours=6 run.step_seconds=60 price.bridge_seconds=120": "at least 3 steps",
    "price.windows.every_hours=1 run.horizon_hours=6 price.bridge_seconds=600": "at least 3 steps",
    "price.windows.every_hours=1 run.horizon_hours=6 run.step_seconds=60 price.bridge_seconds=4000": "at most",
    "run.horizon_hours=6": "or instead of it one of",
}


@pytest.mark.parametrize("overrides", REFUSED)
def test_what_cannot_be_is_refused(overrides: str, table: tuple[str, np.ndarray]) -> None:
    with pytest.raises(UserError, match=re.escape(REFUSED[overrides])):
        prices("price=replay", f"data.path={table[0]}", *overrides.split())


@pytest.mark.parametrize(("overrides", "message"), [
    (["price=bootstrap"], "data.path: got null"),
    (["price=replay", "price.windows.start=2025-10-10", "run.horizon_hours=6"], "data.path: got null"),
    (["price=bootstrap", "data.path=x", "price.volatility=0.8"], "price.volatility: got 0.8, allowed is null"),
    (["price=bootstrap", "data.path=x", "price.path=y"], "price.path: got 'y'"),
    (["price=gbm", "+price.bridge_seconds=600"], "null unless prices come from a history"),
])
def test_keys_that_do_not_go_together_are_refused(overrides: list[str], message: str) -> None:
    with pytest.raises(UserError, match=re.escape(message)):
        load([*SMALL, *overrides])


def test_blocks_are_at_least_a_bar(table: tuple[str, np.ndarray]) -> None:
    with pytest.raises(UserError, match=r"price.bootstrap.mean_block_hours: got 0.5, allowed is at least a bar"):
        market("price=bootstrap", f"data.path={table[0]}", "price.bootstrap.mean_block_hours=0.5")
    told = market("price=bootstrap", f"data.path={table[0]}", "price.bootstrap.auto_from=returns").history
    assert told["mean_block_hours"] == told["rule_of_politis_and_white_hours"]["returns"]


# --- highs and lows -------------------------------------------------------------------------------------------------
def bars_of(file: Path, *overrides: str) -> BarHistory:
    cfg, _ = load([*SMALL, "price=bootstrap", f"data.path={file.parent}", *overrides])
    return load_bars(cfg.data, ["X"])


def test_the_shorter_wick_counts_for_a_mark(tmp_path: Path) -> None:
    file = tmp_path / "x.parquet"
    close = np.array([100.0, 102.0, 101.0, 99.0, 100.0])
    last = {"open": [100, 100, 102, 101, 99], "high": [100, 130, 103, 102, 101], "low": [100, 99, 100, 70, 98],
            "close": close}
    spot = {"spot_open": [100, 100, 102, 101, 99], "spot_high": [100, 104, 105, 102, 101],
            "spot_low": [100, 98, 100.5, 98, np.nan], "spot_close": close}
    columns = {name: np.asarray(values, float) for name, values in (last | spot).items()}
    write_market(file, "2024-01-01T00:00", columns | {"mark_close": close})
    found = bars_of(file)
    assert found.wicks == {"X": "the shorter wick of high, low and spot_high, spot_low"}
    before = close[:-1]
    np.testing.assert_allclose(np.exp(found.high[:, 0]) * before, [104, 103, 102, np.nan], rtol=EXACT)
    np.testing.assert_allclose(np.exp(found.low[:, 0]) * before, [99, 100.5, 98, np.nan], rtol=EXACT)
    told = bars_of(file, "data.column=close")
    assert told.wicks == {"X": "high and low"}
    np.testing.assert_allclose(np.exp(told.high[:, 0]) * before, [130, 103, 102, 101], rtol=EXACT)
    np.testing.assert_allclose(np.exp(told.low[:, 0]) * before, [99, 100, 70, 98], rtol=EXACT)
    write_market(file, "2024-01-01T00:00", {name: columns[name] for name in last} | {"mark_close": close})
    assert "which nothing confirms" in bars_of(file).wicks["X"]


def test_a_bar_is_known_when_it_closes(tmp_path: Path) -> None:
    """Times of an OHLCV file are those of the bars' opening: what it calls 05:00 is the price at 06:00."""
    folder = write_bars(tmp_path / "bars", ["X"], "2024-01-01T00:00", 40)
    found = prices("price=replay", f"data.path={folder}", "price.windows.start=2024-01-01T06:00Z", "run.horizon_hours=3",
                   "run.step_seconds=3600", "data.column=close")
    cfg, _ = load([*SMALL, "price=bootstrap", f"data.path={folder}", "data.column=close"])
    close = load_bars(cfg.data, ["X"]).history.prices[:, 0]
    np.testing.assert_allclose(found[0, :, 0], 50.0 * close[5:9] / close[5], rtol=EXACT)


def test_a_path_is_at_the_bars_high_and_low(tmp_path: Path) -> None:
    folder = write_bars(tmp_path / "bars", ["X", "Y"], "2024-01-01T00:00", 40)
    given = ["price=replay", "price.markets=[X,Y]", f"data.path={folder}", "price.windows.start=2024-01-01T06:00Z",
             "run.horizon_hours=4", "run.step_seconds=60"]
    found = np.log(prices(*given) / 50.0)
    cfg, _ = load([*SMALL, *given])
    bars = load_bars(cfg.data, ["X", "Y"])
    for hour in range(4):
        inside = found[:, 60 * hour : 60 * hour + 61] - found[:, 60 * hour, None]
        np.testing.assert_allclose(inside.max(1), np.tile(bars.high[5 + hour], (256, 1)), atol=EXACT)
        np.testing.assert_allclose(inside.min(1), np.tile(bars.low[5 + hour], (256, 1)), atol=EXACT)


# --- the hash of a run ----------------------------------------------------------------------------------------------
def test_the_history_counts_in_the_hash(tmp_path: Path) -> None:
    folder = write_bars(tmp_path / "bars", ["X"], "2024-01-01T00:00", 100)
    base = [*SMALL, "price=bootstrap", f"data.path={folder}"]

    def hashed(*overrides: str) -> str:
        return config_hash(build_study(load([*base, *overrides])[0]))

    first = hashed()
    assert hashed("data.source=mine") == first
    others = [hashed("data.column=spot_close"), hashed("data.end=2024-01-03"), hashed("price.bootstrap.mean_block_hours=9")]
    (file,) = data_hashes(build_study(load(base)[0]))
    write_bars(tmp_path / "bars", ["X"], "2024-01-01T00:00", 100, seed=2)
    assert len({first, *others, hashed()}) == 5
    assert file.endswith("test_X.parquet")
    without = [*SMALL, "price=gbm", "price.volatility=1", "price.correlation=0"]
    hashes = {config_hash(build_study(load([*without, *more])[0])) for more in ([], [f"data.path={folder}"])}
    assert len(hashes) == 1


# --- historical crashes ---------------------------------------------------------------------------------------------
def test_there_are_six_crashes() -> None:
    assert CRASHES == ["crash_2020_03_12", "crash_2021_05_19", "crash_2024_08_05", "crash_2025_10_10", "crash_ftx_2022",
                       "crash_luna_2022"]


@pytest.mark.parametrize("name", CRASHES)
def test_a_crash_asks_for_its_history(name: str) -> None:
    cfg, _ = load([f"experiment={name}", "data.path=somewhere"])
    assert cfg.price.windows is not None
    assert cfg.price.windows.start is not None
    with pytest.raises(UserError, match=r"data.path: got null, allowed is a price history.*Give data.path="):
        load([f"experiment={name}"])


@needs_data
@pytest.mark.parametrize("name", CRASHES)
def test_a_crash_is_as_deep_and_rare_as_its_file_says(name: str) -> None:
    cfg, _ = load([f"experiment={name}", f"data.path={DATA}"])
    told = build_market(cfg.price, cfg.run, cfg.data).history
    assert told is not None
    words = " ".join((config_folder() / "experiment" / f"{name}.yaml").read_text(encoding="utf-8").replace("#", " ").split())
    for asset in cfg.price.markets:
        claim = re.search(rf"{asset} [\d.]+ % \([^)]*\) and ([\d.]+) % \(([\d.]+) %", words)
        assert claim is not None, asset
        found = told["worst_fall"][asset]
        assert f"{100 * found['fall']:.1f}" == claim[1]
        assert float(f"{100 * found['share_of_all_windows']:.2g}") == float(claim[2])


@pytest.mark.slow
@needs_data
def test_a_crash_runs_to_its_report(tmp_path: Path) -> None:
    result = stress.run(["experiment=crash_2025_10_10", f"data.path={DATA}", "run.paths=256", "report.dpi=50",
                         "run.step_seconds=120"], output=tmp_path / "run")
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert "prices as they were from 2025-10-10 12:00 to 2025-10-11 12:00 UTC" in page
    assert "Every path is the same stretch of history" in page
    assert result.summary["metrics"]["liquidated_notional"]["estimate"] > 1e8
    manifest = read_json(tmp_path / "run" / "manifest.json")
    assert set(manifest["price_history"]["markets"]) == {"BTC", "ETH", "SOL"}
    assert len(manifest["data_hashes"]) == 3


@needs_data
def test_real_returns_keep_their_tails_and_correlation() -> None:
    simulated = stress.simulate_prices(["price=bootstrap", f"data.path={DATA}", "run.paths=4096", "run.step_seconds=3600",
                                        "run.seed=4"])
    cfg, _ = load(["price=bootstrap", f"data.path={DATA}"])
    seen = load_bars(cfg.data, cfg.price.markets).log_return
    moved = np.diff(np.log(simulated), axis=1)
    for asset in range(3):
        each = np.sqrt((moved[:, :, asset] ** 2).mean(1))  # a path's own volatility
        ZTest(mean(each**2), float((seen[:, asset] ** 2).mean()), "squared return", "bootstrap", 4).agrees()
        tail = float(np.quantile(seen[:, asset], 0.001))
        ZTest(mean((moved[:, :, asset] <= tail).mean(1)), float((seen[:, asset] <= tail).mean()), "tail", "bootstrap", 4).agrees()
    joint = mean((moved[:, :, 0] * moved[:, :, 1]).mean(1))
    expected = float((seen[:, 0] * seen[:, 1]).mean())
    ZTest(joint, expected, "product of BTC and ETH", "bootstrap", 4).agrees()
    ZTest(joint, 0.8 * expected, "product of BTC and ETH", "bootstrap", 4).rejects()
