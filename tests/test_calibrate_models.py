"""Several models at once: from the command to presets that build, a comparison, and its page."""

from __future__ import annotations

import copy
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from stress.build.price import build_composition
from stress.cli.compose import load
from stress.cli.main import OK, main
from stress.config.parse import parse
from stress.config.schema import Config
from stress.errors import UserError
from stress.price.calibrate import calibrate
from stress.price.calibrate.checks import compare, holdout
from stress.price.calibrate.garch.law import GarchLaw
from stress.price.calibrate.kou import fit as kou_fit
from stress.price.calibrate.mixture import maximise as maximise_module
from stress.price.calibrate.models.table import FITTERS, asked_model
from stress.price.calibrate.run import asked_models

DATA = Path(os.environ.get("STRESS_DATA", Path(__file__).resolve().parent.parent / ".." / "shared" / "data"))


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rougher tops, fewer samples and draws."""
    for name, steps in (("START_STEPS", 10), ("CLIMB_STEPS", 20), ("NEWTON_STEPS", 0)):
        monkeypatch.setattr(maximise_module, name, steps)
    for name, value in (("FINE", 2.2), ("ALONE", 1024), ("START_STEPS", 10), ("CLIMB_STEPS", 10),
                        ("POLISH_STEPS", 5), ("NEWTON_STEPS", 0)):
        monkeypatch.setattr(kou_fit, name, value)
    monkeypatch.setattr(compare, "PATHS", 8)
    monkeypatch.setattr(holdout, "DRAWS", 199)


@pytest.fixture(scope="module")
def prices(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ninety days of hourly prices of two markets under GARCH."""
    volatility = np.array([0.6, 0.9]) / np.sqrt(8760)
    law = GarchLaw(np.zeros(2), volatility, np.full(2, 0.08), np.full(2, 0.04), np.full(2, 0.85), np.full(2, 5.0),
                   np.array([[1, 0.8], [0.8, 1]]), volatility**2)
    levels = 1000 * np.exp(np.cumsum(law.simulate(2160, 1, np.random.default_rng(1))[:, 0], axis=0))
    hours = np.datetime64("2023-01-01T00:00:00") + np.arange(len(levels)) * np.timedelta64(1, "h")
    rows = [f"{hour}Z,{float(a)!r},{float(b)!r}" for hour, (a, b) in zip(hours, levels, strict=True)]
    file = tmp_path_factory.mktemp("history") / "prices.csv"
    file.write_text("\n".join(["timestamp,BTC,ETH", *rows]) + "\n")
    return file


def config(prices: Path, *overrides: str) -> Config:
    return load([f"data.path={prices}", "data.markets=[BTC,ETH]", "calibrate.starts=1", "calibrate.regimes=2",
                 *overrides])[0]


def preset(model: str, file: Path) -> Any:
    """The preset, parsed as the price section it is."""
    container = copy.deepcopy(load([f"price={model}"])[1])
    container["price"] = yaml.safe_load(file.read_text())
    return parse(container).price


@pytest.mark.slow
def test_price_all_fits_compares_and_tests_every_model(prices: Path, quick: None, tmp_path: Path,
                                                       monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("arch", reason="the arch package is not installed (extra calibrate)")
    monkeypatch.chdir(tmp_path)
    for slow in ("merton", "regime", "regime_bates", "bates", "hawkes"):  # in test_calibrate.py and test_fit_*.py
        monkeypatch.delitem(FITTERS, slow)
    words = ["price=all", f"data.path={prices}", "data.markets=[BTC,ETH]", "calibrate.starts=1", "calibrate.regimes=2",
             "calibrate.split=2023-02-20", "calibrate.name=mine", "calibrate.use=[ETH]", "hydra.run.dir=study"]
    assert main(["calibrate", *words]) == OK
    found = json.loads(Path("study/comparison.json").read_text())
    assert list(found["models"]) == list(FITTERS) and not found["failed"] and found["split"] == "2023-02-20"
    for model, result in found["models"].items():
        price = preset(model, Path("configs/price") / f"{model}_mine.yaml")
        assert price.markets == ["ETH"] and asked_model(price) == model
        build_composition(price, 60.0)
        price.markets = ["BTC", "ETH"]
        build_composition(price, 60.0)
        test = result["out_of_sample"]
        assert test["bars"] == 2160 - 24 * 50 and test["markets"]["BTC"]["var_long"]["n"] == test["bars"] // 24
        assert sum(test["markets"]["ETH"]["pit_bar"]["histogram"]) == pytest.approx(1)
        likelihood = result["likelihood"]
        assert likelihood["sum_of_marginals"] == pytest.approx(sum(likelihood["marginal"].values()))
        assert (likelihood["joint"] is None) == (result["aic"]["joint"] is None)
        assert {"worst_1h", "worst_4h", "worst_24h", "lower_0.1%", "lower_0.01%", "squares_lag_1h", "squares_lag_24h",
                } <= result["comparison"]["BTC"].keys() and list(result["dependence"]) == ["BTC.ETH"]
    best = max(found["models"], key=lambda m: found["models"][m]["likelihood"]["sum_of_marginals"])
    assert best in ("garch", "heston", "bates")  # the law the history was drawn from, or one of its kind
    page = Path("study/comparison.html").read_text()
    for said in ("Forecasts out of sample", "Kupiec", "garch/calibration.html", "Likelihood"):
        assert said in page, said
    for picture in ("comparison", "dependence", "pit"):
        assert Path(f"study/figures/{picture}.png").stat().st_size > 10_000
    assert main(["report", "study"]) == OK
    assert main(["price=garch_mine", "price.markets=[BTC,ETH]", "--cfg", "job"]) == OK


def test_a_model_that_cannot_be_fitted_is_left_out_with_its_reason(prices: Path, quick: None, tmp_path: Path) -> None:
    short = tmp_path / "short.csv"
    short.write_text("\n".join(prices.read_text().splitlines()[:301]) + "\n")
    said: list[str] = []
    cfg = config(short, "calibrate.models=[merton,gbm]", f"calibrate.output={tmp_path / 'presets'}")
    files = calibrate(cfg, tmp_path / "study", said.append)
    assert files == [tmp_path / "presets" / "gbm_btc_eth.yaml"] and files[0].exists()
    found = json.loads((tmp_path / "study" / "comparison.json").read_text())
    assert "allowed is at least 500" in found["failed"]["merton"] and list(found["models"]) == ["gbm"]
    assert len(said) == 2 and found["models"]["gbm"]["out_of_sample"] is None
    with pytest.raises(UserError, match="no model could be fitted"):
        calibrate(config(short, "calibrate.models=[merton]", f"calibrate.output={tmp_path / 'other'}"), tmp_path / "b")


def test_what_cannot_be_asked_for_is_refused(prices: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert asked_models(["regime", "gbm"]) == ["gbm", "regime"] and asked_models(["all"]) == list(FITTERS)
    for words, message in (
            (["calibrate.models=[gbm,sabr]"], r"calibrate.models: got \['gbm', 'sabr'\], allowed is a list of gbm"),
            (["calibrate.models=[]"], "calibrate.models"), (["price=gbm", "calibrate.use=[SOL]"], "names out of BTC, ETH"),
            (["calibrate.models=[gbm]", "calibrate.output=x.yaml"], "a folder where several models are fitted"),
            (["price=gbm", "calibrate.split=2019-01-01"], "a date inside the history, 2023-01-01 to 2023-03-31")):
        with pytest.raises(UserError, match=message):
            calibrate(config(prices, f"calibrate.name={'x'}", *words), tmp_path)
    with pytest.raises(UserError, match=r"calibrate.split: got 'then'"):
        config(prices, "calibrate.split=then")


def test_garch_without_arch_says_what_to_install(prices: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "arch.univariate", None)
    monkeypatch.delitem(sys.modules, "stress.price.calibrate.garch.targeted", raising=False)
    with pytest.raises(UserError, match=r"pip install 'perpstress\[calibrate\]'"):
        calibrate(config(prices, "price=garch", f"calibrate.output={tmp_path / 'x.yaml'}"), tmp_path)


def test_real_prices_are_compared_on_the_same_bars(quick: None, tmp_path: Path) -> None:
    pytest.importorskip("arch", reason="the arch package is not installed (extra calibrate)")
    folder = DATA / "prices_1h"
    if not folder.is_dir():
        pytest.skip("no real price data: STRESS_DATA names no folder with prices_1h")
    cfg = config(folder, "calibrate.models=[gbm,garch]", "data.start=2023-01-01", "data.end=2025-01-01",
                 "calibrate.split=2024-07-01", f"calibrate.output={tmp_path / 'presets'}")
    calibrate(cfg, tmp_path / "study")
    found = json.loads((tmp_path / "study" / "comparison.json").read_text())
    gbm, garch = (found["models"][name] for name in ("gbm", "garch"))
    assert garch["likelihood"]["joint"] > gbm["likelihood"]["joint"] + 3000
    assert garch["bic"]["joint"] < gbm["bic"]["joint"] and garch["bic"]["marginal"] < gbm["bic"]["marginal"]
    assert gbm["comparison"]["BTC"]["worst_1h"]["data"] == garch["comparison"]["BTC"]["worst_1h"]["data"] < -0.04
    held = {name: m["out_of_sample"]["log_likelihood"]["joint"] for name, m in found["models"].items()}
    assert held["garch"] > held["gbm"] + 1000
    assert gbm["out_of_sample"]["markets"]["BTC"]["pit_bar"]["p_value"] < 1e-6
    row = gbm["dependence"]["BTC.ETH"]
    assert 0.5 < row["data"] < 0.8 and row["simulated_95"] < row["data"]
