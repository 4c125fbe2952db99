"""Bookkeeping of the dYdX scenarios: accounts, an order book in time order, ADL. All arithmetic is the package's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import jax.numpy as jnp

from stress.protocol.adl.pair import valid_transition
from stress.protocol.insurance.delta import can_pay, fill_delta, within_loss_limit
from stress.protocol.liquidation.portion import notional_now
from stress.protocol.liquidation.prices import bankruptcy_quote, fillable_price

DUST = 1e-12
QUANTUM = 1e-6
"""USD that dYdX rounds to."""


@dataclass
class Account:
    """Cash in USD and signed units by market, with the rates and prices of a case."""

    cash: float
    positions: dict[str, float]
    price: dict[str, float]
    rate: dict[str, float]
    initial: dict[str, float]

    @classmethod
    def of(cls, inputs: Mapping[str, Any]) -> Account:
        """From a case's ``collateral_usd`` and ``positions``."""
        rows = inputs["positions"]
        return cls(
            cash=inputs["collateral_usd"],
            positions={row["market"]: row["size"] for row in rows},
            price={row["market"]: row["oracle_price"] for row in rows},
            rate={row["market"]: row["maintenance_margin_fraction"] for row in rows},
            initial={row["market"]: row["initial_margin_fraction"] for row in rows},
        )

    def equity(self) -> float:
        """Cash and what the positions are worth."""
        return self.cash + sum(size * self.price[m] for m, size in self.positions.items())

    def margin(self, market: str) -> float:
        """Maintenance requirement of a position."""
        return abs(self.positions.get(market, 0.0)) * self.price[market] * self.rate[market]

    def requirement(self) -> float:
        """Maintenance requirement of all."""
        return sum(self.margin(market) for market in self.positions)

    def initial_requirement(self) -> float:
        """Initial requirement of all."""
        return sum(abs(size) * self.price[m] * self.initial[m] for m, size in self.positions.items())

    def trade(self, market: str, units: float, cash: float) -> Account:
        """The account after a change of its position and of its cash."""
        left = self.positions.get(market, 0.0) + units
        positions = {**self.positions, market: left}
        return Account(self.cash + cash, {m: s for m, s in positions.items() if abs(s) > DUST}, self.price, self.rate,
                       self.initial)

    def quote(self, market: str, change: float) -> Any:
        """Bankruptcy quote of a signed change of a position."""
        released = abs(change) * self.price[market] * self.rate[market]
        return bankruptcy_quote(-change * self.price[market], self.equity(), released / self.requirement(), QUANTUM)

    def limit(self, market: str, adjustment: float, spread: float) -> Any:
        """Fillable price of a position."""
        return fillable_price(self.price[market], self.positions[market], self.equity(), self.requirement(),
                              self.margin(market), adjustment, spread)


def may_become(before: Account, after: Account) -> bool:
    """Whether dYdX lets an account change like this."""
    now = (after.equity(), after.initial_requirement(), after.requirement())
    return bool(valid_transition(*map(jnp.asarray, (before.equity(), before.requirement(), *now))))


@dataclass
class Market:
    """The one market of a scenario, its book in time order and the fund."""

    name: str
    accounts: dict[str, Account]
    book: list[dict[str, Any]]
    fund: float
    config: Mapping[str, Any]
    constant_fund: bool  # keeper-level tests hold its balance
    filled: float = 0.0
    lost: float = 0.0
    short: bool = field(default=False)  # the fund could not pay: the account requires deleveraging

    def liquidate(self, name: str, limit: float | None) -> None:
        """One account's order walks the book; if it fills nothing the account is deleveraged."""
        account = self.accounts[name]
        if account.equity() >= account.requirement():
            return
        size, c = account.positions[self.name], self.config
        room = c["subaccount_max_notional_usd"]
        most = notional_now(jnp.asarray(abs(size) * account.price[self.name]), c["min_position_notional_usd"],
                            c["max_position_portion"], jnp.inf if room is None else room)
        if limit is None:
            limit = float(account.limit(self.name, c["bankruptcy_adjustment"], c["smmr"]))
        filled = self.fill(name, float(most) / account.price[self.name], limit)
        self.filled += filled
        if not filled and self.accounts[name].equity() < 0:
            self.deleverage(name)

    def fill(self, name: str, units: float, limit: float) -> float:
        """Units that the book fills: best price first, then first come, until the fund cannot pay for a fill."""
        side = 1.0 if self.accounts[name].positions[self.name] < 0 else -1.0
        orders = [order for order in self.book if (order["side"] == "sell") == (side > 0)
                  and side * order["price"] <= side * limit]
        filled = lost = 0.0
        for order in sorted(orders, key=lambda order: side * order["price"]):
            size = min(units - filled, order["qty"])
            if size <= DUST:
                continue
            received = -side * size * order["price"]
            quote = self.accounts[name].quote(self.name, side * size)
            delta = float(fill_delta(jnp.asarray(received), quote, self.config["max_liquidation_fee"]))
            cap = self.config["max_insurance_lost_usd"]
            if not (can_pay(self.fund, delta) and within_loss_limit(lost, delta, jnp.inf if cap is None else cap)):
                self.short = True
                break
            lost += max(-delta, 0.0)
            filled, order["qty"] = filled + size, order["qty"] - size
            self.book_fill(name, order["owner"], side * size, received, delta)
        self.lost += lost
        return filled

    def book_fill(self, name: str, owner: str, change: float, received: float, delta: float) -> None:
        """Both sides of a fill, and the fund."""
        self.accounts[name] = self.accounts[name].trade(self.name, change, received - delta)
        self.accounts[owner] = self.accounts[owner].trade(self.name, -change, -received)
        self.fund += 0.0 if self.constant_fund else delta

    def deleverage(self, name: str, at_oracle: bool = False) -> None:
        """Close against whoever holds the other side and can take it, in the order they are listed."""
        self.short = True
        for other in [key for key in self.accounts if key != name]:
            held, theirs = (self.accounts[key].positions.get(self.name, 0.0) for key in (name, other))
            if held * theirs >= 0:
                continue
            change = -min(abs(held), abs(theirs)) * (1.0 if held > 0 else -1.0)
            account = self.accounts[name]
            cash = -change * account.price[self.name] if at_oracle else float(account.quote(self.name, change))
            mine, yours = account.trade(self.name, change, cash), self.accounts[other].trade(self.name, -change, -cash)
            if may_become(account, mine) and may_become(self.accounts[other], yours):
                self.accounts[name], self.accounts[other] = mine, yours

    def settle_finally(self) -> None:
        """Close all: accounts under water first and at bankruptcy prices, the others at the oracle price."""
        for name in sorted(self.accounts, key=lambda key: self.accounts[key].equity() >= 0):
            if self.name in self.accounts[name].positions:
                self.deleverage(name, at_oracle=self.accounts[name].equity() >= 0)
