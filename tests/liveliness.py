"""That random books are lively in what a design is about: without it something else would have happened."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from stress.book.schema import Book
from stress.config.liquidation import AuctionConfig
from stress.config.liquidity import BY_BOOK
from tests.designs import STEP, Design
from tests.reference.result import Result
from tests.reference.rules import Rules
from tests.reference.venue import simulate


def _insured(**changes: Any) -> Callable[[Rules], dict[str, Any]]:
    """The venue with other rules of its insurance funds."""

    def changed(rules: Rules) -> dict[str, Any]:
        assert rules.insurance is not None
        return {"insurance": dataclasses.replace(rules.insurance, **changes)}

    return changed


def _one_fund(rules: Rules) -> dict[str, Any]:
    """The venue with one fund for all markets, and limits by market together."""
    assert rules.insurance is not None
    most = rules.insurance.paid_at_most_usd
    together = sum(most.values()) if isinstance(most, dict) else most
    return _insured(scope="shared", shares=None, paid_at_most_usd=together)(rules)


def _leaving(**changes: Any) -> Callable[[Rules], dict[str, Any]]:
    """The venue with another run of traders or gate."""

    def changed(rules: Rules) -> dict[str, Any]:
        assert rules.withdrawals is not None
        return {"withdrawals": dataclasses.replace(rules.withdrawals, **changes)}

    return changed


FIXED = AuctionConfig(start_discount=0.05, end_discount=0.05, minutes=1.0, grace_minutes=0.0)
"""An auction without one."""
WITHOUT: dict[str, dict[str, Any] | Callable[[Rules], dict[str, Any]]] = {
    "rule": {"rule": "full"},
    "order": {"order": None},
    "limit_price": {"limit_price": None},
    "settlement": {"settlement": "account"},
    "waits_for_cooldown": {"waits_for_cooldown": False},
    "keeper_cost_usd": {"keeper_cost_usd": None},
    "execution": {"execution": "book"},
    "auction": {"auction": FIXED},
    "cover_seconds": {"cover_seconds": 0.0},
    "window": {"window": None},
    "backstop": {"backstop": None},
    "levied_by": {"levied_by": "profit"},
    "scope": _one_fund,
    "income": _insured(income_usd_per_day=None, turnover_per_day=None),
    "paid_at_most_usd": _insured(paid_at_most_usd=None),
    "depositors": _insured(depositors=None),
    "mark": {"mark_price": None},
    "adaptive": {"adaptive": None},
    "guarded": {"stale_after_seconds": None, "divergence_limit": None},
    "confidence": {"confidence": None},
    "adl": {"adl_policy": "none"},
    "drawdown": {"adl_drawdown": None},
    "pool": {"adl_pool": None},
    "law": {"impact": False},
    "contract": {"contract": "linear"},
    "delay": {"keeper_delay_seconds": 0.0},
    "coins": {"haircuts": ((1.0, 0.0), (1.0, 0.0))},
    "gain_weight": {"gain_weight": ()},
    "gain_initial": {"gain_initial": ()},
    "begins": _leaving(run=None),
    "gates": _leaving(gate=None),
    "sale": {"coin_sale": "all"},
    "funding": {"funding_kind": "clamped", "funding_premium_hours": None},
    "from_side_to_side": {"funding_shared": False},
}
"""The venue without a mechanism."""


def mechanisms(design: Design) -> list[str]:
    """Names in :data:`WITHOUT`."""
    given = {**design, **design.get("liquidation", {}), **design.get("insurance", {}), **design.get("withdrawals", {})}
    absent = {
        "rule": "full", "adl": "none", "settlement": "account", "scope": "shared", "contract": "linear",
        "execution": "book", "law": None if design["law"] in BY_BOOK else design["law"],
    }
    return [name for name in WITHOUT if given.get(name, absent.get(name)) not in (None, False, absent.get(name))]


class Lively:
    """What happened in the books of a design, all variants together."""

    def __init__(self, design: Design) -> None:
        self.design = design
        self.changed = dict.fromkeys(mechanisms(design), 0)
        self.events: dict[str, float] = {}
        self.books = 0

    def add(self, book: Book, rules: Rules, path: np.ndarray, results: list[Result]) -> None:
        """A book: its outcomes, and in how far each mechanism matters."""
        self.books += 1
        for result in results:
            for name, value in vars(result).items():
                if isinstance(value, int | float):
                    self.events[name] = self.events.get(name, 0.0) + value
        for name in self.changed:
            without = WITHOUT[name]
            venue = dataclasses.replace(rules, **(without(rules) if callable(without) else without))
            other = simulate(book, venue, path, np.ones(len(path) - 1), STEP)
            self.changed[name] += balances(other) != balances(results[0])

    def check(self) -> None:
        """Asserts it."""
        given, some = {**self.design, **self.design.get("liquidation", {})}, self.events
        assert some["liquidated_accounts"] > 3 * self.books, some
        assert min(self.changed.values(), default=1) >= 1, f"each mechanism must matter: {self.changed}"
        if given["rule"] != "full":
            assert some["closed_in_part"] > self.books, some
        if "fairness" in given:
            assert some["adl_needed"] > 0 or "drawdown" in given or "limit_price" in given, some
            assert some["adl_cost"] > 0 or given.get("adl_price") == "mark", some
        if given["adl"] == "none":
            assert some["adl_notional"] == 0
        if "limit_price" in given:
            assert some["cut"] > 0, some
            assert some["stranded"] > 0 or given["limit_price"] == "fillable", some
        else:
            assert some["bad_debt"] > 0 or "keeper_cost_usd" in given, some
        if "coins" in given:
            assert some["coin_proceeds"] > 0, some
        if "withdrawals" in given:
            assert some["collateral_withdrawn"] > 0 and some["gate_shut_ticks"] > 0, some
        if "backstop" in given:
            assert some["taken_over"] > 0 and some["vault_low"] < 0, some


def balances(result: Result) -> tuple[float, ...]:
    """USD that tell one outcome from another, to a hundredth of a cent."""
    return (result.liquidated_notional, result.adl_notional, *np.round(result.cash, 4).tolist())
