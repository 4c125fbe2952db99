"""``calibrate`` with depth and funding: files in, presets out that compose; what is refused; what is shipped."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
import yaml

from stress.build.study import build_study
from stress.calibrate import presets
from stress.calibrate.liquidity import Multiplier
from stress.calibrate.run import _no_longer_assumed
from stress.cli.compose import config_folder, load
from stress.cli.main import BAD_INPUT, OK, main
from stress.protocol.funding_fit.likelihood import Law
from tests.test_fit_depth import ELASTICITY, market
from tests.test_fit_premium import TRUTH, drawn, paid, rates

DATA = Path(os.environ.get("STRESS_DATA", Path(__file__).resolve().parent.parent / ".." / "shared" / "data"))
MARKETS = ["BTC", "ETH"]
START = np.datetime64("2024-01-01T00:00:00", "s")
QUIET = ["report.enabled=false", "data.markets=[BTC,ETH]"]
TWO_REGIMES = [
    "price=gbm",
    "+price.regimes={quiet: {volatility: 0.35, depth_multiplier: 1}, wild: {volatility: 0.9, depth_multiplier: 0.3}}",
    "+price.transition_rates={quiet: {wild: 60}, wild: {quiet: 120}}",
]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Prices, depth and funding of two markets in long and wide form; some rows are bad."""
    folder = tmp_path_factory.mktemp("histories")
    pairs = [market(seed, days=400, name=name) for seed, name in enumerate(MARKETS)]
    levels = [1000 * np.exp(np.concatenate([[0], np.cumsum(bars.log_return)])) for _, bars in pairs]
    hours = START + np.arange(len(levels[0])).astype("timedelta64[h]")
    rows = [f"{t}Z,{a:.10g},{b:.10g}" for t, a, b in zip(hours, *levels, strict=True)]
    (folder / "prices.csv").write_text("\n".join(["timestamp,BTC,ETH", *rows]) + "\n")
    lines = ["timestamp,asset,bid_depth_1pct_usd,ask_depth_1pct_usd,suspect"]
    for windows, _ in pairs:
        for k, (end, bid, ask) in enumerate(zip(windows.end, windows.bid, windows.ask, strict=True)):
            factor = 1e3 if k % 50 == 7 else 1.0
            time = START + np.timedelta64(int(end), "s")
            lines.append(
                f"{time}Z,{windows.market},{bid * factor!r},{ask!r},{k % 50 == 7}".replace("np.float64(", "").replace(
                    ")", ""
                )
            )
    lines.append(f"{START}Z,BTC,-1.0,5.0,False")
    (folder / "depth.csv").write_text("\n".join(lines) + "\n")
    lines = ["timestamp,market,funding_rate"]
    for seed, name in enumerate(MARKETS):
        path = drawn(Law(TRUTH.mean, TRUTH.phi, TRUTH.std), 900, seed)
        lines += [
            f"{START + np.timedelta64(8 * k, 'h')}Z,{name},{rate:.10g}"
            for k, rate in enumerate(rates(path, paid(path)))
        ]
    (folder / "funding.csv").write_text("\n".join(lines) + "\n")
    return folder


@pytest.fixture
def here(files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Overrides that name the files, in a folder of the test's own."""
    monkeypatch.chdir(tmp_path)
    return [
        f"data.{name}={files / f'{file}.csv'}"
        for name, file in (("path", "prices"), ("depth", "depth"), ("funding", "funding"))
    ]


def test_all_three_presets_compose(here: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """One command fits prices, depth and funding; what it writes makes a study."""
    assert (
        main(["calibrate", "price=gbm", "calibrate.name=mine", "hydra.run.dir=out", *here, "data.markets=[BTC,ETH]"])
        == OK
    )
    told = capsys.readouterr().out
    for group in ("price", "liquidity", "funding"):
        assert f"configs/{group}/mine.yaml" in told
        assert f"Use it with {group}=mine." in told
    for page in ("calibration", "liquidity", "funding"):
        assert (Path("out") / f"{page}.html").stat().st_size > 20_000
    config, _ = load(["price=mine", "liquidity=mine", "funding=mine", "run.paths=128"])
    found = json.loads((Path("out") / "funding.json").read_text())["markets"]
    process = config.protocol.funding.premium_process
    assert process is not None
    assert process.std["BTC"] == pytest.approx(found["BTC"]["std"], rel=0.01)  # type: ignore[index]
    assert config.protocol.funding.premium["ETH"] == pytest.approx(found["ETH"]["mean"], rel=0.01)  # type: ignore[index]
    assert abs(np.log(found["BTC"]["std"] / TRUTH.std)) < 4 * found["BTC"]["log_std_error"]
    assert config.protocol.funding.cap == load([])[0].protocol.funding.cap, "the venue's own stays"
    levels = json.loads((Path("out") / "liquidity.json").read_text())["levels"]
    assert config.liquidity.depth_usd["ETH"] == pytest.approx(levels["ETH"]["usd"], rel=0.01)  # type: ignore[index]
    venue = build_study(config).plan.job.venues
    np.testing.assert_allclose(venue.liquidity.depth[0], [config.liquidity.depth_usd[m] for m in MARKETS])  # type: ignore[index]
    assert venue.funding.process is not None
    assert np.all(np.asarray(venue.funding.process.decay) < 1)


def test_depth_in_regimes_without_a_price_fit(here: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    words = ["calibrate", *TWO_REGIMES, "calibrate.price=false", "hydra.run.dir=out", *QUIET, *here[:2]]
    assert main(words) == OK
    assert "price.regimes.wild.depth_multiplier=" in capsys.readouterr().out
    assert not (Path("configs") / "price").exists()
    found = json.loads((Path("out") / "liquidity.json").read_text())
    first, second = found["depth_multiplier"]
    assert (first["regime"], first["estimate"], first["low"]) == ("quiet", 1.0, 1.0)
    assert second["low"] < second["estimate"] < second["high"] < 1
    pooled = found["elasticity"]["pooled"]["corrected"]
    assert abs(pooled["estimate"] - ELASTICITY) < 4 * pooled["standard_error"]
    assert second["estimate"] == pytest.approx((0.9 / 0.35) ** ELASTICITY, abs=0.08), "two ways of saying the same"
    file = Path("configs") / "liquidity" / "depth_btc_eth.yaml"
    provenance = yaml.safe_load(file.read_text())["provenance"]
    assert provenance["fitted"] == ["depth_usd"] and "withdrawal" in provenance["assumed"]
    refused = provenance["data"]["markets"]["BTC"]["rows_refused"]
    assert refused == {"marked suspect": 24, "depth not positive": 1}
    text = file.read_text()
    assert "fitted, in regime quiet of price" in text
    assert all(
        f"{key}:" in line and "assumed" in line
        for key in presets.ASSUMED_BOOK
        for line in text.splitlines()
        if line.startswith(f"{key}:")
    )


def test_depth_alone_has_a_level_and_says_what_is_missing(here: list[str]) -> None:
    assert main(["calibrate", "calibrate.price=false", "hydra.run.dir=out", *QUIET, here[1]]) == OK
    found = json.loads((Path("out") / "liquidity.json").read_text())
    assert found["elasticity"] == {} and found["depth_multiplier"] == []
    assert found["no_depth_multiplier"] == "data.path is null"
    assert any("how depth answers to it is not fitted" in note for note in found["warnings"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (["data.depth=nowhere.csv"], "data.depth: got 'nowhere.csv'"),
        (["data.markets=[BTC,DOGE]"], "has 0 usable rows for DOGE"),
        (["data.start=2025-01-20"], "usable windows for BTC"),
        (["data.markets=[BTC,BTC]"], "data.markets"),
        (["calibrate.name=../x"], "calibrate.name"),
        (["data.depth=null"], "nothing to fit"),
    ],
)
def test_what_cannot_be_used_is_refused(
    here: list[str], change: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["calibrate", "calibrate.price=false", "hydra.run.dir=out", *QUIET, here[1], *change]) == BAD_INPUT
    assert message in capsys.readouterr().err
    assert not list(Path("out").glob("*.json"))


def test_a_file_in_another_form_is_told_apart(here: list[str], files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = [f"data.funding={files / 'depth.csv'}"]
    assert main(["calibrate", "calibrate.price=false", "hydra.run.dir=out", *QUIET, *wrong]) == BAD_INPUT
    assert "has no column funding_rate" in capsys.readouterr().err


def test_files_are_looked_at_before_anything_is_fitted(here: list[str]) -> None:
    words = ["calibrate", "price=gbm", "hydra.run.dir=out", *QUIET, here[0]]
    assert main([*words, "data.depth=nowhere.csv"]) == BAD_INPUT
    assert not Path("configs").exists()
    mine = Path("configs") / "liquidity" / "mine.yaml"
    mine.parent.mkdir(parents=True)
    mine.write_text("law: none\n")
    assert main([*words, here[1], "calibrate.name=mine"]) == BAD_INPUT
    assert mine.read_text() == "law: none\n"
    assert not (Path("configs") / "price").exists()


# --- depth in a price preset ----------------------------------------------------------------------------------------
def test_fitted_depths_go_into_the_regimes_of_a_price_preset(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    text = (config_folder() / "price" / "regime.yaml").read_text()
    file.write_text(text)
    names = list(yaml.safe_load(text)["regimes"])
    fitted = [
        Multiplier(names[0], 1, 1, 1, 9),
        *(Multiplier(n, 0.91 - 0.1 * k, 0.8, 0.95, 9) for k, n in enumerate(names[1:])),
    ]
    assert presets.write_depths(file, fitted, {"depth.csv": "0" * 64})
    before, after = yaml.safe_load(text), yaml.safe_load(file.read_text())
    assert [r["depth_multiplier"] for r in after["regimes"].values()] == [1.0, 0.91, 0.81]
    assert not any("depth_multiplier" in key for key in after["provenance"]["assumed"])
    depth = after["provenance"].pop("depth")
    assert depth["fitted_to"] == {"depth.csv": "0" * 64}
    assert depth["intervals"] == {f"regimes.{name}.depth_multiplier": [0.8, 0.95] for name in names[1:]}
    for part in (before, after):
        part["provenance"].pop("assumed")
        for regime in part["regimes"].values():
            regime.pop("depth_multiplier")
    assert before == after
    assert not presets.write_depths(file, fitted[:2], {})
    assert not presets.write_depths(file, [*fitted[:2], Multiplier("other", 1, 1, 1, 9)], {})


def test_results_of_the_price_model_no_longer_say_that_depth_is_assumed(tmp_path: Path) -> None:
    file, kept = tmp_path / "calibration.json", {"assumed": ["drift"], "model": "regime"}
    provenance = {**kept, "assumed": ["drift", "regimes.calm.depth_multiplier"]}
    warnings = ["depth_multiplier is assumed: prices do not say how deep the book is.", "another"]
    file.write_text(json.dumps({"warnings": warnings, "provenance": provenance}))
    _no_longer_assumed(file)
    assert json.loads(file.read_text()) == {"warnings": ["another"], "provenance": kept}


# --- what is shipped ------------------------------------------------------------------------------------------------
SHIPPED = ["BTC", "ETH", "SOL", "BNB", "XRP", "DOGE", "AVAX"]


@pytest.mark.parametrize("group", ["liquidity", "funding"])
def test_shipped_presets_say_what_is_fitted_and_where_it_comes_from(group: str) -> None:
    text = (config_folder() / group / "binance.yaml").read_text()
    section = yaml.safe_load(text)
    provenance = section["provenance"]
    assert "PietroC21/Crypto-PerpetualFutures (MIT)" in provenance["source"]
    assert "Binance USD-margined perpetuals" in provenance["source"]
    keys = {*provenance["fitted"], *provenance["assumed"], "provenance", "interval_hours", "interest_rate"}
    assert keys >= set(section), "every number is fitted, assumed or a rule of the venue"
    for name in provenance["fitted"]:
        values = section[name] if name != "premium_process" else section[name]["std"]
        assert list(values) == SHIPPED
    assert "/work" not in text and "../" not in text
    assert all(len(value) == 64 for value in provenance["data"]["files"].values())


def test_real_histories_give_what_is_shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Levels of the shipped files, without regimes: within the interval of each, or of its uncorrected mean."""
    depth, funding = (
        DATA / "depth" / "depth_1pct_binance_8h.parquet",
        DATA / "funding_oi" / "funding_binance_8h.parquet",
    )
    if not (depth.is_file() and funding.is_file()):
        pytest.skip("no real depth and funding data: STRESS_DATA names no folder with them")
    monkeypatch.chdir(tmp_path)
    words = [
        "calibrate",
        "calibrate.price=false",
        "hydra.run.dir=out",
        "report.enabled=false",
        "calibrate.name=binance",
    ]
    assert main([*words, f"data.depth={depth}", "data.markets=[BTC,ETH,SOL,BNB,XRP,DOGE,AVAX]"]) == OK
    assert main([*words, f"data.funding={funding}", "data.markets=[BTC,BNB]", "data.start=2025-02-25"]) == OK
    levels = json.loads((Path("out") / "liquidity.json").read_text())["levels"]
    provenance = yaml.safe_load((config_folder() / "liquidity" / "binance.yaml").read_text())["provenance"]
    for name in SHIPPED:
        assert levels[name]["mean_usd"] == pytest.approx(provenance["level"][name]["mean_usd"], rel=0.01)
    shipped = yaml.safe_load((config_folder() / "funding" / "binance.yaml").read_text())
    found = json.loads((Path("out") / "funding.json").read_text())["markets"]
    for name in ("BTC", "BNB"):
        assert found[name]["mean"] == pytest.approx(shipped["premium"][name], rel=0.02)
        assert found[name]["std"] == pytest.approx(shipped["premium_process"]["std"][name], rel=0.02)
        assert found[name]["interest"] == shipped["interest_rate"][name]
