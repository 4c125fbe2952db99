"""From a validated configuration to everything a run needs."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from stress.book.caps import capped, noted
from stress.book.inverse import mirrored
from stress.book.load import load_book
from stress.book.schema import Book
from stress.build.adaptive import refuse_whole_multiples
from stress.build.engine import entered, kernel_obstacles, obstacles, split_book
from stress.build.insurance import insured_venue
from stress.build.margin import build_gain_weight, build_haircuts, build_rules, refuse_whole_rates
from stress.build.price import Market, build_market
from stress.build.shocks import depegs_collateral, shocked_market, shocked_venue
from stress.build.venue import build_venue, inverse, stack, twin, unlimited
from stress.build.withdrawals import leaving_venue
from stress.config.schema import Config
from stress.engine.state import Accounts
from stress.mc.cascade import CascadeRule
from stress.mc.job import Job
from stress.mc.noise import TILE
from stress.mc.plan import Plan
from stress.protocol.coins import Coins
from stress.protocol.margin.base import MarginCurve

STATE_BUDGET = 16 * 2**20
"""Bytes of account state a block may hold with block_paths=auto: what stays in a core's share of the cache."""
LARGEST_BLOCK = 4096
ACCELERATOR_STATE_BUDGET, ACCELERATOR_LARGEST_BLOCK, ACCELERATOR_BATCH = 8 * 2**30, 65_536, 512
"""Where no cache but the number of operations limits: budget and block, and rows that a look takes together."""
LANES_BLOCK = 2**18
"""Paths of a block where each has a lane of its own: several times what a large GPU runs at once."""
FAN_POINTS = 120
FRONT = (128, 256)
"""Fewest and most accounts in front (``engine.front``)."""
ACCOUNTS_TO_ONE_IN_FRONT = 32
"""In between; measured with 1,000 and 10,000 accounts, where half or twice as many cost a tenth to a third."""


@dataclass(frozen=True)
class Study:
    """A configuration made ready: market, book, venue."""

    config: Config
    market: Market
    book: Book
    margin: MarginCurve  # maintenance
    initial: MarginCurve
    plan: Plan

    @property
    def markets(self) -> list[str]:
        """Market names [A]."""
        return self.config.price.markets

    @property
    def engine(self) -> dict[str, Any]:
        """The engine that runs it, and why a ladder would not be exact, in words."""
        job = self.plan.job
        name = "ladder" if job.all_on_ladders else "dense" if job.ladders is None else "split"
        sorted_accounts = 0 if job.ladders is None else int(job.ladders.accounts.sum())
        reasons = obstacles(self.config, self.book, self.margin, self.market)
        facts = {"name": name, "kernel": job.fused, "on_ladders": sorted_accounts, "not_ladder": reasons}
        if accelerated() and not job.fused:
            facts["not_kernel"] = kernel_obstacles(self.config, self.market, self.book)
        return facts

    @property
    def prices0(self) -> np.ndarray:
        """Prices [A] at time zero."""
        return self.market.prices


def build_study(cfg: Config, book: Book | None = None) -> Study:
    """Build and check everything; raises UserError before anything is simulated.

    ``book``: accounts to take instead of the configured ones; they must be of its markets, contract and haircuts.
    """
    market = build_market(cfg.price, cfg.run, cfg.data)
    markets = cfg.price.markets
    venues = [cfg.protocol, *(cfg.book.synthetic.venues or {}).values()]
    planned = cfg.book
    for venue in venues:
        planned = capped(planned, venue.open_interest_cap_usd, markets)
    rules = build_rules(cfg.protocol, planned, markets)
    if book is None:
        others = [build_rules(venue, planned, markets) for venue in venues[1:]]
        book = load_book(planned, markets, market.prices, rules, build_haircuts(cfg.protocol, markets), others)
        for venue in venues if cfg.book.kind == "synthetic" else venues[:1]:
            book = noted(book, cfg.book, venue.open_interest_cap_usd, market.prices)
    refuse_whole_rates(book, rules.maintenance, rules.inverse)
    refuse_whole_multiples(book, rules.maintenance, cfg.protocol.adaptive)
    return assemble(cfg, market, book, rules.maintenance, rules.initial)


def assemble(cfg: Config, market: Market, book: Book, margin: MarginCurve, initial: MarginCurve) -> Study:
    """The study of a given book."""
    book = replace(book, gain_weight=build_gain_weight(cfg.protocol, cfg.price.markets))
    market = shocked_market(market, cfg.shocks, cfg.price.markets)
    venue = build_venue(cfg.protocol, cfg.liquidity, cfg.price.markets, market.step_seconds)
    venue = shocked_venue(venue, cfg.shocks, cfg.price.markets, market.step_seconds)
    interest = book.open_interest(market.prices)
    venue = insured_venue(venue, cfg.protocol.insurance, cfg.price.markets, interest, market.step_seconds)
    venue = leaving_venue(venue, cfg.protocol, initial, cfg.price.markets, market.step_seconds)
    held = book  # as the engine has it
    if cfg.protocol.contract == "inverse":
        venue, held = inverse(venue, market.prices), mirrored(book, market.prices)
    variants = {"main": venue}
    if cfg.run.twin:
        variants["twin"] = twin(venue)
    if cfg.run.fund_curve:
        variants["unlimited"] = unlimited(venue)
    window = max(1, round(cfg.cascade.window_minutes * 60.0 / market.step_seconds))
    quote, (ladders, rest) = held.quote, split_book(cfg, book, margin, market)
    dense = book.accounts if rest is None else rest.quote.shape[0]
    job = Job(
        model=market.model,
        venues=stack(list(variants.values())),
        accounts=Accounts(
            entry=jnp.asarray(held.entry.T),
            residual=jnp.asarray(book.residual),
            quote_total=jnp.asarray(quote.sum()),
            collateral=jnp.asarray(book.wallets) if depegs_collateral(cfg.shocks) else None,
            cash=jnp.asarray(book.cash) if cfg.run.fairness and venue.adl is not None else None,
            coins=coins_of(book),
            entered=None if venue.order is None else entered(held),
            entries_in_front=venue.pool is not None or venue.gain_weight is not None,
        ),
        size=jnp.asarray(held.size.T),
        quote=jnp.asarray(quote),
        prices=jnp.asarray(market.prices),
        interest=jnp.asarray(interest),
        ladders=ladders,
        rest=rest,
        cascade=CascadeRule(
            threshold=jnp.asarray(cfg.cascade.open_interest_share * float(interest.sum())),
            ticks=min(window, market.steps),
            paired=cfg.run.twin,
        ),
        seed=jnp.asarray(cfg.run.seed, jnp.uint32),
        steps=market.steps,
        variants=len(variants),
        unlimited=cfg.run.fund_curve,
        block_paths=block_paths(cfg, len(book.markets), dense, len(variants), ladders is not None and rest is None),
        front=min(max(dense // ACCOUNTS_TO_ONE_IN_FRONT, FRONT[0]), FRONT[1]),
        batch=ACCELERATOR_BATCH if accelerated() else 1,
        fused=jax.default_backend() == "gpu"
        and (ladders is not None or not kernel_obstacles(cfg, market, book)),
        fan_points=min(FAN_POINTS, market.steps),
        dtype=cfg.run.precision,
    )
    plan = Plan(
        job=job,
        markets=cfg.price.markets,
        variants=tuple(variants),
        paths=cfg.run.paths,
        fund=cfg.protocol.insurance_fund,
        insured=venue.insured,
        step_seconds=market.step_seconds,
        gross_notional=float((np.abs(book.size) * market.prices).sum()),
        confidence=cfg.run.confidence,
        chunk_seconds=cfg.run.chunk_seconds,
        fan_paths=cfg.report.fan_paths,
        worst_paths=cfg.report.worst_paths,
        capital=math.inf if venue.backstop is None else float(venue.backstop.capital),
    )
    return Study(cfg, market, book, margin, initial, plan)


def with_funds_of(base: Study, study: Study) -> Study:
    """``study`` with the parts and the income of insurance funds as in ``base``, whose book has other open interest."""
    job, rules = study.plan.job, base.plan.job.venues.insurance
    mine = job.venues.insurance
    if mine is None or rules is None:
        return study
    shares, income = (jnp.broadcast_to(of[:1], (job.variants, of.shape[1])) for of in (rules.shares, rules.income))
    venues = replace(job.venues, insurance=replace(mine, shares=shares, income=income))
    return replace(study, plan=replace(study.plan, job=replace(job, venues=venues)))


def coins_of(book: Book) -> Coins | None:
    """Collateral in coins, where there is some."""
    if book.coins is None or book.counted is None:
        return None
    return Coins(units=jnp.asarray(book.coins.T), counted=jnp.asarray(book.counted.T))


def block_paths(cfg: Config, markets: int, accounts: int, variants: int, ladder: bool) -> int:
    """Paths of a block: what was asked for, or as many tiles as the state budget holds (no limit for a ladder)."""
    if isinstance(cfg.run.block_paths, int):
        return cfg.run.block_paths
    one_path = variants * accounts * (markets + 1) * 8
    budget, largest = STATE_BUDGET, LARGEST_BLOCK
    if accelerated():
        budget, largest = ACCELERATOR_STATE_BUDGET, LANES_BLOCK if ladder else ACCELERATOR_LARGEST_BLOCK
    tiles = largest // TILE if ladder else budget // (TILE * one_path)
    wanted = math.ceil(cfg.run.paths / TILE)
    return TILE * max(1, min(tiles, largest // TILE, wanted))


def accelerated() -> bool:
    """Whether JAX computes on something else than a CPU."""
    return jax.default_backend() != "cpu"
