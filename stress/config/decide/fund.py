"""Settings of the command ``fund``."""

from __future__ import annotations

from dataclasses import dataclass

from stress.config.fields import field


@dataclass(kw_only=True)
class FundConfig:
    """How large the insurance fund must be."""

    targets: list[float] = field("probabilities of depletion within the horizon to size the fund for", above=0, below=1)
