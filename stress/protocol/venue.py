"""The venue: all its rules, numbers as leaves, structure static."""

from __future__ import annotations

from dataclasses import dataclass, field

import jax
import jax.numpy as jnp

from stress.contract import Inverse
from stress.liquidity.book import Liquidity
from stress.protocol.adaptive import AdaptiveMargin
from stress.protocol.adl.base import AdlPolicy
from stress.protocol.adl.pool import PoolTrigger
from stress.protocol.backstop import Backstop
from stress.protocol.breaker import Breaker
from stress.protocol.collateral import Depeg
from stress.protocol.funding.base import Funding
from stress.protocol.insurance.delta import fund_delta
from stress.protocol.insurance.fund import Insurance
from stress.protocol.insurance.penalty import split
from stress.protocol.keepers import Keepers
from stress.protocol.liquidation.auction import Auction
from stress.protocol.liquidation.base import LiquidationRule
from stress.protocol.liquidation.cover_shortage import CoverShortage
from stress.protocol.liquidation.limits import LimitPrice
from stress.protocol.liquidation.order.base import ClosingOrder
from stress.protocol.liquidation.window import LiquidationWindow
from stress.protocol.margin.base import MarginCurve
from stress.protocol.oracle import Oracle
from stress.protocol.withdrawals import Withdrawals
from stress.types import Array
from stress.window import Window


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Fees:
    """The liquidation fee and who gets it."""

    rate: Array  # [] on executed notional
    keeper_share: Array  # [] of the fee
    remainder_to_fund: Array  # [] 1 if the fund takes what is left of a closed account, else 0

    def charged(self, notional: Array, surplus: Array) -> Array:
        """USD [...] for an executed ``notional`` [...], out of a ``surplus`` [...] in USD as far as there is one."""
        return jnp.maximum(fund_delta(surplus, self.rate * notional), 0.0)

    def split(self, fee: Array) -> tuple[Array, Array]:
        """What keepers and the fund get [...] of a fee."""
        return split(fee, self.keeper_share)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Venue:
    """Everything about the venue that a run may vary."""

    maintenance: MarginCurve
    rule: LiquidationRule
    keepers: Keepers
    fees: Fees
    fund: Array  # [] USD at time zero, inf in the unlimited companion
    adl: AdlPolicy | None
    funding: Funding
    oracle: Oracle
    breaker: Breaker
    liquidity: Liquidity
    max_rounds: Array  # [] int32
    insured: bool = field(metadata={"static": True})  # the insurance fund is in the waterfall
    socialised: bool = field(metadata={"static": True})  # socialised loss is in the waterfall
    parts: tuple[str, ...] = field(default=(), metadata={"static": True})  # JAX tells trees apart by static fields
    adl_price: str = field(default="bankruptcy", metadata={"static": True})  # or mark, oracle
    depegs: tuple[Depeg, ...] = ()
    outages: tuple[Window, ...] = ()  # in which it does nothing
    limit: LimitPrice | None = None  # None: market orders
    backstop: Backstop | None = None
    drawdown: Array | None = None  # [] share of its peak by which the fund falls before ADL takes all deficits
    adaptive: AdaptiveMargin | None = None  # then the maintenance margin is ``margin.scaled``
    auction: Auction | None = None  # None: liquidations go through the book for the account
    window: LiquidationWindow | None = None  # None: as much of a market is liquidated at once as there is
    by_fill: bool = field(default=False, metadata={"static": True})  # each fill is settled against bankruptcy prices
    insurance: Insurance | None = None  # None: one fund, fed by liquidations, that pays as far as it goes
    pool: PoolTrigger | None = None  # ADL of winners whose profits are too much for the backstop's pool
    levied_by: str = field(default="profit", metadata={"static": True})  # or equity, contracts
    sells_debt: bool = field(default=False, metadata={"static": True})  # coins only as far as the debt needs them
    order: ClosingOrder | None = None  # None: an account's positions are closed together
    withdrawals: Withdrawals | None = None  # None: nothing leaves accounts
    gain_weight: Array | None = None  # [A] share of unrealised gains that counts as margin; None: all of them

    @property
    def contract(self) -> Inverse | None:
        """The mirror of inverse contracts, in which all but the oracle and the breaker see the market; None: linear."""
        return self.liquidity.contract

    def mirrored(self, price: Array) -> Array:
        """Prices [A] as the oracle and the breaker see them, and the other way round."""
        return price if self.contract is None else self.contract.mirrored(price)

    def turned(self, relative: Array) -> Array:
        """The same of displacements and rates [A]."""
        return relative if self.contract is None else -relative

    def size_units(self, units: Array, notional: Array) -> Array:
        """Units [A, N] by which margin rates grow: coins where contracts are inverse. ``notional`` [A, N] is in USD."""
        return units if self.contract is None else self.contract.coins(notional)

    def remembers(self) -> bool:
        """Whether the first breach counts until the account is healthy, also where parts were closed since."""
        return self.auction is not None or self.covers_shortage()

    def covers_shortage(self) -> bool:
        """Whether the rule remembers what was covered of a shortage."""
        return isinstance(self.rule, CoverShortage)
