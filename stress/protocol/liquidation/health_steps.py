"""The five steps by which an account's health is restored. Source: as ``liquidation.health``."""

from __future__ import annotations

import jax

from stress.protocol.liquidation.health import ENOUGH, Account, Reduction, Terms, reduce_base, settle, start
from stress.protocol.margin.base import Values, namespace

NOISE = 1e-12
"""Share of a position by which its profit may be below zero for rounding alone, once base was closed to have none."""


def reduction(account: Account, terms: Terms, most_base: Values, most_settled: Values) -> Reduction:
    """What is closed and settled [...], of at most ``most_base`` units and ``most_settled`` tokens of profit.

    Base while profit is negative; profit; base whose profit can be settled; that profit; base for its own sake.
    """
    xp, done = namespace(account.base), start(account, terms)
    kept, weight = 1.0 - terms.settle_fee, terms.overall_weight
    first = reduce_base(done, account, terms, most_base, -done.profit, xp.ones_like(kept), xp.ones_like(kept))
    done = _where(done.profit < 0, first, done)
    none = -NOISE * (xp.abs(account.quote) + xp.abs(account.base) * terms.price)
    done = _where(done.profit >= none, settle(done, terms, most_settled), done)
    limit = most_settled - done.settled
    third = reduce_base(done, account, terms, most_base, limit, kept, weight)
    done = _where((done.profit >= none) & (limit > 0), third, done)
    done = _where(done.profit >= none, settle(done, terms, most_settled), done)
    last = reduce_base(done, account, terms, most_base, xp.full_like(limit, xp.inf), weight, weight)
    return _where((done.health < ENOUGH) & (weight > 0), last, done)


def after(account: Account, terms: Terms, done: Reduction) -> Account:
    """The account once base is taken over and profit bought."""
    xp = namespace(account.base)
    side = xp.sign(account.base)
    quote = side * done.base * terms.price * (1.0 - side * terms.base_fee) - done.settled
    return Account(
        base=account.base - side * done.base,
        quote=account.quote + quote,
        token=account.token + done.settled * (1.0 - terms.settle_fee),
        other=account.other,
    )


def _where(condition: Values, yes: Reduction, no: Reduction) -> Reduction:
    return jax.tree.map(lambda one, other: namespace(condition).where(condition, one, other), yes, no)
