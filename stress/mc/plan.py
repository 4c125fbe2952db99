"""What a Monte Carlo run needs besides its job: plain numbers, no configuration objects."""

from __future__ import annotations

import math
from dataclasses import dataclass

from stress.mc.job import Job


@dataclass(frozen=True)
class Plan:
    """A run."""

    job: Job
    markets: list[str]  # [A]
    variants: tuple[str, ...]  # of main, twin, unlimited, in the order of the job's variants
    paths: int
    fund: float  # USD
    insured: bool  # the fund is in the waterfall
    step_seconds: float
    gross_notional: float  # USD, of all positions at time zero: the yardstick of conservation
    confidence: float
    chunk_seconds: float
    fan_paths: int
    worst_paths: int
    capital: float = math.inf  # USD of the backstop

    @property
    def blocks(self) -> int:
        """Blocks of the run; the last may be cut."""
        return math.ceil(self.paths / self.job.block_paths)

    @property
    def one_depletion(self) -> bool:
        """Whether venue and companion do the same until the fund is depleted: nothing else looks at its balance."""
        return self.insured and self.job.venues.drawdown is None

    @property
    def horizon_hours(self) -> float:
        """Simulated time."""
        return self.job.steps * self.step_seconds / 3600.0
