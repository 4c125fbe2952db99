"""Batches of rows: venues on paths of a drawn market, so many at a time that one program serves every grid."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import jax
import numpy as np

from stress.mc.grid.market import Seen
from stress.mc.grid.rows import RowResult, simulate_rows
from stress.mc.job import Job
from stress.mc.program import compiled_for
from stress.protocol.venue import Venue


@dataclass
class Wanted:
    """Rows to simulate, which follow ``rows`` rows of a table."""

    rows: int = 0
    venues: list[Venue] = field(default_factory=list)
    which: list[np.ndarray] = field(default_factory=list)
    paths: list[np.ndarray] = field(default_factory=list)

    def add(self, venue: Venue, paths: np.ndarray) -> np.ndarray:
        """The rows [n] that a venue's ``paths`` [n] will be in the table."""
        self.which.append(np.full(len(paths), len(self.venues)))
        self.venues.append(venue)
        self.paths.append(paths)
        self.rows += len(paths)
        return np.arange(self.rows - len(paths), self.rows)

    def batches(self, size: int, still: int) -> Iterator[Batch]:
        """All of them in their order; the last batch is filled up with rows on the path ``still``."""
        if not self.venues:
            return
        which, path = np.concatenate(self.which), np.concatenate(self.paths)
        venues = jax.tree.map(lambda *leaves: np.stack([np.asarray(leaf) for leaf in leaves]), *self.venues)
        for start in range(0, len(path), size):
            mine = slice(start, start + size)
            rows = len(path[mine])
            filled = np.concatenate([path[mine], np.full(size - rows, still, path.dtype)])
            yield Batch(venues, np.concatenate([which[mine], np.full(size - rows, which[-1])]), filled, rows)


@dataclass(frozen=True)
class Batch:
    """Rows that are simulated side by side."""

    venues: Venue  # leaves [n, ...], of which each row has one
    which: np.ndarray  # [R]
    paths: np.ndarray  # [R]
    rows: int  # the others fill it up

    def simulate(self, job: Job, seen: Seen, device: Any) -> RowResult:
        """What the rows leave, on the host; ``job`` is that of any setting of the family."""
        venues = jax.tree.map(lambda leaf: leaf[self.which], self.venues)
        job = replace(job, venues=venues, variants=1, unlimited=False, block_paths=len(self.paths))
        given = jax.device_put((job, seen.of(self.paths)), device)
        return jax.device_get(compiled_for(simulate_rows, *given, device=device)(*given))


def batch_size(job: Job) -> int:
    """Rows of a batch: those of a block."""
    return job.variants * job.block_paths
