"""Hypothetical shocks, each against a case computed by hand, together, and where they must change nothing."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from stress.build.engine import kernel_obstacles, obstacles
from stress.build.price import build_market
from stress.build.study import Study
from stress.config.schema import JumpConfig
from stress.config.shock import KINDS, ShockConfig
from stress.errors import UserError
from stress.mc.block import BlockResult
from stress.mc.lanes.cells import known
from stress.mc.lanes.evaluate import evaluate
from stress.mc.noise import draw_noise, tile_keys
from stress.mc.program import compile_program, compiled_programs, pick_workers
from stress.session import replay, simulate_prices
from stress.types import NEVER
from tests import studies
from tests.reference.building import Row, make_book
from tests.z_tests import LIMIT, ZTest, mean

STEP, HOUR = 60.0, 60
"""Seconds of a tick, and ticks of an hour."""
MARKETS = ("X", "Y", "Z")
WILD = {"volatility": [2.0, 3.0, 4.0], "correlation": 0.3, "drift": 0.0, "initial_prices": [100.0, 50.0, 10.0]}


def shock(kind: str, first: int = 1, ticks: int | None = None, **numbers: Any) -> ShockConfig:
    """A shock from a tick on, for so many ticks."""
    fields = dict.fromkeys(field.name for field in dataclasses.fields(ShockConfig))
    hours = None if ticks is None else ticks / HOUR
    return ShockConfig(**(fields | {"kind": kind, "at_hours": first / HOUR, "duration_hours": hours} | numbers))


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
    "jump": JumpConfig(kind="merton", intensity=4e4, mean=-0.03, std=0.03, common_intensity=4e4, common_mean=-0.02,
                       common_std=0.02, common_correlation=0.5),
}


@pytest.mark.parametrize("kind", ["volatility_step", "correlation_one"])
def test_prices_stay_martingales(kind: str) -> None:
    """The power check: doubled volatility without its compensation, and log-returns that are followed, are seen."""
    numbers: dict[str, Any] = {"multiplier": 2.0} if kind == "volatility_step" else {"leader": "X", "beta": 2.0}
    price = {"price": LIVELY, "paths": 2**15, "markets": ("X", "Y")}
    grown = prices(shock(kind, 3, 8, **numbers), **price)[:, -1, 1] / 50.0
    right = ZTest(mean(grown), 1.0, "E[S_T] / S_0", kind, seed=5)
    assert right.z <= LIMIT, right
    naive = 2.0 * returns(**price)[:, 2:10, 0 if kind == "correlation_one" else 1].sum(1)
    wrong = ZTest(mean(np.exp(naive)), 1.0, "E[S_T] / S_0", f"{kind} without compensation", seed=5)
    assert wrong.z > LIMIT, wrong


# --- engines ---------------------------------------------------------------------------------------------------------
NUMBERS: dict[str, dict[str, Any]] = {
    "gap": {"move": [-0.1, -0.2, 0.1]}, "volatility_step": {"multiplier": 3.0},
    "correlation_one": {"leader": "X", "beta": 1.5}, "depth_withdrawal": {"multiplier": 0.2}, "oracle_freeze": {},
    "collateral_depeg": {"loss": 0.5, "recovery": 0.5},
}
OF_THE_MARKET = KINDS[:4]
FUND = 50.0


def crowd(shocks: list[ShockConfig], engine: str = "auto", *, cross: bool = True, companions: bool = False) -> Study:
    """Forty leveraged accounts in three wild markets, a fund and ADL; with ``cross`` a third of them cross."""
    rng, rows = np.random.default_rng(8), []
    for n in range(40):
        a, side, start = n % 3, 1.0 if n % 2 else -1.0, WILD["initial_prices"]
        positions = {MARKETS[a]: (side * 100.0 / start[a], start[a])}
        if cross and not n % 3:
            positions["Z"] = (-side * 1.0, 10.0)
        rows.append((f"a{n}", float(rng.uniform(3.0, 20.0)), positions))
    total = [sum(row[2].get(m, (0.0,))[0] for row in rows) for m in MARKETS]
    rows.append(("rest", 0.0, {m: (-units, price) for m, units, price in zip(MARKETS, total, WILD["initial_prices"], strict=True)}))
    cfg = shocked(
        *shocks, markets=MARKETS, price=WILD,
        protocol={"insurance_fund": FUND, "waterfall": ["insurance_fund", "adl"], "adl": {"policy": "pro_rata"},
                  "liquidation": {"fee": 0.002}},
        liquidity={"law": "linear", "depth_usd": 2000.0, "recovery_half_life_minutes": 5.0},
        run={"paths": 128, "block_paths": 128, "horizon_hours": 0.5, "twin": companions, "fund_curve": companions, "engine": engine})
    return studies.study(cfg, make_book(rows, MARKETS, residual="rest"))


def mixed(kinds: tuple[str, ...]) -> list[ShockConfig]:
    return [shock(kind, 5 + i, 12, **NUMBERS[kind]) for i, kind in enumerate(kinds)]


def outcome(shocks: list[ShockConfig]) -> BlockResult:
    """A block of the crowd with companions, in the dense engine, compiled once for all shocks of the same kinds."""
    job = crowd(shocks, "dense", companions=True).plan.job
    return compile_program(job, pick_workers(1, 1)).run(job, 0)


def test_everything_at_once_conserves_cash_and_contracts_and_depletes_as_the_curve_says() -> None:
    out = outcome(mixed(KINDS)).outcome
    assert 0 < out.cash_residual.max() < 1e-9 and out.contracts_residual.max() < 1e-9
    assert (out.status == 0).all() and (out.bad_debt[0] > 0).mean() > 0.9
    depleted = out.drawdown[2] > FUND
    np.testing.assert_array_equal(depleted, out.depletion_tick[0] != NEVER)
    assert 0.05 < depleted.mean() < 0.95


def test_both_engines_agree_under_shocks_of_the_market() -> None:
    shocks = mixed(OF_THE_MARKET)
    ladder, dense = (crowd(shocks, engine, cross=False) for engine in ("ladder", "dense"))
    assert ladder.plan.job.all_on_ladders and dense.plan.job.ladders is None
    (one,), (other,) = studies.simulated(ladder), studies.simulated(dense)
    assert float(np.asarray(one.outcome.bad_debt)[0].mean()) > 5.0
    for name in ("bad_debt", "liquidated", "adl_notional", "insurance_paid", "drawdown", "max_displacement"):
        mine, theirs = (np.asarray(getattr(found.outcome, name)) for found in (one, other))
        np.testing.assert_allclose(mine, theirs, rtol=1e-9, atol=1e-6, err_msg=name)


@pytest.mark.parametrize(("kind", "word"), [("oracle_freeze", "freezes"), ("collateral_depeg", "collateral")])
def test_what_ladders_cannot_follow_runs_dense(kind: str, word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    study = crowd(mixed((kind,)), cross=False)
    assert study.plan.job.ladders is None
    given = (study.config.protocol, study.book, study.margin, study.market, study.config.shocks)
    (reason,) = obstacles(*given)
    assert word in reason and reason in study.engine["not_ladder"]
    with pytest.raises(UserError, match=word):
        crowd(mixed((kind,)), "ladder", cross=False)
    (reason,) = kernel_obstacles(study.config.protocol, study.market, study.config.shocks)
    assert word in reason
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    assert not crowd(mixed((kind,)), cross=False).plan.job.fused
    assert crowd(mixed(OF_THE_MARKET), cross=False).plan.job.fused


def test_a_kernel_carries_out_the_same_step() -> None:
    """Operation by operation, as on a GPU (``stress.mc.lanes``)."""
    model = crowd(mixed(OF_THE_MARKET)).plan.job.model
    noise = draw_noise(tile_keys(jnp.uint32(1), jnp.zeros(1, jnp.uint32), jnp.uint32(8)), model.step_draws(), jnp.dtype(float))
    given = model, model.init({"initial_regime": jnp.zeros(())}), {name: n[0] for name, n in noise.items()}, jnp.int32(8)
    _, moved = given[0].step(*given[1:])
    cells = jax.tree.map(lambda leaf: known(np.asarray(leaf)), given)
    _, found = evaluate(lambda model, state, noise, tick: model.step(state, noise, tick), cells, ())
    for name in ("log_return", "depth_multiplier"):
        numbers = np.array(getattr(found, name).numbers.tolist(), float)
        np.testing.assert_allclose(numbers, getattr(moved, name), rtol=1e-12, err_msg=name)
    assert float(moved.depth_multiplier) == 0.2, "the shocks hold in this tick"


# --- nothing where there is none -------------------------------------------------------------------------------------
def test_without_shocks_the_study_is_what_it_was() -> None:
    """The very model, and no part of the venue or the book more than without the feature."""
    study = crowd([], "dense")
    plain = build_market(study.config.price, study.config.run).model
    job = study.plan.job
    assert type(job.model) is type(plain) and jax.tree.structure(job.model) == jax.tree.structure(plain)
    assert job.venues.oracle.freezes == () and job.venues.depegs == () and job.accounts.collateral is None
    assert job.venues.oracle.init(job.prices).frozen is None


def test_until_they_come_shocks_change_no_bit() -> None:
    """In the last tick alone, and once more with other numbers: everything before is the same, and that tick is not."""
    gap, late = shock("gap", 5, move=[-0.1, -0.2, 0.1]), [dataclasses.replace(one, at_hours=0.5) for one in mixed(KINDS)]
    harder = {"gap": {"move": -0.5}, "volatility_step": {"multiplier": 9.0}, "collateral_depeg": {"loss": 0.99}}
    other = [dataclasses.replace(one, **harder.get(one.kind, {})) for one in late]
    one, two = outcome([gap, *late]), outcome([gap, *other])
    assert one.trace["bad_debt"][-2] > 0
    for name, values in one.trace.items():
        np.testing.assert_array_equal(two.trace[name][:-1], values[:-1], err_msg=name)
    assert all((two.trace[name][-1] != one.trace[name][-1]).any() for name in ("mark", "fundamental", "liquidated"))


CHANGED: list[tuple[str, str, Any]] = [
    ("gap", "at_hours", 0.2), ("gap", "move", 0.1), ("volatility_step", "duration_hours", 0.05),
    ("volatility_step", "multiplier", 1.5), ("correlation_one", "beta", 2.0), ("depth_withdrawal", "multiplier", 0.7),
    ("oracle_freeze", "markets", ["Y"]), ("oracle_freeze", "duration_hours", 0.05), ("collateral_depeg", "loss", 0.9),
    ("collateral_depeg", "recovery", 0.0), ("collateral_depeg", "at_hours", 0.2),
]


def test_times_and_sizes_are_numbers_a_sweep_over_them_compiles_once() -> None:
    found, before = {(): _sum(outcome(mixed(KINDS)))}, compiled_programs()
    for kind, name, value in CHANGED:
        shocks = [dataclasses.replace(one, **{name: value}) if one.kind == kind else one for one in mixed(KINDS)]
        found[kind, name] = _sum(outcome(shocks))
    assert compiled_programs() == before
    assert len(set(found.values())) == len(found), f"every one of them must matter: {found}"


def _sum(result: BlockResult) -> float:
    return float(result.outcome.liquidated.sum() + result.outcome.bad_debt.sum())
