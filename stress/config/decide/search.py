"""Settings of the command ``search``."""

from __future__ import annotations

from dataclasses import dataclass

from stress.config.fields import field


@dataclass(kw_only=True)
class SearchConfig:
    """Which value of one key meets the limits that are set."""

    key: str | None = field("dotted key of the number that is searched")
    direction: str = field("whether the smallest or the largest value that meets the limits is wanted",
                           choices=("smallest", "largest"))
    low: float | None = field("lower end of the range, in the key's unit; null: the configured value over reach, for "
                              "the fund 0")
    high: float | None = field("upper end of the range; null: reach times the configured value, for the fund what the "
                               "worst path needs")
    reach: float = field("how many times larger or smaller than the configured value the range goes", above=1)
    scan: int = field("settings over the whole range before it is narrowed down", low=2, high=100)
    tolerance: float = field("width at which a bracket is narrow enough, relative to the value", above=0, below=1)
    settings: int = field("most settings that are simulated", low=4)
    method: str = field("auto: the fund from the drawdowns of one run where that is exact; bisection: always simulate",
                        choices=("auto", "bisection"))
