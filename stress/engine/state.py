"""State of the venue. Axes: ``A`` markets, ``N`` margin accounts, 2 sides (long, short).

Every class describes one path under one variant; the engine holds them with a leading row axis
(rows = variants x paths of a block). Money is float64 USD, sizes are base units, long > 0.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import jax
import jax.numpy as jnp

from stress.engine.ladder.book import Ladders
from stress.engine.ladder.crowd import Crowd
from stress.protocol.adaptive import AdaptiveState
from stress.protocol.adl.fairness import Fairness
from stress.protocol.adl.pool import PoolBook
from stress.protocol.backstop import Vault
from stress.protocol.breaker import BreakerState
from stress.protocol.coins import Coins, SoldCoins
from stress.protocol.insurance.fund import Funds
from stress.protocol.liquidation.order.base import Entered
from stress.protocol.oracle import OracleState
from stress.protocol.withdrawals import WithdrawalState
from stress.types import NEVER, Array

OK, ROUNDS_EXHAUSTED, BEYOND_LADDER, NOT_FINITE = 0, 1, 2, 3
STATUS_NAMES = {
    OK: "ok",
    ROUNDS_EXHAUSTED: "rounds_exhausted",
    BEYOND_LADDER: "beyond_ladder",
    NOT_FINITE: "not_finite",
}
"""Status of a path, the highest code wins. Paths that are not ok stay in every n (docs/concepts/statistics.md)."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Accounts:
    """What never changes about the accounts: sizes only shrink, so entry prices stay."""

    entry: Array  # [A, N] USD per unit, 0 without a position
    residual: Array  # [N] bool: balances the book; ADL'd and levied, never liquidated
    quote_total: Array  # [] USD, sum of all quote balances at time zero
    ladders: Ladders | None = None  # further accounts, which are not among the ``N``
    collateral: Array | None = None  # [N] USD in cross wallets at time zero, where they may lose value
    cash: Array | None = None  # [N] USD at time zero, where the fairness of ADL is asked for
    coins: Coins | None = None  # collateral besides
    opened: Array | None = None  # [A] USD per unit at time zero, where losses are recorded by account
    entered: Entered | None = None  # where an order of closing looks at it
    entries_in_front: bool = field(default=False, metadata={"static": True})  # and not those of all accounts alone


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Ledger:
    """Who owns what. ``quote`` is cash - sum(size * entry), so equity is quote + sum(size * price)."""

    quote: Array  # [N] USD
    size: Array  # [A, N] base units
    outside_quote: Array  # [] USD, the market that absorbs liquidations
    outside_size: Array  # [A] base units
    fund_flow: Array  # [] USD, W: cumulative net flow of the insurance fund, unless the row has ``funds``
    keepers: Array  # [] USD, fees paid to keepers


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Outcome:
    """What a path leaves behind."""

    depletion_tick: Array  # [] int32, NEVER if not depleted
    drawdown: Array  # [] USD, max over rounds of deficits - W, floored at 0
    bad_debt: Array  # [] USD, deficits at the prices of the full flow
    insolvent: Array  # [] USD closed of accounts with a deficit, at the prices of the full flow
    insurance_paid: Array  # [] USD
    adl_haircut: Array  # [] USD, what deleveraging took off the deficits
    socialised: Array  # [] USD
    uncovered: Array  # [] USD
    fees_to_fund: Array  # [] USD, fees and remainders that entered the fund
    liquidated: Array  # [A, 2] USD of closed longs and shorts
    liquidated_accounts: Array  # [] int32, an account counts once for each round it is liquidated in
    adl_notional: Array  # [] USD on the winners' side
    adl_residual: Array  # [] USD of it taken from the residual account
    adl_accounts: Array  # [] int32
    max_displacement: Array  # [] largest |mark / fundamental - 1|
    capped: Array  # [] int32, rounds, times markets, that ended at the displacement cap
    rounds: Array  # [] int32, most rounds in one tick
    cash_residual: Array  # [] USD, largest conservation error
    contracts_residual: Array  # [] USD, likewise, of all markets at mark prices
    status: Array  # [] int32
    under_water: Array  # [] int32, accounts left open with less than nothing at the horizon
    unrealised: Array  # [] USD that these lack

    def add(self, **amounts: Array) -> Outcome:
        """A copy with the amounts added to the named fields."""
        return replace(self, **{name: getattr(self, name) + value for name, value in amounts.items()})


def empty_outcome(markets: int) -> Outcome:
    """The outcome of a path on which nothing has happened yet."""
    money, count = jnp.zeros((), jnp.float64), jnp.zeros((), jnp.int32)
    return Outcome(
        depletion_tick=jnp.full((), NEVER, jnp.int32),
        drawdown=money,
        bad_debt=money,
        insolvent=money,
        insurance_paid=money,
        adl_haircut=money,
        socialised=money,
        uncovered=money,
        fees_to_fund=money,
        liquidated=jnp.zeros((markets, 2), jnp.float64),
        liquidated_accounts=count,
        adl_notional=money,
        adl_residual=money,
        adl_accounts=count,
        max_displacement=money,
        capped=count,
        rounds=count,
        cash_residual=money,
        contracts_residual=money,
        status=count,
        under_water=count,
        unrealised=money,
    )


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Screen:
    """Prices between which nobody can be liquidated, so the accounts need no look (``engine.screen``)."""

    low: Array  # [A] USD per unit
    high: Array  # [A] USD per unit
    always: Array  # [] bool: somebody waits, look at every tick


FLAGGED, CLOSED, FREED, GIVEN_UP = "flagged", "closed", "freed", "given_up"
"""Marks of accounts: the first breach, of the healthy and who was just closed NEVER; the last time it was closed in
part, NEVER if it was not; USD of the shortage that was covered since the first breach, of use to the flagged alone; USD
that ADL cost it (``protocol.adl.fairness``)."""
STAKE, WALLET = "stake", "wallet"
"""Marks where traders withdraw: USD of cash at time zero less what left the account, where the fairness of ADL is asked
for; collateral that its wallet still holds, at its peg, where that may lose its value."""
LOST, AT_PEAK, DEBT, DRAWDOWN = "lost", "lost_at_peak", "debt", "drawdown"
"""Marks where losses are recorded (``engine.losses``), in USD: lost [A, N] so far; lost [A, N] at the fund's last
drawdown before the account last changed; bad debt [A, N] so far; the drawdown [G, N] of each fund after the account
last changed."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Row:
    """One path under one variant."""

    ledger: Ledger
    marks: dict[str, Array]  # [..., N] ticks (FLAGGED, CLOSED) or USD (the others), where something looks back at it
    z: Array  # [A] absorbed flow over depth
    displacement: Array  # [A] X(z), relative distance of the mark from the fundamental price
    mark: Array  # [A] USD per unit, after the last round
    oracle: OracleState
    breaker: BreakerState
    screen: Screen
    outcome: Outcome
    crowd: Crowd | None = None  # of the ladders
    vault: Vault | None = None  # of the backstop
    fairness: Fairness | None = None  # of ADL, where it is asked for
    peak: Array | None = None  # [] USD, most that the fund held so far, where ADL looks at it
    pool: PoolBook | None = None  # where ADL looks at the profits that a pool owes
    funding_level: Array | None = None  # [A] what a rate that moves with the book has come to (``SkewRule``)
    adaptive: AdaptiveState | None = None  # of margin requirements that follow the market
    window: Array | None = None  # [A, ticks] units liquidated in the last ticks (``LiquidationWindow``)
    premium: Array | None = None  # [A] exogenous funding premium of the last payment, where it is a process
    funds: Funds | None = None  # where the venue has rules for its insurance funds
    sold_coins: SoldCoins | None = None  # collateral that the outside market bought
    withdrawals: WithdrawalState | None = None  # of traders

    def fund_flow(self) -> Array:
        """Cumulative net flow [...] of the insurance fund in USD, of all markets'."""
        return self.ledger.fund_flow if self.funds is None else self.funds.flow.sum(-1)
