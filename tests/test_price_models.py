"""Laws that any market model keeps: martingale, nested limits, correlation, common jumps, jumps spread over ticks."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from stress.config.price import JumpConfig
from stress.config.schema import Config
from stress.price.jumps.base import spread_ticks
from stress.price.regimes import stationary_law
from stress.session import simulate_prices
from tests.oracles import GBM_C, REGIMES_B_CALM
from tests.studies import HOURS, config, law_price, nobody, regime, study
from tests.z_tests import STATISTICS, Estimate, ZTest, correlation, mean, variance

MARKETS = ("X", "Y")
SEED, TICKS, STEP = 22, 12, 3600.0 * 24
DT = STEP / (3600.0 * HOURS)


def jump(**changes: Any) -> JumpConfig:
    """No jumps but those named."""
    none = {
        "kind": "merton",
        "intensity": 0.0,
        "mean": 0.0,
        "std": 0.0,
        "common_intensity": 0.0,
        "common_mean": 0.0,
        "common_std": 0.0,
        "common_correlation": 0.0,
    }
    return JumpConfig(**(none | changes))


def made(price: dict[str, Any], *, paths: int = 2**15, precision: str = "float32") -> Config:
    """Two markets over twelve days."""
    run = {
        "paths": paths,
        "block_paths": 8192,
        "step_seconds": STEP,
        "horizon_hours": TICKS * STEP / 3600,
        "seed": SEED,
        "precision": precision,
    }
    return config(
        markets=MARKETS,
        price={"correlation": 0.5, "initial_prices": [100.0, 10.0], "jump": jump(kind="none")} | price,
        run=run,
    )


def prices(price: dict[str, Any], **changes: Any) -> np.ndarray:
    """Price paths [P, T + 1, A] over those at time zero."""
    path = simulate_prices(study(made(price, **changes), nobody(MARKETS)))
    return path / path[:, :1]


OWN = jump(intensity=[40.0, 60.0], mean=[-0.05, 0.03], std=[0.1, 0.05])
BOTH = jump(
    intensity=[40.0, 60.0],
    mean=[-0.05, 0.03],
    std=[0.1, 0.05],
    common_intensity=30.0,
    common_mean=[-0.1, -0.05],
    common_std=[0.1, 0.2],
    common_correlation=0.6,
)
WILD = jump(
    intensity=[5.0, 90.0], mean=[0.1, -0.05], std=0.1, common_intensity=150.0, common_mean=-0.08, common_std=0.05
)
SWITCHING = {
    "regimes": {
        "calm": regime(volatility=0.4, jump=BOTH),
        "stress": regime(volatility=[1.2, 0.9], jump=WILD, correlation=0.9),
    },
    "transition_rates": {"calm": {"stress": 40.0}, "stress": {"calm": 80.0}},
    "initial_regime": "calm",
}
MODELS: dict[str, dict[str, Any]] = {
    "gbm": {"volatility": [0.8, 1.2]},
    "merton": {"volatility": [0.8, 1.2], "jump": OWN},
    "merton, common jumps": {"volatility": 0.5, "jump": BOTH},
    "regimes with jumps": SWITCHING,
}


# --- the martingale --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("ticks", [1, 5])
@pytest.mark.parametrize("model", MODELS)
def test_prices_without_drift_are_martingales(model: str, ticks: int) -> None:
    """At every tick, also while jumps are still on their way into the price."""
    path = prices(MODELS[model] | {"drift": 0.0, "jump_duration_seconds": (ticks - 1) * STEP + 1.0})
    for market in range(2):
        for tick in (1, 2, 5, TICKS):
            ZTest(
                mean(path[:, tick, market]),
                1.0,
                f"E[S] after {tick} ticks",
                model,
                SEED,
                {"market": market, "spread": ticks},
            ).agrees()


@pytest.mark.parametrize("ticks", [1, 5])
def test_martingale_rejects_a_wrong_compensator(ticks: int) -> None:
    """10 % of the jumps uncompensated: E[S] after t years is exp(0.1 intensity k t)."""
    spread = {"drift": 0.0, "jump_duration_seconds": ticks * STEP}
    path = prices(MODELS["merton"] | spread)[:, TICKS, 0] * np.exp(
        0.1 * 40 * (np.exp(-0.05 + 0.005) - 1) * DT * (TICKS - (ticks - 1) / 2)
    )
    ZTest(mean(path), 1.0, "E[S]", "merton", SEED, spread).rejects()


def test_drift_is_the_growth_of_the_mean() -> None:
    path = prices(MODELS["merton, common jumps"] | {"drift": [3.0, -2.0], "jump_duration_seconds": 3 * STEP})
    for market, drift in enumerate((3.0, -2.0)):
        test = ZTest(
            mean(path[:, TICKS, market]), float(np.exp(drift * TICKS * DT)), "E[S]", "merton", SEED, {"drift": drift}
        )
        test.agrees()
        dataclasses.replace(test, expected=float(np.exp(drift * 1.1 * TICKS * DT))).rejects()


# --- nested limits ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "price",
    [
        pytest.param({"jump": jump()}, id="merton without jumps"),
        pytest.param(
            {"jump": jump(mean=0.3, std=0.2, common_mean=-0.2, common_std=0.1)}, id="merton at intensity zero"
        ),
        pytest.param({"regimes": {"one": regime()}, "transition_rates": {}}, id="one regime"),
        pytest.param(
            {"regimes": {"one": regime(volatility=[0.8, 1.2])}, "transition_rates": {}, "volatility": 9.0},
            id="one regime, its own",
        ),
        pytest.param({"jump_duration_seconds": 5 * STEP}, id="nothing to spread"),
    ],
)
@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_nested_limits_are_bitwise(price: dict[str, Any], precision: str) -> None:
    gbm = {"volatility": [0.8, 1.2], "drift": [0.1, -0.1]}
    ours, expected = (prices(p, paths=1000, precision=precision) for p in (gbm | price, gbm))
    np.testing.assert_array_equal(ours, expected)
    assert expected[:, -1].std() > 0.1


@pytest.mark.parametrize("volatility", [1.2, 1.2 * 1.02])
def test_equal_regimes_are_gbm_in_law(volatility: float) -> None:
    """However fast the chain switches. The second volatility is the power check."""
    price = {
        "drift": 0.0,
        "regimes": {"a": regime(volatility=volatility), "b": regime(volatility=volatility)},
        "transition_rates": {"a": {"b": 300.0}, "b": {"a": 500.0}},
    }
    log = np.log(prices(price)[:, :, 0])
    exact = {"mean": -0.5, "variance": 1.0, "skewness": 0.0, "kurtosis": 0.0}
    tests = []
    for tick in (1, TICKS):
        scale = {"mean": 1.2**2 * tick * DT, "variance": 1.2**2 * tick * DT}
        tests += [
            ZTest(
                STATISTICS[name](log[:, tick]),
                value * scale.get(name, 1.0),
                name,
                "equal regimes",
                SEED,
                {"tick": tick},
            )
            for name, value in exact.items()
        ]
    for test in tests:
        if volatility == 1.2:
            test.agrees()
        elif test.statistic == "variance":
            test.rejects()


def test_stationary_law_stays() -> None:
    """With a stationary start every tick has the same variance: sum of pi sigma^2 dt."""
    law = dataclasses.replace(REGIMES_B_CALM, initial=None)
    run = {"paths": 2**16, "block_paths": 8192, "step_seconds": STEP, "horizon_hours": 2 * STEP / 3600, "seed": SEED}
    price = law_price(law) | {"transition_rates": {"regime0": {"regime1": 200.0}, "regime1": {"regime0": 600.0}}}
    log = np.log(simulate_prices(study(config(price=price, run=run), nobody()))[:, :, 0])
    expected = (0.75 * 0.4**2 + 0.25 * 1.0**2) * DT
    np.testing.assert_allclose(
        stationary_law(np.array([[-200.0, 200.0], [600.0, -600.0]])), [0.75, 0.25], rtol=0, atol=1e-12
    )
    for tick in (0, 1):
        step = np.diff(log, axis=1)[:, tick]
        test = ZTest(
            variance(step),
            expected,
            "variance of a step",
            "stationary start",
            SEED,
            {"tick": tick},
            tolerance=expected * 1e-3,
        )
        test.agrees()


# --- several markets -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("rho", [0.8, -0.3, 1.0])
def test_correlation_of_markets(rho: float) -> None:
    step = np.diff(np.log(prices({"volatility": [0.8, 1.2], "correlation": rho})), axis=1)[:, 3]
    if rho == 1.0:
        drift = 0.5 * np.array([0.8, 1.2]) ** 2 * DT
        np.testing.assert_allclose((step + drift)[:, 0] / 0.8, (step + drift)[:, 1] / 1.2, rtol=0, atol=1e-7)
        return
    test = ZTest(correlation(step[:, 0], step[:, 1]), rho, "correlation of a step", "gbm", SEED)
    test.agrees()
    dataclasses.replace(test, expected=rho * 1.1).rejects()


def test_correlation_of_a_regime() -> None:
    rates = {"transition_rates": {"a": {"b": 1e-9}, "b": {"a": 1e-9}}}
    for name, rho in (("a", 0.2), ("b", 0.9)):
        price = {
            "regimes": {"a": regime(correlation=0.2), "b": regime(correlation=0.9)},
            "initial_regime": name,
        } | rates
        step = np.diff(np.log(prices(price, paths=2**15)), axis=1)[:, 0]
        ZTest(correlation(step[:, 0], step[:, 1]), rho, "correlation of a step", f"regime {name}", SEED).agrees()


def test_common_jumps_come_at_the_same_instants() -> None:
    """Without diffusion a step moves only by jumps: common ones move both markets, own ones one."""
    common = np.diff(
        np.log(
            prices(
                {
                    "volatility": 0.0,
                    "drift": 0.0,
                    "jump": jump(
                        common_intensity=30.0, common_mean=[-0.2, 0.1], common_std=[0.05, 0.1], common_correlation=0.6
                    ),
                }
            )
        ),
        axis=1,
    )
    quiet = np.median(common, axis=(0, 1))
    moved = np.abs(common - quiet) > 1e-12
    assert (moved[..., 0] == moved[..., 1]).all()
    ZTest(
        mean(moved[..., 0].ravel().astype(float)), 1 - np.exp(-30.0 * DT), "P(jump in a step)", "common jumps", SEED
    ).agrees()
    one = np.log(prices({"volatility": 0.0, "drift": 0.0, "jump": jump(intensity=30.0, mean=0.2, std=0.05)}))
    moved = np.abs(np.diff(one, axis=1) - np.median(np.diff(one, axis=1), axis=(0, 1))) > 1e-12
    ZTest(
        correlation(*moved.reshape(-1, 2).T.astype(float)), 0.0, "correlation of jump times", "own jumps", SEED
    ).agrees()


def test_common_jump_sizes_are_correlated() -> None:
    size = np.diff(
        np.log(
            prices(
                {"volatility": 0.0, "jump": jump(common_intensity=1e4, common_std=[0.05, 0.1], common_correlation=0.6)},
                paths=2**13,
            )
        ),
        axis=1,
    ).reshape(-1, 2)
    test = ZTest(correlation(size[:, 0], size[:, 1]), 0.6, "correlation of jumps", "common jumps", SEED)
    test.agrees()
    dataclasses.replace(test, expected=0.6 * 1.05).rejects()


# --- jumps over time -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("ticks", [2, 5])
def test_a_jump_is_spread_evenly_and_whole(ticks: int) -> None:
    """Pathwise on the same noise: what jumps add to a tick is the mean of what sudden ones add to the last ``ticks``.

    So a jump moves the price by equal parts, and all of it once it is through; the compensator is taken off first.
    """
    lam, m, s = 40.0, -0.05, 0.1
    law = {"volatility": 0.0, "drift": 0.0, "jump": jump(intensity=lam, mean=m, std=s)}

    def jumps(n: int) -> np.ndarray:
        """Jumps [P, T] in every tick, uncompensated."""
        seconds = 0.0 if n == 1 else (n - 0.5) * STEP  # the last tick begins within the duration
        step = np.diff(np.log(prices(law | {"jump_duration_seconds": seconds}, paths=2000)[:, :, 0]), axis=1)
        part = np.arange(n + 1) / n
        schedule = lam * DT * np.diff(np.expm1(part * m + 0.5 * part**2 * s**2))
        return step + np.cumsum(np.append(schedule, np.zeros(TICKS)))[np.minimum(np.arange(TICKS), n - 1)]

    sudden, spread = jumps(1), jumps(ticks)
    padded = np.concatenate([np.zeros((len(sudden), ticks - 1)), sudden], axis=1)
    expected = np.mean([padded[:, i : i + TICKS] for i in range(ticks)], axis=0)
    np.testing.assert_allclose(spread, expected, rtol=0, atol=1e-13)
    assert (np.abs(sudden) > 0.01).mean() > 0.05


@pytest.mark.parametrize(
    ("seconds", "ticks"), [(0, 1), (59, 1), (60, 1), (61, 2), (120, 2), (300, 5), (0.1 * 3 * 60, 1)]
)
def test_ticks_of_a_jump(seconds: float, ticks: int) -> None:
    assert spread_ticks(seconds, 60.0) == ticks


def test_gbm_rejects_a_wrong_volatility() -> None:
    """The power of a variance: 2 % of a volatility."""
    law = dataclasses.replace(GBM_C, volatility=GBM_C.volatility * 1.02)  # type: ignore[operator]
    run = {"paths": 2**16, "block_paths": 8192, "step_seconds": STEP, "horizon_hours": STEP / 3600, "seed": SEED}
    end = np.log(simulate_prices(study(config(price=law_price(law), run=run), nobody()))[:, -1, 0])
    estimate: Estimate = variance(end)
    ZTest(estimate, 1.2**2 * DT, "variance", "gbm", SEED, dataclasses.asdict(law)).rejects()
