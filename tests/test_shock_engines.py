"""Hypothetical shocks in the engines: all at once, on ladders and without, as numbers, and nothing where there is none."""

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
from stress.config.shock import KINDS, ShockConfig
from stress.errors import UserError
from stress.mc.block import BlockResult
from stress.mc.lanes.cells import known
from stress.mc.lanes.evaluate import evaluate
from stress.mc.noise import draw_noise, tile_keys
from stress.mc.program import compile_program, compiled_programs, pick_workers
from stress.types import NEVER
from tests import studies
from tests.reference.building import make_book
from tests.test_shocks import MARKETS, WILD, shock, shocked

NUMBERS: dict[str, dict[str, Any]] = {
    "gap": {"move": [-0.1, -0.2, 0.1]}, "volatility_step": {"multiplier": 3.0},
    "correlation_one": {"leader": "X", "beta": 1.5}, "depth_withdrawal": {"multiplier": 0.2}, "oracle_freeze": {},
    "collateral_depeg": {"loss": 0.5, "recovery": 0.5}, "index_manipulation": {"move": 0.01}, "outage": {},
}
OF_THE_MARKET = KINDS[:4]
FUND = 50.0


def crowd(shocks: list[ShockConfig], engine: str = "auto", *, cross: bool = True, companions: bool = False,
          precision: str = "float32") -> Study:
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
        run={"precision": precision, "paths": 128, "block_paths": 128, "horizon_hours": 0.5, "twin": companions, "fund_curve": companions, "engine": engine})
    return studies.study(cfg, make_book(rows, MARKETS, residual="rest"))


def mixed(kinds: tuple[str, ...]) -> list[ShockConfig]:
    """An outage is short: while it lasts nothing else matters."""
    return [shock(kind, 5 + i, 3 if kind == "outage" else 12, **NUMBERS[kind]) for i, kind in enumerate(kinds)]


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
    # in doubles: sums of float32 normals over markets are rounded in each program as its compiler likes
    ladder, dense = (crowd(shocks, engine, cross=False, precision="float64") for engine in ("ladder", "dense"))
    assert ladder.plan.job.all_on_ladders and dense.plan.job.ladders is None
    (one,), (other,) = studies.simulated(ladder), studies.simulated(dense)
    assert float(np.asarray(one.outcome.bad_debt)[0].mean()) > 5.0
    for name in ("bad_debt", "liquidated", "adl_notional", "insurance_paid", "drawdown", "max_displacement"):
        mine, theirs = (np.asarray(getattr(found.outcome, name)) for found in (one, other))
        np.testing.assert_allclose(mine, theirs, rtol=1e-9, atol=1e-6, err_msg=name)


@pytest.mark.parametrize(("kind", "word"), [
    ("oracle_freeze", "freezes"), ("collateral_depeg", "collateral"), ("index_manipulation", "manipulated"), ("outage", "still"),
])
def test_what_ladders_cannot_follow_runs_dense(kind: str, word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    study = crowd(mixed((kind,)), cross=False)
    assert study.plan.job.ladders is None
    given = (study.config, study.book, study.margin, study.market)
    (reason,) = obstacles(*given)
    assert word in reason and reason in study.engine["not_ladder"]
    with pytest.raises(UserError, match=word):
        crowd(mixed((kind,)), "ladder", cross=False)
    (reason,) = kernel_obstacles(study.config, study.market)
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
    assert job.venues.oracle.manipulations == () and job.venues.outages == ()
    start = job.venues.oracle.init(job.prices)
    assert start.frozen is None and start.offset is None and start.mark is None and start.guard is None


def test_until_they_come_shocks_change_no_bit() -> None:
    """All but an outage, in the last tick alone, and once more with other numbers: everything before is the same, and that tick is not."""
    gap, late = shock("gap", 5, move=[-0.1, -0.2, 0.1]), [dataclasses.replace(one, at_hours=0.5) for one in mixed(KINDS[:-1])]
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
    ("collateral_depeg", "recovery", 0.0), ("collateral_depeg", "at_hours", 0.2), ("index_manipulation", "move", 0.05),
    ("index_manipulation", "markets", ["Y"]), ("outage", "at_hours", 0.1),
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
