"""A liquidation penalty, who gets it, and what is missing when there is too little left to pay it.

Sources: Perp Curie ``ClearingHouse.sol``; Nibiru ``x/perp/v2/keeper/liquidate.go``.
"""

from __future__ import annotations

from stress.protocol.margin.base import Values, namespace


def split(penalty: Values, part: Values, bankrupt: Values = False) -> tuple[Values, Values]:
    """What liquidator and fund get [...] of a penalty: a part and the rest, of the ``bankrupt`` all and nothing."""
    mine = namespace(penalty).where(bankrupt, penalty, part * penalty)
    return mine, penalty - mine


def remainder(equity: Values, reward: Values) -> tuple[Values, Values]:
    """What a closed account leaves [...] to the fund, and the debt [...] that it leaves, once the reward is paid."""
    xp = namespace(equity)
    return xp.maximum(equity - reward, 0.0), xp.maximum(reward - equity, 0.0)


def cover_debt(debt: Values, prepaid: Values, fund: Values) -> tuple[Values, Values, Values]:
    """What is ``prepaid`` [...] covers of a ``debt`` [...] first, then the ``fund`` [...], and what neither does. USD.

    Nibiru's prepaid bad debt has left the fund before: using it up moves no money.
    """
    xp = namespace(debt)
    used = xp.minimum(debt, xp.maximum(prepaid, 0.0))
    paid = xp.minimum(debt - used, xp.maximum(fund, 0.0))
    return used, paid, debt - used - paid
