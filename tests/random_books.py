"""Random small books, venues and price paths on which two implementations must agree."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import jax.numpy as jnp
import numpy as np

from stress.book.schema import Book
from stress.build.margin import build_haircuts, build_margin
from stress.build.price import Market
from stress.build.study import Study, assemble
from stress.cli.compose import load
from stress.config.adaptive import AdaptiveMarginConfig, StageConfig
from stress.config.adl import AdlPoolConfig
from stress.config.collateral import CollateralConfig
from stress.config.insurance import DepositorsConfig, InsuranceConfig, SocialisedLossConfig
from stress.config.liquidation import BackstopConfig
from stress.config.liquidity import BY_BOOK, ImbalanceConfig
from stress.config.margin import InitialGainConfig, MarginConfig, TierConfig
from stress.config.oracle import ConfidenceConfig, MarkConfig, StableConfig
from stress.config.schema import Config, ProtocolConfig
from stress.config.shock import ShockConfig
from stress.config.withdrawals import WithdrawalGateConfig, WithdrawalRunConfig, WithdrawalsConfig
from stress.price.given import GivenPath
from tests.designs import FUNDING, STEP, Design

ACCOUNTS, TICKS = 14, 30
SEED = 11
"""Of the random order of ADL."""
MARKETS = ("X", "Y")


def random_study(design: Design, rng: np.random.Generator, *, ladder: bool = False) -> tuple[Study, np.ndarray]:
    """A study on one given path, and the path [T + 1, A]; with ``ladder`` one that a ladder can follow."""
    cfg, book, path = random_case(design, rng, ladder=ladder)
    market = Market(GivenPath(jnp.asarray(path)), path[0], TICKS, STEP, ())
    margins = [build_margin(cfg.protocol, list(MARKETS), rate) for rate in ("maintenance_margin", "initial_margin")]
    return assemble(cfg, market, book, *margins), path


def random_case(design: Design, rng: np.random.Generator, *, ladder: bool = False) -> tuple[Config, Book, np.ndarray]:
    """The configuration of a study, its book and its path [T + 1, A]."""
    cfg = _base()
    cfg = dataclasses.replace(cfg, protocol=_protocol(cfg, design, rng), liquidity=_liquidity(cfg, design, rng))
    if "fairness" in design:
        cfg = dataclasses.replace(cfg, run=dataclasses.replace(cfg.run, fairness=True))
    path = _path(rng, design.get("delay", False) and not ladder)
    single = ladder or "contract" in design  # an account has one coin
    book = _book(rng, path[0], single, design.get("isolated", 0.6))
    if "margin" in design:
        cfg = dataclasses.replace(cfg, protocol=_with_curve(cfg.protocol, str(rng.choice(design["margin"])), rng, book))
    if "gain_weight" in design:
        cfg = dataclasses.replace(cfg, protocol=_with_gain_weight(cfg.protocol, rng))
    if "gain_initial" in design:
        cfg = dataclasses.replace(cfg, protocol=_with_initial_gains(cfg.protocol, rng))
    if "depositors" in design.get("insurance", {}) or design.get("withdrawals", {}).get("begins") == "fund":
        cfg = dataclasses.replace(cfg, run=dataclasses.replace(cfg.run, fund_curve=False))
    if "coins" in design:
        cfg = dataclasses.replace(cfg, protocol=_with_haircuts(cfg.protocol, design["coins"], rng, design.get("sale")))
        book = _with_coins(book, cfg.protocol, path[0], rng)
    if "shocks" in design:
        cfg = dataclasses.replace(cfg, shocks={kind: _shock(kind, rng) for kind in design["shocks"]})
    if ladder:
        cfg = _without_waiting(cfg, rng, design.get("limited", False))
    return cfg, book, path


@functools.cache
def _base() -> Config:
    """What all cases share; composing it takes longer than simulating a case."""
    return load(
        [
            "price=gbm",
            "price.markets=[X,Y]",
            "price.initial_prices=[100,10]",
            "price.volatility=1",
            "price.correlation=0",
            "run.paths=128",
            f"run.step_seconds={STEP}",
            f"run.horizon_hours={TICKS * STEP / 3600}",
        ]
    )[0]


def _path(rng: np.random.Generator, whipsaw: bool) -> np.ndarray:
    """Two markets with steps of 2 % and one gap; with ``whipsaw`` most of a step is taken back by the next."""
    moves = rng.normal(0.0, 0.02, (TICKS, 2)) + rng.normal(0.0, 0.01, (TICKS, 1))
    if whipsaw:  # accounts recover while they wait
        moves[1::2] -= moves[::2]
    moves[rng.integers(TICKS)] += rng.choice([-1, 1]) * rng.uniform(0.03, 0.15, 2)
    return np.array([100.0, 10.0]) * np.exp(np.concatenate([np.zeros((1, 2)), np.cumsum(moves, axis=0)]))


def _without_waiting(cfg: Config, rng: np.random.Generator, limited: bool) -> Config:
    """The configuration with a flat margin rate and nothing that makes accounts wait but keepers."""
    protocol, capacity = cfg.protocol, rng.choice([2e4, 1e5]) if limited else None
    return dataclasses.replace(
        cfg,
        protocol=dataclasses.replace(
            protocol,
            maintenance_margin=rng.uniform(0.005, 0.03),
            liquidation=dataclasses.replace(protocol.liquidation, keeper_capacity_usd_per_minute=capacity),
            breaker=dataclasses.replace(protocol.breaker, move=None),
        ),
    )


def _book(rng: np.random.Generator, prices: np.ndarray, single: bool, isolated: float) -> Book:
    """Isolated and cross accounts of both signs; the last account balances the book, residual in half of the cases.

    With ``single`` no other account holds two positions, and the last is residual.
    """
    size = np.zeros((ACCOUNTS, 2))
    notional = rng.pareto(1.5, (ACCOUNTS, 2)) * 2e4 + 1e3
    sign = rng.choice([-1.0, 1.0], (ACCOUNTS, 2))
    one = rng.random(ACCOUNTS) < (1.0 if single else isolated)
    keep = rng.integers(2, size=ACCOUNTS)
    held = np.ones((ACCOUNTS, 2), bool)
    held[one, 1 - keep[one]] = False
    size = np.where(held, sign * notional / prices, 0.0)
    size[rng.integers(ACCOUNTS - 1)] = 0.0  # a flat account
    size[-1] = -size[:-1].sum(0)
    entry = np.where(size != 0, prices * np.exp(rng.normal(0.0, 0.03, (ACCOUNTS, 2))), 0.0)
    leverage = np.exp(rng.uniform(np.log(2.0), np.log(25.0), ACCOUNTS))
    equity = (np.abs(size) * prices).sum(1) / leverage + 10.0
    residual = np.zeros(ACCOUNTS, bool)
    residual[-1] = single or rng.random() < 0.5
    cash = equity - (size * (prices - entry)).sum(1)
    return Book(
        markets=MARKETS,
        owners=tuple(f"a{n}" for n in range(ACCOUNTS)),
        owner=np.arange(ACCOUNTS),
        isolated=one,
        residual=residual,
        size=size,
        entry=entry,
        cash=cash,
    )


def _with_curve(protocol: ProtocolConfig, kind: str, rng: np.random.Generator, book: Book) -> ProtocolConfig:
    """Rates in which the size of the largest position of a market adds up to 0.05 to its own."""
    rate, largest = rng.uniform(0.005, 0.03), np.abs(book.size).max(0) + 1.0
    added = rng.uniform(0.005, 0.05, 2)
    base = {"initial_margin": 2 * rate, "maintenance_margin": rate}
    match kind:
        case "root_size":
            margin = {**base, "size_factor": (added / np.sqrt(largest)).tolist()}
        case "linear_size":
            margin = {**base, "size_slope": (added / largest).tolist()}
        case _:
            share, scale = rng.uniform(0.3, 0.9), rng.uniform(1.0, 100.0) * largest
            margin = {"initial_margin": rate / share, "maintenance_share": share, "skew_scale": scale.tolist()}
            margin["skew_fraction"] = (added / share * scale / largest).tolist()
    margin = {name: dict(zip(MARKETS, value, strict=True)) if isinstance(value, list) else value
              for name, value in margin.items()}
    return dataclasses.replace(protocol, maintenance_margin=None, margin=MarginConfig(kind=kind, **margin))


def _with_gain_weight(protocol: ProtocolConfig, rng: np.random.Generator) -> ProtocolConfig:
    """Weights of unrealised gains; in half of the cases one is below every maintenance rate."""
    margin = protocol.margin or MarginConfig(kind="tiers")
    low = float(rng.choice([0.0, rng.uniform(0.3, 0.9)]))
    weights = dict(zip(MARKETS, rng.permutation([low, rng.uniform(0.3, 1.0)]).tolist(), strict=True))
    return dataclasses.replace(protocol, margin=dataclasses.replace(margin, unrealised_gain_weight=weights))


def _with_initial_gains(protocol: ProtocolConfig, rng: np.random.Generator) -> ProtocolConfig:
    """Gains of some hundred USD that count in part for initial margin, and the less the larger they are."""
    margin = protocol.margin or MarginConfig(kind="tiers")
    terms = InitialGainConfig(
        weight=dict(zip(MARKETS, rng.uniform(0.3, 1.0, 2).tolist(), strict=True)),
        size_factor=rng.uniform(0.0, 0.1, 2).tolist(),
        at_most_usd=rng.choice([None, 200.0]),
    )
    return dataclasses.replace(protocol, margin=dataclasses.replace(margin, unrealised_gain_initial=terms))


def _with_haircuts(protocol: ProtocolConfig, kind: str, rng: np.random.Generator, sale: str | None) -> ProtocolConfig:
    """Weights of both coins, with ``size`` the less the more units there are."""
    factor = rng.uniform(1e-3, 5e-3, 2).tolist() if kind == "size" else None
    return dataclasses.replace(
        protocol, collateral=CollateralConfig(weights=rng.uniform(0.85, 1.0, 2).tolist(), size_factor=factor, sale=sale)
    )


def _with_coins(book: Book, protocol: ProtocolConfig, prices: np.ndarray, rng: np.random.Generator) -> Book:
    """Most accounts replace some of what their cash counts for by coins, or owe USD that they bought coins for."""
    haircuts = build_haircuts(protocol, list(MARKETS))
    assert haircuts is not None
    notional = (np.abs(book.size) * prices).sum(1)
    part = rng.uniform(0.2, 1.0, ACCOUNTS) * np.maximum(book.cash, 0.0) + rng.choice([0.0, 0.0, 0.4], ACCOUNTS) * notional
    part = np.where(book.residual | (rng.random(ACCOUNTS) < 0.2), 0.0, part)
    counted = part[:, None] * rng.dirichlet([0.5, 0.5], ACCOUNTS) / prices
    coins = haircuts.units(counted)
    return dataclasses.replace(book, cash=book.cash - part, coins=coins, counted=haircuts.counted(coins))


def _structure(design: Design, rng: np.random.Generator) -> tuple[bool, bool]:
    """Whether margin rates come in tiers, and whether keepers have a capacity.

    Where the design does not say: both or neither, or one of them.
    """
    if "tiers" in design:
        return design["tiers"], design["limited"]
    tiered = bool(rng.integers(2))
    return tiered, tiered == (design["law"] == "power")


def _shock(kind: str, rng: np.random.Generator) -> ShockConfig:
    """A shock somewhere in the run, for some ticks or until its end."""
    numbers: dict[str, Any] = dict.fromkeys(field.name for field in dataclasses.fields(ShockConfig))
    numbers |= {"kind": kind, "at_hours": rng.integers(0, TICKS) * STEP / 3600 + rng.choice([0.0, 0.004])}
    numbers["duration_hours"] = rng.choice([None, rng.uniform(0, 0.2)])
    if kind == "oracle_freeze":
        numbers["markets"] = [None, ["X"], ["Y"]][rng.integers(3)]
    elif kind == "index_manipulation":
        numbers |= {"markets": [None, ["X"], ["Y"]][rng.integers(3)], "move": float(rng.choice([-0.1, 0.05, 0.2]))}
    elif kind == "collateral_depeg":
        numbers["loss"] = rng.uniform(0.3, 0.95)
        numbers["recovery"] = None if numbers["duration_hours"] is None else rng.choice([None, 0.5, 1.0])
    return ShockConfig(**numbers)


def _protocol(cfg: Config, design: Design, rng: np.random.Generator) -> Any:
    tiered, limited = _structure(design, rng)
    protocol, flat = cfg.protocol, rng.uniform(0.005, 0.03)
    tiers = [
        TierConfig(up_to_usd=up, initial_margin=2 * rate, maintenance_margin=rate)
        for up, rate in ((2e4, flat), (6e4, flat * 1.5), (None, flat * 3))
    ]
    delay = rng.choice([60.0, 150.0]) if design.get("delay") else 0.0
    drawn: dict[str, Any] = {
        "rule": design["rule"],
        "close_factor": rng.uniform(0.1, 0.9),
        "close_whole_below_usd": rng.choice([0.0, 5e3]),
        "target_multiple": rng.uniform(1.05, 2.0),
        "fee": rng.choice([0.0, 0.004, 0.01]),
        "keeper_share": rng.uniform(0, 1),
        "remaining_equity": rng.choice(["trader", "fund"]),
        "keeper_delay_seconds": delay,
        "keeper_capacity_usd_per_minute": rng.choice([2e4, 1e5]) if limited else None,
        "max_rounds": int(rng.choice([2, 50])),
    }
    liquidation = dataclasses.replace(protocol.liquidation, **(drawn | design.get("liquidation", {})))
    funding = dataclasses.replace(
        protocol.funding,
        interval_hours=rng.choice([None, 5 * STEP / 3600]),
        interest_rate=rng.normal(0, 1e-3),
        clamp=rng.choice([0.0, 5e-4]),
        cap=rng.choice([1e-3, 0.02]),
        premium=rng.normal(0, 1e-3),
        **FUNDING[design.get("funding", "clamped")],
    )
    lag = design.get("lag", 0)
    oracle = dataclasses.replace(
        protocol.oracle,
        lag_seconds=lag * STEP,
        update_interval_seconds=rng.choice([0.0, 3 * STEP]) if lag else 0.0,
        deviation_threshold=rng.choice([0.0, 0.02]),
        impact_share=rng.choice(design.get("seen", [0.0, 0.5, 1.0])),
        mark=_mark(design, rng),
        **_guards(design, rng),
        confidence=_confidence(rng) if "confidence" in design else None,
    )
    breaker = dataclasses.replace(
        protocol.breaker,
        move=rng.choice([None, 0.05]),
        window_minutes=rng.choice([1.0, 5.0]),
        halt_minutes=rng.choice([1.0, 2.5]),
    )
    backstop = None
    if "backstop" in design:
        terms = design["backstop"]
        backstop = BackstopConfig(
            capital_usd=rng.choice(terms["capital"]),
            below_requirement=terms["below"],
            takes_bankrupt=terms["bankrupt"],
            charge=terms["charge"],
            sale_half_life_minutes=terms["half_life"],
        )
    return dataclasses.replace(
        protocol,
        contract=design.get("contract", "linear"),
        backstop=backstop,
        insurance=_insurance(design["insurance"], rng) if "insurance" in design else None,
        socialised_loss=SocialisedLossConfig(by=design["levied_by"]) if "levied_by" in design else None,
        adaptive=_adaptive(design, rng),
        withdrawals=_withdrawals(design["withdrawals"], rng) if "withdrawals" in design else None,
        margin_tiers={"default": tiers},
        initial_margin=None,
        maintenance_margin=None if tiered else flat,
        liquidation=liquidation,
        insurance_fund=rng.choice(design.get("funds", [0.0, 500.0, 1e4])),
        waterfall=design.get("waterfall", ["insurance_fund", "adl", "socialised_loss"]),
        adl=dataclasses.replace(
            protocol.adl, policy=design["adl"], price=design.get("adl_price", "bankruptcy"), seed=SEED,
            trigger=_trigger(design), drawdown=design.get("drawdown"), pool=_pool(design, rng),
        ),
        funding=funding,
        oracle=oracle,
        breaker=breaker,
    )


def _trigger(design: Design) -> str:
    return "fund_drawdown" if "drawdown" in design else "pnl_to_pool" if "pool" in design else "fund_empty"


def _pool(design: Design, rng: np.random.Generator) -> AdlPoolConfig | None:
    """A pool for each side that a few moves of two percent bring into need."""
    if "pool" not in design:
        return None
    largest = rng.uniform(0.2, 0.6)
    return AdlPoolConfig(
        long_usd=rng.uniform(5e3, 5e4, 2).tolist(),
        short_usd=rng.uniform(5e3, 5e4, 2).tolist(),
        max_factor=largest,
        target_factor=largest * rng.uniform(0.5, 1.0),
        max_paid_factor=rng.choice(design["pool"]["paid"]),
    )


def _insurance(terms: dict[str, Any], rng: np.random.Generator) -> InsuranceConfig:
    """The terms of a design with numbers that matter within its thirty ticks."""
    names = [name.name for name in dataclasses.fields(InsuranceConfig)]
    drawn: dict[str, Any] = dict.fromkeys(names) | terms
    if "shares" in terms:
        drawn["shares"] = [1.0, rng.uniform(0.3, 3.0)]
    if "income" in terms:
        del drawn["income"]
        fees = {"turnover_per_day": [rng.uniform(1, 10), 5.0], "trading_fee": 0.001, "fee_share": rng.uniform(0, 1)}
        drawn |= {"income_usd_per_day": rng.choice([0.0, 3e4]), **fees}
    if "paid_at_most_usd" in terms:
        drawn["paid_at_most_usd"] = float(rng.choice([100.0, 1e3]))
        if terms["paid_at_most_usd"] == "market":
            drawn["paid_at_most_usd"] = dict(zip(MARKETS, rng.choice([0.0, 100.0, 1e3], 2, replace=False).tolist(), strict=True))
    if "depositors" in terms:
        drawn["depositors"] = DepositorsConfig(
            deposited_share=rng.uniform(0.3, 1.0),
            starts_below=rng.uniform(0.5, 0.99),
            leaves_per_day=rng.uniform(0.9, 0.9999999),
            delay_hours=rng.choice([0.0, 0.05]),
        )
    return InsuranceConfig(**drawn)


def _withdrawals(terms: dict[str, Any], rng: np.random.Generator) -> WithdrawalsConfig:
    """Traders who take much out within thirty ticks, and a gate of one of the kinds."""
    fund, reason = rng.uniform(0.7, 0.999), rng.choice(terms["gates"])
    run = WithdrawalRunConfig(
        fund_below=fund if terms["begins"] == "fund" else None,
        move_above=rng.uniform(0.005, 0.03) if terms["begins"] == "move" else None,
        leaves_per_hour=rng.uniform(0.5, 0.99),
        delay_hours=rng.choice([0.0, 0.05]),
        every_minutes=rng.choice([1.0, 2.0, 5.0]),
        unrealised_profit=bool(rng.integers(2)),
    )
    gate = WithdrawalGateConfig(
        fund_below=fund * rng.uniform(0.3, 1.0) if reason == "fund" else None,
        move_above=rng.uniform(0.05, 0.1) if reason == "move" else None,
        outage_minutes=rng.uniform(0.5, 4.0) if reason == "outage" else None,
        under_water=reason == "water",
        lasts_seconds=rng.choice([0.0, 100.0, 300.0]),
    )
    return WithdrawalsConfig(window_minutes=rng.uniform(1.0, 5.0), run=run, gate=None if reason is None else gate)


def _adaptive(design: Design, rng: np.random.Generator) -> AdaptiveMarginConfig | None:
    """Factors up to three, where a tick moves prices by 2 %: a volatility of 15 a year."""
    if "adaptive" not in design:
        return None
    kind, update = str(rng.choice(design["adaptive"])), rng.choice([None, 3.0])
    first = rng.uniform(0.02, 0.05)
    numbers: dict[str, Any] = {
        "volatility": {
            "half_life_minutes": rng.uniform(1.0, 10.0),
            "reference_volatility": float(rng.uniform(5.0, 15.0)),
            "max_multiplier": rng.uniform(1.5, 3.0),
        },
        "staged": {
            "window_minutes": rng.uniform(2.0, 10.0),
            "stages": [StageConfig(move=first, multiplier=1.5), StageConfig(move=3 * first, multiplier=3.0)],
        },
    }[kind]
    absent = dict.fromkeys(field.name for field in dataclasses.fields(AdaptiveMarginConfig))
    return AdaptiveMarginConfig(**(absent | numbers | {"kind": kind, "update_minutes": update}))


def _guards(design: Design, rng: np.random.Generator) -> dict[str, float | None]:
    """An age from which an index of a lagging oracle is too old, and a distance from its mean that is too far."""
    if "guarded" not in design:
        return {}
    return {
        "stale_after_seconds": rng.choice([0.0, STEP, 1.5 * STEP]),
        "divergence_limit": rng.uniform(0.02, 0.06),
        "divergence_half_life_seconds": rng.uniform(30.0, 300.0),
    }


def _confidence(rng: np.random.Generator) -> ConfidenceConfig:
    """An interval that steps of 2 % sometimes make too wide, and a gap always."""
    return ConfidenceConfig(
        limit=rng.uniform(0.02, 0.04),
        multiple=rng.uniform(0.5, 1.5),
        half_life_seconds=rng.uniform(30.0, 200.0),
        floor=rng.choice([0.0, 0.005]),
    )


def _mark(design: Design, rng: np.random.Generator) -> MarkConfig | None:
    """A mark price of a kind."""
    if "mark" not in design:
        return None
    kind = str(rng.choice(design["mark"]))
    if kind == "stable":
        limits = StableConfig(
            growth_per_second=rng.uniform(1e-4, 4e-4),
            delayed_growth=rng.uniform(0.01, 0.05),
            interval_seconds=rng.choice([100.0, 240.0]),
            intervals=int(rng.integers(1, 4)),
        )
        return MarkConfig(kind=kind, band=None, half_life_seconds=None, stable=limits)
    band = rng.uniform(0.002, 0.02) if kind == "band" else rng.choice([None, 0.01])
    return MarkConfig(kind=kind, band=band, half_life_seconds=None if kind == "band" else rng.uniform(30.0, 300.0), stable=None)


def _liquidity(cfg: Config, design: Design, rng: np.random.Generator) -> Any:
    own = design["law"] in BY_BOOK
    return dataclasses.replace(
        cfg.liquidity,
        law=rng.choice(["none", design["law"]]) if design["law"] == "linear" else design["law"],
        exponent=0.875,
        depth_usd=[rng.uniform(1e4, 1e6), rng.uniform(1e4, 1e6)],
        half_spread_bps=rng.choice([0.0, 10.0]),
        recovery_half_life_minutes=None if own else rng.choice([None, 3.0]),
        withdrawal=0.0 if own else rng.choice([0.0, 20.0]),
        max_displacement=rng.choice([0.05, 0.5]),
        skew_scale=(rng.uniform(0.5, 5.0) * np.array([2e4, 2e5])).tolist() if design["law"] == "skew" else None,
        imbalance=_imbalance(rng) if design["law"] == "imbalance" else None,
    )


def _imbalance(rng: np.random.Generator) -> ImbalanceConfig:
    """Some percent of the notional of a trade of the size of the book's imbalance."""
    worse = rng.uniform(1e-8, 2e-7, 2)
    return ImbalanceConfig(
        positive_factor=(worse * rng.uniform(0.2, 1.2, 2)).tolist(),
        negative_factor=worse.tolist(),
        positive_exponent=rng.choice([1.0, 2.0]),
        negative_exponent=[2.0, rng.uniform(1.6, 2.1)],
        max_positive=rng.choice([0.004, 0.5]),
        max_negative=rng.choice([0.0, 0.005, 0.5]),
    )
