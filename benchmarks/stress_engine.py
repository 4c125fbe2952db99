"""The cases through this project: the same book as files, the same rules as overrides, whole blocks of paths."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.case import Accounts, Case, Outcome
from benchmarks.cross import CrossAccounts, CrossCase
from stress.build.price import Market
from stress.build.study import Study, assemble, build_study
from stress.cli.compose import load
from stress.cli.runtime import configure_jax
from stress.mc.block import simulate_block
from stress.mc.program import compile_program, pick_workers
from stress.price.given import GivenPath
from stress.types import NEVER

MANY = 10**6
"""Paths of the plan; a run takes as many blocks of it as it is asked for."""

_block = jax.jit(simulate_block)


def overrides(case: Case, folder: Path) -> list[str]:
    """The case, its book in ``folder``, on the command line."""
    off = ["protocol.adl.policy=none", "protocol.waterfall=[insurance_fund]", "protocol.funding.interval_hours=null"]
    correlation = case.correlation if isinstance(case, CrossCase) else 0.0
    return [
        *("price=gbm", f"price.markets=[{','.join(markets(case))}]", f"price.initial_prices={case.price}"),
        f"price.correlation={correlation}",
        *(f"price.volatility={case.volatility}", "price.drift=0"),
        *("book=file", f"book.positions={folder / 'positions.csv'}"),
        *([f"book.collateral={folder / 'collateral.csv'}"] if isinstance(case, CrossCase) else []),
        *("liquidity=linear", f"liquidity.depth_usd={case.depth}", f"liquidity.max_displacement={case.cap}"),
        *("liquidity.half_spread_bps=0", "liquidity.withdrawal=0"),
        f"liquidity.recovery_half_life_minutes={case.half_life_minutes}",
        *(*off, f"protocol.insurance_fund={case.fund}"),
        *(f"protocol.maintenance_margin={case.maintenance}", f"protocol.initial_margin={case.maintenance}"),
        *(f"protocol.liquidation.fee={case.fee}", f"protocol.liquidation.keeper_share={case.keeper_share}"),
        *("protocol.liquidation.max_rounds=10000", f"run.step_seconds={case.step_seconds}"),
        f"run.horizon_hours={case.steps * case.step_seconds / 3600.0}",
        *(f"run.paths={MANY}", "run.twin=false", "run.fund_curve=false"),
    ]


def markets(case: Case) -> list[str]:
    """Market names."""
    return [f"X{a}" for a in range(case.markets)] if isinstance(case, CrossCase) else ["X"]


def write_cross(case: CrossCase, accounts: CrossAccounts, folder: Path) -> None:
    """Positions and collateral, every number in full."""
    names, lines = markets(case), []
    for n, (size, entry) in enumerate(zip(accounts.size.T.tolist(), accounts.entry.T.tolist(), strict=True)):
        lines += [f"a{n},{a},{s!r},{e!r},cross,\n" for a, s, e in zip(names, size, entry, strict=True)]
    header = "account,market,size,entry_price,margin_mode,isolated_margin\n"
    (folder / "positions.csv").write_text(header + "".join(lines), encoding="utf-8")
    wallets = [f"a{n},USD,{cash!r}\n" for n, cash in enumerate(accounts.cash.tolist())]
    (folder / "collateral.csv").write_text("account,asset,amount\n" + "".join(wallets), encoding="utf-8")


def write_positions(accounts: Accounts, file: Path) -> None:
    """The positions file, every number in full."""
    columns = (accounts.size.tolist(), accounts.entry.tolist(), accounts.margin.tolist())
    lines = [f"a{n},X,{s!r},{e!r},isolated,{m!r}\n" for n, (s, e, m) in enumerate(zip(*columns, strict=True))]
    file.write_text("account,market,size,entry_price,margin_mode,isolated_margin\n" + "".join(lines), encoding="utf-8")


def make_study(case: Case, accounts: Accounts | CrossAccounts, engine: str = "auto") -> Study:
    """The study, JAX set up for it."""
    with tempfile.TemporaryDirectory() as folder:
        if isinstance(accounts, CrossAccounts):
            assert isinstance(case, CrossCase), "cross accounts are those of a cross case"
            write_cross(case, accounts, Path(folder))
        else:
            write_positions(accounts, Path(folder) / "positions.csv")
        cfg = load([*overrides(case, Path(folder)), f"run.engine={engine}"])[0]
        configure_jax(cfg.run)
        study = build_study(cfg)
    assert study.book.accounts == case.accounts, "no residual account"
    return study


def prepare(
    case: Case, accounts: Accounts | CrossAccounts, engine: str = "auto", workers: int | str = "auto"
) -> tuple[Callable[[int, int], None], int]:
    """A function (seed, paths) that simulates on all cores, and the paths of a block; compiled here."""
    plan = make_study(case, accounts, engine).plan
    program = compile_program(plan.job, pick_workers(workers, plan.blocks))

    def run(seed: int, paths: int) -> None:
        job = dataclasses.replace(plan.job, seed=jnp.asarray(seed, jnp.uint32))
        for _ in program.stream(job, list(range(-(-paths // job.block_paths)))):
            pass

    return run, plan.job.block_paths


def simulate_given(case: Case, accounts: Accounts | CrossAccounts, prices: np.ndarray) -> Outcome:
    """All paths [P, T + 1] (of a cross case [P, T + 1, A]), one at a time: a given path fills its block."""
    study = make_study(case, accounts)
    rows = [_outcome(study, path) for path in prices]
    return Outcome(*np.array(rows).T)


def _outcome(study: Study, path: np.ndarray) -> tuple[float, ...]:
    path = path.reshape(len(path), -1)
    market = Market(GivenPath(jnp.asarray(path)), path[0], len(path) - 1, study.plan.step_seconds, ())
    cfg = dataclasses.replace(study.config, run=dataclasses.replace(study.config.run, paths=128))
    plan = assemble(cfg, market, study.book, study.margin, study.initial).plan
    out = _block(plan.job, np.uint32(0), 0).outcome
    lane = jax.tree.map(lambda leaf: np.asarray(leaf)[0, 0], out)
    assert lane.status == 0, "the path must be sound"
    depleted = float(lane.depletion_tick != NEVER)
    return depleted, lane.drawdown, lane.bad_debt, lane.liquidated.sum(), lane.liquidated_accounts
