"""A portion of a position a block, between a smallest notional and what the account has left in this block.

Source: dYdX v4 ``x/clob/keeper/liquidations.go`` and ``liquidations_config.go``.
"""

from __future__ import annotations

from stress.protocol.margin.base import Values, namespace


def notional_bounds(notional: Values, smallest: Values, portion: Values) -> tuple[Values, Values]:
    """Least and most USD [...] of a position of ``notional`` [...] that one order may close."""
    xp = namespace(notional)
    least = xp.minimum(smallest, notional)
    return least, xp.maximum(least, notional * portion)


def notional_now(notional: Values, smallest: Values, portion: Values, left: Values) -> Values:
    """USD [...] of a position that is closed when its account has ``left`` [...] USD in this block."""
    _, most = notional_bounds(notional, smallest, portion)
    return namespace(notional).minimum(most, left)


def share(notional: Values, chosen: Values, smallest: Values, portion: Values, left: Values) -> Values:
    """Share [A, N] of every position of ``notional`` [A, N] USD.

    ``chosen`` [A, N] marks the one position of every account that this block may close; ``left`` [N] is the USD of
    notional that the account may still lose in this block, infinite where there is no limit.
    """
    xp = namespace(notional)
    held = chosen & (notional > 0)
    return xp.where(held, notional_now(notional, smallest, portion, left) / xp.where(held, notional, 1.0), 0.0)


def largest(notional: Values) -> Values:
    """Marks [A, N] of the largest position of every account, of equals the first.

    dYdX starts at a random position; the largest is the usual choice of liquidation bots elsewhere.
    """
    xp = namespace(notional)
    markets = xp.arange(notional.shape[0])[:, None]
    return (markets == xp.argmax(notional, axis=0)[None]) & (notional > 0)
