"""Settings of a sweep."""

from __future__ import annotations

from dataclasses import dataclass

from stress.config.fields import field


@dataclass(kw_only=True)
class SweepConfig:
    """What a sweep is after: read by Hydra's sweeper and by the sweep's page; changes no job's numbers."""

    objectives: list[str] = field(
        "metrics, or numeric settings by dotted key, that a job returns to Hydra's sweeper; with two or more the page "
        "marks the jobs that no other one is better than")
    directions: list[str] | None = field(
        "which way each objective is better; null: all are minimised", choices=("minimize", "maximize"))

    def better(self) -> list[str]:
        """A direction for each objective."""
        return ["minimize"] * len(self.objectives) if self.directions is None else self.directions
