"""Settings of the command ``sensitivity``."""

from __future__ import annotations

from dataclasses import dataclass

from stress.config.fields import field


@dataclass(kw_only=True)
class SensitivityConfig:
    """By how much each parameter moves each metric."""

    metrics: list[str] = field("metrics to differentiate, names as in summary.json")
    keys: list[str] | None = field(
        "parameters or sections to move, under protocol, liquidity, book.synthetic or price; null for protocol and "
        "liquidity")
    step: float = field("relative step up and down; half of it is simulated, too", above=0, high=0.5)
    zero_steps: dict[str, float] = field(
        "absolute step up of a parameter that is zero, by key; without one two ticks for a time, else a step by unit",
        above=0)
