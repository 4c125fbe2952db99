"""Laws that price a trade by the venue's own book: position by position, from the rule."""

from __future__ import annotations

import numpy as np
from scipy.integrate import quad

from stress.book.schema import Book
from tests.reference.rules import Rules


def skew(book: Book, size: np.ndarray) -> np.ndarray:
    """Longs less shorts [A] of sizes [N, A], in units; the residual account stands for the pool."""
    return size[~book.residual].sum(axis=0)


def displacement(rules: Rules, a: int, units: float) -> float:
    """Relative distance of the mark from the fundamental price at a skew in ``units``."""
    if not rules.impact or rules.skew_scale is None:
        return 0.0
    return float(np.clip(units / rules.skew_scale[a], -rules.max_displacement, rules.max_displacement))


def fill(rules: Rules, a: int, price: float, units: float, flow: float) -> float:
    """USD per unit at which ``flow`` units of longs (shorts, if negative) are closed, from a skew in ``units`` on."""
    if not rules.impact or units - flow == units:  # nothing, or rounding
        return price * (1 + displacement(rules, a, units))
    if rules.skew_scale is not None:
        edge = rules.max_displacement * rules.skew_scale[a]
        low, high = sorted((units, units - flow))
        bends = [low, *(x for x in (-edge, edge) if low < x < high), high]
        area = sum(quad(lambda x: displacement(rules, a, x), one, two)[0]
                   for one, two in zip(bends, bends[1:], strict=False))
        return price * (1 + area / (high - low))
    notional = abs(flow) * price
    gain = cost(rules, a, units * price, (units - flow) * price)
    terms = rules.imbalance
    assert terms is not None
    gain = min(max(gain, -terms.max_negative * notional), terms.max_positive * notional)
    return price + gain / flow


def cost(rules: Rules, a: int, before: float, after: float) -> float:
    """USD that a trade gets (pays, if negative) which moves longs less shorts from ``before`` to ``after`` USD.

    An imbalance below a dollar costs nothing. What is paid for one that vanishes is at most what it would cost.
    """
    terms = rules.imbalance
    assert terms is not None
    better, worse = float(terms.positive_factor[a]), float(terms.negative_factor[a])
    better = min(better, worse)
    up, down = float(terms.positive_exponent[a]), float(terms.negative_exponent[a])

    def of(difference: float, factor: float, exponent: float) -> float:
        return 0.0 if abs(difference) < 1 else factor * abs(difference) ** exponent

    if before * after < 0:
        return of(before, better, up) - of(after, worse, down)
    if abs(after) < abs(before):
        return of(before, better, up) - of(after, better, up)
    return of(before, worse, down) - of(after, worse, down)
