"""Calibration: the likelihood against brute force, known parameters recovered, and the preset that comes out.

Statistical tests use fixed seeds and a limit of four standard errors: a false alarm a parameter in 16,000.
"""

from __future__ import annotations

import copy
import dataclasses
import itertools
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
import yaml
from scipy.linalg import expm
from scipy.stats import multivariate_normal, norm, poisson

from stress.build.price import build_composition
from stress.cli.compose import load
from stress.config.parse import parse
from stress.config.schema import Config
from stress.errors import UserError
from stress.price.calibrate import calibrate
from stress.price.calibrate.base import Estimate, Sample
from stress.price.calibrate.checks import compare
from stress.price.calibrate.checks.compare import comparison, simulated, tails
from stress.price.calibrate.mixture import maximise as maximise_module
from stress.price.calibrate.mixture.dynamics import MixtureDynamics, growth_free, part
from stress.price.calibrate.mixture.estimates import estimates
from stress.price.calibrate.mixture.extend import add, together
from stress.price.calibrate.mixture.further import further_estimates
from stress.price.calibrate.mixture.law import (
    BarLaw,
    blocks,
    components,
    filtered_log_likelihood,
    jump_counts,
    log_density,
)
from stress.price.calibrate.mixture.layout import Layout
from stress.price.calibrate.mixture.maximise import Maximum, maximise
from stress.price.calibrate.mixture.section import depth
from stress.price.calibrate.models.gbm import gaussian_estimates
from stress.price.calibrate.models.moments import gaussian
from stress.price.calibrate.models.table import asked_model

BAR = 1 / 8760
LIMIT = 4.0
PRESETS = Path(__file__).resolve().parent.parent / "configs" / "price"
DATA = Path(os.environ.get("STRESS_DATA", Path(__file__).resolve().parent.parent / ".." / "shared" / "data"))


def two_markets(regimes: int = 1) -> BarLaw:
    """A law of two markets with jumps that stand out; with two regimes the second is four times as wild."""
    wild = 4.0 ** np.arange(regimes)[:, None]
    volatility = np.array([[0.5, 0.7]]) * np.sqrt(BAR) * wild
    rate = np.array([[-1 / 40.0, 1 / 40.0], [1 / 15.0, -1 / 15.0]]) if regimes == 2 else np.zeros((1, 1))
    one = np.ones(regimes)
    law = BarLaw(
        location=1e-5 * wild * [[1, -1]], volatility=volatility, correlation=np.array([[[1, 0.7], [0.7, 1]]] * regimes),
        intensity=np.array([[900.0, 1200.0]]) * BAR * one[:, None], mean=volatility * [[-2.0, 1.0]],
        std=volatility * [[14.0, 12.0]], common_intensity=800 * BAR * one, common_mean=volatility * [[-3.0, -3.0]],
        common_std=volatility * [[16.0, 16.0]], common_correlation=0.8 * one, rates=rate)
    return BarLaw(*(np.asarray(x, dtype=np.float64) for x in law))  # type: ignore[arg-type]


def one_market(regimes: int = 1) -> BarLaw:
    """The first of the two markets without the common jumps."""
    law, none = two_markets(regimes), np.zeros((regimes, 1))
    part = [x[:, :1] for x in law[:2]] + [np.ones((regimes, 1, 1))] + [x[:, :1] for x in law[3:6]]
    return BarLaw(*part, none[:, 0], none, none, none[:, 0], law.rates)  # type: ignore[arg-type]


def drawn(law: BarLaw, bars: int, seed: int) -> np.ndarray:
    """A sample [T, A] of a law."""
    return MixtureDynamics(law, 2).simulate(bars, 1, np.random.default_rng(seed))[:, 0]


def fitted(law: BarLaw, bars: int, seed: int) -> Maximum:
    returns = drawn(law, bars, seed)
    layout = Layout(len(law.rates), returns.std(0), 2.0, 4000.0, BAR)
    return maximise(layout, returns, 1, 0)


def by_name(found: list[Estimate]) -> dict[str, Estimate]:
    return {estimate.name: estimate for estimate in found}


def check_recovered(found: list[Estimate], truth: dict[str, float]) -> None:
    table = by_name(found)
    for name, expected in truth.items():
        estimate = table[name]
        assert estimate.standard_error is not None and estimate.standard_error > 0, name
        z = (estimate.estimate - expected) / estimate.standard_error
        assert abs(z) < LIMIT, (f"{name}: estimate {estimate.estimate}, true {expected}, standard error "
                                f"{estimate.standard_error}, z {z}, limit {LIMIT}")


# --- the likelihood --------------------------------------------------------------------------------------------------
def test_density_is_the_poisson_mixture_of_normals() -> None:
    law = two_markets()
    returns = np.array([[0.0, 0.001], [0.02, -0.03], [np.nan, 0.01], [np.nan, np.nan], [-0.05, np.nan]])
    counts = jump_counts(np.array([0.1, 0.14, 0.09]), 1e-12)
    got = np.asarray(log_density(law, 0, counts, blocks(returns), len(returns)))
    expected = [np.log(_density(law, row)) for row in returns]
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-9)
    assert got[3] == 0.0


def _density(law: BarLaw, row: np.ndarray) -> float:
    """The slow, obvious density: jump counts up to seven of each kind."""
    seen = np.isfinite(row)
    if not seen.any():
        return 1.0
    total = 0.0
    diffusion = np.outer(law.volatility[0], law.volatility[0]) * law.correlation[0]
    shared = np.outer(law.common_std[0], law.common_std[0]) * np.array([[1, 0.8], [0.8, 1]])
    for first, second, common in itertools.product(range(8), repeat=3):
        weight = (poisson.pmf(first, law.intensity[0, 0]) * poisson.pmf(second, law.intensity[0, 1])
                  * poisson.pmf(common, law.common_intensity[0]))
        own = np.array([first, second])
        mean = law.location[0] + own * law.mean[0] + common * law.common_mean[0]
        covariance = diffusion + np.diag(own * law.std[0] ** 2) + common * shared
        total += weight * multivariate_normal(mean[seen], covariance[np.ix_(seen, seen)]).pdf(row[seen])
    return total


def test_filter_sums_over_every_path_of_regimes() -> None:
    law = two_markets(regimes=2)
    densities = np.random.default_rng(1).normal(0, 2, (7, 2))
    move, stationary = expm(law.rates), np.array([1 / 15, 1 / 40]) / (1 / 15 + 1 / 40)
    total = 0.0
    for path in itertools.product(range(2), repeat=7):
        weight = stationary[path[0]] * np.prod([move[a, b] for a, b in itertools.pairwise(path)])
        total += weight * np.exp(sum(densities[t, r] for t, r in enumerate(path)))
    got = float(filtered_log_likelihood(law, jnp.asarray(densities)))
    np.testing.assert_allclose(got, np.log(total), rtol=1e-12)


def test_jump_counts_leave_out_what_was_asked() -> None:
    means = np.array([0.3, 0.01, 0.5])
    counts = jump_counts(means, 1e-5)
    left = 1 - poisson.pmf(counts, means).prod(1).sum()
    assert 0 < left < 1e-5
    fewer = 1 - poisson.pmf(counts[:-1], means).prod(1).sum()
    assert fewer > 1e-5


def test_any_vector_is_a_valid_law() -> None:
    layout = Layout(3, np.array([0.01, 0.02, 0.03]), 4.0, 1750.0, BAR)
    low, high = layout.bounds()
    vector = np.clip(np.random.default_rng(2).normal(0, 3, len(low)), low, high)
    law = layout.law(jnp.asarray(vector))
    assert all(np.linalg.eigvalsh(matrix)[0] > 0 for matrix in np.asarray(law.correlation))
    np.testing.assert_allclose(np.asarray(law.rates).sum(1), 0, atol=1e-12)
    assert (np.asarray(law.volatility)[2] >= (4 - 1e-9) * np.asarray(law.volatility)[1]).all()
    assert (np.asarray(law.std) >= (1 - 1e-9) * np.asarray(law.volatility)).all()
    assert np.asarray(law.intensity).max() <= 1750 * BAR * (1 + 1e-9)
    assert layout.names()[len(vector) - 1] == "rates[5]"


# --- parameters recovered --------------------------------------------------------------------------------------------
def test_gbm_is_recovered_and_two_percent_would_show() -> None:
    random, size = np.random.default_rng(3), 40_000
    root = np.linalg.cholesky(np.array([[1, 0.8], [0.8, 1]]))
    returns = random.normal(size=(size, 2)) @ root.T * np.array([0.6, 0.9]) * np.sqrt(BAR)
    found = gaussian_estimates(gaussian(returns), ["BTC", "ETH"], BAR)
    check_recovered(found, {"volatility.BTC": 0.6, "volatility.ETH": 0.9, "correlation.BTC.ETH": 0.8})
    table = by_name(found)
    np.testing.assert_allclose(table["volatility.BTC"].standard_error, 0.6 / np.sqrt(2 * size), rtol=0.05)
    np.testing.assert_allclose(table["correlation.BTC.ETH"].standard_error, 0.36 / np.sqrt(size), rtol=0.05)
    for wrong in (0.98, 1.02):
        with pytest.raises(AssertionError, match=r"volatility.ETH"):
            check_recovered(found, {"volatility.ETH": 0.9 * wrong})


def test_merton_is_recovered_and_ten_percent_would_show() -> None:
    law = two_markets()
    top = fitted(law, 40_000, 4)
    found, _ = estimates(top, ["BTC", "ETH"], BAR)
    truth = {"volatility.BTC": 0.5, "volatility.ETH": 0.7, "correlation.BTC.ETH": 0.7, "jump.intensity.BTC": 900.0,
             "jump.intensity.ETH": 1200.0, "jump.mean.BTC": law.mean[0, 0], "jump.std.BTC": law.std[0, 0],
             "jump.std.ETH": law.std[0, 1], "jump.common_intensity": 800.0,
             "jump.common_mean.ETH": law.common_mean[0, 1], "jump.common_std.BTC": law.common_std[0, 0],
             "jump.common_correlation": 0.8}
    check_recovered(found, truth)
    assert top.slope < 0.1
    for wrong in (0.9, 1.1):
        with pytest.raises(AssertionError, match="standard error"):
            check_recovered(found, {"jump.intensity.ETH": 1200.0 * wrong})


def test_regimes_are_recovered() -> None:
    law = one_market(regimes=2)
    found, _ = estimates(fitted(law, 20_000, 5), ["BTC"], BAR)
    check_recovered(found, {
        "calm.volatility.BTC": 0.5, "stressed.volatility.BTC": 2.0, "calm.jump.intensity.BTC": 900.0,
        "stressed.jump.intensity.BTC": 900.0, "stressed.jump.std.BTC": law.std[1, 0],
        "transition_rate.calm.stressed": 8760 / 40, "transition_rate.stressed.calm": 8760 / 15})
    with pytest.raises(AssertionError, match="standard error"):
        check_recovered(found, {"transition_rate.calm.stressed": 1.6 * 8760 / 40})


def three_markets() -> BarLaw:
    """The two markets and a third like the second; its diffusion goes with theirs by 0.5 and 0.6."""
    law = two_markets()
    names = ("location", "volatility", "intensity", "mean", "std", "common_mean", "common_std")
    columns = {name: getattr(law, name)[:, [0, 1, 1]] for name in names}
    return law._replace(**columns, correlation=np.array([[[1, 0.7, 0.5], [0.7, 1, 0.6], [0.5, 0.6, 1]]]))


def test_further_markets_are_recovered_given_the_first() -> None:
    law = three_markets()
    returns = MixtureDynamics(law, 3).simulate(15_000, 1, np.random.default_rng(12))[:, 0]
    first, layout = part(law, [0]), Layout(1, returns[:, :1].std(0), 2.0, 4000.0, BAR)
    alone = MixtureDynamics(first, 1).likelihood(returns[:, :1]).joint
    assert alone is not None
    added = [add(first, layout, returns[:, [0, k]], alone) for k in (1, 2)]
    for market, correlation, found in zip(("ETH", "SOL"), (0.7, 0.5), added, strict=True):
        table, _ = further_estimates(found, market, ["BTC"], BAR)
        truth = {f"volatility.{market}": 0.7, f"jump.intensity.{market}": 1200.0, f"jump.std.{market}": law.std[0, 1],
                 f"jump.common_std.{market}": law.common_std[0, 1], f"correlation.BTC.{market}": correlation}
        check_recovered(table, truth)
        with pytest.raises(AssertionError, match="standard error"):
            check_recovered(table, {f"volatility.{market}": 0.7 * 1.03})
        assert found.gain > 0
    whole = together(first, added, returns)
    assert whole.correlation[0, 1, 2] == pytest.approx(0.6, abs=0.03)
    assert np.linalg.eigvalsh(whole.correlation[0])[0] > 0
    likelihood = MixtureDynamics(whole, 1).likelihood(returns)
    assert likelihood.joint is None and likelihood.marginal.shape == (3,)


def test_one_market_has_no_common_jumps() -> None:
    law = one_market()
    found, _ = estimates(fitted(law, 15_000, 6), ["BTC"], BAR)
    check_recovered(found, {"volatility.BTC": 0.5, "jump.intensity.BTC": 900.0, "jump.std.BTC": law.std[0, 0]})
    assert not [e.name for e in found if "common" in e.name or "correlation" in e.name]


def test_simulated_tails_are_those_of_the_mixture() -> None:
    law = growth_free(part(two_markets(), [0]))
    sample = Sample(["BTC"], drawn(law, 100_000, 7), 3600.0)
    arrays = tails(sample, MixtureDynamics(law, 2).simulate(100_000, 8, np.random.default_rng(7)))
    counts = jump_counts(np.array([law.intensity[0, 0], law.common_intensity[0]]), 1e-12)
    weight, mean, variance = (np.asarray(x) for x in components(law, 0, counts))
    exact = norm.cdf((-arrays["grid"][:, None] - mean[:, 0]) / np.sqrt(variance[:, 0, 0])) @ np.exp(weight)
    for kind, number in (("emp", 100_000), ("fit", 800_000)):
        often = exact * number > 100
        assert often.sum() > 30
        error = np.sqrt(exact * (1 - exact) / number)[often]
        assert (np.abs(arrays[f"{kind}_down_BTC"] - exact)[often] < LIMIT * error).all()
        assert (np.diff(arrays[f"{kind}_down_BTC"]) <= 0).all()


def test_comparison_flags_a_fit_that_is_too_tame() -> None:
    law = two_markets()
    sample = Sample(["BTC", "ETH"], drawn(law, 5000, 8), 3600.0)
    table, notes = comparison(sample, simulated(MixtureDynamics(law, 2), sample))
    assert not notes
    row = table["BTC"]["annual_volatility"]
    assert row["simulated_5"] * 0.9 < row["data"] < row["simulated_95"] * 1.1
    tame = law._replace(std=0.2 * law.std, mean=0 * law.mean, common_std=0.2 * law.common_std, common_mean=0 * law.mean)
    _, notes = comparison(sample, simulated(MixtureDynamics(tame, 2), sample))
    assert any("worst 1h" in note for note in notes) and any("volatility" in note for note in notes)


# --- from the command to the preset ----------------------------------------------------------------------------------
def config(model: str, data: Path, **changes: Any) -> Config:
    cfg, _ = load([f"price={model}", "data.markets=[BTC,ETH]", "calibrate.starts=1", "calibrate.regimes=2"])
    cfg.data.path = str(data)
    for name, value in changes.items():
        setattr(cfg.calibrate, name, value)
    return cfg


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A rougher top and comparison, where the test is about something else."""
    for name, steps in (("START_STEPS", 20), ("CLIMB_STEPS", 40), ("NEWTON_STEPS", 0)):
        monkeypatch.setattr(maximise_module, name, steps)
    monkeypatch.setattr(compare, "PATHS", 8)


@pytest.fixture(scope="module")
def prices(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A synthetic hourly history of two markets with regimes; ETH begins 500 hours later."""
    returns = drawn(two_markets(regimes=2), 4000, 9)
    levels = 1000 * np.exp(np.cumsum(returns, axis=0))
    rows = ["timestamp,BTC,ETH"]
    for hour, (btc, eth) in enumerate(levels):
        time = np.datetime64("2023-01-01T00:00:00") + np.timedelta64(hour, "h")
        rows.append(f"{time}Z,{btc!r},{eth!r}".replace("np.float64(", "").replace(")", "") if hour >= 500
                    else f"{time}Z,{float(btc)!r},")
    file = tmp_path_factory.mktemp("history") / "prices.csv"
    file.write_text("\n".join(rows) + "\n")
    return file


@pytest.mark.parametrize("model", ["gbm", "merton", pytest.param("regime", marks=pytest.mark.slow)])
def test_calibrate_writes_a_preset_that_builds(model: str, prices: Path, quick: None, tmp_path: Path,
                                               monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "out"
    (preset,) = calibrate(config(model, prices), folder)
    assert preset == Path("configs/price") / f"{model}_btc_eth.yaml"
    text = preset.read_text()
    assert str(tmp_path) not in text and str(prices.parent) not in text
    found = json.loads((folder / "calibration.json").read_text())
    assert found["model"] == model and found["preset"] == preset.name
    assert {"log_likelihood", "aic", "bic", "parameters", "provenance", "warnings", "comparison"} <= found.keys()
    assert found["provenance"]["data"]["markets"]["ETH"]["returns_used"] == 3499
    arrays = np.load(folder / "tails.npz")
    names = itertools.product(("emp", "fit"), ("down", "up"), ("BTC", "ETH"))
    assert {"_".join(name) for name in names} < set(arrays)
    container = copy.deepcopy(load([f"price={model}"])[1])
    container["price"] = yaml.safe_load(text)
    price = parse(container).price
    assert price.provenance is not None and price.provenance["made_by"] == "stress calibrate"
    built = build_composition(price, 60.0)
    written = {p["name"]: p["estimate"] for p in found["parameters"]}
    first = {"gbm": "volatility", "merton": "volatility", "regime": "calm.volatility"}[model]
    np.testing.assert_allclose(built.diffusion.volatility[0], [written[f"{first}.{m}"] for m in ("BTC", "ETH")], rtol=1e-4)
    np.testing.assert_array_equal(built.diffusion.drift, 0)
    assert price.initial_prices["ETH"] > 0  # type: ignore[index]
    if model == "regime":
        assert [found["provenance"]["stationary"][n] for n in ("calm", "stressed")] == pytest.approx(
            [40 / 55, 15 / 55], abs=0.1)
    container["price"]["markets"] = ["ETH"]
    build_composition(parse(container).price, 60.0)


def test_only_its_own_files_are_overwritten(prices: Path, quick: None, tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    calibrate(config("gbm", prices, output=str(file), name="mine"), tmp_path)
    calibrate(config("gbm", prices, output=str(file), name="mine"), tmp_path)
    file.write_text("model: composition\n")
    with pytest.raises(UserError, match=r"mine.yaml: exists and was not written by calibrate"):
        calibrate(config("gbm", prices, output=str(file), name="mine"), tmp_path)
    assert file.read_text() == "model: composition\n"
    with pytest.raises(UserError, match=r"calibrate.name: got '../x'"):
        calibrate(config("gbm", prices, name="../x"), tmp_path)
    with pytest.raises(UserError, match=r"calibrate.output: .*ends in .yaml"):
        calibrate(config("gbm", prices, output=str(tmp_path / "a.txt")), tmp_path)


def test_data_that_cannot_be_used_are_refused(prices: Path, tmp_path: Path) -> None:
    lines = prices.read_text().splitlines()
    short = tmp_path / "short.csv"
    short.write_text("\n".join([lines[0], *lines[600:700]]) + "\n")
    with pytest.raises(UserError, match="99 returns for BTC, allowed is at least 500"):
        calibrate(config("merton", short), tmp_path)
    apart = tmp_path / "apart.csv"
    rows = [line.split(",") for line in lines[600:1600]]
    halves = [f"{t},{b}," if k < 500 else f"{t},,{e}" for k, (t, b, e) in enumerate(rows)]
    apart.write_text("\n".join([lines[0], *halves]))
    with pytest.raises(UserError, match=r"0 bars have a return of every market \(BTC 2023.*ETH 2023"):
        calibrate(config("gbm", apart), tmp_path)
    still = tmp_path / "still.csv"
    still.write_text("\n".join([lines[0], *(f"{t},{b},5" for t, b, _ in rows)]))
    with pytest.raises(UserError, match="the price of ETH never moves"):
        calibrate(config("gbm", still), tmp_path)
    assert not list(tmp_path.glob("*.json"))


def test_the_model_asked_for_is_read_off_the_price_section(tmp_path: Path) -> None:
    models = ["gbm", "merton", "kou", "regime"]
    assert [asked_model(load([f"price={m}"])[0].price) for m in models] == models
    replay = load(["price=replay", "price.path=x.csv"])[0]
    with pytest.raises(UserError, match=r"Use one of .*price=regime"):
        calibrate(replay, tmp_path)


def test_depth_follows_the_preset_asked_for() -> None:
    price = load(["price=regime"])[0].price
    assert price.regimes is not None
    given = [regime.depth_multiplier for regime in price.regimes.values()]
    assert depth(price, len(given)) == pytest.approx(given, rel=1e-3)
    assert depth(price, 2) == pytest.approx([given[0], given[-1]], rel=1e-3)
    assert depth(dataclasses.replace(price, regimes=None), 3) == [1.0, 1.0, 1.0]


def test_text_of_the_provenance_is_never_an_interpolation(prices: Path, quick: None, tmp_path: Path) -> None:
    cfg = config("gbm", prices, output=str(tmp_path / "x.yaml"))
    cfg.data.source = "closes of ${oc.env:HOME}"
    (preset,) = calibrate(cfg, tmp_path)
    text = preset.read_text()
    assert "${" not in text and "$ {oc.env:HOME}" in text


# --- what is shipped -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("model", ["gbm", "merton", "regime"])
def test_shipped_presets_say_where_they_come_from(model: str) -> None:
    text = (PRESETS / f"{model}.yaml").read_text()
    provenance = yaml.safe_load(text)["provenance"]
    assert provenance["made_by"] == "stress calibrate" and provenance["model"] == model
    assert "mark price" in provenance["source"] and provenance["data"]["markets"]["BTC"]["column"] == "mark_close"
    assert all(len(value) == 64 for value in provenance["data"]["files"].values())
    assert "drift" in provenance["assumed"] and ("jump_duration_seconds" in provenance["assumed"]) == (model != "gbm")
    assert "/work" not in text and "../" not in text
    asked = load([f"price={model}"])[0].price
    assert asked_model(asked) == model


def test_real_hourly_closes_give_the_known_volatilities(quick: None, tmp_path: Path) -> None:
    folder = DATA / "prices_1h"
    if not folder.is_dir():
        pytest.skip("no real price data: STRESS_DATA names no folder with prices_1h")
    cfg = config("gbm", folder, output=str(tmp_path / "x.yaml"))
    cfg.data.markets = ["BTC", "ETH", "SOL"]
    calibrate(cfg, tmp_path)
    found = json.loads((tmp_path / "calibration.json").read_text())
    written = {p["name"]: p["estimate"] for p in found["parameters"]}
    got = [written[f"volatility.{m}"] for m in ("BTC", "ETH", "SOL")]
    np.testing.assert_allclose(got, [0.63, 0.81, 1.22], rtol=0.02)
    assert found["comparison"]["BTC"]["worst_1h"]["data"] == pytest.approx(-0.18, abs=0.01)


def test_calibration_imports_no_command_line() -> None:
    code = ("import sys, stress.price.calibrate as c; "
            "print([m for m in ('hydra', 'omegaconf', 'matplotlib') if m in sys.modules])")
    root = PRESETS.parent.parent
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    assert done.stdout.strip() == "[]"
