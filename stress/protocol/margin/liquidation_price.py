"""The price of one market at which an account becomes liquidatable, the other prices fixed; in closed form.

With the other prices fixed, the requirement is the largest of K lines in a market's relative move m, so equity less
requirement is the smallest of K lines. They all rise with m for a long and all fall for a short, since maintenance
rates are below 1. So there is one threshold, the root that comes first: the largest of the K roots for a long, the
smallest for a short. Where unrealised gains count at a weight, what counts of a profit is the smaller of it and of the
weight times it: 2 K lines.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

from stress.protocol.margin.base import Line, MarginCurve, Values, namespace


def liquidation_move(
    lines: Sequence[Line], notional: Values, slack: Values, side: Values, coins: Values = 0.0,
    gain_weight: Values = 1.0,
) -> Values:
    """Relative move [...] of the price at which ``slack`` [...] in USD no longer covers the position's requirement.

    ``notional`` [...] > 0 in USD, ``side`` [...] 1 for a long and -1 for a short. ``slack`` is the account's equity
    less the requirement of its other positions: the margin, if the position is isolated. ``coins`` [...] in USD are
    collateral in the same coin, as far as it counts, that do not outweigh a short. ``gain_weight`` [...] is the part
    of what the position gains or loses by the move that counts; infinite against the position where no line falls.
    """
    xp, roots = namespace(notional), []
    for rate, deduction in lines:
        # slack + (gain_weight * side * x + coins) * m = rate * x * (1 + m) - deduction, x the notional
        slope = notional * (gain_weight * side - rate) + coins
        falls = side * slope > 0  # by a move against the position
        root = side * (rate * notional - deduction - slack) / xp.where(falls, slope, 1.0)
        roots.append(xp.where(falls, root, -xp.inf))
    return side * reduce(xp.maximum, roots)


def liquidation_price_at_rate(
    size: Values, price: Values, slack: Values, rate: Values, deduction: Values = 0.0
) -> Values:
    """USD per unit [...] at which ``slack`` [...] no longer covers ``rate`` x notional - ``deduction``, of one tier.

    ``size`` [...] != 0 in units, short < 0; ``slack`` is the account's equity in USD at ``price`` [...] (the entry or
    the mark, whichever equity is counted at) less the requirement of its other positions. Binance calls the deduction
    the maintenance amount, Hyperliquid's rate is half of one over the most leverage.
    """
    xp = namespace(size)
    return price * (1.0 + liquidation_move([(rate, deduction)], xp.abs(size) * price, slack, xp.sign(size)))


def liquidation_price(curve: MarginCurve, size: Values, price: Values, slack: Values) -> Values:
    """USD per unit [A, ...] of positions of ``size`` [A, ...] != 0 units, with ``slack`` [A, ...] at ``price``."""
    xp, units = namespace(size), namespace(size).abs(size)
    return price * (1.0 + liquidation_move(curve.lines(units), units * price, slack, xp.sign(size)))
