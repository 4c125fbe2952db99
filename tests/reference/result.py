"""What a simulated path reports."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np


@dataclass(kw_only=True)
class Result:
    """Outcomes of one path. Axes: ``T`` ticks, ``A`` markets, ``N`` margin accounts. Money in USD, losses positive."""

    mark: np.ndarray  # [T, A] at the end of the tick
    oracle: np.ndarray  # [T, A] at the end of the tick
    fund: np.ndarray  # [T] balance at the end of the tick
    liquidated_by_tick: np.ndarray  # [T, A, 2] USD; 0 longs, 1 shorts
    liquidated_by_market: np.ndarray  # [A] USD
    ledger: dict = field(default_factory=lambda: {"ticks": [], "final": {}})  # the replay format
    status: str = "ok"  # or max_rounds: somebody new could still act when a tick ran out of rounds
    depleted: bool = False
    time_to_depletion_hours: float | None = None
    fund_drawdown: float = 0.0  # largest deficits - W over rounds, W the fund's net flow after the round's inflows
    fund_end: float = 0.0
    bad_debt: float = 0.0  # tentative deficits; = insurance_paid + adl_haircut + socialised_loss + uncovered
    insolvent_notional: float = 0.0  # closed of accounts with a tentative deficit, or taken over below zero
    insurance_paid: float = 0.0
    adl_haircut: float = 0.0  # tentative less final deficits
    socialised_loss: float = 0.0
    uncovered: float = 0.0
    adl_notional: float = 0.0
    adl_residual_notional: float = 0.0  # the part that the residual account gave
    adl_accounts: int = 0  # winners reduced, each counted once a round
    adl_hit_share: float | None = None  # of accounts in profit, at the last round with ADL
    adl_largest_haircut: float | None = None
    adl_gini: float | None = None
    adl_cost: float = 0.0  # what winners gave up
    adl_needed: float = 0.0  # deficits that the fund could not pay
    liquidated_notional: float = 0.0
    liquidated_accounts: int = 0  # each counted once a round in which it acts
    max_displacement: float = 0.0
    displacement_capped: int = 0  # rounds, times markets, that ended at the cap
    fees_to_fund: float = 0.0
    remainders_to_fund: float = 0.0
    rounds: int = 0  # with at least one acting account, over all ticks
    rounds_by_tick: list[int] = field(default_factory=list)  # [T]
    closed_in_part: int = 0  # accounts of which the rule closes a part, each counted once a round
    cut: float = 0.0  # USD that limits keep from being filled, each round anew
    stranded: float = 0.0  # USD of it that is left to ADL
    blocked_ticks: int = 0  # in which some account would have to wait for its oracle
    # the backstop
    taken_over: float = 0.0  # USD
    vault_low: float = 0.0  # the least it was worth at the start of a tick or at the end
    vault_cash: float = 0.0  # quote balance at the end, apart from its capital
    vault_size: np.ndarray = field(default_factory=lambda: np.zeros(0))  # [A]
    # funds with rules of their own
    fund_flows: np.ndarray = field(default_factory=lambda: np.zeros(0))  # [G] USD, net
    funds_depleted: list[bool] = field(default_factory=list)  # [G]
    fund_drawdowns: np.ndarray = field(default_factory=lambda: np.zeros(0))  # [G] USD, as fund_drawdown of each alone
    withdrawn: float = 0.0  # USD that depositors took
    # left open under water at the last marks, the residual account apart
    underwater_accounts: int = 0
    unrealised_bad_debt: float = 0.0  # USD that they lack
    # traders who withdraw
    collateral_withdrawn: float = 0.0  # USD
    run_began: int | None = None  # tick
    gate_shut_ticks: int = 0
    # collateral in coins
    coin_proceeds: float = 0.0  # USD
    coins_sold: np.ndarray = field(default_factory=lambda: np.zeros(0))  # [A]
    coins: np.ndarray = field(default_factory=lambda: np.zeros(0))  # [N, A] at the end
    # the other parties at the end
    keeper_cash: float = 0.0
    outside_cash: float = 0.0  # quote balance: what the outside market received less what it paid
    outside_size: np.ndarray = field(default_factory=lambda: np.zeros(0))  # [A]
    cash: np.ndarray = field(default_factory=lambda: np.zeros(0))  # [N]
    size: np.ndarray = field(default_factory=lambda: np.zeros(0))  # [N, A]
    cash_residual: float = 0.0  # largest break of conservation over rounds, relative to gross notional
    contracts_residual: float = 0.0  # same for contracts, valued at initial prices
