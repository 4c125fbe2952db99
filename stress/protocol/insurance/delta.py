"""What a fund gets from a liquidation fill or pays for it, against the bankruptcy price, and whether it may.

Source: dYdX v4 ``x/clob/keeper/liquidations.go`` and ``deleveraging.go``.
"""

from __future__ import annotations

from stress.protocol.margin.base import Values, namespace


def fund_delta(surplus: Values, largest_fee: Values) -> Values:
    """USD [...] that the fund gets for a fill, negative what it pays.

    ``surplus`` [...] is what the fill brings (for a purchase: saves) in USD beyond the quote that leaves the account
    its share of equity. The fund fills a gap, and of a surplus gets at most ``largest_fee`` [...] USD.
    """
    xp = namespace(surplus)
    return xp.where(surplus > 0, xp.minimum(largest_fee, surplus), surplus)


def fill_delta(received: Values, quote: Values, fee_rate: Values) -> Values:
    """:func:`fund_delta` [...] of one fill that brings ``received`` [...] in USD, negative what it costs.

    ``quote`` [...] in USD is the bankruptcy quote of what is filled (``liquidation.prices``), ``fee_rate`` [...] the
    largest fee as a share of what was received or paid.
    """
    return fund_delta(received - quote, fee_rate * namespace(quote).abs(received))


def can_pay(balance: Values, delta: Values) -> Values:
    """Whether [...] the fund's ``balance`` [...] in USD bears the change; otherwise ADL has to."""
    return (delta >= 0) | (balance + delta >= 0)


def within_loss_limit(lost: Values, delta: Values, limit: Values) -> Values:
    """Whether [...] the change keeps what the fund ``lost`` [...] for an account in this block within ``limit`` USD."""
    return (delta >= 0) | (lost - delta <= limit)


def payable(deficit: Values, limit: Values, lost: Values = 0.0) -> Values:
    """USD [...] of a ``deficit`` [...] that keep what the fund ``lost`` [...] within the ``limit`` [...]."""
    xp = namespace(deficit)
    return xp.where(within_loss_limit(lost, -deficit, limit), deficit, xp.maximum(limit - lost, 0.0))
