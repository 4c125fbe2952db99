"""The section ``price``: the market model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from stress.config.fields import Matrix, PerMarket, field


@dataclass(kw_only=True)
class VarianceConfig:
    """Where the variance of the diffusion comes from; without this section it is ``price.volatility``, constant."""

    kind: str = field("variance part", choices=("constant", "heston", "garch"))
    kappa: PerMarket | None = field(
        "heston: speed of mean reversion of the variance", unit="per year", above=0, optional=True)
    theta: PerMarket | None = field("heston: long-run variance", unit="per year", low=0, optional=True)
    xi: PerMarket | None = field("heston: volatility of the variance", low=0, optional=True)
    rho: PerMarket | None = field(
        "heston: correlation of the variance with its market's price", low=-1, high=1, optional=True)
    v0: PerMarket | None = field(
        "heston: variance at time zero; null for theta", unit="per year", low=0, optional=True)
    period_seconds: float | None = field(
        "garch: length of a bar of the recursion, a multiple of the step or a part of it", unit="s", above=0,
        optional=True)
    alpha: PerMarket | None = field("garch: weight of the last bar's squared shock", low=0, optional=True)
    gamma: PerMarket | None = field("garch: additional weight of a negative shock (GJR)", low=0, optional=True)
    beta: PerMarket | None = field("garch: weight of the last bar's variance", low=0, below=1, optional=True)
    nu: PerMarket | None = field(
        "garch: degrees of freedom of Student's t of a bar's shock; null for a normal", above=2, optional=True)
    initial_volatility: PerMarket | None = field(
        "garch: volatility of the first bar; null for price.volatility, the long-run one", unit="per sqrt(year)",
        above=0, optional=True)


@dataclass(kw_only=True)
class JumpConfig:
    """Jumps: a compound Poisson law of log-jumps, own to a market or common to all."""

    kind: str = field("jump law", choices=("none", "merton", "kou"))
    intensity: PerMarket | None = field("own jumps of a market", unit="per year", low=0, optional=True)
    mean: PerMarket | None = field("merton: mean of the own log-jump", optional=True)
    std: PerMarket | None = field("merton: standard deviation of the own log-jump", low=0, optional=True)
    up_probability: PerMarket | None = field("kou: probability that an own jump is up", low=0, high=1, optional=True)
    eta_up: PerMarket | None = field("kou: up-jumps are exponential with this rate (mean 1/eta_up)", above=1,
                                     optional=True)
    eta_down: PerMarket | None = field("kou: down-jumps are exponential with this rate (mean 1/eta_down)", above=0,
                                       optional=True)
    common_intensity: float | None = field(
        "jumps that hit all markets at once", unit="per year", low=0, optional=True)
    common_mean: PerMarket | None = field("merton: mean of the common log-jump in each market", optional=True)
    common_std: PerMarket | None = field(
        "merton: standard deviation of the common log-jump in each market", low=0, optional=True)
    common_correlation: float | None = field(
        "merton: correlation between markets of the common log-jumps", low=0, high=1, optional=True)
    common_up_probability: float | None = field(
        "kou: probability that a common jump is up, in all markets alike", low=0, high=1, optional=True)
    common_eta_up: PerMarket | None = field("kou: rate of the common up-jumps in each market", above=1, optional=True)
    common_eta_down: PerMarket | None = field(
        "kou: rate of the common down-jumps in each market", above=0, optional=True)


@dataclass(kw_only=True)
class IntensityConfig:
    """How often jumps come; without this section as often as the jump section says, whatever happened before."""

    kind: str = field("intensity part", choices=("constant", "hawkes"))
    alpha: PerMarket | None = field(
        "hawkes: an own jump adds this to its market's intensity", unit="per year", low=0, optional=True)
    beta: PerMarket | None = field("hawkes: rate at which that fades", unit="per year", above=0, optional=True)
    common_alpha: float | None = field(
        "hawkes: a common jump adds this to the intensity of common jumps", unit="per year", low=0, optional=True)
    common_beta: float | None = field("hawkes: rate at which that fades", unit="per year", above=0, optional=True)
    initial: str | None = field(
        "hawkes: at time zero nothing is excited (base), or as much as on average at any time (stationary)",
        choices=("base", "stationary"), optional=True)
    liquidation_gain: PerMarket | None = field(
        "hawkes: added to a market's own intensity for each tick in which its whole open interest (one side) is "
        "liquidated, and in proportion; null: prices do not answer the venue", unit="per year", low=0, optional=True)


@dataclass(kw_only=True)
class RegimeConfig:
    """One market regime; a null field is inherited from the price section."""

    volatility: PerMarket | None = field("volatility in the regime", unit="per sqrt(year)", low=0, optional=True)
    volatility_multiplier: PerMarket | None = field(
        "factor on the volatility in the regime, whatever part it comes from; null for 1", low=0, optional=True)
    drift: PerMarket | None = field("drift of the price in the regime", unit="per year", optional=True)
    correlation: Matrix | None = field("correlation of the diffusion in the regime", low=-1, high=1, optional=True)
    jump: JumpConfig | None = field("jumps in the regime", optional=True)
    depth_multiplier: float = field("order-book depth in the regime relative to liquidity.depth_usd", above=0)


@dataclass(kw_only=True)
class BootstrapConfig:
    """price=bootstrap: blocks of real joint returns, from the history data.path, in random order."""

    mean_block_hours: float | str = field(
        "mean length of a block, at least a bar of the history; 'auto' for the rule of Politis and White", unit="h",
        above=0)
    auto_from: str = field(
        "mean_block_hours=auto: the series whose rule counts, the longest of the markets'; absolute returns keep the "
        "clustering of volatility, returns only their own short memory", choices=("absolute_returns", "returns"))


@dataclass(kw_only=True)
class WindowsConfig:
    """price=replay from a history: windows of run.horizon_hours cut from data.path, instead of one price.path."""

    start: str | None = field("UTC date and time at which the one window starts; null for none", optional=True)
    every_hours: float | None = field(
        "windows start this often and each path draws one of them; null for none", unit="h", above=0, optional=True)


@dataclass(kw_only=True)
class PriceConfig:
    """The market model: one composition of diffusion, jumps and regimes for all markets, or real prices."""

    model: str = field("kind of model: a composition, blocks of a history, or a given path or windows of a history",
                       choices=("composition", "bootstrap", "replay"))
    markets: list[str] = field("names of the markets, in order")
    initial_prices: PerMarket = field("price at time zero", unit="USD per unit", above=0)
    drift: PerMarket | None = field(
        "expected growth of the price: E[S_T] = S_0 exp(drift T); null if every regime has its own, or with "
        "price=bootstrap for the history's", unit="per year")
    volatility: PerMarket | None = field(
        "volatility of the diffusion, of garch the long-run one; null if every regime has its own, or with heston",
        unit="per sqrt(year)", low=0)
    correlation: Matrix | None = field(
        "correlation of the diffusions; null if every regime has its own", low=-1, high=1)
    variance: VarianceConfig | None = field("the variance part; null for constant volatility", optional=True)
    jump: JumpConfig | None = field("the jump part; null if every regime has its own")
    intensity: IntensityConfig | None = field("the intensity part; null for constant intensities", optional=True)
    regimes: dict[str, RegimeConfig] | None = field("market regimes by name; null for none")
    transition_rates: dict[str, dict[str, float]] | None = field(
        "switching rates from a regime (outer key) to another (inner key)", unit="per year", low=0)
    initial_regime: str = field("regime at time zero: a name, or 'stationary' for a draw from the stationary law")
    jump_duration_seconds: float = field(
        "a jump is spread evenly in log price over this time (0: within one tick)", unit="s", low=0)
    path: str | None = field("price=replay: file with the given path (timestamp or time_hours, one column a market)")
    provenance: dict[str, Any] | None = field("where a calibrated model comes from; carried into the report")
    bootstrap: BootstrapConfig | None = field("price=bootstrap: how blocks are drawn", optional=True)
    windows: WindowsConfig | None = field("price=replay: windows of a history instead of a path", optional=True)
    bridge_seconds: float | None = field(
        "prices from a history: in each bar the price moves during this time, at a random moment, and stands still "
        "otherwise; null for all of the bar", unit="s", above=0, optional=True)
