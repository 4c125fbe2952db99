"""Half of an account, or all of it where its equity is too small for halves or the position itself is small.

Sources: Perp Curie ``ClearingHouse.sol`` (halves while equity is at least half of the maintenance requirement),
Nibiru ``x/perp/v2/keeper/liquidate.go`` (while equity / notional is at least the liquidation fee).
"""

from __future__ import annotations

from stress.protocol.margin.base import Values, namespace


def share(equity: Values, enough: Values, notional: Values, part: Values, whole_up_to: Values) -> Values:
    """Share [N] of accounts with ``equity`` [N] and ``notional`` [A, N] USD: ``part``, or one.

    ``enough`` [N] is the equity in USD from which a part will do, ``whole_up_to`` the notional in USD of an account
    that is always closed whole.
    """
    xp = namespace(equity)
    return xp.where((equity >= enough) & (notional.sum(0) > whole_up_to), part, 1.0)


def share_of_position(account_share: Values, notional: Values) -> Values:
    """Share [A, N] of each position, were it alone to carry the account's share [N]; never more than all of it.

    Curie closes one position at a time and counts the half by the notional [A, N] of all of them.
    """
    xp = namespace(notional)
    wanted = account_share * notional.sum(0)
    return xp.where(notional > 0, xp.minimum(wanted / xp.where(notional > 0, notional, 1.0), 1.0), 0.0)
