"""Which settings may be simulated together, and which rows of theirs are one.

Four rules, each exact; ``tests/test_grid.py`` holds them against separate runs.

1. **Equal numbers.** A row is a function of its venue's numbers, the accounts and its path's market. Settings whose
   jobs differ in nothing but the venues' numbers (and in the threshold of a cascade, which no venue reads) share the
   market, and rows whose venues read the same numbers are one row.
2. **No impact, no depth.** Without impact (the twin, or liquidity=none) the mark is the fundamental price whatever was
   sold, so depth, exponent, cap, withdrawal and recovery are not read. Orders with limits and auctions are left out:
   they look into the book by themselves.
3. **A fund that holds is any fund.** Where only the waterfall looks at the fund, its balance matters first when
   deficits exceed it: up to there the fund pays every deficit whole. So a row is the same under every fund that its
   drawdown does not exceed, which is the identity behind the fund curve. Rules that look at the fund otherwise (ADL on
   a drawdown, funds with rules of their own) end this.
4. **Nobody due, nothing sold.** What a liquidation costs and who pays for it (the book, fees, the fund, ADL's numbers)
   is read when somebody is liquidated. A path on which nobody is, is the same under all venues that agree in the rest:
   margin, oracle, funding, breaker, delays. That holds of the twin, too. Auctions, orders with limits and keepers that
   reckon their profit look at the book before they act, and are left out. Where the mark leans with the skew of the
   venue's own book, the numbers of that are read from the start. A pool that deleverages reads its own at any time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from typing import Any

import jax
import numpy as np

from stress.mc.job import Job
from stress.mc.plan import Plan
from stress.protocol.venue import Venue

DEPTH: tuple[str, ...] = (".liquidity.depth", ".liquidity.decay", ".liquidity.withdrawal",
                          ".liquidity.impact.exponent", ".liquidity.impact.cap")
"""Numbers that a venue without impact does not read."""
FUND = ".fund"
COSTS = (".liquidity.", ".fees.", ".adl.")
"""Beginnings of numbers that are read when somebody is liquidated; the first at any time by a mark that leans with
the book's own skew."""


def obstacle(plan: Plan) -> str | None:
    """Why a setting cannot share a simulation, in words; None where it can."""
    job = plan.job
    if job.all_on_ladders:
        return "the ladder engine runs it, where settings have nothing dear in common"
    if job.batch != 1:
        return "an accelerator runs it, whose blocks take all their paths together"
    if job.model.reactive:
        return "its prices answer the venue's liquidations, so each setting has a market of its own"
    if job.venues.insurance is not None:
        return "its insurance funds have rules that look at their balance (protocol.insurance)"
    if job.venues.withdrawals is not None:
        return "what its traders take out may depend on the fund (protocol.withdrawals)"
    return None


def family(plan: Plan) -> Hashable:
    """The same for settings that differ in their venues' numbers alone."""
    job = plan.job
    rest = replace(job, venues=None, cascade=replace(job.cascade, threshold=np.zeros(())))  # type: ignore[arg-type]
    shapes = tuple((leaf.shape, str(leaf.dtype)) for leaf in jax.tree.leaves(job.venues))
    return jax.tree.structure(job), shapes, _digest(rest), plan.paths, plan.variants


def one_variant(job: Job, variant: int) -> Venue:
    """The venue of one variant, leaves without an axis, on the host."""
    return jax.tree.map(lambda leaf: np.asarray(leaf)[variant], job.venues)


def reads(venue: Venue) -> bytes:
    """The numbers that a row of this venue reads, but for a fund under rule 3: equal for rows that are one."""
    unread = (*(DEPTH if blind(venue) else ()), *(() if reads_fund(venue) else (FUND,)))
    return _bytes(venue, lambda name: name in unread)


def reads_at_rest(venue: Venue) -> bytes:
    """Rule 4: the numbers that a row reads as long as nobody is liquidated."""
    if venue.limit is not None or venue.auction is not None or venue.keepers.cost is not None:
        return reads(venue)
    costs = COSTS if venue.liquidity.curve is None else COSTS[1:]
    return _bytes(venue, lambda name: name.startswith(costs) or name == FUND)


def _bytes(venue: Venue, unread: Callable[[str], bool]) -> bytes:
    leaves = jax.tree_util.tree_flatten_with_path(venue)[0]
    return b"".join(np.asarray(leaf).tobytes() for path, leaf in leaves if not unread(jax.tree_util.keystr(path)))


def blind(venue: Venue) -> bool:
    """Rule 2: whether the venue never looks at the depth of its book."""
    return float(venue.liquidity.impact.active) == 0.0 and venue.limit is None and venue.auction is None


def reads_fund(venue: Venue) -> bool:
    """Whether something other than the waterfall looks at the fund."""
    return venue.drawdown is not None


def depletes(venue: Venue) -> bool:
    """Rule 3: whether the fund is read at all, and only when it is exceeded."""
    return venue.insured and not reads_fund(venue)


def with_fund(venue: Venue, fund: float) -> Venue:
    """The venue with another fund in USD."""
    return replace(venue, fund=np.float64(fund))  # type: ignore[arg-type]


def same_arrays(like: Any, tree: Any) -> Any:
    """``tree`` with the arrays of ``like`` where they are equal, so that many settings hold them once."""
    return jax.tree.map(lambda old, new: old if _equal(old, new) else new, like, tree)


def _equal(one: Any, other: Any) -> bool:
    one, other = np.asarray(one), np.asarray(other)
    return one.shape == other.shape and one.dtype == other.dtype and one.tobytes() == other.tobytes()


def _digest(tree: Any) -> str:
    found = hashlib.sha256()
    for leaf in jax.tree.leaves(tree):
        found.update(np.ascontiguousarray(np.asarray(leaf)).tobytes())
    return found.hexdigest()


def by_family(plans: Sequence[Plan]) -> tuple[list[list[int]], dict[int, str]]:
    """Places of settings that go together, two at least, and of every other place the reason why it goes alone."""
    reasons = {n: reason for n, plan in enumerate(plans) if (reason := obstacle(plan)) is not None}
    found: dict[Hashable, list[int]] = {}
    for n, plan in enumerate(plans):
        if n not in reasons:
            found.setdefault(family(plan), []).append(n)
    groups = [group for group in found.values() if len(group) > 1]
    alone = "no other job differs from it in numbers of the venue alone"
    reasons |= {group[0]: alone for group in found.values() if len(group) == 1}
    return groups, dict(sorted(reasons.items()))
