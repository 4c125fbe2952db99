"""Studies built from Python: market laws, a bare venue, books of a few accounts. Only what a test names is on."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from stress.book.schema import Book
from stress.build.margin import build_margin
from stress.build.price import Market, build_market
from stress.build.study import Study, assemble
from stress.cli.compose import load
from stress.config.schema import Config
from stress.mc.block import BlockResult, simulate_block
from stress.price.given import GivenPath
from tests.oracles import Law

HOURS = 24.0 * 365.0
CONSERVED = 1e-9
"""Largest conservation residual, relative to the money in the book: rounding of long sums, no more."""

block = jax.jit(simulate_block)


@cache
def _base() -> Config:
    return load(
        ["price=gbm", "price.markets=[X]", "price.initial_prices=100", "price.volatility=1", "price.correlation=0"]
    )[0]


def config(
    *,
    markets: Sequence[str] = ("X",),
    price: dict[str, Any] | None = None,
    protocol: dict[str, Any] | None = None,
    liquidity: dict[str, Any] | None = None,
    run: dict[str, Any] | None = None,
) -> Config:
    """A bare venue: flat margin, full liquidation, no fee, fund, ADL, funding, impact or spread, one variant.

    Sections are changed by dictionaries; a nested one changes fields of a nested section.
    """
    base = _base()
    bare = {
        "maintenance_margin": 0.01,
        "initial_margin": 0.5,
        "insurance_fund": 0.0,
        "waterfall": ["insurance_fund"],
        "liquidation": {"fee": 0.0, "close_whole_below_usd": 0.0, "keeper_share": 0.0, "max_rounds": 10_000},
        "adl": {"policy": "none"},
        "funding": {"interval_hours": None},
    }
    none = {
        "law": "none",
        "depth_usd": 1e6,
        "half_spread_bps": 0.0,
        "recovery_half_life_minutes": None,
        "withdrawal": 0.0,
        "max_displacement": 0.99,
    }
    quiet = {
        "twin": False,
        "fund_curve": False,
        "paths": 4096,
        "block_paths": 4096,
        "step_seconds": 60.0,
        "horizon_hours": 1.0,
        "chunk_seconds": 0.0,
        "progress": False,
    }
    return dataclasses.replace(
        base,
        price=_changed(base.price, {"markets": list(markets), **(price or {})}),
        protocol=_changed(_changed(base.protocol, bare), protocol or {}),
        liquidity=_changed(_changed(base.liquidity, none), liquidity or {}),
        run=_changed(base.run, quiet | (run or {})),
    )


def _changed(section: Any, changes: dict[str, Any]) -> Any:
    """A copy of a section; a dictionary for a nested section changes that."""
    nested = {
        name: _changed(getattr(section, name), value)
        if isinstance(value, dict) and dataclasses.is_dataclass(getattr(section, name))
        else value
        for name, value in changes.items()
    }
    return dataclasses.replace(section, **nested)


def law_price(law: Law) -> dict[str, Any]:
    """The price section of a law."""
    jump = {
        "kind": "merton" if law.intensity else "none",
        "intensity": law.intensity,
        "mean": law.jump_mean,
        "std": law.jump_std,
    }
    price: dict[str, Any] = {"initial_prices": law.start, "jump": jump, "jump_duration_seconds": 0.0}
    if not law.rates:
        return price | {"drift": law.drift, "volatility": law.volatility}
    drift = law.drift if isinstance(law.drift, tuple) else (law.drift,) * len(law.rates)
    assert isinstance(law.volatility, tuple)
    names = [f"regime{r}" for r in range(len(law.rates))]
    return price | {
        "regimes": {
            name: regime(drift=d, volatility=v) for name, d, v in zip(names, drift, law.volatility, strict=True)
        },
        "transition_rates": {
            name: {to: rate for to, rate in zip(names, row, strict=True) if to != name}
            for name, row in zip(names, law.rates, strict=True)
        },
        "initial_regime": "stationary" if law.initial is None else names[law.initial],
    }


def regime(**changes: Any) -> Any:
    """A regime that inherits what is not given."""
    from stress.config.price import RegimeConfig

    empty = {"volatility": None, "drift": None, "correlation": None, "jump": None, "depth_multiplier": 1.0}
    return RegimeConfig(**(empty | changes))


def law_study(
    law: Law,
    steps: int,
    book: Book | None = None,
    *,
    run: dict[str, Any] | None = None,
    protocol: dict[str, Any] | None = None,
) -> Study:
    """A study of one market under ``law`` in ``steps`` ticks; without a book nobody holds anything."""
    clock = {"horizon_hours": law.years * HOURS, "step_seconds": law.years * HOURS * 3600.0 / steps}
    return study(config(price=law_price(law), protocol=protocol, run=clock | (run or {})), book or nobody())


def study(cfg: Config, book: Book) -> Study:
    """The study of a book under the market model of the configuration."""
    return assemble(cfg, build_market(cfg.price, cfg.run), book, *margins(cfg))


def path_study(cfg: Config, book: Book, path: np.ndarray) -> Study:
    """The study of a book on a given path [T + 1, A] in USD."""
    market = Market(
        GivenPath(jnp.asarray(path, float)), np.asarray(path[0], float), len(path) - 1, cfg.run.step_seconds or 60.0, ()
    )
    return assemble(cfg, market, book, *margins(cfg))


def margins(cfg: Config) -> tuple[Any, Any]:
    """Maintenance and initial margin tables."""
    maintenance, initial = (
        build_margin(cfg.protocol, cfg.price.markets, f"{name}_margin") for name in ("maintenance", "initial")
    )
    return maintenance, initial


def nobody(markets: tuple[str, ...] = ("X",)) -> Book:
    """A book of one account that holds nothing."""
    none = np.zeros((1, len(markets)))
    return Book(
        markets=markets,
        owners=("nobody",),
        owner=np.zeros(1, int),
        isolated=np.zeros(1, bool),
        residual=np.zeros(1, bool),
        size=none,
        entry=none,
        cash=np.zeros(1),
    )


def padded(book: Book, accounts: int) -> Book:
    """The book with flat accounts of one more owner up to ``accounts``: books of one size share a program."""
    extra, none = accounts - book.accounts, np.zeros((accounts - book.accounts, len(book.markets)))
    return dataclasses.replace(
        book,
        owners=(*book.owners, "flat"),
        owner=np.append(book.owner, np.full(extra, len(book.owners))),
        isolated=np.append(book.isolated, np.zeros(extra, bool)),
        residual=np.append(book.residual, np.zeros(extra, bool)),
        size=np.concatenate([book.size, none]),
        entry=np.concatenate([book.entry, none]),
        cash=np.append(book.cash, np.zeros(extra)),
    )


def simulated(study: Study, blocks: int | None = None) -> list[BlockResult]:
    """All blocks of a study on the host; asserts both conservation laws."""
    plan = study.plan
    results = [jax.device_get(block(plan.job, np.uint32(b), 0)) for b in range(blocks or plan.blocks)]
    scale = max(1.0, float(np.abs(plan.job.quote).max()), plan.gross_notional)
    for result in results:
        residual = max(float(result.outcome.cash_residual.max()), float(result.outcome.contracts_residual.max()))
        assert residual <= CONSERVED * scale, f"conservation: {residual} of {scale}"
    return results


def outcome(results: list[BlockResult], name: str, variant: int = 0) -> np.ndarray:
    """An outcome of all paths [P, ...] of a variant."""
    return np.concatenate([np.asarray(getattr(result.outcome, name))[variant] for result in results])
