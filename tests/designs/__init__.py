"""Structures of a venue for ``tests.random_books``, which draws its numbers anew for every book.

``law`` of the impact, liquidation ``rule`` and ``adl`` policy are in each; a name that is left out says none, or the
venue's usual. ``drawdown`` of the fund before ADL takes all, out of ``funds`` in USD; ``fairness``: it is measured.
``isolated``: share of accounts with one position. ``tiers``: margin rates come in tiers; ``limited``: keepers have a
capacity. Where neither is said books are of both kinds, and a program is compiled for each.
"""

from __future__ import annotations

from tests.designs import adl, backstops, coins, first, gains, inverse, margins, orders, rules, withdrawals
from tests.designs.ladders import LADDER_DESIGNS as LADDER_DESIGNS
from tests.designs.settings import FUNDING as FUNDING
from tests.designs.settings import LIMITED as LIMITED
from tests.designs.settings import OF_MARKETS as OF_MARKETS
from tests.designs.settings import STEP as STEP
from tests.designs.settings import Design as Design
from tests.designs.shocks import SHOCK_DESIGNS as SHOCK_DESIGNS

DESIGNS = first.DESIGNS
"""Together they have every rule, limit, settlement, backstop, kind of margin and of funding."""
MORE_DESIGNS: dict[str, Design] = {
    name: design
    for part in (inverse, backstops, adl, rules, coins, orders, margins, gains, withdrawals)
    for name, design in part.DESIGNS.items()
}
"""Further ones, for the slow tests."""
