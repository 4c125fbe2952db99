"""The venue's rules as plain, already resolved numbers."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

import numpy as np

from stress.config.adaptive import AdaptiveMarginConfig
from stress.config.adl import AdlPoolConfig
from stress.config.funding import AdaptiveConfig, VelocityConfig
from stress.config.insurance import InsuranceConfig
from stress.config.liquidation import AuctionConfig, WindowConfig
from stress.config.liquidity import ImbalanceConfig
from stress.config.markets import per_market
from stress.config.oracle import ConfidenceConfig, MarkConfig
from stress.config.schema import Config, LiquidityConfig, ProtocolConfig
from stress.config.shock import ShockConfig
from stress.config.withdrawals import WithdrawalsConfig
from tests.reference.rates import SizeRate, Tiers, initial_margin, market_margin

GAMMA = {"linear": 1.0, "square_root": 0.5}


@dataclass(frozen=True, kw_only=True)
class Rules:
    """Everything the venue does, for ``A`` markets. Rates are decimals, money USD; units are in the names."""

    markets: tuple[str, ...]  # [A]
    tiers: list[Tiers | SizeRate]  # [A]
    insurance_fund: float  # inf for a fund that is never depleted
    waterfall: tuple[str, ...]  # insurance_fund, adl, socialised_loss
    adl_policy: str  # none, or one of tests.reference.adl
    # liquidation
    rule: str  # full, close_factor, restore_target, portion, first_fraction, step_down, half, cover_shortage
    close_factor: float
    close_whole_below_usd: float
    target_multiple: float
    fee: float
    keeper_share: float
    remaining_equity: str  # trader, fund
    keeper_delay_seconds: float
    keeper_capacity_usd_per_minute: float | None
    max_rounds: int
    order: str | None = None  # together, random, largest_notional, largest_maintenance, largest_loss
    order_seed: int | None = None
    block_seconds: float | None = None
    close_at_least_usd: float | None = None
    close_at_most_usd: float | None = None
    first_above_usd: float | None = None
    cooldown_seconds: float | None = None
    waits_for_cooldown: bool | None = None
    half_from_margin: float | None = None
    cover_buffer: float | None = None
    cover_at_once: float | None = None
    cover_seconds: float | None = None
    limit_price: str | None = None  # bankruptcy, fillable, discount; None: market orders
    limit_adjustment: float | None = None
    limit_spread: float | None = None
    limit_discount: float | None = None
    settlement: str | None = None  # account, fill
    execution: str | None = None  # book, auction
    auction: AuctionConfig | None = None
    window: WindowConfig | None = None
    keeper_cost_usd: float | None = None
    keeper_congestion: float | None = None
    keeper_profit_usd: float | None = None
    contract: str = "linear"  # inverse: sizes and money are converted by tests.reference.in_coins
    coin: np.ndarray | None = None  # [A] money that a coin counts; None: linear contracts
    # funding
    funding_interval_hours: float | None
    funding_interest_rate: float
    funding_clamp: float
    funding_cap: float
    funding_premium: float
    # oracle
    oracle_lag_seconds: float
    oracle_interval_seconds: float
    oracle_deviation_threshold: float
    oracle_impact_share: float
    # breaker
    breaker_move: float | None
    breaker_window_minutes: float
    breaker_halt_minutes: float
    # liquidity
    impact: bool  # off: the displacement is zero whatever is sold (the twin)
    gamma: float  # exponent of the impact
    depth_usd: np.ndarray  # [A] liquidated USD that moves the price by 1 %
    half_spread_bps: float
    recovery_half_life_minutes: float | None
    withdrawal: float
    max_displacement: float
    skew_scale: np.ndarray | None = None  # [A] units
    imbalance: ImbalanceConfig | None = None  # its numbers by market [A]
    # backstop: capital, share of the requirement, takes bankrupt, charge (None: all), half-life of its sale in minutes
    backstop: tuple[float | None, float, bool, float | None, float | None] | None = None
    insurance: InsuranceConfig | None = None
    levied_by: str = "profit"  # or equity, contracts
    haircuts: tuple[tuple[float, float], ...] = ()  # [A] weight of a coin, and factor of the root of its units
    coin_sale: str = "all"  # or debt: what a closed account sells
    gain_weight: tuple[float, ...] = ()  # [A] share of open profit that is margin, where not all of it is
    gain_initial: tuple[tuple[float, float, float], ...] = ()  # [A] of initial margin: share, factor of its root, most
    stale_after_seconds: float | None = None  # age of an index from which accounts wait
    divergence_limit: float | None = None  # relative distance of an index from its mean, likewise
    divergence_half_life_seconds: float | None = None  # of that mean
    confidence: ConfidenceConfig | None = None  # interval of an index, likewise
    mark_price: MarkConfig | None = None  # of the risk check; None: what the oracle publishes
    adaptive: AdaptiveMarginConfig | None = None  # margin requirements that follow the market
    withdrawals: WithdrawalsConfig | None = None  # of traders
    initial_tiers: tuple[Tiers | SizeRate, ...] = ()  # [A] where there are such
    # hypothetical shocks
    freezes: tuple[tuple[float, float, tuple[str, ...]], ...] = ()  # from and for how many hours which oracles are silent
    manipulations: tuple[tuple[float, float, tuple[float, ...]], ...] = ()  # from, for how many hours, error [A]
    outages: tuple[tuple[float, float], ...] = ()  # from and for how many hours nothing is done
    depegs: tuple[tuple[float, float, float, float], ...] = ()  # from and for how many hours what share is lost, regained
    adl_price: str = "bankruptcy"  # or mark, oracle
    adl_seed: int = 0
    adl_pool: AdlPoolConfig | None = None  # the pool whose profits ADL looks at; None: it looks at the fund
    adl_drawdown: float | None = None  # share of its peak by which the fund falls before ADL takes all; None: ADL waits
    funding_kind: str = "clamped"  # or deadband, velocity, adaptive
    funding_premium_hours: float | None = None
    funding_deadband: float = 0.0
    funding_velocity: VelocityConfig | None = None
    funding_adaptive: AdaptiveConfig | None = None
    funding_shared: bool = True  # of adaptive funding: traders pay each other; else everybody pays the rate

    @classmethod
    def from_config(cls, cfg: Config, markets: list[str]) -> Rules:
        """The rules a config asks for; a flat ``protocol.maintenance_margin`` replaces the tiers."""
        return cls(markets=tuple(markets), **_from_protocol(cfg.protocol, markets),
                   **_from_liquidity(cfg.liquidity, markets), **_from_shocks(cfg.shocks, markets))

    def by_own_book(self) -> bool:
        """Whether prices follow the skew of the venue's own book."""
        return self.skew_scale is not None or self.imbalance is not None

    def remembers_first_breach(self) -> bool:
        """Whether the time since the first breach goes on where parts were closed; keepers' delay starts anew."""
        return self.execution == "auction" or self.rule == "cover_shortage"

    def twin(self) -> Rules:
        """The same venue without impact."""
        return dataclasses.replace(self, impact=False)

    def unlimited(self) -> Rules:
        """The same venue with a fund that always pays."""
        return dataclasses.replace(self, insurance_fund=math.inf)


def _from_protocol(protocol: ProtocolConfig, markets: list[str]) -> dict:
    liquidation, funding, oracle, breaker = protocol.liquidation, protocol.funding, protocol.oracle, protocol.breaker
    return {
        "contract": protocol.contract,
        "tiers": [market_margin(protocol, market) for market in markets],
        "insurance_fund": protocol.insurance_fund,
        "waterfall": tuple(protocol.waterfall),
        "adl_policy": protocol.adl.policy,
        "backstop": None if protocol.backstop is None else dataclasses.astuple(protocol.backstop),
        "insurance": protocol.insurance,
        "levied_by": "profit" if protocol.socialised_loss is None else protocol.socialised_loss.by,
        "haircuts": _haircuts(protocol, markets),
        "coin_sale": "all" if protocol.collateral is None else protocol.collateral.sale or "all",
        "gain_weight": _gain_weight(protocol, markets),
        "gain_initial": _gain_initial(protocol, markets),
        "adaptive": protocol.adaptive,
        "withdrawals": protocol.withdrawals,
        "initial_tiers": () if protocol.withdrawals is None else tuple(initial_margin(protocol, m) for m in markets),
        "adl_price": protocol.adl.price,
        "adl_seed": protocol.adl.seed,
        "adl_pool": protocol.adl.pool if protocol.adl.trigger == "pnl_to_pool" else None,
        "adl_drawdown": protocol.adl.drawdown if protocol.adl.trigger == "fund_drawdown" else None,
        **{name.name: getattr(liquidation, name.name) for name in dataclasses.fields(liquidation)},
        "funding_interval_hours": funding.interval_hours,
        "funding_interest_rate": funding.interest_rate,
        "funding_clamp": funding.clamp,
        "funding_cap": funding.cap,
        "funding_premium": funding.premium,
        "funding_kind": funding.kind,
        "funding_premium_hours": funding.premium_hours,
        "funding_deadband": funding.deadband or 0.0,
        "funding_velocity": funding.velocity,
        "funding_adaptive": funding.adaptive,
        "oracle_lag_seconds": oracle.lag_seconds,
        "oracle_interval_seconds": oracle.update_interval_seconds,
        "oracle_deviation_threshold": oracle.deviation_threshold,
        "oracle_impact_share": oracle.impact_share,
        "mark_price": oracle.mark,
        "stale_after_seconds": oracle.stale_after_seconds,
        "divergence_limit": oracle.divergence_limit,
        "confidence": oracle.confidence,
        "divergence_half_life_seconds": oracle.divergence_half_life_seconds,
        "breaker_move": breaker.move,
        "breaker_window_minutes": breaker.window_minutes,
        "breaker_halt_minutes": breaker.halt_minutes,
    }


def _haircuts(protocol: ProtocolConfig, markets: list[str]) -> tuple[tuple[float, float], ...]:
    collateral = protocol.collateral
    if collateral is None:
        return ()
    factor = 0.0 if collateral.size_factor is None else collateral.size_factor
    keys = "protocol.collateral.weights", "protocol.collateral.size_factor"
    by_market = [per_market(value, markets, key) for value, key in zip((collateral.weights, factor), keys, strict=True)]
    return tuple((float(base), float(growth)) for base, growth in zip(*by_market, strict=True))


def _gain_weight(protocol: ProtocolConfig, markets: list[str]) -> tuple[float, ...]:
    margin, key = protocol.margin, "protocol.margin.unrealised_gain_weight"
    if margin is None or margin.unrealised_gain_weight is None:
        return ()
    return tuple(per_market(margin.unrealised_gain_weight, markets, key).tolist())


def _gain_initial(protocol: ProtocolConfig, markets: list[str]) -> tuple[tuple[float, float, float], ...]:
    terms = None if protocol.margin is None else protocol.margin.unrealised_gain_initial
    if terms is None:
        return ()
    share = per_market(terms.weight, markets, "weight").tolist()
    factor = per_market(terms.size_factor or 0.0, markets, "size_factor").tolist()
    most = math.inf if terms.at_most_usd is None else terms.at_most_usd
    return tuple((w, f, most) for w, f in zip(share, factor, strict=True))


def _from_liquidity(liquidity: LiquidityConfig, markets: list[str]) -> dict:
    return {
        "impact": liquidity.law != "none",
        "gamma": GAMMA.get(liquidity.law, liquidity.exponent),
        "depth_usd": per_market(liquidity.depth_usd, markets, "liquidity.depth_usd"),
        "half_spread_bps": liquidity.half_spread_bps,
        "recovery_half_life_minutes": liquidity.recovery_half_life_minutes,
        "withdrawal": liquidity.withdrawal,
        "max_displacement": liquidity.max_displacement,
        **_from_own_book(liquidity, markets),
    }


def _from_own_book(liquidity: LiquidityConfig, markets: list[str]) -> dict:
    if liquidity.law == "skew" and liquidity.skew_scale is not None:
        return {"skew_scale": per_market(liquidity.skew_scale, markets, "liquidity.skew_scale")}
    terms = liquidity.imbalance
    if liquidity.law != "imbalance" or terms is None:
        return {}
    names = ("positive_factor", "negative_factor", "positive_exponent", "negative_exponent")
    each: dict = {name: per_market(getattr(terms, name), markets, name).tolist() for name in names}
    return {"imbalance": dataclasses.replace(terms, **each)}


def _from_shocks(shocks: dict[str, ShockConfig], markets: list[str]) -> dict:
    freezes, depegs, manipulations, outages = [], [], [], []
    for shock in shocks.values():
        hours = math.inf if shock.duration_hours is None else shock.duration_hours
        if shock.kind == "oracle_freeze":
            freezes.append((shock.at_hours, hours, tuple(shock.markets or markets)))
        if shock.kind == "outage":
            outages.append((shock.at_hours, hours))
        if shock.kind == "index_manipulation":
            moves = per_market(shock.move, markets, "move")
            named = shock.markets or markets
            errors = tuple(float(x) if m in named else 0.0 for m, x in zip(markets, moves, strict=True))
            manipulations.append((shock.at_hours, hours, errors))
        if shock.kind == "collateral_depeg":
            assert shock.loss is not None
            depegs.append((shock.at_hours, hours, shock.loss, shock.loss * (shock.recovery or 0.0)))
    return {"freezes": tuple(freezes), "depegs": tuple(depegs), "manipulations": tuple(manipulations),
            "outages": tuple(outages)}
