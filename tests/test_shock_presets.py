"""The shipped shocks, their errors, their words in the report, and their percentiles in the data they name."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from fixtures_report import Case, fabricate_run
from pyarrow import parquet

from stress.build.study import build_study
from stress.cli.compose import config_folder, load
from stress.config.shock import KINDS, TAGS, ShockConfig
from stress.errors import UserError
from stress.report.assumptions import assumptions, limitations
from stress.report.load import load_run

pytestmark = pytest.mark.usefixtures("compiled_soon")

DATA = Path(os.environ.get("STRESS_DATA", Path(__file__).resolve().parent.parent / ".." / "shared" / "data"))
SHIPPED = sorted(file.stem for file in (config_folder() / "shock").glob("*.yaml"))
GROUPS = dict(zip(("gap", "volatility", "correlation", "depth", "oracle", "depeg", "manipulation", "outage"), KINDS, strict=True))
SEVEN = ("BTC", "ETH", "SOL", "BNB", "XRP", "DOGE", "AVAX")


def preset(name: str) -> ShockConfig:
    return load([f"shock={name}"])[0].shocks[name]


# --- presets ---------------------------------------------------------------------------------------------------------
def test_every_kind_comes_in_every_tag() -> None:
    assert sorted(f"{group}_{tag}" for group in GROUPS for tag in TAGS) == SHIPPED


@pytest.mark.parametrize("name", SHIPPED)
def test_a_preset_says_what_it_is_how_bad_and_from_where(name: str) -> None:
    group, tag = name.split("_")
    shock = preset(name)
    assert (shock.kind, shock.tag) == (GROUPS[group], tag)
    assert shock.provenance and set(shock.provenance) <= {"of", "source", "assumed"}
    if shock.percentile is None:
        assert "assumed" in shock.provenance
    else:
        assert {"of", "source"} <= set(shock.provenance)


@pytest.mark.parametrize("group", GROUPS)
def test_tags_are_in_order(group: str) -> None:
    def badness(shock: ShockConfig) -> float:
        match shock.kind:
            case "gap":
                return -shock.move["BTC"]  # type: ignore[index,operator]
            case "correlation_one":
                return shock.beta["ETH"]  # type: ignore[index,return-value]
            case "depth_withdrawal":
                return 1.0 / shock.multiplier  # type: ignore[operator]
            case "index_manipulation":
                return -shock.move  # type: ignore[operator]
            case "oracle_freeze" | "outage":
                return shock.duration_hours or 0.0
            case _:
                return shock.loss or shock.multiplier or 0.0  # type: ignore[return-value]

    found = [badness(preset(f"{group}_{tag}")) for tag in TAGS]
    assert found == sorted(found) and len(set(found)) == len(TAGS)


def test_presets_compose_and_are_changed_by_their_keys() -> None:
    cfg, _ = load(["shock=[gap_severe,depth_adverse]", "shocks.gap_severe.at_hours=2", "+shocks.mine.kind=oracle_freeze",
                   "+shocks.mine.at_hours=3", "price=gbm", "book.accounts=100"])
    assert list(cfg.shocks) == ["gap_severe", "depth_adverse", "mine"]
    assert cfg.shocks["gap_severe"].at_hours == 2 and cfg.shocks["mine"].duration_hours is None
    assert len(build_study(cfg).plan.job.model.shocks) == 2  # type: ignore[attr-defined]
    assert load([])[0].shocks == {}


# --- errors ----------------------------------------------------------------------------------------------------------
MINE = ["+shocks.s.kind=gap", "+shocks.s.at_hours=1", "+shocks.s.move=-0.1"]
WRONG: dict[str, tuple[list[str], list[str]]] = {
    "no such kind": (["+shocks.s.kind=gapp", "+shocks.s.at_hours=1"], ["shocks.s.kind", "'gapp'", "one of gap, "]),
    "no time": (["+shocks.s.kind=gap", "+shocks.s.move=0"], ["shocks.s.at_hours: missing"]),
    "no number": (MINE[:2], ["shocks.s.move", "a value when kind=gap"]),
    "another kind's number": ([*MINE, "+shocks.s.loss=0.1"], ["shocks.s.loss", "null when kind=gap"]),
    "unknown key": ([*MINE, "+shocks.s.size=1"], ["shocks.s.size: unknown key", "multiplier"]),
    "falls below nothing": ([*MINE[:2], "+shocks.s.move=-1"], ["shocks.s.move", "> -1"]),
    "after the run": ([*MINE, "run.horizon_hours=0.5"], ["shocks.s.at_hours", "at most run.horizon_hours=0.5"]),
    "market without a number": ([*MINE[:2], "+shocks.s.move={BTC: -0.1}"], ["shocks.s.move", "no value for ETH, SOL"]),
    "leader that is no market": (["shock=correlation_severe", "price=gbm", "price.markets=[ETH,SOL]"],
                                 ["shocks.correlation_severe.leader", "'BTC'", "ETH, SOL"]),
    "two leaders": (["shock=[correlation_severe,correlation_neutral]", "shocks.correlation_neutral.at_hours=5"],
                    ["shocks.correlation_neutral.at_hours", "only one leader"]),
    "depth by market": (["shock=depth_severe", "shocks.depth_severe.multiplier=[0.1,0.2,0.3]"],
                        ["shocks.depth_severe.multiplier", "one number for all markets"]),
    "oracle of no market": (["shock=oracle_severe", "shocks.oracle_severe.markets=[PEPE]"],
                            ["shocks.oracle_severe.markets", "PEPE", "BTC, ETH, SOL"]),
    "loss of more than all": (["shock=depeg_severe", "shocks.depeg_severe.loss=1.5"], ["shocks.depeg_severe.loss", "<= 1"]),
    "recovery without a time": (["shock=depeg_severe", "shocks.depeg_severe.duration_hours=null"],
                                ["shocks.depeg_severe.duration_hours", "when recovery is given"]),
    "volatility of a given path": (["shock=volatility_severe", "price=replay", "price.path=x.csv"],
                                   ["shocks.volatility_severe.kind", "price.model=replay", "no volatility"]),
    "percentile": ([*MINE, "+shocks.s.percentile=101"], ["shocks.s.percentile", "<= 100"]),
    "tag": ([*MINE, "+shocks.s.tag=awful"], ["shocks.s.tag", "neutral, adverse, severe"]),
    "no such preset": (["shock=[gap_severe,gap_sever]"], ["shock=gap_sever", "Did you mean shock=gap_severe?"]),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_named(name: str) -> None:
    import stress

    overrides, words = WRONG[name]
    with pytest.raises(UserError) as caught:
        stress.run([*overrides, "run.paths=1"])
    assert [word for word in words if word not in str(caught.value)] == []


def test_after_the_end_of_a_given_path(tmp_path: Path) -> None:
    import stress

    path = tmp_path / "path.csv"
    path.write_text("time_hours,BTC\n0,100\n1,99\n2,98\n")
    given = [f"price.path={path}", "price.markets=[BTC]", *MINE[:1], MINE[2], "book.accounts=10"]
    with pytest.raises(UserError, match=r"shocks\.s\.at_hours: got 2\.5, allowed is at most 2"):
        stress.replay([*given, "+shocks.s.at_hours=2.5"])
    ledger = stress.replay([*given, "+shocks.s.at_hours=1.5"])
    assert [tick["mark"]["BTC"] for tick in ledger["ticks"]] == pytest.approx([99.0, 98.0 * 0.9], rel=1e-2)


# --- the report ------------------------------------------------------------------------------------------------------
def test_the_report_lists_shocks_with_tag_and_percentile(tmp_path: Path) -> None:
    names = [f"{group}_severe" for group in GROUPS]
    folder = fabricate_run(tmp_path, Case(paths=128, extras=False, story=False))
    file = folder / ".hydra" / "config.yaml"
    config: dict[str, Any] = yaml.safe_load(file.read_text())
    file.write_text(yaml.safe_dump(config | {"shocks": load([f"shock=[{','.join(names)}]"])[1]["shocks"]}))
    run = load_run(folder)
    (text,) = [text for topic, text in assumptions(run) if topic == "Hypothetical shocks"]
    for words in ("gap_severe (severe, percentile 99.99 of relative loss of an hour", "BTC −8.41", "SOL −13.9",
                  "Binance hourly mark prices", "at 0", "not compensated", "volatility of the diffusion × 8 from",
                  "for 24", "all markets follow BTC, return for return × BTC 1, ETH 1.72, SOL 2.55", "depth × 0.06",
                  "oracle_severe (severe, assumed): the oracle of all markets stands still",
                  "cross wallets lose 12", "and regain 100", "2\N{NO-BREAK SPACE}days later"):
        assert words in text, words
    left_out = limitations(run)
    assert any("every probability is that of what follows" in line for line in left_out)
    assert not any("or depeg" in line for line in left_out) and any("but for the depeg" in line for line in left_out)


def test_without_shocks_the_report_has_no_line_of_them(tmp_path: Path) -> None:
    run = load_run(fabricate_run(tmp_path, Case(paths=128, extras=False, story=False)))
    assert "Hypothetical shocks" not in dict(assumptions(run))
    assert any("or depeg" in line for line in limitations(run))


# --- the data that the presets name ----------------------------------------------------------------------------------
@cache
def returns() -> np.ndarray:
    """Hourly log-returns of mark prices [hours, 7], NaN where there is none."""
    if not (DATA / "prices_1h").is_dir():
        pytest.skip("no real price data: STRESS_DATA names no folder with prices_1h")
    tables = [parquet.read_table(DATA / "prices_1h" / f"binance_{m}.parquet", columns=["timestamp", "mark_close"])
              for m in SEVEN]
    hours = [t["timestamp"].to_numpy().astype("datetime64[h]").astype(np.int64) for t in tables]
    first, last = min(h[0] for h in hours), max(h[-1] for h in hours)
    prices = np.full((last - first + 1, len(SEVEN)), np.nan)
    for a, (hour, table) in enumerate(zip(hours, tables, strict=True)):
        prices[hour - first, a] = table["mark_close"].to_numpy(zero_copy_only=False)
    return np.diff(np.log(prices), axis=0)


@pytest.mark.parametrize("tag", TAGS)
def test_gaps_are_the_percentiles_of_hourly_losses(tag: str) -> None:
    shock = preset(f"gap_{tag}")
    found = np.expm1(np.nanpercentile(returns(), 100 - shock.percentile, axis=0))  # type: ignore[operator]
    np.testing.assert_allclose([shock.move[m] for m in SEVEN], found, rtol=0, atol=6e-5)  # type: ignore[index,call-overload]


@pytest.mark.parametrize("tag", TAGS)
def test_betas_are_the_percentiles_of_returns_over_btc_s(tag: str) -> None:
    shock, moved = preset(f"correlation_{tag}"), returns()
    worst = moved[moved[:, 0] <= np.nanpercentile(moved[:, 0], 0.5)]
    found = np.nanpercentile(worst / worst[:, :1], shock.percentile, axis=0)
    np.testing.assert_allclose([shock.beta[m] for m in SEVEN], found, rtol=0, atol=6e-3)  # type: ignore[index,call-overload]


@pytest.mark.parametrize("tag", TAGS)
def test_steps_are_the_percentiles_of_a_day_over_the_month_before(tag: str) -> None:
    """Days begin at one hour each; a month has 30 days without a gap."""
    shock, ratios = preset(f"volatility_{tag}"), []
    for moved in returns().T:
        days = np.sqrt((moved[: len(moved) // 24 * 24].reshape(-1, 24) ** 2).sum(1))
        month = np.lib.stride_tricks.sliding_window_view(days, 31)
        ratios.append(month[:, 30] / np.median(month[:, :30], axis=1))
    found = np.nanpercentile(np.concatenate(ratios), shock.percentile)
    assert shock.multiplier == pytest.approx(found, rel=0.06)  # rounded, and the hour at which days begin matters


@pytest.mark.parametrize("tag", TAGS[:2])
def test_depths_are_the_percentiles_of_8_h_means(tag: str) -> None:
    file = DATA / "depth" / "depth_1pct_binance_8h.parquet"
    if not file.is_file():
        pytest.skip("no real depth data: STRESS_DATA names no folder with depth")
    shock, table = preset(f"depth_{tag}"), parquet.read_table(file).to_pydict()
    kept, assets = ~np.array(table["suspect"]), np.array(table["asset"])
    found = []
    for side in ("bid", "ask"):
        ratios = []
        for market in SEVEN:
            depth = np.array(table[f"{side}_depth_1pct_usd"])[kept & (assets == market)]
            month = np.lib.stride_tricks.sliding_window_view(depth, 91)
            ratios.append(month[:, 90] / np.median(month[:, :90], axis=1))
        found.append(np.percentile(np.concatenate(ratios), 100 - shock.percentile))  # type: ignore[operator]
    assert shock.multiplier == pytest.approx(np.mean(found), abs=0.006)
