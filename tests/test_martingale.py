"""Without drift the price is a martingale: every preset, every market, a million paths.

Over three hours. GARCH's shocks are Student's: S has the mean 1 (the compensator is taken given the mixing variable
W), but an infinite variance, out of bars with h W of order one. Such bars are so rare that no sample of this size
holds one, and they carry no more of the mean than their probability, which is the tolerance. Elsewhere the variance
is finite: Kou's jumps here have rates far above 2, and Heston's second moment does not explode within hours.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np
import pytest
import scipy.stats

from stress.build.price import build_market
from stress.cli.compose import config_folder, load
from stress.config.price import JumpConfig
from stress.errors import UserError
from tests.studies import regime
from tests.walks import DAY, Model, ends
from tests.z_tests import ZTest, mean

SEED, PATHS, TICKS = 52, 2**20, 3
"""Hours, a tick each."""
OFF = 0.3
"""A compensator, per year, wrong by this is rejected: a fifth of that of the preset with jumps that are worth least."""


def composed(name: str) -> bool:
    """Whether a preset of price= simulates; others take prices from a file, which they do not have here."""
    try:
        return load([f"price={name}"])[0].price.model == "composition"
    except UserError:
        return False


PRESETS = sorted(file.stem for file in (config_folder() / "price").glob("*.yaml") if composed(file.stem))


@cache
def prices(name: str) -> tuple[np.ndarray, Any]:
    """S_T/S_0 [P, A] and the model."""
    clock = ["run.step_seconds=3600", f"run.horizon_hours={TICKS}"]
    cfg = load([f"price={name}", "price.drift=0", *clock])[0]
    model = build_market(cfg.price, cfg.run).model
    return np.exp(ends(model, steps=TICKS, paths=PATHS, seed=SEED)["log"]), model


def heavy(model: Any) -> float:
    """Chance that h W exceeds one in a bar: a bound of what the mean may lack in a sample without such bars."""
    part = model.diffusion
    if getattr(part, "nu", None) is None:
        return 0.0
    variance, nu = np.asarray(part.first), np.asarray(part.nu)
    return float(10.0 * scipy.stats.chi2.cdf((nu - 2.0) * variance, nu).max())  # variances may grow a little


@pytest.mark.parametrize("name", PRESETS)
def test_presets_are_martingales(name: str) -> None:
    end, model = prices(name)
    years = TICKS * DAY / 24
    tolerance = heavy(model)
    assert tolerance < 1e-6
    for market in range(end.shape[1]):
        test = ZTest(mean(end[:, market]), 1.0, "E[S_T/S_0]", name, SEED, {"market": market}, tolerance)
        test.agrees()
    ZTest(mean(end[:, 0]), math.exp(OFF * years), "E[S_T/S_0]", name, SEED, {"market": 0}, tolerance).rejects()


STRONG = {
    "kou": {"kind": "kou", "intensity": 200.0, "up_probability": 0.4, "eta_up": 20.0, "eta_down": 12.0},
    "merton": {"kind": "merton", "intensity": 200.0, "mean": -0.04, "std": 0.06},
}


@pytest.mark.parametrize("kind", STRONG)
@pytest.mark.parametrize("ticks", [1, 3, 8])
def test_spread_jumps_keep_the_mean(kind: str, ticks: int) -> None:
    """Jumps over three ticks that excite further ones: at every tick, also while they are on their way."""
    excited = {"kind": "hawkes", "alpha": 500.0, "beta": 2000.0, "initial": "base"}
    price = {"initial_prices": 100.0, "drift": 0.0, "volatility": 0.5, "jump": STRONG[kind], "intensity": excited}
    law = Model(ticks * DAY / 8, price | {"jump_duration_seconds": 3 * 86400.0 / 8})
    end = np.exp(ends(law.build(ticks), steps=ticks, paths=2**17, seed=SEED)["log"][:, 0])
    ZTest(mean(end), 1.0, f"E[S] after {ticks} ticks", kind, SEED, price).agrees()
    if ticks == 8:
        wrong = mean(end * math.exp(0.1 * 200.0 * 0.035 * law.years))
        ZTest(wrong, 1.0, "E[S], 10 % uncompensated", kind, SEED, price).rejects()


GARCH = {"kind": "garch", "period_seconds": 86400.0, "alpha": 0.1, "gamma": 0.05, "beta": 0.8, "nu": None}
EXCITED = {"kind": "hawkes", "alpha": 200.0, "beta": 600.0, "initial": "base"}


def switching(**jumps: Any) -> dict[str, Any]:
    """Two regimes with a multiplier, a correlation and jumps of their own."""
    calm = regime(volatility_multiplier=0.7, correlation=-0.5, jump=JumpConfig(**jumps))
    wild = regime(volatility_multiplier=1.6, correlation=0.9, jump=JumpConfig(**{**jumps, "intensity": 150.0}))
    rates = {"transition_rates": {"calm": {"wild": 300.0}, "wild": {"calm": 500.0}}}
    return {"regimes": {"calm": calm, "wild": wild}, "initial_regime": "calm", **rates}


SWITCHING: dict[str, dict[str, Any]] = {
    "garch and kou": {"volatility": 0.8, "variance": GARCH} | switching(**STRONG["kou"]),
    "hawkes and kou": {"volatility": 0.8, "intensity": EXCITED} | switching(**STRONG["kou"]),
}


@pytest.mark.parametrize("name", SWITCHING)
def test_regimes_over_any_part_are_martingales(name: str) -> None:
    """Daily ticks with several switches each, jumps over two of them; GARCH with normal shocks. (Heston: a preset.)"""
    base = {"initial_prices": 100.0, "drift": 0.0, "correlation": 0.0, "jump_duration_seconds": 2 * 86400.0}
    law = Model(4 * DAY, base | SWITCHING[name], ("X", "Y"))
    end = np.exp(ends(law.build(4), steps=4, paths=2**17, seed=SEED)["log"])
    for market in (0, 1):
        test = ZTest(mean(end[:, market]), 1.0, "E[S_T/S_0]", name, SEED, {"market": market})
        test.agrees()
        ZTest(test.estimate, math.exp(law.years), "E[S_T/S_0]", name, SEED, {"market": market}).rejects()
