"""The rows of a grid: which venue stands for which variant of which setting."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from stress.mc.grid.sharing import depletes, one_variant, reads, reads_at_rest, with_fund
from stress.mc.plan import Plan
from stress.protocol.venue import Venue


@dataclass
class Kind:
    """A venue that is simulated on every path; under rule 3 it stands for all its smaller funds, too."""

    venue: Venue
    number: int


@dataclass(frozen=True)
class Part:
    """One variant of one setting."""

    kind: int  # number of the kind that stands for it on every path, but those that its fund does not survive
    fund: float | None  # USD that a drawdown may not exceed; None: the kind is the variant itself
    venue: Venue


@dataclass(frozen=True)
class Kinds:
    """The venues of a grid."""

    venues: list[Venue]
    leader: list[int]  # of every kind the first that is the same as long as nobody is liquidated, or itself
    parts: list[list[Part]]  # of every setting its variants


def kinds_of(plans: Sequence[Plan]) -> Kinds:
    """The venues to simulate for settings of one family."""
    kinds: dict[bytes, Kind] = {}
    found = [[_part(kinds, one_variant(plan.job, v)) for v in range(plan.job.variants)] for plan in plans]
    venues, first = [kind.venue for kind in kinds.values()], dict[bytes, int]()
    leader = [first.setdefault(reads_at_rest(venue), n) for n, venue in enumerate(venues)]
    return Kinds(venues, leader, [[_settled(part, venues) for part in parts] for parts in found])


def _part(kinds: dict[bytes, Kind], venue: Venue) -> Part:
    kind = kinds.setdefault(reads(venue), Kind(venue, len(kinds)))
    if not depletes(venue):
        return Part(kind.number, None, venue)
    largest = max(float(kind.venue.fund), float(venue.fund))
    kind.venue = with_fund(kind.venue, largest)
    return Part(kind.number, float(venue.fund), venue)


def _settled(part: Part, venues: list[Venue]) -> Part:
    """Without a fund to look at where the kind has the very fund."""
    own = part.fund is None or part.fund == float(venues[part.kind].fund) or math.isinf(part.fund)
    return replace(part, fund=None) if own else part


def lost(drawdown: np.ndarray, part: Part) -> np.ndarray:
    """Paths on which the part's fund does not survive, so that its row is one of its own."""
    return np.flatnonzero(drawdown > part.fund) if part.fund is not None else np.empty(0, np.int64)
