"""Every configuration key with type, unit, domain and meaning. Values are in ``configs/``.

Plain dataclasses without defaults: ``parse`` fills them from the composed YAML, refuses what is not declared
here, and names the key in every error.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from stress.config.adaptive import AdaptiveMarginConfig
from stress.config.adl import AdlConfig
from stress.config.collateral import CoinCollateralConfig, CollateralConfig
from stress.config.decide import DecideConfig
from stress.config.fields import PerMarket, field
from stress.config.funding import FundingConfig
from stress.config.insurance import InsuranceConfig, SocialisedLossConfig
from stress.config.liquidation import BackstopConfig, LiquidationConfig
from stress.config.liquidity import BY_BOOK, ImbalanceConfig
from stress.config.margin import MarginRulesConfig
from stress.config.oracle import OracleConfig
from stress.config.price import PriceConfig
from stress.config.shock import ShockConfig
from stress.config.sweep import SweepConfig
from stress.config.withdrawals import WithdrawalsConfig


# --- book: who holds what --------------------------------------------------------------------------------------------
@dataclass(kw_only=True)
class SyntheticConfig:
    """The seeded synthetic population."""

    seed: int = field("seed of the population, apart from run.seed", low=0)
    open_interest_usd: PerMarket = field("open interest, one side, at time zero", unit="USD", above=0)
    size_tail_index: float = field("Pareto tail index of account size (smaller: heavier tail)", above=0)
    size_max_share: float = field(
        "largest position as a share of its side of its market (an even split if the side has too few accounts)",
        above=0, high=1)
    leverage_median: float = field("median leverage of accounts of median size, before margin_headroom", above=0)
    leverage_sigma: float = field("standard deviation of log leverage among accounts of one size", low=0)
    leverage_size_slope: float = field("leverage falls with size, as notional to the power of minus this", low=0)
    margin_headroom: float = field(
        "smallest equity at the start as a multiple of the initial requirement; it caps leverage", low=1)
    long_share: float = field("share of margin accounts whose main position is long", low=0, high=1)
    isolated_share: float = field("share of margin accounts that are one isolated position", low=0, high=1)
    isolated_beside_cross: float = field(
        "share of isolated positions whose owner has a cross account, in other markets, too", low=0, high=1)
    multi_market_share: float = field("share of cross accounts with several markets", low=0, high=1)
    multi_market_legs: float = field("mean number of markets of those, before the number of markets bounds it", low=2)
    hedged_share: float = field("share of those whose other positions are opposite to the main one", low=0, high=1)
    entry_spread: float = field("standard deviation of log(entry price / initial price)", low=0)
    coin_collateral: CoinCollateralConfig | None = field(
        "collateral in coins (protocol.collateral); null: all of it is USD", optional=True)
    venues: dict[str, MarginRulesConfig] | None = field(
        "venues that let this book in as well, as a list of presets of protocol on the command line: nobody has more "
        "leverage than the strictest allows; a sweep over protocol gives all of its presets; null: the run's own venue",
        optional=True)


@dataclass(kw_only=True)
class BookConfig:
    """The accounts: generated, or read from files."""

    kind: str = field("where accounts come from", choices=("synthetic", "file"))
    accounts: int = field("margin accounts of the synthetic book; a residual account, if needed, is on top", low=1)
    synthetic: SyntheticConfig = field("the synthetic population")
    positions: str | None = field("book=file: positions file (CSV or Parquet)")
    collateral: str | None = field("book=file: collateral file (CSV or Parquet); null if every position is isolated")
    residual_account: str = field("name of the account that takes the difference of longs and shorts")
    export: str | None = field("write the book as positions and collateral files into this folder and stop")


# --- protocol: the venue ---------------------------------------------------------------------------------------------
@dataclass(kw_only=True)
class BreakerConfig:
    """Trading halt on a large move."""

    move: float | None = field("halt a market when |mark/reference - 1| exceeds this; null for none", above=0)
    window_minutes: float = field("the reference is the mark at the start of each such window", unit="min", above=0)
    halt_minutes: float = field("length of the halt; liquidations wait", unit="min", above=0)


@dataclass(kw_only=True)
class ProtocolConfig(MarginRulesConfig):
    """The venue's rules."""

    insurance_fund: float = field("insurance fund at time zero", unit="USD", low=0)
    insurance: InsuranceConfig | None = field(
        "how the insurance fund is run; null: one fund, fed by liquidations, that pays as far as it goes",
        optional=True)
    liquidation: LiquidationConfig = field("liquidation")
    waterfall: list[str] = field("who pays for deficits, in order: insurance_fund, adl, socialised_loss")
    adl: AdlConfig = field("auto-deleveraging")
    socialised_loss: SocialisedLossConfig | None = field(
        "who is levied for what is left; null: by profit", optional=True)
    funding: FundingConfig = field("funding")
    oracle: OracleConfig = field("oracle")
    breaker: BreakerConfig = field("circuit breaker")
    collateral: CollateralConfig | None = field(
        "coins that count as margin beside USD; null: a book with coins is refused", optional=True)
    adaptive: AdaptiveMarginConfig | None = field(
        "margin requirements that rise with volatility or stress; null: they do not change", optional=True)
    backstop: BackstopConfig | None = field("vault or pool that takes accounts over; null for none", optional=True)
    withdrawals: WithdrawalsConfig | None = field(
        "what traders take out of their accounts, and what stops them; null: nothing leaves", optional=True)
    provenance: dict[str, Any] | None = field(
        "whose rules these are, where they come from and which are assumed; carried into the report", optional=True)


# --- liquidity: the order book ---------------------------------------------------------------------------------------
@dataclass(kw_only=True)
class LiquidityConfig:
    """Order-book depth and the price impact of liquidations."""

    law: str = field(
        "impact law: of an order book (linear, square_root, power), or of the venue's own book (skew, imbalance)",
        choices=("none", "linear", "square_root", "power", *BY_BOOK))
    exponent: float = field("law=power: exponent of the impact", above=0, high=2)
    depth_usd: PerMarket = field("liquidated USD that moves the price by 1 %", unit="USD", above=0)
    half_spread_bps: float = field("half-spread paid by every liquidation", unit="bp", low=0, below=10000)
    recovery_half_life_minutes: float | None = field(
        "time in which half of the absorbed flow is gone; null: the impact is permanent", unit="min", above=0)
    withdrawal: float = field("makers leave: depth is divided by 1 + withdrawal * |displacement|", low=0)
    max_displacement: float = field("cap on the displacement of the mark", above=0, below=1)
    skew_scale: PerMarket | None = field(
        "law=skew: longs less shorts at which the price is displaced by all of it", unit="units", above=0,
        optional=True)
    imbalance: ImbalanceConfig | None = field("law=imbalance: what a trade pays for it", optional=True)
    provenance: dict[str, Any] | None = field(
        "where fitted numbers come from; carried into the report", optional=True)


# --- run, cascade, limits, report, data ------------------------------------------------------------------------------
@dataclass(kw_only=True)
class RunConfig:
    """The Monte Carlo run."""

    paths: int = field("number of simulated paths", low=1, high=2**39)  # 2^32 tiles have noise of their own
    horizon_hours: float | None = field("simulated time; null with price=replay: all of the path", unit="h", above=0)
    step_seconds: float | None = field("length of a tick; null with price=replay: the path's own", unit="s", above=0)
    seed: int = field("seed of the noise", low=0, high=2**32 - 1)
    block_paths: int | str = field("paths simulated together, a multiple of 128, or 'auto'", low=128)
    confidence: float = field("confidence of every interval", above=0, below=1)
    precision: str = field("precision of prices and noise; money is always float64", choices=("float32", "float64"))
    engine: str = field("engine; auto: the ladder wherever it is exact", choices=("auto", "dense", "ladder"))
    devices: int | str = field("devices to use, on a CPU cores; or 'auto' for all", low=1)
    processes: int = field("processes, on any machines, that share the paths; each is started with its own run.process",
                           low=1)
    process: int = field("number of this process, from 0; process 0 writes the run folder", low=0)
    coordinator: str | None = field("host:port at which process 0 waits for the others")
    twin: bool = field("run the companion without impact, for cascades and amplification")
    fund_curve: bool = field("run the companion with an unlimited fund, for the fund curve")
    variants: str = field(
        "jobs of a sweep that differ in numbers of the venue alone: simulated together where that is exact (auto), "
        "together or not at all (grid), or each by itself (separate); results are the same",
        choices=("auto", "grid", "separate"))
    fairness: bool = field("measure how ADL treats those in profit: whom it hits, how much, how unequally")
    chunk_seconds: float = field("about how much work one stored chunk holds", unit="s", low=0)
    resume: str | None = field("folder of a killed run to finish")
    compile_cache: bool = field("keep compiled programs on disk between runs")
    progress: bool = field("show progress on a terminal")


@dataclass(kw_only=True)
class CascadeConfig:
    """When a path counts as a cascade."""

    window_minutes: float = field("length of the sliding window", unit="min", above=0)
    open_interest_share: float = field("liquidated notional in the window, as a share of initial open interest",
                                       above=0)


@dataclass(kw_only=True)
class ReportConfig:
    """The report."""

    enabled: bool = field("write report.html and figures")
    jobs: bool | None = field(
        "write them for every job of a sweep that was simulated together with others, too; null: where these are few")
    fan_paths: int = field("paths kept for the price fan chart", low=1)
    worst_paths: int = field("worst paths drawn in the fan chart", low=0)
    dpi: int = field("resolution of the PNG figures", low=50, high=600)


@dataclass(kw_only=True)
class DataConfig:
    """Histories: prices for calibration, bootstrap and windows of replay; depth and funding for calibration."""

    path: str | None = field("history: a file with one column a market, one OHLCV file, or a folder of them")
    markets: list[str] | None = field("markets to use; null for price.markets")
    column: str = field("price column of an OHLCV file: a name, or 'auto' (mark_close, else spot_close, else close)")
    start: str | None = field("first UTC date to use")
    end: str | None = field("UTC date to stop before")
    gaps: str = field("missing hours: leave the return out, or refuse the file", choices=("drop", "refuse"))
    source: str | None = field("where the data come from, in words; carried into the preset's provenance")
    depth: str | None = field(
        "history of mean order-book depth by window: one row a market and time; fits a liquidity= preset",
        optional=True)
    funding: str | None = field(
        "history of funding rates: one row a market and payment; fits a funding= preset", optional=True)


@dataclass(kw_only=True)
class CalibrateConfig:
    """Fitting a price model, order-book depth and the funding premium."""

    price: bool = field("fit the price model; false: only what data.depth and data.funding name")
    level_days: float = field("days at the end of data.depth that the level of depth is of", unit="d", above=1)

    regimes: int = field("number of regimes for price=regime", low=2, high=6)
    separation: float = field(
        "the wildest regime is at least this many times as volatile as the one below it", low=1, high=100)
    max_jumps_per_year: float = field(
        "most jumps of one kind in a regime; what comes more often is no jump", unit="per year", above=1)
    output: str | None = field(
        "YAML to write, or the folder for several models; null: configs/price/<name>.yaml under the working directory")
    name: str | None = field("name of the preset, with several models <model>_<name>; null: <model>_<markets>")
    max_kou_jumps_per_year: float = field("the same for price=kou", unit="per year", above=1)
    max_hawkes_jumps_per_year: float = field(
        "the same for price=hawkes: most jumps of a market, those that others excited included", unit="per year",
        above=1)
    joint_markets: int = field(
        "merton and regime: so many markets, the first ones, are fitted together; further ones each given these",
        low=1, high=4)
    starts: int = field("random starts of the optimiser", low=1)
    models: list[str] | None = field(
        "models to fit and compare, or [all], for which price=all stands; null: the one that price= names")
    split: str | None = field(
        "UTC date: what is before it is fitted, forecasts are tested on the rest; null: all is fitted")
    use: list[str] | None = field("markets that the preset simulates, of those fitted; null: all of them")


@dataclass(kw_only=True)
class Config:
    """The root."""

    price: PriceConfig = field("market model")
    book: BookConfig = field("accounts")
    protocol: ProtocolConfig = field("venue")
    liquidity: LiquidityConfig = field("order book")
    shocks: dict[str, ShockConfig] = field("hypothetical shocks by name; the group shock fills it")
    run: RunConfig = field("Monte Carlo run")
    cascade: CascadeConfig = field("definition of a cascade")
    limits: dict[str, float | None] = field(
        "gates by metric: the run ends with exit status 3 when the metric is above its limit with confidence")
    report: ReportConfig = field("report")
    sweep: SweepConfig = field("sweeps")
    data: DataConfig = field("price history")
    calibrate: CalibrateConfig = field("calibration")
    decide: DecideConfig = field("questions")
    debug: bool = field("few paths, NaN checks, full tracebacks")
