"""A fraction first, of accounts that are large.

Source: Hyperliquid's page on liquidations and its announcement of partial liquidations: after a fraction was closed,
all orders of the next 30 seconds are for all of the account, as they always are for small positions.
"""

from __future__ import annotations

from stress.protocol.margin.base import Values, namespace


def recently(since: Values, cooldown: Values) -> Values:
    """Accounts [N] a fraction of which was closed less than ``cooldown`` ticks ago; ``since`` < 0 is never."""
    return (since >= 0) & (since < cooldown)


def share(notional: Values, since: Values, fraction: Values, above: Values, cooldown: Values) -> Values:
    """Share [A, N] of positions of ``notional`` [A, N] USD: the fraction of those above a notional, else one.

    ``since`` [N] are the ticks since a part of the account was last closed; within the cooldown all are closed whole.
    """
    first = (notional > above) & ~recently(since, cooldown)
    return namespace(notional).where(first, fraction, 1.0)


def share_after_waiting(notional: Values, since: Values, fraction: Values, above: Values, cooldown: Values) -> Values:
    """The same for venues that wait: none within the cooldown, and all once it has passed."""
    xp = namespace(notional)
    first = (notional > above) & (since < 0)
    return xp.where(recently(since, cooldown), 0.0, xp.where(first, fraction, 1.0))
