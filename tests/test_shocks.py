"""Hypothetical shocks, each against a case computed by hand, together, and where they must change nothing."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from stress.config.price import JumpConfig, VarianceConfig
from stress.config.shock import ShockConfig
from stress.session import replay, simulate_prices
from tests import studies
from tests.reference.building import Row, make_book
from tests.z_tests import LIMIT, ZTest, mean

STEP, HOUR = 60.0, 60
"""Seconds of a tick, and ticks of an hour."""
MARKETS = ("X", "Y", "Z")
WILD = {"volatility": [2.0, 3.0, 4.0], "correlation": 0.3, "drift": 0.0, "initial_prices": [100.0, 50.0, 10.0]}


def filled(section: Any, **values: Any) -> Any:
    """A section of the configuration with null for what is not given."""
    return section(**(dict.fromkeys(field.name for field in dataclasses.fields(section)) | values))


def shock(kind: str, first: int = 1, ticks: int | None = None, **numbers: Any) -> ShockConfig:
    """A shock from a tick on, for so many ticks."""
    hours = None if ticks is None else ticks / HOUR
    return filled(ShockConfig, kind=kind, at_hours=first / HOUR, duration_hours=hours, **numbers)


def shocked(*shocks: ShockConfig, **sections: Any) -> Any:
    """The bare venue of ``tests.studies`` with shocks."""
    cfg = studies.config(**sections)
    return dataclasses.replace(cfg, shocks={f"shock{i}": one for i, one in enumerate(shocks)})


def flat_path(*shocks: ShockConfig, rows: list[Row], ticks: int = 6, path: list[float] | None = None, **sections: Any) -> Any:
    """The ledger of accounts in one market on a path, constant if none is given."""
    prices = np.array(path or [100.0] * (ticks + 1))[:, None]
    return replay(studies.path_study(shocked(*shocks, **sections), make_book(rows), prices))


def marks(ledger: dict[str, Any]) -> list[float]:
    return [tick["mark"]["X"] for tick in ledger["ticks"]]


def closings(ledger: dict[str, Any]) -> list[tuple[int, str, float, float]]:
    """(tick, account, price, deficit) of every liquidation."""
    return [(k, row["account"], pytest.approx(row["price"], rel=1e-12), pytest.approx(row["deficit"], rel=1e-9))
            for k, tick in enumerate(ledger["ticks"], start=1) for row in tick["liquidations"]]


def prices(*shocks: ShockConfig, price: dict[str, Any] = WILD, paths: int = 128, ticks: int = 12, seed: int = 5,
           markets: tuple[str, ...] = MARKETS) -> np.ndarray:
    """Fundamental prices [P, T + 1, A]."""
    clock = {"paths": paths, "block_paths": min(paths, 4096), "horizon_hours": ticks / HOUR, "step_seconds": STEP,
             "seed": seed, "precision": "float64"}
    cfg = shocked(*shocks, markets=markets, price=price, run=clock)
    return simulate_prices(studies.study(cfg, studies.nobody(markets)))


def returns(*shocks: ShockConfig, **given: Any) -> np.ndarray:
    """Log-returns [P, T, A]."""
    return np.diff(np.log(prices(*shocks, **given)), axis=1)


LONG: Row = ("long", 10.0, {"X": (1.0, 100.0)})
SHORT: Row = ("short", 1e6, {"X": (-1.0, 100.0)})


# --- each kind, by hand ----------------------------------------------------------------------------------------------
def test_a_gap_comes_in_its_tick_and_leaves_its_deficit() -> None:
    """10 USD of margin for one unit at 100; at 80 it is bankrupt by 10."""
    ledger = flat_path(shock("gap", 3, move=-0.2), rows=[LONG, SHORT])
    assert marks(ledger) == pytest.approx([100.0, 100.0, 80.0, 80.0, 80.0, 80.0], rel=1e-12)
    assert closings(ledger) == [(3, "long", 80.0, 10.0)]


def test_a_gap_that_is_spread_moves_evenly_in_log_price() -> None:
    ledger = flat_path(shock("gap", 2, 4, move=-0.2), rows=[LONG, SHORT])
    expected = [100.0, *(100.0 * 0.8 ** (i / 4) for i in (1, 2, 3, 4)), 80.0]
    assert marks(ledger) == pytest.approx(expected, rel=1e-12)
    # equity 10 - (100 - p) < 0.01 p below 90.909: third tick, 89.44
    assert closings(ledger) == [(3, "long", 100.0 * 0.8**0.5, 100.0 - 100.0 * 0.8**0.5 - 10.0)]


def test_a_gap_of_one_market_is_added_to_the_model_s_return() -> None:
    moved = returns(shock("gap", 5, move={"Y": 0.5, "default": 0.0}))
    expected = returns()
    expected[:, 4, 1] += np.log(1.5)
    np.testing.assert_allclose(moved, expected, rtol=0, atol=1e-12)


def test_a_step_multiplies_the_volatility_and_its_compensation() -> None:
    """Same normals: a return r of GBM at volatility s becomes m (r + s^2 dt / 2) - m^2 s^2 dt / 2."""
    plain, m, s = returns(), np.array([2.0, 0.5, 3.0]), np.array(WILD["volatility"])
    dt = STEP / (365 * 86400)
    inside = m * (plain + s**2 * dt / 2) - m**2 * s**2 * dt / 2
    expected = np.where(((np.arange(12) >= 3) & (np.arange(12) < 8))[:, None], inside, plain)
    moved = returns(shock("volatility_step", 4, 5, multiplier=m.tolist()))
    np.testing.assert_allclose(moved, expected, rtol=0, atol=1e-12)


def test_in_one_correlation_relative_returns_are_those_of_the_leader() -> None:
    plain = np.expm1(returns())
    expected = plain.copy()
    expected[:, 3:8] = plain[:, 3:8, 1:2] * np.array([0.5, 1.0, 1.5])
    moved = np.expm1(returns(shock("correlation_one", 4, 5, leader="Y", beta={"X": 0.5, "Y": 9.0, "Z": 1.5})))
    np.testing.assert_allclose(moved, expected, rtol=0, atol=1e-12)
    inside = moved[:, 3:8].reshape(-1, 3)
    assert np.corrcoef(inside.T).min() == pytest.approx(1.0, abs=1e-12)


def test_a_follower_keeps_a_hundredth_of_its_price() -> None:
    one = {"price": {"initial_prices": [100.0, 50.0]}, "markets": ("X", "Y")}
    cfg = shocked(shock("correlation_one", 1, leader="X", beta=2.0), **one)
    path = np.array([[100.0, 50.0], [40.0, 50.0], [44.0, 50.0]])
    study = studies.path_study(cfg, studies.nobody(("X", "Y")), path)
    found = [tick["mark"]["Y"] for tick in replay(study)["ticks"]]
    assert found == pytest.approx([0.5, 0.6], rel=1e-12)  # 1 - 2 x 0.6 < 0; then + 2 x 10 %


@pytest.mark.parametrize(("first", "displacement"), [(3, 0.02), (4, 0.01)])
def test_withdrawn_depth_doubles_the_impact(first: int, displacement: float) -> None:
    """80 USD sold into a depth of 80 per percent move the mark by 1 %, into half of it by 2 %."""
    impact = {"law": "linear", "depth_usd": 80.0}
    shocks = [shock("gap", 3, move=-0.2), shock("depth_withdrawal", first, 2, multiplier=0.5)]
    ledger = flat_path(*shocks, rows=[LONG, SHORT], liquidity=impact)
    assert closings(ledger) == [(3, "long", 80.0 * (1 - displacement / 2), 10.0 + 80.0 * displacement / 2)]
    assert marks(ledger)[2:] == pytest.approx([80.0 * (1 - displacement)] * 4, rel=1e-12)


def test_withdrawals_multiply() -> None:
    shocks = [shock("gap", 3, move=-0.2), *[shock("depth_withdrawal", 2, multiplier=0.5)] * 2]
    ledger = flat_path(*shocks, rows=[LONG, SHORT], liquidity={"law": "linear", "depth_usd": 80.0})
    assert marks(ledger)[2] == pytest.approx(80.0 * 0.96, rel=1e-12)


FALL = [100.0, 98.0, 85.0, 82.0, 80.0, 81.0, 83.0]


@pytest.mark.parametrize(("oracle", "seen", "closed"), [
    pytest.param({}, [98.0, 98.0, 98.0, 98.0, 81.0, 83.0], (5, "long", 81.0, 9.0), id="follows the mark"),
    pytest.param({"update_interval_seconds": 3 * STEP}, [100.0, 100.0, 100.0, 100.0, 81.0, 83.0], (5, "long", 81.0, 9.0),
                 id="heartbeat, missed in the third tick"),
    pytest.param({"lag_seconds": STEP}, [100.0, 100.0, 100.0, 100.0, 80.0, 81.0], (5, "long", 81.0, 9.0), id="lag"),
])
def test_a_frozen_oracle_shows_its_last_price(oracle: dict[str, float], seen: list[float], closed: tuple) -> None:
    frozen = flat_path(shock("oracle_freeze", 2, 3), rows=[LONG, SHORT], path=FALL, protocol={"oracle": oracle})
    assert [tick["oracle"]["X"] for tick in frozen["ticks"]] == pytest.approx(seen, rel=1e-12)
    assert marks(frozen) == pytest.approx(FALL[1:], rel=1e-12)
    assert closings(frozen) == [closed]


def test_the_last_price_of_a_following_oracle_is_that_after_the_rounds() -> None:
    """The long sells at 85 and takes the mark down by 1 %; the freeze begins after that."""
    ledger = flat_path(shock("oracle_freeze", 3, 2), rows=[LONG, SHORT], path=FALL,
                       liquidity={"law": "linear", "depth_usd": 85.0})
    assert [tick["oracle"]["X"] for tick in ledger["ticks"]][1:4] == pytest.approx([85.0 * 0.99] * 3, rel=1e-12)


def test_an_oracle_freezes_for_some_markets() -> None:
    cfg = shocked(shock("oracle_freeze", 2, markets=["Y"]), markets=("X", "Y"))
    path = np.array([[100.0, 50.0], [99.0, 49.0], [90.0, 40.0], [80.0, 30.0]])
    ledger = replay(studies.path_study(cfg, studies.nobody(("X", "Y")), path))
    assert [tick["oracle"] for tick in ledger["ticks"]] == [
        {"X": pytest.approx(x), "Y": pytest.approx(y)} for x, y in ((99.0, 49.0), (90.0, 49.0), (80.0, 49.0))]


WALLETS: list[Row] = [
    ("thin", 10.0, {"X": (1.0, 100.0), "Y": (1e-9, 50.0)}),  # two positions: cross
    ("thick", 30.0, {"X": (1.0, 100.0), "Y": (1e-9, 50.0)}),
    ("isolated", 10.0, {"X": (1.0, 100.0)}),
    ("short", 1e6, {"X": (-3.0, 100.0), "Y": (-2e-9, 50.0)}),
]


def depegged(*shocks: ShockConfig, ticks: int = 6) -> dict[str, Any]:
    path = np.tile([100.0, 50.0], (ticks + 1, 1))
    return replay(studies.path_study(shocked(*shocks, markets=("X", "Y")), make_book(WALLETS, ("X", "Y")), path))


def test_wallets_that_lose_their_peg_are_liquidated_and_the_others_regain_it() -> None:
    """Requirement 1 USD. 10 USD less 95 % are 0.5: closed. 30 less 95 % are 1.5: open, and back at 30. Cash is what
    accounts sold at 100 have left."""
    ledger = depegged(shock("collateral_depeg", 3, 2, loss=0.95, recovery=1.0))
    assert {(k, account) for k, account, *_ in closings(ledger)} == {(3, "thin")}
    accounts = ledger["final"]["accounts"]
    assert accounts["thin"]["cash"] == pytest.approx(0.5, rel=1e-6)
    assert accounts["thick"]["cash"] == pytest.approx(30.0, rel=1e-9)
    assert accounts["isolated"]["cash"] == pytest.approx(10.0, rel=1e-12)
    assert ledger["outcome"]["cash_residual"] < 1e-9
    lost = [tick["revalued"] for tick in ledger["ticks"]]
    assert lost[2] == pytest.approx({"thin": -9.5, "thick": -28.5, "short": -950000.0})
    assert lost[4] == pytest.approx({"thick": 28.5, "short": 950000.0})
    assert not any(lost[k] for k in (0, 1, 3, 5))


@pytest.mark.parametrize(("loss", "recovery", "ticks", "cash"), [
    (0.5, None, None, 15.0), (0.5, None, 2, 15.0), (0.5, 0.4, 2, 21.0), (0.5, 1.0, 9, 15.0)])
def test_what_is_not_regained_is_lost(loss: float, recovery: float | None, ticks: int | None, cash: float) -> None:
    ledger = depegged(shock("collateral_depeg", 2, ticks, loss=loss, recovery=recovery))
    assert ledger["final"]["accounts"]["thick"]["cash"] == pytest.approx(cash, rel=1e-9)


def test_a_depeg_leaves_deficits_to_the_fund() -> None:
    """A price fall to 95 leaves 5 of the 10 USD; half of the wallet gone too, and the account is bankrupt by nothing;
    three quarters, by 2.5."""
    path = np.array([[100.0, 50.0], [95.0, 50.0], [95.0, 50.0]])
    cfg = shocked(shock("collateral_depeg", 2, loss=0.75), markets=("X", "Y"), protocol={"insurance_fund": 100.0})
    ledger = replay(studies.path_study(cfg, make_book(WALLETS, ("X", "Y")), path))
    assert ledger["outcome"]["bad_debt"] == pytest.approx(2.5, rel=1e-6)
    assert ledger["final"]["fund"] == pytest.approx(97.5, rel=1e-6)


# --- together --------------------------------------------------------------------------------------------------------
def test_shocks_compose_in_one_order_however_they_are_listed() -> None:
    """Volatility, then the leader's return for all, then each market's gap on top."""
    parts = [shock("gap", 5, move=[-0.1, -0.2, -0.3]), shock("correlation_one", 4, 5, leader="X", beta=1.5),
             shock("volatility_step", 5, 2, multiplier=2.0), shock("gap", 5, move=0.1)]
    moved = returns(*parts)
    np.testing.assert_allclose(moved, returns(*reversed(parts)), rtol=0, atol=1e-15)
    lead = returns(shock("volatility_step", 5, 2, multiplier=2.0))[:, :, 0]
    expected = returns()
    expected[:, 3:8] = np.log1p(np.expm1(lead[:, 3:8, None]) * np.array([1.0, 1.5, 1.5]))
    expected[:, 4] += np.log([0.9 * 1.1, 0.8 * 1.1, 0.7 * 1.1])
    np.testing.assert_allclose(moved, expected, rtol=0, atol=1e-12)


def test_a_gap_behind_a_frozen_oracle_costs_more() -> None:
    """The fall goes on while nobody looks: 20 % in the third tick, again in the fifth, seen in the sixth."""
    gaps = [shock("gap", 3, move=-0.2), shock("gap", 5, move=-0.2)]
    frozen = flat_path(*gaps, shock("oracle_freeze", 3, 3), rows=[LONG, SHORT])
    assert closings(frozen) == [(6, "long", 64.0, 26.0)]
    assert closings(flat_path(*gaps, rows=[LONG, SHORT])) == [(3, "long", 80.0, 10.0)]


# --- the mean of the price -------------------------------------------------------------------------------------------
LIVELY = {
    "volatility": None, "drift": 0.0, "correlation": 0.3, "initial_prices": [100.0, 50.0], "jump_duration_seconds": 0.0,
    "regimes": {"calm": studies.regime(volatility=4.0), "wild": studies.regime(volatility=16.0)},
    "transition_rates": {"calm": {"wild": 2e4}, "wild": {"calm": 2e4}}, "initial_regime": "stationary",
    "jump": filled(JumpConfig, kind="merton", intensity=4e4, mean=-0.03, std=0.03, common_intensity=4e4,
                   common_mean=-0.02, common_std=0.02, common_correlation=0.5),
}


HESTON = {"kind": "heston", "kappa": 50.0, "theta": 100.0, "xi": 100.0, "rho": -0.7}
GARCH = {"kind": "garch", "period_seconds": 120.0, "alpha": 0.1, "gamma": 0.1, "beta": 0.8}
OTHERS = {
    "heston": LIVELY | {"variance": filled(VarianceConfig, **HESTON)},
    "garch": LIVELY | {"variance": filled(VarianceConfig, **GARCH), "volatility": 10.0, "regimes": {
        "calm": studies.regime(volatility_multiplier=0.5), "wild": studies.regime(volatility_multiplier=2.0)}},
}
"""Variances that move by themselves, of which the price sees m times the root."""
OTHERS["heston"]["regimes"] = OTHERS["garch"]["regimes"]


@pytest.mark.parametrize(("kind", "law"), [
    pytest.param("volatility_step", LIVELY, id="volatility"), pytest.param("correlation_one", LIVELY, id="correlation"),
    *(pytest.param("volatility_step", law, id=f"volatility of {name}", marks=pytest.mark.slow)
      for name, law in OTHERS.items())])
def test_prices_stay_martingales(kind: str, law: dict[str, Any]) -> None:
    """The power check: doubled volatility without its compensation, and log-returns that are followed, are seen."""
    numbers: dict[str, Any] = {"multiplier": 2.0} if kind == "volatility_step" else {"leader": "X", "beta": 2.0}
    price = {"price": law, "paths": 2**15, "markets": ("X", "Y")}
    grown = prices(shock(kind, 3, 8, **numbers), **price)[:, -1, 1] / 50.0
    right = ZTest(mean(grown), 1.0, "E[S_T] / S_0", kind, seed=5)
    assert right.z <= LIMIT, right
    naive = 2.0 * returns(**price)[:, 2:10, 0 if kind == "correlation_one" else 1].sum(1)
    wrong = ZTest(mean(np.exp(naive)), 1.0, "E[S_T] / S_0", f"{kind} without compensation", seed=5)
    assert wrong.z > LIMIT, wrong
