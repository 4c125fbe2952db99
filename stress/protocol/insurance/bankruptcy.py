"""Negative profit of a bankrupt account: settled by a liquidator, then paid by the fund, then shared by all.

A liquidator first settles what the account's own tokens cover; what must go beyond that for health to be zero is
bought by the liquidator from the fund's tokens at a fee; only with the fund used up is the rest socialised. Source:
Mango v4 ``instructions/perp_liq_negative_pnl_or_bankruptcy.rs``.
"""

from __future__ import annotations

from dataclasses import dataclass

import jax

from stress.protocol.liquidation.health import given_to_zero, taken_to_zero
from stress.protocol.margin.base import Values, namespace
from stress.protocol.margin.weights import weighted
from stress.protocol.rounding import round_up


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Shares:
    """Who takes how much of the negative profit, arrays [...]."""

    settled: Values  # tokens, against the account's own
    insured: Values  # tokens, against the fund's
    paid: Values  # tokens of the fund
    socialised: Values  # tokens


def shares(
    loss: Values,
    to_settle: Values,
    to_healthy: Values,
    most: Values,
    price: Values,
    fund_price: Values,
    fund: Values,
    step: float = 0.0,
) -> Shares:
    """Shares of a negative profit of ``loss`` [...] > 0 tokens.

    ``to_settle`` [...] tokens can be settled and ``to_healthy`` [...] tokens of it must go for health to be zero
    (``liquidation.health``); a liquidator takes ``most`` [...]. ``price`` in USD of the token includes the fee that the
    fund pays, ``fund_price`` is that of the fund's tokens, which are rounded up to ``step``.
    """
    xp = namespace(loss)
    settled = xp.maximum(xp.minimum(to_settle, xp.minimum(loss, most)), 0.0)
    bankrupt = (settled >= to_settle) & (loss > settled)
    due = xp.where(bankrupt, xp.clip(to_healthy, 0.0, loss - settled), 0.0)
    wanted = xp.minimum(due, most - settled)
    paid = xp.minimum(round_up(wanted * price / fund_price, step), fund)
    insured = xp.minimum(paid * fund_price / price, wanted)
    return Shares(settled, insured, paid, xp.where(paid >= fund, due - insured, 0.0))


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Debtor:
    """An account with a negative profit in one market, arrays [...]."""

    token: Values  # balance of the token that the market settles in, owed < 0
    loss: Values  # tokens > 0, the negative profit
    other: Values  # USD, health of all else
    settle_limit: Values  # tokens of the loss that may be settled


def shares_of_account(
    debtor: Debtor,
    owned_price: Values,
    owed_price: Values,
    most: Values,
    price: Values,
    fund_price: Values,
    fund: Values,
    step: float = 0.0,
) -> Shares:
    """Shares of a debtor's negative profit.

    ``owned_price`` and ``owed_price`` [...] in USD are the token's as an asset and as a debt, weights included. All
    else as in ``shares``; Mango rounds the fund's tokens up to one native unit. Without a loss the venue refuses.
    """
    xp, token, balance = namespace(debtor.token), debtor.token, debtor.token - debtor.loss
    own, with_loss = (debtor.other + weighted(x, owned_price, owed_price) for x in (token, balance))
    to_settle = taken_to_zero(own, token, owned_price, owed_price)
    to_settle = xp.minimum(to_settle, xp.minimum(debtor.settle_limit, debtor.loss))
    to_healthy = given_to_zero(with_loss, balance, owned_price, owed_price)
    return shares(debtor.loss, to_settle, to_healthy, most, price, fund_price, fund, step)
